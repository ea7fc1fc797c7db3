"""What is English in the form of words: plurals, "n't" and "'s". Another language has a module in the place of this."""

import re
from collections.abc import Iterable

CLITIC = "s"
"""What stands behind the apostrophe of "the car's" and "it's", as a word of its own."""


def plural(name: str) -> str:
    """The regular plural of a noun: "buses", "puppies", "cars"."""
    if re.search(r"(s|x|z|ch|sh)$", name):
        return name + "es"
    if re.search(r"[^aeiou]y$", name):
        return name[:-1] + "ies"
    return name + "s"


def with_plurals(names: Iterable[str]) -> list[str]:
    """Each name, then its plural."""
    return [form for name in names for form in (name, plural(name))]


def is_contracted_not(word: str) -> bool:
    """Whether a verb denies by its ending: "isn't"."""
    return word.endswith("n't")

"""English word forms: plurals, "n't" and "'s". Another language would replace this module."""

import re
from collections.abc import Iterable

CLITIC = "s"
"""The word after the apostrophe in "the car's" and "it's"."""


def plural(name: str) -> str:
    """The regular plural of a noun: "buses", "puppies", "cars"."""
    if re.search(r"(s|x|z|ch|sh)$", name):
        return name + "es"
    if re.search(r"[^aeiou]y$", name):
        return name[:-1] + "ies"
    return name + "s"


def with_plurals(names: Iterable[str]) -> list[str]:
    """Each name, followed by its plural."""
    return [form for name in names for form in (name, plural(name))]


def is_contracted_not(word: str) -> bool:
    """Whether a verb ends in a negation: "isn't"."""
    return word.endswith("n't")

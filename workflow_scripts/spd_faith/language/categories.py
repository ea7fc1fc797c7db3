"""Objects known by name: the COCO categories with their aliases and plurals, and other things that answers name."""

import re
from collections.abc import Iterable
from functools import lru_cache
from itertools import pairwise
from pathlib import Path

import yaml

from spd_faith.language.word_classes import DETERMINERS, NO_OBJECTS, PREPOSITIONS, VERBS
from spd_faith.language.words import BROKEN, JOINED, Hit, Phrases, Words, word_set, words_of

_RESOURCE = Path(__file__).resolve().parents[3] / "resources" / "coco_categories.yaml"


def _plural(name: str) -> str:
    if re.search(r"(s|x|z|ch|sh)$", name):
        return name + "es"
    if re.search(r"[^aeiou]y$", name):
        return name[:-1] + "ies"
    return name + "s"


def _with_plurals(names: Iterable[str]) -> list[str]:
    return [form for name in names for form in (name, _plural(name))]


_NAMES = yaml.safe_load(_RESOURCE.read_text(encoding="utf-8"))
_ALIASES: dict[str, list[str]] = _NAMES["categories"]

CATEGORIES: tuple[str, ...] = tuple(_ALIASES)
"""The 80 category names of COCO."""

_PARTS = frozenset(_with_plurals(_NAMES["parts"])) - VERBS  # "the cow stands"
_CATEGORY_PHRASES = Phrases(
    [(form, name) for name in CATEGORIES for form in _with_plurals([name])]
    + [(form, name) for name, aliases in _ALIASES.items() for form in _with_plurals(aliases)]
)
_OTHER_NAMES = {form: name for name in (*_NAMES["other_objects"], *_NAMES["kinds"]) for form in _with_plurals([name])}
_PART_NAMES = frozenset(_with_plurals(_NAMES["parts_of"]))
_MEANT = {
    form: frozenset(categories)
    for names in (_NAMES["parts_of"], _NAMES["kinds"])
    for name, categories in names.items()
    for form in _with_plurals([name])
}
_OBJECT_PHRASES = Phrases(
    [(form, name) for name in CATEGORIES for form in _with_plurals([name])]
    + [(form, name) for name, aliases in _ALIASES.items() for form in _with_plurals(aliases)]
    + list(_OTHER_NAMES.items())
)


@lru_cache(maxsize=4096)
def canonical_category(name: str) -> str | None:
    """The COCO category that a name stands for, by alias, plural, article and modifier; None where there is none."""
    words = [word.text for word in words_of(name)]
    while len(words) > 2 and words[1] == "of" and words[0] in {"pair", "group", "row", "set", "bunch", "pile", "stack"}:
        words = words[2:]
    if words and words[0] in DETERMINERS:
        words = words[1:]
    if _OBJECT_PHRASES.get(words):
        return _CATEGORY_PHRASES.get(words)
    head = next((k for k, word in enumerate(words) if k and word in PREPOSITIONS), len(words))
    words = words[:head]
    for first in range(len(words)):
        tail = words[first:]
        if _OBJECT_PHRASES.get(tail):
            return _CATEGORY_PHRASES.get(tail)
    return None


@lru_cache(maxsize=4096)
def meant_categories(name: str) -> frozenset[str]:
    """The categories that a name may mean without being one: those of a kind ("animal"), those with such a part."""
    words = [word.text for word in words_of(name)]
    for first in range(len(words)):
        if meant := _MEANT.get(" ".join(words[first:])):
            whole = canonical_category(" ".join(words[:first]))  # "car door": of no other
            return meant & {whole} if whole else meant
    return frozenset()


def is_part(word: str) -> bool:
    """Whether a word names a part of things ("icing", "frame")."""
    return word in _PART_NAMES


def object_hits(words: Words) -> list[Hit]:
    """Objects known by name: heads of compounds only, no owners, "orange" only where it is the fruit."""
    hits = _OBJECT_PHRASES.scan(words)
    kept: list[Hit] = []
    for hit, following in pairwise([*hits, None]):
        after = words[hit.last] if hit.last < len(words) else None
        adjacent = after is not None and after.tie == JOINED
        if hit.value == "orange" and words[hit.first].text == "orange" and not is_fruit(words, hit.first):
            continue
        if following and adjacent and following.first == hit.last and words[hit.last].text != "orange":
            continue  # "horse rider": the rider
        if adjacent and after.text == "s" and following and following.first == hit.last + 1:
            continue  # "the man's tie": the tie
        if adjacent and after.text in _PARTS and words[hit.last - 1].text not in _PARTS:
            kept.append(Hit(hit.first, hit.last + 1, f"{hit.value} {after.text}"))  # "car door"
            continue
        kept.append(hit)
    return kept


_FRUIT_BEFORE = word_set("the a an one another no each this that of small big large little single whole peeled ripe")


def is_fruit(words: Words, k: int) -> bool:
    """Whether "orange" at word k is the fruit: it heads "the orange", "an orange", and no noun follows."""
    before = words[k - 1].text if k and words[k].tie != BROKEN else ""
    after = words[k + 1].text if k + 1 < len(words) and words[k + 1].tie == JOINED else ""
    if before not in _FRUIT_BEFORE:
        return False
    described = _OBJECT_PHRASES.scan(words[k + 1 : k + 5]) if after else []
    if after in NO_OBJECTS or (described and described[0].first == 0):
        return False
    earlier = words[k - 2].text if k > 1 else ""
    return before != "of" or earlier in {"color", "colour", "position", "location", "removal", "absence", "place"}

"""Objects that are only named: under a heading that says what is the matter with them, or as the whole answer."""

import re

from spd_faith.language.assertions import Assertion
from spd_faith.language.change_words import CHANGE_WORDS
from spd_faith.language.changes import find_types
from spd_faith.language.colors import COLOR_WORDS
from spd_faith.language.image_words import find_pictures
from spd_faith.language.objects import find_objects
from spd_faith.language.sameness import find_sameness
from spd_faith.language.word_classes import ADVERBS, CONJUNCTIONS, NO_OBJECTS, PREPOSITIONS, VERBS
from spd_faith.language.words import word_set, words_of

Listing = tuple[str, str | None]  # kind and change of the objects that are listed

_SIMILARITIES = re.compile(r"\bsimilarit|\bin common\b", re.I)
_DIFFERENCES = re.compile(r"\b(?:differ|chang|discrepanc)", re.I)
_LEADS_LIST = re.compile(
    r"(?:\w+\s){0,6}?(?:differences?|changes?)(?:\s\w+){0,5}?(?:\s(?:are|is|includes?|concerns?)\b\s?:?|\s?:)\s?", re.I
)
_BARE_WORDS = word_set("a an the and or one both")
_BETWEEN = re.compile(r"[,;&]|\band\b", re.I)
_LONGEST_NAME = 2  # words of an unknown object
_NO_NAMES = (
    NO_OBJECTS | VERBS | CHANGE_WORDS | ADVERBS | PREPOSITIONS | CONJUNCTIONS | frozenset(COLOR_WORDS) | {"etc", "none"}
)


def listing_of(heading: str) -> Listing | None:
    """What a heading says of the objects under it: that they differ, in which respect, or that they are the same."""
    types = {mention.value for mention in find_types(heading)} - {"unknown"}
    if find_pictures(heading) and not types:
        return None
    if find_sameness(heading) or _SIMILARITIES.search(heading):
        return "sameness", None
    if len(types) == 1:
        return "difference", types.pop()
    return ("difference", None) if _DIFFERENCES.search(heading) else None


def listed(clause: str, listing: Listing | None) -> tuple[int, list[Assertion]] | None:
    """Where in a clause its bare names begin, and what they assert under a `listing`, or one of the clause's own.

    None where there is no listing, or more than names.
    """
    start = 0
    if led := _LEADS_LIST.match(clause):  # "the differences are: the car, the clock"
        listing, start = listing_of(led.group()), led.end()
    if not listing or not is_bare(clause[start:]):
        return None
    kind, change = listing
    return start, [Assertion(text, kind, (name,), change) for text, name in _names(clause[start:])]


def is_bare(clause: str) -> bool:
    """Whether a clause only names objects."""
    return bool(_names(clause)) and not find_types(clause)


def _names(clause: str) -> list[tuple[str, str]]:
    """(words, name) of each object of a clause that only names some; no others than known ones in a name alone."""
    parts = [part for part in _BETWEEN.split(clause) if part.strip()]
    found = [_name(part) for part in parts]
    if None in found or not any(known for _, _, known in found):
        return []
    return [(text, name) for text, name, _ in found]


def _name(part: str) -> tuple[str, str, bool] | None:
    """The words, the name and whether it is known of an object, where a part of a list holds no more than one."""
    words = [word for word in words_of(part) if word.text not in _BARE_WORDS]
    if objects := find_objects(part):
        named = sum(len(words_of(mention.text)) for mention in objects)
        return (objects[0].text, objects[0].value, True) if len(objects) == 1 and len(words) == named else None
    if not 0 < len(words) <= _LONGEST_NAME or any(word.text in _NO_NAMES for word in words):
        return None
    return part[words[0].start : words[-1].end], " ".join(word.text for word in words), False

"""Lists of bare object names, under a heading that says what is asserted or as the whole answer."""

import re
from typing import NamedTuple

from spd_faith.language.assertions import Assertion, AssertionKind
from spd_faith.language.change_kinds import Change, change_named
from spd_faith.language.change_words import CHANGE_WORDS
from spd_faith.language.changes import find_types
from spd_faith.language.color_words import COLOR_WORDS
from spd_faith.language.difference_nouns import DIFFERENCE_NOUNS
from spd_faith.language.grammar import CLITIC
from spd_faith.language.image_words import find_images
from spd_faith.language.lexicon import LexiconFile, PhraseList, WordSet, any_of, load_lexicon
from spd_faith.language.objects import find_objects
from spd_faith.language.sameness import find_sameness
from spd_faith.language.word_classes import ADVERBS, CONJUNCTIONS, NO_OBJECTS, PREPOSITIONS, VERBS
from spd_faith.language.words import words_of


class _Listings(LexiconFile):
    similarity_stems: PhraseList
    similarities: PhraseList
    difference_stems: PhraseList
    concerning: PhraseList
    bare_words: WordSet
    between: PhraseList
    no_names: WordSet


_WORDS = load_lexicon("listings", _Listings)
_SIMILARITIES = re.compile(rf"\b{any_of(_WORDS.similarity_stems)}|\b{any_of(_WORDS.similarities)}\b", re.I)
_DIFFERENCES = re.compile(rf"\b{any_of(_WORDS.difference_stems)}", re.I)
_LEADS_LIST = re.compile(
    rf"(?:\w+\s){{0,6}}?{any_of(DIFFERENCE_NOUNS)}"
    rf"(?:\s\w+){{0,5}}?(?:\s{any_of(_WORDS.concerning)}\b\s?:?|\s?:)\s?",
    re.I,
)
_BETWEEN = re.compile(rf"[,;&]|\b{any_of(_WORDS.between)}\b", re.I)
_LONGEST_NAME = 2  # words of an unknown object
_NO_NAMES = (
    NO_OBJECTS | VERBS | CHANGE_WORDS | ADVERBS | PREPOSITIONS | CONJUNCTIONS | frozenset(COLOR_WORDS) | _WORDS.no_names
)


class Listing(NamedTuple):
    """What a list asserts of its objects."""

    kind: AssertionKind
    change: Change | None = None


def listing_of(heading: str) -> Listing | None:
    """What a heading asserts of the objects below it: a difference, its type if named, or sameness."""
    changes = {change for mention in find_types(heading) if (change := change_named(mention.value))}
    if find_images(heading) and not changes:
        return None
    if find_sameness(heading) or _SIMILARITIES.search(heading):
        return Listing(AssertionKind.SAMENESS)
    if len(changes) == 1:
        return Listing(AssertionKind.DIFFERENCE, changes.pop())
    return Listing(AssertionKind.DIFFERENCE) if _DIFFERENCES.search(heading) else None


def listed(clause: str, listing: Listing | None) -> tuple[int, list[Assertion]] | None:
    """(start, assertions) of the bare names in a clause, under `listing` or the clause's own introduction.

    None if there is no listing or the clause contains more than names.
    """
    start = 0
    if led := _LEADS_LIST.match(clause):  # "the differences are: the car, the clock"
        listing, start = listing_of(led.group()), led.end()
    if not listing or not is_bare(clause[start:]):
        return None
    return start, [Assertion(text, listing.kind, (name,), listing.change) for text, name in _names(clause[start:])]


def is_bare(clause: str) -> bool:
    """Whether a clause only names objects."""
    return bool(_names(clause)) and not find_types(clause)


def _names(clause: str) -> list[tuple[str, str]]:
    """(words, name) of each object in a clause that only names objects, at least one of them known; else empty."""
    found = [_name(part) for part in _BETWEEN.split(clause) if part.strip()]
    named = [name for name in found if name]
    if len(named) < len(found) or not any(name.is_known for name in named):
        return []
    return [(name.text, name.value) for name in named]


class _Name(NamedTuple):
    text: str
    value: str
    is_known: bool


def _name(part: str) -> _Name | None:
    """The object that a list item names, if it names exactly one."""
    words = [word for word in words_of(part) if word.text not in _WORDS.bare_words]
    if objects := find_objects(part):
        owners = [k for k, word in enumerate(words) if word.text == CLITIC]
        words = words[owners[-1] + 1 :] if owners else words  # "the man's tie"
        named = sum(len(words_of(mention.text)) for mention in objects)
        is_alone = len(objects) == 1 and len(words) == named
        return _Name(objects[0].text, objects[0].value, True) if is_alone else None
    if not 0 < len(words) <= _LONGEST_NAME or any(word.text in _NO_NAMES for word in words):
        return None
    return _Name(part[words[0].start : words[-1].end], " ".join(word.text for word in words), False)

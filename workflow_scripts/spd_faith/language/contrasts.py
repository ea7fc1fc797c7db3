"""Finds contrasts: one object described in one way in the first image and in another in the second."""

import re
from typing import NamedTuple

from spd_faith.language.lexicon import LexiconFile, PhraseList, WordSet, any_of, load_lexicon
from spd_faith.language.mentions import ReadClause
from spd_faith.language.nouns import MODIFIERS
from spd_faith.language.word_classes import DETERMINERS, FUNCTION_WORDS
from spd_faith.language.words import Mention, Word, word_after, words_within


class _Contrasts(LexiconFile):
    conditions: PhraseList
    being: PhraseList
    degrees: PhraseList
    arrows: PhraseList
    then: PhraseList
    pronouns: WordSet
    no_predicates: WordSet
    states: WordSet
    there_is: PhraseList


_WORDS = load_lexicon("contrasts", _Contrasts)
_ARROW = re.compile(rf":\s[^:;\n]{{1,60}}?(?:\s?{any_of(_WORDS.arrows)}\s?|,\s{any_of(_WORDS.then)}\s)\w", re.I)
_CONDITION = re.compile(
    rf"\b{any_of(_WORDS.being)} (?:{any_of(_WORDS.degrees)} ){{0,2}}{any_of(_WORDS.conditions)}\b"
    rf"(?! {any_of(DETERMINERS)}\b)",
    re.I,
)
_THERE_IS = re.compile(rf"\b{any_of(_WORDS.there_is)}\b", re.I)


class _Half(NamedTuple):
    """What a clause says of one image."""

    words: frozenset[str]  # without function words and names of images
    first: str  # the first word beyond joints
    objects: tuple[str, ...]
    is_presence: bool  # says what there is


def is_contrast(clause: ReadClause, name: str) -> bool:
    """Whether a clause describes the object `name` differently in each image.

    "The lid is up in one picture and down in the other", "in the first picture she holds a racket, while in the second
    she holds a bag". What there is in each ("a cup …, while in the second there is a glass") contrasts, too, if
    it is one object each.
    """
    if not clause.sets_images_apart:
        return False
    one, other = _halves(clause)
    if not other.words or other.words <= one.words:
        return False
    if not other.objects or other.first in _WORDS.pronouns:
        return True
    if name in other.objects:
        return set(other.objects) <= set(one.objects)
    return one.is_presence and other.is_presence and len(set(one.objects)) == len(set(other.objects)) == 1


def _halves(clause: ReadClause) -> tuple[_Half, _Half]:
    """What a clause says of each image, whether the names of the images stand before or after it."""
    first, second = [image for image in clause.images if image.value != "both"][:2]
    if _has_content(clause, 0, first.start):
        return _half(clause, 0, first.start), _half(clause, first.end, second.start)
    return _half(clause, first.end, second.start), _half(clause, second.end, len(clause.text))


def _has_content(clause: ReadClause, start: int, end: int) -> bool:
    """Whether anything beside objects is said there."""
    content = _content(clause, start, end)
    return any(
        word.text not in MODIFIERS and not any(one.start <= word.start < one.end for one in clause.objects)
        for word in content
    )


def _content(clause: ReadClause, start: int, end: int) -> list[Word]:
    """The words that say more than that something is there."""
    words = clause.words
    found = [(words[k], word_after(words, k + 1)) for k in words_within(words, start, end)]
    return [word for word, after in found if _says_more(word.text, after)]


def _says_more(word: str, after: str) -> bool:
    if word in _WORDS.states:
        return after not in DETERMINERS
    return word not in FUNCTION_WORDS and word not in _WORDS.no_predicates


def _half(clause: ReadClause, start: int, end: int) -> _Half:
    words = [clause.words[k].text for k in words_within(clause.words, start, end)]
    content = frozenset(word.text for word in _content(clause, start, end))
    first = next((word for word in words if word not in _WORDS.no_predicates), "")
    objects = tuple(one.value for one in clause.objects if start <= one.start < end)
    return _Half(content, first, objects, bool(_THERE_IS.search(clause.text, start, end)))


def image_of_condition(clause: ReadClause) -> Mention | None:
    """The image that a clause names after a condition: "the lamp is switched on in the second image"."""
    condition = _CONDITION.search(clause.text)
    if not condition or clause.image is None:
        return None
    return next((image for image in clause.images if image.start >= condition.end() and " " in image.text), None)


def has_arrow(text: str) -> bool:
    """Whether a clause sets two values side by side: "bench: empty -> occupied", "lid: up, then down"."""
    return bool(_ARROW.search(text))

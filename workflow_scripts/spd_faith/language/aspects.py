"""Finds the aspects in which images are compared: "identical in color, layout and objects"."""

import re
from collections.abc import Iterator
from typing import NamedTuple

from spd_faith.language.difference_nouns import NOUN
from spd_faith.language.lexicon import LexiconFile, PhraseList, WordSet, any_of, load_lexicon
from spd_faith.language.words import Words


class _Aspects(LexiconFile):
    leads: PhraseList
    every: PhraseList
    respects: PhraseList
    aspects: WordSet
    contents: WordSet
    endings: PhraseList
    alike: PhraseList
    attributive: PhraseList
    none: PhraseList
    any: PhraseList
    not_any: PhraseList
    differing: PhraseList
    between: PhraseList
    negations: PhraseList


_WORDS = load_lexicon("aspects", _Aspects)
_LEAD = re.compile(rf"(?: [a-z]+ly)?,? {any_of(_WORDS.leads)}\b", re.I)
_PHRASE = re.compile(r"[^.;:!?\n(]{0,160}")
_ENDING = re.compile(rf"\b{any_of(_WORDS.endings)}\b", re.I)
_WORD = re.compile(r"[a-z]+", re.I)
_EVERY = re.compile(rf"\b{any_of(_WORDS.every)} (?:\w+ )?{any_of(_WORDS.respects)}\b", re.I)
_NO_DIFFERENCE = rf"{any_of((*_WORDS.none, *_WORDS.any))} (?:\w+ ){{0,3}}?{NOUN}"
_SAMENESS = re.compile(
    rf"\b(?:{any_of(_WORDS.alike)}|(?:{_NO_DIFFERENCE}|{any_of(_WORDS.not_any)} {any_of(_WORDS.differing)})"
    rf"(?: {any_of(_WORDS.between)}(?: \w+){{1,3}}?)?)(?={_LEAD.pattern})"
    rf"|\b(?P<attributive>{any_of(_WORDS.attributive)})\b",
    re.I,
)
_NEGATED = re.compile(rf"(?:\b{any_of(_WORDS.negations)}|n['’]t)(?: \w+){{0,3}} $", re.I)
_ANY = re.compile(rf"{any_of(_WORDS.any)}\b", re.I)
_NEGATION_REACH = 40  # characters


class Aspects(NamedTuple):
    """A phrase such as "in terms of color and layout" at `[start, end)`, and how many aspects it names."""

    start: int
    end: int
    number: int
    covers_all: bool
    """Whether it stands for everything that is shown: several aspects, the objects, "every respect"."""


def aspects_after(text: str, at: int) -> Aspects | None:
    """The phrase at position `at` that names aspects, if a preposition opens one there."""
    lead = _LEAD.match(text, at)
    return _phrase(text, lead.end()) if lead else None


def _phrase(text: str, start: int) -> Aspects:
    """The aspects between `start` and the end of the phrase."""
    phrase = _PHRASE.match(text, start)
    end = phrase.end() if phrase else start
    ending = _ENDING.search(text, start, end)
    return _within(text, start, ending.start() if ending else end)


def _within(text: str, start: int, end: int) -> Aspects:
    words = {match.group().lower() for match in _WORD.finditer(text, start, end)}
    number = len(words & (_WORDS.aspects | _WORDS.contents))
    covers_all = number > 1 or bool(words & _WORDS.contents) or bool(_EVERY.search(text, start, end))
    return Aspects(start, end, number, covers_all)


def aspects_of_sameness(text: str) -> Iterator[Aspects]:
    """The aspects in which a clause says that something is the same: "identical in color", "the same size"."""
    for match in _SAMENESS.finditer(text):
        is_negated = bool(_NEGATED.search(text, max(match.start() - _NEGATION_REACH, 0), match.start()))
        if is_negated != bool(_ANY.match(match.group())):
            continue  # "not identical in color"; but "not any difference in color"
        found = _phrase(text, match.end()) if match["attributive"] else aspects_after(text, match.end())
        if found and found.number:
            yield found


def names_aspect(words: Words) -> bool:
    """Whether one of a few words names an aspect."""
    return any(word.text in _WORDS.aspects or word.text in _WORDS.contents for word in words)

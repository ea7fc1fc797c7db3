"""Finds the aspects in which images are compared: "identical in color, layout and objects"."""

import re
from typing import NamedTuple

from spd_faith.language.lexicon import LexiconFile, PhraseList, WordSet, any_of, load_lexicon


class _Aspects(LexiconFile):
    leads: PhraseList
    every: PhraseList
    respects: PhraseList
    aspects: WordSet
    contents: WordSet
    endings: PhraseList


_WORDS = load_lexicon("aspects", _Aspects)
_LEAD = re.compile(rf"(?: [a-z]+ly)?,? {any_of(_WORDS.leads)}\b", re.I)
_PHRASE = re.compile(r"[^.;:!?\n(]{0,160}")
_ENDING = re.compile(rf"\b{any_of(_WORDS.endings)}\b", re.I)
_WORD = re.compile(r"[a-z]+", re.I)
_EVERY = re.compile(rf"\b{any_of(_WORDS.every)} (?:\w+ )?{any_of(_WORDS.respects)}\b", re.I)


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
    if not lead:
        return None
    phrase = _PHRASE.match(text, lead.end())
    end = phrase.end() if phrase else lead.end()
    if ending := _ENDING.search(text, lead.end(), end):
        end = ending.start()
    return aspects_within(text, at, end)


def aspects_within(text: str, start: int, end: int) -> Aspects:
    """The aspects that the text names at `[start, end)`."""
    words = {match.group().lower() for match in _WORD.finditer(text, start, end)}
    number = len(words & (_WORDS.aspects | _WORDS.contents))
    covers_all = number > 1 or bool(words & _WORDS.contents) or bool(_EVERY.search(text, start, end))
    return Aspects(start, end, number, covers_all)

"""Words with their places in a text, tables of phrases that are looked up among them, and what they mention.

A phrase is found word by word in a dictionary, the longest one first, so reading a text takes time linear in its
length whatever stands in it; "traffic light", "traffic-light" and "traffic_light" are the same phrase.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

_WORD = re.compile(r"[^\W_]+(?:['’]t\b)?")
_JOINTS = frozenset([" ", "-", "_", "'", "’", "  ", "\n"])
_BREAK = re.compile(r"[,;:.!?()\[\]—–|…。,、]")

JOINED, LOOSE, BROKEN = 0, 1, 2  # what stands between a word and the one before it


class Word(NamedTuple):
    """A lower-case word, its place `[start, end)` in the text, and how it is tied to the word before it."""

    text: str
    start: int
    end: int
    tie: int


Words = tuple[Word, ...]


class Hit(NamedTuple):
    """A phrase found at words `[first, last)`."""

    first: int
    last: int
    value: str


@dataclass(frozen=True, slots=True)
class Mention:
    """Words `text` at `[start, end)` that mean `value`."""

    start: int
    end: int
    text: str
    value: str


def mentions_of(text: str, words: Words, hits: Iterable[Hit]) -> list[Mention]:
    """The hits among the words of a text as mentions, which have places in the text itself."""
    places = ((words[hit.first].start, words[hit.last - 1].end, hit.value) for hit in hits)
    return [Mention(start, end, text[start:end], value) for start, end, value in places]


def word_set(text: str) -> frozenset[str]:
    return frozenset(text.split())


@lru_cache(maxsize=32)  # one clause is read for objects, types, colours, …
def words_of(text: str) -> Words:
    """The words of a text; an "n't" stays with its verb, an apostrophe-s is a word of its own."""
    words = []
    end = 0
    for match in _WORD.finditer(text):
        gap = text[end : match.start()]
        tie = JOINED if gap in _JOINTS else BROKEN if not words or _BREAK.search(gap) else LOOSE
        words.append(Word(match.group().lower().replace("’", "'"), match.start(), match.end(), tie))
        end = match.end()
    return tuple(words)


class Phrases:
    """Phrases of one or more words, each with a value; the first value that a phrase is given stands."""

    def __init__(self, phrases: Iterable[tuple[str, str]]) -> None:
        self._values: dict[tuple[str, ...], str] = {}
        lengths: dict[str, set[int]] = {}
        for phrase, value in phrases:
            key = tuple(word.text for word in words_of(phrase))
            self._values.setdefault(key, value)
            lengths.setdefault(key[0], set()).add(len(key))
        self._lengths = {first: sorted(found, reverse=True) for first, found in lengths.items()}

    def get(self, words: Iterable[str]) -> str | None:
        """The value of exactly these words."""
        return self._values.get(tuple(words))

    def scan(self, words: Words) -> list[Hit]:
        """The phrases in a text from left to right, the longest at each place, without overlaps."""
        hits = []
        free = 0
        for first, word in enumerate(words):
            if first < free:
                continue
            for length in self._lengths.get(word[0], ()):
                found = words[first : first + length]
                value = self._values.get(tuple([word[0] for word in found]))
                if value is not None and all(word[3] == JOINED for word in found[1:]):
                    free = first + len(found)
                    hits.append(Hit(first, free, value))
                    break
        return hits

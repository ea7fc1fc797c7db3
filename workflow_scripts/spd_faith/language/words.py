"""Splits a text into words and looks up phrases in it.

Phrases are looked up word by word in a dictionary, longest first, so the run time is linear in the length of any text.
"traffic light", "traffic-light" and "traffic_light" are the same phrase.
"""

import re
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from operator import attrgetter
from typing import NamedTuple, TypeVar

_WORD = re.compile(r"[^\W_]+(?:['’]t\b)?")
_JOINTS = frozenset([" ", "-", "_", "'", "’", "  ", "\n"])
_BREAK = re.compile(r"[,;:.!?()\[\]—–|…。,、]")

JOINED, LOOSE, BROKEN = 0, 1, 2  # the gap between a word and the one before it


class Word(NamedTuple):
    """A lower-case word, its position `[start, end)` in the text, and the gap before it."""

    text: str
    start: int
    end: int
    tie: int


Words = tuple[Word, ...]
_Item = TypeVar("_Item")
_START = attrgetter("start")


class Hit(NamedTuple):
    """A phrase found at words `[first, last)`."""

    first: int
    last: int
    value: str


@dataclass(frozen=True, slots=True)
class Mention:
    """The words `text` at `[start, end)`, which mean `value`."""

    start: int
    end: int
    text: str
    value: str


@lru_cache(maxsize=32)  # callers read the same string for objects, types, colors, …
def words_of(text: str) -> Words:
    """The words of a text; "n't" stays with its verb, "'s" is a separate word."""
    words: list[Word] = []
    end = 0
    for match in _WORD.finditer(text):
        start, last = match.span()
        gap = text[end:start]
        tie = JOINED if gap in _JOINTS else BROKEN if not words or _BREAK.search(gap) else LOOSE
        words.append(Word(text[start:last].lower().replace("’", "'"), start, last, tie))
        end = last
    return tuple(words)


@dataclass(frozen=True)
class Text:
    """A text with its words, computed once and passed on between readers."""

    text: str
    words: Words = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "words", words_of(self.text))


def as_text(text: str | Text) -> Text:
    """The text as a `Text`; every reader of a clause also accepts a string."""
    return text if isinstance(text, Text) else Text(text)


def mentions_of(text: Text, hits: Iterable[Hit]) -> list[Mention]:
    """Convert hits (word indices) to mentions (positions in the text)."""
    words = text.words
    places = ((words[hit.first].start, words[hit.last - 1].end, hit.value) for hit in hits)
    return [Mention(start, end, text.text[start:end], value) for start, end, value in places]


def with_following(items: Sequence[_Item]) -> Iterator[tuple[_Item, _Item | None]]:
    """Each item with the next one, the last with None."""
    return zip(items, (*items[1:], None), strict=True) if items else iter(())


def words_within(words: Words, start: int, end: int) -> range:
    """The indices of the words that start at positions `[start, end)` of the text."""
    first = bisect_left(words, start, key=_START)
    return range(first, bisect_left(words, end, lo=first, key=_START))


def word_before(words: Words, k: int) -> str:
    """The word before word k; "" if there is none or a break in between."""
    return words[k - 1].text if k and words[k].tie != BROKEN else ""


def word_after(words: Words, k: int) -> str:
    """Word k; "" if there is none or a break before it."""
    return words[k].text if k < len(words) and words[k].tie != BROKEN else ""


def joined_after(words: Words, k: int) -> str:
    """Word k if only a space, hyphen or apostrophe precedes it, else ""."""
    return words[k].text if k < len(words) and words[k].tie == JOINED else ""


class Phrases:
    """Phrases of one or more words with values; the first value of a phrase wins."""

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
        """The phrases in a text from left to right, the longest at each position, without overlaps."""
        hits = []
        free = 0
        texts = [word[0] for word in words]
        for first, text in enumerate(texts):
            if first < free or text not in self._lengths:
                continue
            for length in self._lengths[text]:
                found = tuple(texts[first : first + length])
                value = self._values.get(found)
                if value is not None and all(word[3] == JOINED for word in words[first + 1 : first + len(found)]):
                    free = first + len(found)
                    hits.append(Hit(first, free, value))
                    break
        return hits

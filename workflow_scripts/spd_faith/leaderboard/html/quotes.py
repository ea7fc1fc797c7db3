"""Where the quotes of claims stand in an answer, in the units in which JavaScript counts."""

import re
from bisect import bisect_right
from functools import cached_property
from itertools import accumulate

_WORD = re.compile(r"</?[a-zA-Z][^<>]{0,200}>|&#?\w{2,8};|(\w+)")  # tags and entities are no words

Span = tuple[int, int]
"""Start and end in UTF-16 code units."""


class QuotedAnswer:
    """An answer whose quotes are looked up; judges quote it without Markdown, and with other case and line breaks."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._searched: dict[str, int] = {}

    def place(self, quote: str) -> Span | None:
        """Where a quote stands; None if it does not. A quote looked up again is the next of its occurrences, if any."""
        after = self._searched.get(quote, 0)
        found = self._find(quote, after) or (self._find(quote, 0) if after else None)
        if found is None:
            return None
        self._searched[quote] = found[1]
        return self._units(found[0]), self._units(found[1])

    def _find(self, quote: str, after: int) -> Span | None:
        """In code points, from `after` on."""
        if not quote.strip():
            return None
        start = self._text.find(quote, after)
        if start >= 0:
            return start, start + len(quote)
        words = [word.group().casefold() for word in _words_of(quote)]
        if not words:
            return None
        first = bisect_right(self._starts, after - 1) if after else 0
        if first >= len(self._starts):
            return None
        at = self._spoken.find(f" {' '.join(words)} ", self._offsets[first])
        if at < 0:
            return None
        number = bisect_right(self._offsets, at) - 1
        return self._words[number].start(), self._words[number + len(words) - 1].end()

    def _units(self, point: int) -> int:
        return point if self._is_basic else len(self._text[:point].encode("utf-16-le", "surrogatepass")) // 2

    @cached_property
    def _is_basic(self) -> bool:
        """Whether each of its characters is one code unit."""
        return self._text.isascii() or max(self._text) <= "\uffff"

    @cached_property
    def _words(self) -> list[re.Match[str]]:
        return _words_of(self._text)

    @cached_property
    def _starts(self) -> list[int]:
        return [word.start() for word in self._words]

    @cached_property
    def _folded(self) -> list[str]:
        return [word.group().casefold() for word in self._words]

    @cached_property
    def _spoken(self) -> str:
        """All words between single spaces."""
        return f" {' '.join(self._folded)} "

    @cached_property
    def _offsets(self) -> list[int]:
        """Where the space before each word stands in `_spoken`."""
        return [0, *accumulate(len(word) + 1 for word in self._folded)][:-1]


def _words_of(text: str) -> list[re.Match[str]]:
    return [found for found in _WORD.finditer(text) if found[1]]

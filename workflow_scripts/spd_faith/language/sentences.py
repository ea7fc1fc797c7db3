"""What stands around a match in its sentence."""

import re
from typing import NamedTuple, Self

_END = re.compile(r"[.!?;]\s|\n")
MAX_STATEMENTS = 200
"""Statements of one kind that are read; more are the loops of a degenerate answer."""

_REACH = 120  # characters before and after the match; keeps the run time linear


class Sentence(NamedTuple):
    """The words before and after a match in its sentence."""

    before: str
    after: str

    @classmethod
    def around(cls, match: re.Match[str]) -> Self:
        text = match.string
        before = text[max(match.start() - _REACH, 0) : match.start()]
        start = max((end.end() for end in _END.finditer(before)), default=0)
        after = text[match.end() : match.end() + _REACH]
        end = _END.search(after)
        return cls(before[start:], after[: end.start()] if end else after)

"""Counts the items of a list."""

import re

from spd_faith.language.lexicon import LexiconFile, PhraseList, any_of, load_lexicon


class _ListItems(LexiconFile):
    unchanged: PhraseList
    changed: PhraseList
    ordinals: PhraseList
    last: PhraseList


_WORDS = load_lexicon("list_items", _ListItems)
_NUMBERED = re.compile(r"(?:^|(?<=[.:;,!?)] )|(?<= and ))[ \t#>*-]{0,6}\(?(\d{1,2})[.):](?=\s)", re.M)
_BULLET = re.compile(r"^([ \t]{0,8})[-*•–+][ \t]+(?=\S)", re.M)
_ORDINAL = re.compile(
    rf"(?:^|[.!?;]\s{{1,3}})(?:the )?(?:({any_of(_WORDS.ordinals)})(?:ly)?|{any_of(_WORDS.last)})(?=,| difference\b)",
    re.I | re.M,
)
_UNCHANGED = re.compile(rf"\b{any_of(_WORDS.unchanged)}\b", re.I)
_CHANGED = re.compile(rf"\b{any_of(_WORDS.changed)}\b", re.I)


def count_items(text: str) -> int:
    """The number of items of the last list in a text: numbered, bulleted, or "First, … Second, …"; 0 without one.

    Items that say that something did not change are not counted.
    """
    return _count(text, _numbered(text)) or _count(text, _bulleted(text)) or len(_ordinals(text))


def last_places(text: str) -> dict[int, int]:
    """The last position of each number that numbers a list item."""
    return {int(match[1]): match.start() for match in _NUMBERED.finditer(text)}


def _count(text: str, starts: list[int]) -> int:
    ends = (*starts[1:], len(text))[: len(starts)]
    items = (text[start:end].split("\n\n")[0] for start, end in zip(starts, ends, strict=True))
    return sum(not _UNCHANGED.search(item) or bool(_CHANGED.search(item)) for item in items)


def _numbered(text: str) -> list[int]:
    starts: list[int] = []
    for match in _NUMBERED.finditer(text):
        if int(match[1]) == 1:
            starts = [match.start()]
        elif int(match[1]) == len(starts) + 1:
            starts.append(match.start())
    return starts


def _bulleted(text: str) -> list[int]:
    bullets = list(_BULLET.finditer(text))
    outermost = min((len(match[1]) for match in bullets), default=0)
    return [match.start() for match in bullets if len(match[1]) == outermost]


def _ordinals(text: str) -> list[int]:
    return [match.start() for match in _ORDINAL.finditer(text)]

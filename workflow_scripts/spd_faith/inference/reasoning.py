"""Separates a thinking model's reasoning from its answer."""

import re
from collections import defaultdict
from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

from spd_faith.core.answer_markers import REASONING, Markers, MarkerSearch, reasoning_tokens

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

find_reasoning_markers = MarkerSearch(text for markers in REASONING for text in (markers.opening, markers.closing))
"""All markers of reasoning in a text, also mentioned ones."""

_BY_TEXT = {markers.opening.lower(): (markers, True) for markers in REASONING} | {
    markers.closing.lower(): (markers, False) for markers in REASONING
}
_BEFORE_A_BLOCK = re.compile(r"(?:\A|\n|[.!?…>\]▷])\s*(?:<\|start\|>assistant)?\Z")
_ON_ITS_OWN_LINE = re.compile(r"\n[ \t]*\Z")
_LOOKED_BACK = 64  # characters before a marker to check whether it opens a block
_LONGEST_MENTION = 20  # characters between markers that are only mentioned: "<think> and </think>"
_WORD = re.compile(r"\S")
_TURN_MARKS = re.compile(r"(?:<\|end\|>|<\|start\|>assistant)+\s*\Z")  # before harmony's next message
_QUOTES = "\"'`“”‘’"


class _Mark(NamedTuple):
    """A marker in a text; `partner` is the closing marker of an opening one, if any."""

    start: int
    end: int
    markers: Markers
    is_opening: bool
    partner: "_Mark | None"


def split_reasoning(text: str) -> tuple[str, str | None]:
    """(answer, reasoning) of a generated text; reasoning is None if there is none.

    Reasoning is enclosed by the markers of a family, anywhere in the text. The opening marker may be missing, because
    chat templates put it into the prompt. If the closing marker is missing, the text was cut off and no answer follows.
    Markers in quotation marks, and markers that a sentence only mentions, are plain text.
    """
    answer: list[str] = []
    reasoning: list[str] = []
    at = 0
    mentioned: set[int] = set()
    for mark in _marks(text):
        if mark.start < at or mark.start in mentioned:
            continue
        if mark.is_opening and mark.partner:
            if not _opens_a_block(text, mark, at) and mark.partner.start - mark.end <= _LONGEST_MENTION:
                mentioned.add(mark.partner.start)
                continue
            answer.append(_TURN_MARKS.sub("", text[at : mark.start]))
            reasoning.append(text[mark.end : mark.partner.start])
            at = mark.partner.end
        elif mark.markers.is_paired:
            continue
        elif mark.is_opening and _is_cut_off(text, mark, at):
            answer.append(text[at : mark.start])
            reasoning.append(text[mark.end :])
            at = len(text)
        elif not mark.is_opening and not reasoning:
            reasoning.append(text[: mark.start])
            at = mark.end
    if not reasoning:
        return text, None
    answer.append(text[at:])
    parts = [part for part in (_TURN_MARKS.sub("", part).strip() for part in reasoning) if part]
    return "\n".join(part for part in answer if part.strip()).lstrip(), "\n\n".join(parts)


def find_reasoning_marker(text: str) -> int | None:
    """Position of the first reasoning marker in a text, or None."""
    return next((mark.start for mark in _marks(text) if not mark.markers.is_paired), None)


def is_quoted(text: str, start: int, end: int) -> bool:
    """Whether a part of a text is in quotation marks."""
    return start > 0 and end < len(text) and text[start - 1] in _QUOTES and text[end] in _QUOTES


def silent_tokens(special: Mapping[int, str]) -> set[int]:
    """Ids of the special tokens to drop when decoding: all except reasoning markers and their parts.

    Otherwise, reasoning and answer would run together for families whose markers are special tokens.
    """
    kept = reasoning_tokens(special.values())
    return {number for number, token in special.items() if token not in kept}


def silent_ids(tokenizer: "PreTrainedTokenizerBase") -> set[int]:
    """The `silent_tokens` of a tokenizer."""
    added = tokenizer.added_tokens_decoder
    return silent_tokens({number: token.content for number, token in added.items() if token.special})


def _marks(text: str) -> list[_Mark]:
    """The markers of a text in order, each opening marker with its closing one."""
    found = [match for match in find_reasoning_markers(text) if not is_quoted(text, *match.span())]
    marks: list[_Mark] = []
    ends: dict[Markers, list[_Mark]] = defaultdict(list)  # from the last one to the first
    for match in reversed(found):
        markers, is_opening = _BY_TEXT[match.group().lower()]
        marks.append(_Mark(*match.span(), markers, is_opening, None))
        if not is_opening:
            ends[markers].append(marks[-1])
    marks.reverse()
    paired = _balanced(marks)
    read: list[_Mark] = []
    for number, mark in enumerate(marks):
        behind = ends[mark.markers]
        while behind and behind[-1].start < mark.end:
            behind.pop()
        partner = marks[paired[number]] if number in paired else behind[-1] if behind else None
        read.append(mark._replace(partner=partner if mark.is_opening else None))
    return read


def _balanced(marks: list[_Mark]) -> dict[int, int]:
    """Maps the number of each balanced opening marker to that of its closing marker."""
    pairs: dict[int, int] = {}
    opened: dict[Markers, list[int]] = defaultdict(list)
    for number, mark in enumerate(marks):
        if mark.is_opening:
            opened[mark.markers].append(number)
        elif opened[mark.markers]:
            pairs[opened[mark.markers].pop()] = number
    return pairs


def _opens_a_block(text: str, mark: _Mark, at: int) -> bool:
    return _is_first(text, mark, at) or bool(_BEFORE_A_BLOCK.search(_before(text, mark)))


def _is_cut_off(text: str, mark: _Mark, at: int) -> bool:
    """Whether an opening marker without a closing one starts reasoning that runs to the end of the text."""
    return _is_first(text, mark, at) or bool(_ON_ITS_OWN_LINE.search(_before(text, mark)))


def _is_first(text: str, mark: _Mark, at: int) -> bool:
    return _WORD.search(text, at, mark.start) is None


def _before(text: str, mark: _Mark) -> str:
    return text[max(mark.start - _LOOKED_BACK, 0) : mark.start]

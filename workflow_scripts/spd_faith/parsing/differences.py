"""Parses describe answers into rows of `PARSED`: JSON first, then prose.

`parse_status` is the source of the list: `json` (valid JSON, alone, fenced or inside prose), `repaired`, `free_text`
(clauses or a count), `empty`, `failed` (nothing found).
"""

import math
import re
from typing import Any

from spd_faith.language.counts import find_count
from spd_faith.language.recognition import MAX_READ, is_unread
from spd_faith.parsing.answer_text import read_answer, readable
from spd_faith.parsing.free_text import Prose, read_prose
from spd_faith.parsing.json_entries import Difference, read_entries, reported_difference
from spd_faith.parsing.named_entries import separate_entries
from spd_faith.parsing.structured import Structured, find_structured, without_descriptions

MAX_COUNT = 1000  # larger numbers are not counts

_BARE_COUNT = re.compile(r"\W{0,8}\w{1,9}\W{0,8}")  # one word, which `find_count` may read as a number
_LONGEST_NUMBER = 200  # characters of a string that are searched for a number

Row = dict[str, Any]


def parse_differences(text: str) -> Row:
    """The columns of a `PARSED` row for a describe answer, without the key columns; never raises."""
    text, marked = read_answer(text)
    if not text.strip():
        return _row("empty", [], None, has_list=False)
    structured = find_structured(text)
    if structured is None:
        return _prose_row(_prose(text), marked)
    if structured.entries is None:
        return _counted_row(structured)
    entries = read_entries(separate_entries(structured.entries))
    return _row(_json_status(structured), entries, _stated_count(structured), has_list=True)


def _json_status(structured: Structured) -> str:
    return "repaired" if structured.repaired else "json"


def _counted_row(structured: Structured) -> Row:
    """A row for JSON that only has a count; the prose before it may list the differences."""
    entries = [reported_difference(one) for one in _prose(structured.before).reported]
    status = "free_text" if entries else _json_status(structured)
    return _row(status, entries, _count(structured.number), has_list=False)


def _prose(text: str) -> Prose:
    """What the first `MAX_READ` characters of prose report; nothing if their language cannot be read."""
    text = readable(text)[:MAX_READ]
    return Prose([], None, 0) if is_unread(text) else read_prose(without_descriptions(text))


def _prose_row(prose: Prose, marked: str | None) -> Row:
    entries = [reported_difference(one) for one in prose.reported]
    count = prose.count
    if count is None and marked and _BARE_COUNT.fullmatch(marked):  # "\boxed{2}" after the explanation
        count = find_count(marked)
    if count is None and not entries and prose.nameless == 1:
        count = 1
    status = "free_text" if entries or count is not None else "failed"
    return _row(status, entries, _count(count), has_list=False)


def _row(status: str, entries: list[Difference], count: int | None, has_list: bool) -> Row:
    return {
        "parse_status": status,
        "has_structured_output": has_list,
        "predicted_num": count,
        "listed_num": len(entries),
        "differences": entries,
        "verdict": None,
    }


def _stated_count(structured: Structured) -> int | None:
    """The number in the JSON (None if impossible); without one, the number in the prose before the JSON."""
    return _count(structured.number if structured.number is not None else find_count(structured.before[:MAX_READ]))


def _count(number: Any) -> int | None:
    if isinstance(number, str):
        number = None if re.search(r"-\s*\d|\d\s*[.,]\s*[1-9]", number) else find_count(number[:_LONGEST_NUMBER])
    if isinstance(number, bool) or not isinstance(number, int | float) or not math.isfinite(number):
        return None
    return int(number) if number == int(number) and 0 <= number <= MAX_COUNT else None

"""Parses describe answers into rows of `PARSED`: JSON first, then prose.

`parse_status` is the source of the list: `json` (valid JSON, alone, fenced or inside prose), `repaired`, `free_text`
(clauses or a count), `empty`, `failed` (nothing found).
"""

import math
import re
from typing import Any

from spd_faith.core.text import writable
from spd_faith.language.categories import canonical_category
from spd_faith.language.change_words import normalise_type
from spd_faith.language.counts import find_count
from spd_faith.parsing.answer_text import read_answer, readable
from spd_faith.parsing.free_text import Prose, ReportedDifference, read_prose
from spd_faith.parsing.json_keys import CATEGORY_KEYS, NOTHING, TEXT_KEYS, TYPE_KEYS, plain_key
from spd_faith.parsing.structured import Structured, find_structured

MAX_COUNT = 1000  # larger numbers are not counts

_ESCAPED_JOINT = re.compile(r"(?<=\w)\\{1,4}(?=[_-]\w)")
_BARE_COUNT = re.compile(r"\W{0,8}\w{1,9}\W{0,8}")  # one word, which `find_count` may read as a number
_LONGEST_NUMBER = 200  # characters of a string that are searched for a number

Row = dict[str, Any]
Difference = dict[str, str | None]
"""A struct of the column `differences`."""


def parse_differences(text: str) -> Row:
    """The columns of a `PARSED` row for a describe answer, without the key columns; never raises."""
    text, marked = read_answer(text)
    if not text.strip():
        return _row("empty", [], None, has_list=False)
    structured = find_structured(text)
    if structured is None:
        return _prose_row(read_prose(readable(text)), marked)
    if structured.entries is None:
        return _counted_row(structured)
    entries = [read for entry in structured.entries if (read := _entry(entry)) is not None]
    return _row(_json_status(structured), entries, _stated_count(structured), has_list=True)


def _json_status(structured: Structured) -> str:
    return "repaired" if structured.repaired else "json"


def _counted_row(structured: Structured) -> Row:
    """A row for JSON that only has a count; the prose before it may list the differences."""
    entries = [_reported(one) for one in read_prose(readable(structured.before)).reported]
    status = "free_text" if entries else _json_status(structured)
    return _row(status, entries, _count(structured.number), has_list=False)


def _prose_row(prose: Prose, marked: str | None) -> Row:
    entries = [_reported(one) for one in prose.reported]
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
    return _count(structured.number if structured.number is not None else find_count(structured.before))


def _count(number: Any) -> int | None:
    if isinstance(number, str):
        number = None if re.search(r"-\s*\d|\d\s*[.,]\s*[1-9]", number) else find_count(number[:_LONGEST_NUMBER])
    if isinstance(number, bool) or not isinstance(number, int | float) or not math.isfinite(number):
        return None
    return int(number) if number == int(number) and 0 <= number <= MAX_COUNT else None


def _clean(text: str) -> str:
    """The text with single spaces, without escapes ("traffic\\_light") and surrogates, which tables cannot store."""
    return " ".join(writable(_ESCAPED_JOINT.sub("", text)).split())


def _difference(raw_type: str | None, raw_category: str | None) -> Difference:
    return {
        "type": normalise_type(raw_type) if raw_type else None,
        "category": raw_category.lower() if raw_category else None,
        "raw_type": raw_type,
        "raw_category": raw_category,
    }


def _reported(one: ReportedDifference) -> Difference:
    words = _difference(_clean(one.raw_type) or None, _clean(one.raw_category) or None)
    return words | {"type": one.type, "category": _clean(one.category).lower() or None}


def _entry(entry: Any) -> Difference | None:
    """A list entry; None for a placeholder such as {"type": "none", "category": "none"}."""
    if isinstance(entry, str):
        return _entry_of_text(entry)
    if isinstance(entry, list):
        entry = dict(zip(("type", "category"), sorted(map(_word, entry), key=_is_no_type), strict=False))
    return _entry_of_object(entry) if isinstance(entry, dict) else _difference(None, None)


def _entry_of_object(entry: dict[str, Any]) -> Difference | None:
    values = {plain_key(key): _word(value) for key, value in entry.items()}
    raw_type, raw_category = _labels(values)
    given = [word for word in (raw_type, raw_category) if word is not None]
    if not given:
        described = next((word for key in TEXT_KEYS if (word := values.get(key))), None)
        return _entry_of_text(described) if described else _difference(None, None)
    return None if all(word.lower() in NOTHING for word in given) else _difference(raw_type, raw_category)


def _labels(values: dict[str, str]) -> tuple[str | None, str | None]:
    """The words for type and category of an entry, given its values by plain key."""
    types, categories = ([word for key in keys if (word := values.get(key))] for keys in (TYPE_KEYS, CATEGORY_KEYS))
    raw_type = next(filter(normalise_type, types), types[0] if types else None)
    if not categories and len(types) > 1:  # {"type": "car", "change": "color"}
        categories = [word for word in types if word != raw_type and canonical_category(word)]
    return raw_type, categories[0] if categories else None


def _entry_of_text(text: str) -> Difference | None:
    text = _clean(text)
    if text.lower() in NOTHING:
        return None
    reported = read_prose(text).reported
    if reported:
        return _reported(reported[0])
    return _difference(text, None) if normalise_type(text) else _difference(None, text or None)


def _is_no_type(word: str) -> bool:
    return normalise_type(word) is None


def _word(value: Any) -> str:
    """A string or number as a label; empty for anything else."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return ""
    return _clean(str(value))

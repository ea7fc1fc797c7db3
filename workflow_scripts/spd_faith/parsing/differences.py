"""The describe answer as rows of `PARSED`: JSON first, then prose.

`parse_status` says where the list came from: `json` (valid JSON, alone, fenced or inside prose), `repaired`,
`free_text` (clauses or a count), `empty`, `failed` (nothing found).
"""

import math
import re
from typing import Any

from spd_faith.core.text import writable
from spd_faith.language.categories import canonical_category
from spd_faith.language.change_words import normalise_type
from spd_faith.language.counts import find_count
from spd_faith.parsing.answer_text import read_answer, readable
from spd_faith.parsing.free_text import Told, read_prose
from spd_faith.parsing.structured import Structured, find_structured

LARGEST_COUNT = 1000  # a stated number beyond it is no count

_TYPE_KEYS = (
    "type", "changetype", "differencetype", "difftype", "modificationtype", "typeofchange", "typeofdifference", "kind",
    "change", "difference", "modification", "action", "attribute",
)  # fmt: skip
_CATEGORY_KEYS = (
    "category", "object", "objectname", "objectcategory", "cococategory", "coconame", "cococlass", "name", "class",
    "label", "item", "target", "entity", "what",
)  # fmt: skip
_TEXT_KEYS = ("description", "explanation", "detail", "details", "text")
_ESCAPED_JOINT = re.compile(r"(?<=\w)\\{1,4}(?=[_-]\w)")
_BARE_COUNT = re.compile(r"\W{0,8}\w{1,9}\W{0,8}")  # one word, a number for `find_count`
_NOTHING = frozenset(["", "none", "null", "n/a", "na", "nan", "nothing", "-"])


def parse_differences(text: str) -> dict[str, Any]:
    """The columns of a `PARSED` row, keys apart, for a describe answer; raises on no text."""
    text, marked = read_answer(text)
    if not text.strip():
        return _row("empty", [], None, has_list=False)
    structured = find_structured(text)
    if structured and structured.entries is not None:
        entries = [read for entry in structured.entries if (read := _entry(entry)) is not None]
        count = _stated(structured, structured.before)
        return _row("repaired" if structured.repaired else "json", entries, count, has_list=True)
    prose = read_prose(readable(structured.before if structured else text))
    entries = [_told(one) for one in prose.told]
    if structured:
        status = "free_text" if entries else "repaired" if structured.repaired else "json"
        return _row(status, entries, _count(structured.number), has_list=False)
    count = prose.count
    if count is None and marked and _BARE_COUNT.fullmatch(marked):  # "\boxed{2}" behind the explanation
        count = find_count(marked)
    if count is None and not entries and prose.nameless == 1:
        count = 1
    status = "free_text" if entries or count is not None else "failed"
    return _row(status, entries, _count(count), has_list=False)


def _row(status: str, entries: list[dict[str, str | None]], count: int | None, has_list: bool) -> dict[str, Any]:
    return {
        "parse_status": status,
        "has_structured_output": has_list,
        "predicted_num": count,
        "listed_num": len(entries),
        "differences": entries,
        "verdict": None,
    }


def _stated(structured: Structured, prose: str) -> int | None:
    """The number in the JSON, possible or not; the one in the prose before it where the JSON has none."""
    return _count(structured.number) if structured.number is not None else _count(find_count(prose))


def _count(number: Any) -> int | None:
    if isinstance(number, str):
        number = None if re.search(r"-\s*\d|\d\s*[.,]\s*[1-9]", number) else find_count(number[:200])
    if isinstance(number, bool) or not isinstance(number, int | float) or not math.isfinite(number):
        return None
    return int(number) if number == int(number) and 0 <= number <= LARGEST_COUNT else None


def _clean(text: str) -> str:
    """Single spaces, no escapes ("traffic\\_light"), and no surrogates, which no table can hold: pairs joined."""
    return " ".join(writable(_ESCAPED_JOINT.sub("", text)).split())


def _difference(raw_type: str | None, raw_category: str | None) -> dict[str, str | None]:
    return {
        "type": normalise_type(raw_type) if raw_type else None,
        "category": raw_category.lower() if raw_category else None,
        "raw_type": raw_type,
        "raw_category": raw_category,
    }


def _told(one: Told) -> dict[str, str | None]:
    return {**_difference(_clean(one.raw_type), _clean(one.raw_category)), "type": one.type}


def _entry(entry: Any) -> dict[str, str | None] | None:
    """One entry of a list; None for a placeholder such as {"type": "none", "category": "none"}."""
    if isinstance(entry, str):
        return _entry_of_text(entry)
    if isinstance(entry, list):
        entry = dict(zip(("type", "category"), sorted(map(_word, entry), key=_is_no_type), strict=False))
    if not isinstance(entry, dict):
        return _difference(None, None)
    values = {"".join(filter(str.isalnum, key.lower())): value for key, value in entry.items()}
    types = [word for key in _TYPE_KEYS if key in values and (word := _word(values[key]))]
    categories = [word for key in _CATEGORY_KEYS if key in values and (word := _word(values[key]))]
    raw_type = next((word for word in types if normalise_type(word)), types[0] if types else None)
    if not categories and len(types) > 1:  # {"type": "car", "change": "color"}
        categories = [word for word in types if word != raw_type and canonical_category(word)]
    raw_category = categories[0] if categories else None
    given = [word for word in (raw_type, raw_category) if word is not None]
    if given and all(word.lower() in _NOTHING for word in given):
        return None
    if not given:
        described = next((word for key in _TEXT_KEYS if (word := _word(values.get(key)))), None)
        return _entry_of_text(described) if described else _difference(None, None)
    return _difference(raw_type, raw_category)


def _entry_of_text(text: str) -> dict[str, str | None] | None:
    text = _clean(text)
    if text.lower() in _NOTHING:
        return None
    told = read_prose(text).told
    if told:
        return _told(told[0])
    return _difference(text, None) if normalise_type(text) else _difference(None, text or None)


def _is_no_type(word: str) -> bool:
    return normalise_type(word) is None


def _word(value: Any) -> str:
    """A value as a label: strings and numbers; what is nested has none."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return ""
    return _clean(str(value))

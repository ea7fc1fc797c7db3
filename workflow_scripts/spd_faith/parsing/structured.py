"""The list of differences and their number out of the JSON of an answer, whole or damaged."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from json_repair import repair_json

from spd_faith.parsing.change_words import normalise_type
from spd_faith.parsing.words import word_set

_NUMBER_KEYS = word_set(
    "predictednum predictednumber prednum numdifferences numberofdifferences numofdifferences totaldifferences "
    "differencecount differencescount count num number total totalcount howmany"
)
_LIST_KEYS = word_set(
    "structuredoutput structured output differences difference differencelist listofdifferences objects changes "
    "modifications items results predictions details"
)
_BOTH_KEYS = _NUMBER_KEYS | _LIST_KEYS
_ENTRY_KEYS = word_set("type category object change changetype differencetype kind description")

_KEY = re.compile(r"""[{,]\s*["'“”]?([A-Za-z][A-Za-z_ -]{2,30})["'“”]?\s*:""")
_LIST_START = re.compile(r"\[\s*\{")
_OPENING = re.compile(r"[{\[]")

_MAX_ATTEMPTS = 200  # places where JSON may begin
_MAX_REPAIR = 16_384  # characters; the repair takes more than linear time on hostile text
_MAX_DEPTH = 24


@dataclass(frozen=True)
class Structured:
    """What the JSON of an answer holds: `number` and `entries` as written, None where it has none."""

    number: Any
    entries: list[Any] | None
    start: int  # where the JSON begins in the text
    repaired: bool


def find_structured(text: str) -> Structured | None:
    """The last JSON value of a text that lists or counts differences; repaired where no whole one does."""
    if "{" not in text and "[" not in text:
        return None
    values = list(_whole_values(text))
    for start, value in reversed(values):
        found = _read(value)
        if found and isinstance(value, dict):
            return Structured(*found, start, repaired=False)
    damaged = _damaged_object(text)
    if damaged:
        return damaged
    for start, value in reversed(values):
        found = _read(value)
        if found:
            return Structured(*found, start, repaired=False)
    entries = [(start, value) for start, value in values if _is_entry(value)]
    if entries:
        return Structured(None, [value for _, value in entries], entries[0][0], repaired=False)
    return _damaged_list(text)


def _number(digits: str) -> int | float:
    return int(digits) if len(digits) < 12 else float("inf")  # no count has so many digits


_DECODER = json.JSONDecoder(parse_int=_number)


def _whole_values(text: str) -> Iterator[tuple[int, Any]]:
    """The valid JSON objects and lists of a text, outermost ones, with their places."""
    at = 0
    for _ in range(_MAX_ATTEMPTS):
        opening = _OPENING.search(text, at)
        if not opening:
            return
        at = opening.start() + 1
        try:
            value, at = _DECODER.raw_decode(text, opening.start())
        except (ValueError, RecursionError):
            continue
        yield opening.start(), value


def _plain(key: str) -> str:
    return "".join(filter(str.isalnum, key.lower()))


def _read(value: Any, depth: int = 0) -> tuple[Any, list[Any] | None] | None:
    """(number, entries) of a decoded value, or None where it is about something else."""
    if isinstance(value, list):
        is_list = all(isinstance(entry, dict) and (_is_entry(entry) or not entry) for entry in value)
        return (None, value) if is_list else None
    if not isinstance(value, dict):
        return None
    number, entries, known = None, None, False
    for key, item in value.items():
        name = _plain(key)
        if name not in _BOTH_KEYS:
            continue
        if isinstance(item, str) and name in _LIST_KEYS:
            item = _listed_in(item)
        if name in _LIST_KEYS and isinstance(item, dict):
            item = [item] if _is_entry(item) or not item else list(item.values())
        if isinstance(item, list):
            if name in _LIST_KEYS:
                entries, known = item, True
        elif name in _NUMBER_KEYS or not isinstance(item, str):
            number, known = item, known or name in _NUMBER_KEYS or _is_count(item)
    if known and not (entries is None and _is_entry(value)):
        return number, entries
    by_type = {key: item for key, item in value.items() if normalise_type(key) and isinstance(item, list)}
    if by_type and len(by_type) == len(value):
        return None, [{"type": key, "category": name} for key, names in by_type.items() for name in names]
    inner = [item for item in value.values() if isinstance(item, dict | list) and item]
    return _read(inner[0], depth + 1) if len(inner) == 1 and depth < 3 else None


def _is_count(item: Any) -> bool:
    return isinstance(item, int | float) and not isinstance(item, bool)


def _listed_in(item: str) -> Any:
    """A list that was written as a string of JSON."""
    try:
        return _DECODER.decode(item)
    except (ValueError, RecursionError):
        return item


def _is_entry(value: Any) -> bool:
    return isinstance(value, dict) and any(_plain(key) in _ENTRY_KEYS for key in value)


def _damaged_object(text: str) -> Structured | None:
    """The last object with a key of ours, from its brace on, through the repair."""
    keys = [match for match in _KEY.finditer(text) if _plain(match[1]) in _BOTH_KEYS]
    opening = [match for match in keys if match.group().startswith("{")]
    for match in opening[:-4:-1]:
        found = _read(_repaired(text, match.start()))
        if found:
            return Structured(*found, match.start(), repaired=True)
    return None


def _damaged_list(text: str) -> Structured | None:
    for match in list(_LIST_START.finditer(text))[:-4:-1]:
        found = _read(_repaired(text, match.start()))
        if found and found[1]:
            return Structured(*found, match.start(), repaired=True)
    return None


def _repaired(text: str, start: int) -> Any:
    """What the repair makes of a text from `start`: up to the fence or the last bracket, else to the end."""
    text = text[start : start + _MAX_REPAIR]
    fence = text.find("```")
    text = text[:fence] if fence >= 0 else text
    if _depth(text) > _MAX_DEPTH:
        return None
    closing = max(text.rfind("}"), text.rfind("]"))
    if text.count("{", closing + 1) == 0 and text.count("{") <= text.count("}"):
        text = text[: closing + 1]  # a closed object: prose may follow it
    try:
        value = repair_json(text, return_objects=True, skip_json_loads=True)
    except Exception:  # the repair promises nothing for text that is no JSON at all
        return None
    if isinstance(value, list) and not _read(value):
        value = next((item for item in reversed(value) if isinstance(item, dict) and _read(item)), None)
    return value


def _depth(text: str) -> int:
    depth = deepest = 0
    for match in re.finditer(r"[{\[}\]]", text):
        depth += 1 if match.group() in "{[" else -1
        deepest = max(deepest, depth)
    return deepest

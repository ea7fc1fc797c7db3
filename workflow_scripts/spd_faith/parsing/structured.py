"""The list of differences and their number out of the JSON of an answer, whole or damaged."""

import re
from dataclasses import dataclass
from itertools import chain
from typing import Any

from spd_faith.language.change_words import normalise_type
from spd_faith.language.words import word_set
from spd_faith.parsing.json_text import JsonValue, decoded, repaired_value, spellings, whole_values

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
_MAX_NESTED = 3  # objects around the wanted one

Read = tuple[Any, list[Any] | None]
"""The number and the entries of a decoded value, None where it has none."""


@dataclass(frozen=True)
class Structured:
    """What the JSON of an answer holds: `number` and `entries` as written, None where it has none."""

    number: Any
    entries: list[Any] | None
    before: str  # the text before the JSON
    repaired: bool  # or with escapes undone


def find_structured(text: str) -> Structured | None:
    """The last JSON value of a text that lists or counts differences; repaired where no whole one does."""
    if not any(bracket in text for bracket in "{[｛［"):
        return None
    as_it_is = whole_values(text)
    if found := _whole_object(text, as_it_is, repaired=False):
        return found
    spelled = [(one, whole_values(one) if number else as_it_is) for number, one in enumerate(spellings(text))]
    objects = (_whole_object(one, values, repaired=True) for one, values in spelled[1:])
    damaged = (_damaged_object(one) for one, _ in spelled)
    if found := next(filter(None, chain(objects, damaged)), None):
        return found
    lists = [_whole_list(one, values, number > 0) for number, (one, values) in enumerate(spelled)]
    if whole := [found for found in lists if found]:
        return max(whole, key=lambda found: len(found.entries or ()))  # escapes may spoil some of the entries
    return next(filter(None, (_damaged_list(one) for one, _ in spelled)), None)


def _whole_object(text: str, values: list[JsonValue], repaired: bool) -> Structured | None:
    for start, _, value in reversed(values):
        if isinstance(value, list) and len(value) == 1 and not _is_entry(value[0]):
            value = value[0]
        if not isinstance(value, dict) or not (found := _read(value)):
            continue
        number, entries = found
        apart = _whole_list(text, values, repaired) if entries is None else None
        if apart:
            return Structured(number, apart.entries, text[: min(start, len(apart.before))], repaired)
        return Structured(number, entries, text[:start], repaired)
    return None


def _whole_list(text: str, values: list[JsonValue], repaired: bool) -> Structured | None:
    """The last list of entries, or entries that stand in the text one after the other."""
    for start, _, value in reversed(values):
        if isinstance(value, list) and (found := _read(value)):
            return Structured(*found, text[:start], repaired)
    entries = [(start, value) for start, _, value in values if _is_entry(value)]
    return Structured(None, [value for _, value in entries], text[: entries[0][0]], repaired) if entries else None


def _plain(key: str) -> str:
    return "".join(filter(str.isalnum, key.lower()))


def _read(value: Any, depth: int = 0) -> Read | None:
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
            item = decoded(item)
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
    if depth == _MAX_NESTED:
        return None
    inner = (decoded(item) if isinstance(item, str) else item for item in value.values())
    nested = [found for item in inner if isinstance(item, dict | list) and item and (found := _read(item, depth + 1))]
    return nested[0] if len(nested) == 1 else None


def _is_count(item: Any) -> bool:
    return isinstance(item, int | float) and not isinstance(item, bool)


def _is_entry(value: Any) -> bool:
    return isinstance(value, dict) and any(_plain(key) in _ENTRY_KEYS for key in value)


def _damaged_object(text: str) -> Structured | None:
    """The last object with a key of ours, from its brace on, through the repair."""
    keys = [match for match in _KEY.finditer(text) if _plain(match[1]) in _BOTH_KEYS]
    opening = [match for match in keys if match.group().startswith("{")]
    for match in opening[:-4:-1]:
        found = _read(_repaired(text, match.start()))
        if found:
            return Structured(*found, text[: match.start()], repaired=True)
    return None


def _damaged_list(text: str) -> Structured | None:
    for match in list(_LIST_START.finditer(text))[:-4:-1]:
        found = _read(_repaired(text, match.start()))
        if found and found[1]:
            return Structured(*found, text[: match.start()], repaired=True)
    return None


def _repaired(text: str, start: int) -> Any:
    value = repaired_value(text, start)
    if isinstance(value, list) and not _read(value):
        value = next((item for item in reversed(value) if isinstance(item, dict) and _read(item)), None)
    return value

"""Extracts the list and number of differences from the JSON of an answer, valid or damaged."""

import re
from dataclasses import dataclass
from itertools import chain
from typing import Any

from spd_faith.language.counts import find_count
from spd_faith.parsing.free_text import read_prose
from spd_faith.parsing.json_keys import LIST_KEYS, NUMBER_KEYS, plain_key
from spd_faith.parsing.json_text import JsonValue, decoded, inside, repaired_value, spellings, whole_values
from spd_faith.parsing.named_entries import as_entries, entries_by_name, is_entry, is_list_of_entries, parallel_entries

_BOTH_KEYS = NUMBER_KEYS | LIST_KEYS
_KEY = re.compile(r"""[{,]\s*["'“”]?([^\W\d_][\w -]{1,30})["'“”]?\s*[:：]""")
_LIST_START = re.compile(r"\[\s*\{")
_MAX_NESTED = 3  # objects around the wanted one

Read = tuple[Any, list[Any] | None]
"""(number, entries) of a decoded value, each None if missing."""


@dataclass(frozen=True)
class Structured:
    """The contents of the JSON of an answer: `number` and `entries` as written, None if missing."""

    number: Any
    entries: list[Any] | None
    before: str  # the text before the JSON
    repaired: bool  # or unescaped


def find_structured(text: str) -> Structured | None:
    """The last JSON value that lists or counts differences; a repaired one if no valid one does."""
    if not any(bracket in text for bracket in "{[｛［"):
        return None
    as_it_is = whole_values(text)
    if found := _whole_object(text, as_it_is, repaired=False):
        return found
    spelled = [(one, whole_values(one) if number else as_it_is) for number, one in enumerate(spellings(text))]
    objects = (_whole_object(one, values, repaired=True) for one, values in spelled[1:])
    damaged = (_damaged_object(one) for one, _ in spelled)
    return next(filter(None, chain(objects, damaged)), None) or _list_in(spelled)


def without_descriptions(text: str) -> str:
    """The text without JSON that only describes things: none of its strings reports or counts differences."""
    if "{" not in text:
        return text
    for start, end, value in reversed(whole_values(text)):
        if isinstance(value, dict) and not any(map(_is_about_differences, inside(value))):
            text = f"{text[:start]}\n{text[end:]}"
    return text


def _is_about_differences(value: Any) -> bool:
    return isinstance(value, str) and (bool(read_prose(value).reported) or find_count(value) is not None)


def _list_in(spelled: list[tuple[str, list[JsonValue]]]) -> Structured | None:
    """The longest list among the spellings of a text, because escapes can damage some; else a repaired list."""
    lists = [_whole_list(one, values, number > 0) for number, (one, values) in enumerate(spelled)]
    if whole := [found for found in lists if found]:
        return max(whole, key=lambda found: len(found.entries or ()))
    return next(filter(None, (_damaged_list(one) for one, _ in spelled)), None)


def _whole_object(text: str, values: list[JsonValue], repaired: bool) -> Structured | None:
    for start, _, value in reversed(values):
        if isinstance(value, list) and len(value) == 1 and not is_entry(value[0]):
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
    """The last list of entries, else the separate entries in the text."""
    for start, _, value in reversed(values):
        if isinstance(value, list) and (found := _read(value)):
            return Structured(*found, text[:start], repaired)
    entries = [(start, value) for start, _, value in values if is_entry(value)]
    return Structured(None, [value for _, value in entries], text[: entries[0][0]], repaired) if entries else None


def _read(value: Any, depth: int = 0) -> Read | None:
    """(number, entries) of a decoded value; None if it is not about differences."""
    if isinstance(value, list):
        return (None, value) if is_list_of_entries(value) else None
    if not isinstance(value, dict):
        return None
    return _read_keys(value) or _read_names(value) or _read_inside(value, depth)


def _read_keys(value: dict[str, Any]) -> Read | None:
    """(number, entries) by the keys of an object; None if no key is about differences."""
    number, entries, is_known = None, None, False
    for name, item in ((plain_key(key), item) for key, item in value.items()):
        listed = as_entries(item) if name in LIST_KEYS else item
        if isinstance(listed, list):
            entries, is_known = (listed, True) if name in LIST_KEYS else (entries, is_known)
        elif name in NUMBER_KEYS:
            number, is_known = item, True
        elif name in LIST_KEYS and not isinstance(item, str):
            number, is_known = item, is_known or _is_count(item)
    if is_known and entries is None and number is not None and (named := _named(value)):
        entries = named
    return (number, entries) if is_known and (entries is not None or not is_entry(value)) else None


def _read_names(value: dict[str, Any]) -> Read | None:
    """(None, entries) of an object whose keys are types, objects or numbers of differences."""
    entries = parallel_entries(value) if is_entry(value) else _named(value)
    return None if entries is None else (None, entries)


def _named(value: dict[str, Any]) -> list[Any] | None:
    """The entries of an object without a list: those that its other keys name, or the object itself."""
    others = {key: item for key, item in value.items() if plain_key(key) not in NUMBER_KEYS}
    return parallel_entries(others) or [others] if is_entry(others) else entries_by_name(others)


def _read_inside(value: dict[str, Any], depth: int) -> Read | None:
    """(number, entries) of the only nested value that is about differences."""
    if depth == _MAX_NESTED:
        return None
    inner = (decoded(item) if isinstance(item, str) else item for item in value.values())
    nested = [found for item in inner if isinstance(item, dict | list) and item and (found := _read(item, depth + 1))]
    return nested[0] if len(nested) == 1 else None


def _is_count(item: Any) -> bool:
    return isinstance(item, int | float) and not isinstance(item, bool)


def _damaged_object(text: str) -> Structured | None:
    """The last object with a known key, repaired from its opening brace."""
    keys = [match for match in _KEY.finditer(text) if plain_key(match[1]) in _BOTH_KEYS]
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

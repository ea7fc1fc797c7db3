"""Turns JSON whose keys are names into a list of entries.

Keys can be types of difference ({"color": ["car"], "removed": []}), objects ({"car": "changed from red to blue"}),
numbers of differences ({"difference_1": {…}, "2": "The dog is gone."}) or, in a list, the two images.
"""

from typing import Any

from spd_faith.language.change_words import TYPE_PHRASES
from spd_faith.language.objects import find_objects
from spd_faith.language.words import words_of
from spd_faith.parsing.free_text import read_prose
from spd_faith.parsing.json_entries import category_named, type_named
from spd_faith.parsing.json_keys import (
    ENTRY_KEYS,
    NOTHING,
    SIDE_KEYS,
    TEXT_KEYS,
    UNCHANGED,
    is_numbered,
    plain_key,
)
from spd_faith.parsing.json_text import decoded

_LONGEST_NAME = 5  # words of a key that names an object
_LONGEST_ENTRY = 2000  # characters of a string
_MAX_OF_TYPE = 20  # differences of a type that is only counted
_BOTH_SIDES = frozenset([*SIDE_KEYS[0], *SIDE_KEYS[1]])


def is_entry(value: Any) -> bool:
    """Whether a decoded value is an object with a key of a list entry."""
    return isinstance(value, dict) and any(plain_key(key) in ENTRY_KEYS for key in value)


def is_list_of_entries(value: list[Any]) -> bool:
    """Whether a list that no key introduces holds entries: objects, pairs of labels, or sentences about differences."""
    if all(isinstance(entry, dict) for entry in value):
        return all(is_entry(entry) or not entry or entries_by_name(entry) is not None for entry in value)
    if all(isinstance(entry, list) for entry in value):
        return all(any(isinstance(word, str) and type_named(word) for word in entry) for entry in value)
    return all(isinstance(entry, str) and _tells_a_difference(entry) for entry in value)


def as_entries(item: Any) -> Any:
    """The entries under a key that introduces a list; the item itself if it holds none."""
    if isinstance(item, str):
        item = decoded(item)
    if isinstance(item, str) and _tells_a_difference(item):
        return [item]
    if not isinstance(item, dict):
        return item
    if is_entry(item) or not item:
        return parallel_entries(item) or [item] if item else []
    if (sides := _sides(item)) is not None:
        return sides
    named = entries_by_name(item)
    return list(item.values()) if named is None else named


def separate_entries(entries: list[Any]) -> list[Any]:
    """The entries of a list; objects that only name them are taken apart: [{"car": "color"}, {"dog": "gone"}]."""
    return [entry for one in entries for entry in _separate(one)]


def _separate(entry: Any) -> list[Any]:
    named = entries_by_name(entry) if isinstance(entry, dict) and not is_entry(entry) else None
    return [entry] if named is None else named


def entries_by_name(value: dict[str, Any]) -> list[Any] | None:
    """The entries that the keys of an object name; None if a key does not belong to a difference."""
    entries: list[Any] = []
    is_about_changes = False
    for key, item in value.items():
        name = plain_key(key)
        if name in TEXT_KEYS and isinstance(item, str):
            continue
        found = None if name in _BOTH_SIDES else _entries_of(key, name, item)
        if found is None:
            return None
        entries += found
        is_about_changes = is_about_changes or bool(found) or _is_type(key)
    return entries if is_about_changes else None


def _entries_of(key: str, name: str, item: Any) -> list[Any] | None:
    """The entries of one key; None if the two do not report a difference."""
    if is_numbered(name):
        return _numbered(item)
    if _is_type(key):
        return _of_type(key, item)
    return _of_object(key, item) if len(words_of(key)) <= _LONGEST_NAME else None


def _is_type(key: str) -> bool:
    """Whether a key names a change, also one outside the benchmark's types ("added_objects")."""
    if type_named(key):
        return True
    return bool(TYPE_PHRASES.scan(words_of(key))) and not find_objects(key.replace("_", " "))


def _numbered(item: Any) -> list[Any] | None:
    if isinstance(item, list):
        return item if is_list_of_entries(item) else None
    is_told = is_entry(item) or (isinstance(item, str) and _tells_a_difference(item))
    return [item] if is_told else None


def _of_type(key: str, item: Any) -> list[Any] | None:
    """The entries of a type: of the objects that it lists, of the object in the key, or as many as it counts."""
    objects = find_objects(key.replace("_", " "))
    if objects:  # {"car_color": {"image1": "red", "image2": "blue"}}
        is_same = isinstance(item, str) and item.strip().lower() in UNCHANGED
        return [] if is_same or item is False else [{"type": key, "category": objects[0].text}]
    if isinstance(item, int) and not isinstance(item, bool):
        return [{"type": key}] * item if 0 <= item <= _MAX_OF_TYPE else None
    items = [] if item is None or item is False else item if isinstance(item, list) else [item]
    labels = [one for one in items if not (isinstance(one, str) and one.strip().lower() in NOTHING)]
    if not all(isinstance(one, dict | str) for one in labels):
        return None
    return [{"type": key, **(one if isinstance(one, dict) else {"category": _object_in(one)})} for one in labels]


def _object_in(label: str) -> str:
    """The object of a label, or of a sentence about one."""
    objects = [] if category_named(label) else find_objects(label)
    return objects[0].text if objects else label


def _of_object(key: str, item: Any) -> list[Any] | None:
    """The entries of an object: what it says of it is an entry, a type or a sentence about a change."""
    if isinstance(item, list):
        labels = [one for one in item if isinstance(one, str)]
        is_typed = len(labels) == len(item) and all(map(type_named, labels))
        return [{"category": key, "type": one} for one in labels] if is_typed else None
    if isinstance(item, dict):
        return _of_described_object(key, item)
    return _of_object_in_prose(key, item) if isinstance(item, str) and _is_short(item) else None


def _of_described_object(key: str, item: dict[str, Any]) -> list[Any] | None:
    has_sides = all(any(plain_key(one) in side for one in item) for side in SIDE_KEYS)
    if is_entry(item) or has_sides:
        return [{"category": key, **item}]
    values = [str(value).strip().lower() for value in item.values()]
    if values and all(value in UNCHANGED for value in values):
        return []
    types = [one for one in item if type_named(one)]  # {"car": {"color": {"image1": "red", "image2": "blue"}}}
    is_of_changes = len(types) == len(item) and all(_of_object(key, item[one]) for one in types)
    return [{"category": key, "type": one} for one in types] if is_of_changes else None


def _of_object_in_prose(key: str, description: str) -> list[Any] | None:
    if description.strip().lower() in UNCHANGED:
        return []
    if reported := read_prose(f"{key}: {description}").reported:
        is_of_key = any(one.raw_category.lower() in key.lower() for one in reported)  # else the key is a heading
        return [{"category": key, "description": description}] if is_of_key else None
    return [{"category": key, "type": description}] if _is_type(description) else None


def _tells_a_difference(text: str) -> bool:
    return _is_short(text) and (bool(read_prose(text).reported) or text.strip().lower() in NOTHING)


def _is_short(text: str) -> bool:
    """Whether a string can be one entry: not JSON in a string, and no essay."""
    return len(text) <= _LONGEST_ENTRY and "{" not in text


def parallel_entries(item: dict[str, Any]) -> list[Any] | None:
    """The entries of an object whose values are lists: {"type": ["color", "remove"], "category": ["car", "dog"]}."""
    columns = list(item.values())
    if not all(isinstance(column, list) for column in columns) or len(set(map(len, columns))) != 1:
        return None
    return [dict(zip(item, values, strict=True)) for values in zip(*columns, strict=True)]


def _sides(item: dict[str, Any]) -> list[Any] | None:
    """The entries of an object that describes each image, with a line for each difference."""
    if len(item) != len(SIDE_KEYS):
        return None
    (one_key, one), (other_key, other) = item.items()
    if {plain_key(one_key) in SIDE_KEYS[0], plain_key(other_key) in SIDE_KEYS[1]} != {True}:
        return None
    if isinstance(one, str) and isinstance(other, str):
        return [item]
    if not (isinstance(one, list) and isinstance(other, list)) or len(one) != len(other):
        return []
    return [{one_key: first, other_key: second} for first, second in zip(one, other, strict=True)]

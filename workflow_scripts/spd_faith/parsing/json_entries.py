"""Reads the entries of a JSON list of differences."""

import re
from collections.abc import Mapping
from typing import Any

from spd_faith.core.difference_types import DifferenceType
from spd_faith.core.text import writable
from spd_faith.language.categories import canonical_category, whole_category
from spd_faith.language.change_kinds import FurtherChange
from spd_faith.language.change_words import normalise_type
from spd_faith.language.changes import find_types
from spd_faith.language.foreign_labels import foreign_category, foreign_type
from spd_faith.parsing.free_text import ReportedDifference, read_prose
from spd_faith.parsing.json_keys import CATEGORY_KEYS, NOTHING, SIDE_KEYS, TEXT_KEYS, TYPE_KEYS, UNCHANGED, plain_key

_ESCAPED_JOINT = re.compile(r"(?<=\w)\\{1,4}(?=[_-]\w)")
_SIDES = ("in the first image", "in the second image")

Difference = dict[str, str | None]
"""A struct of the column `differences`."""


def read_entries(entries: list[Any]) -> list[Difference]:
    """The differences that entries state; none for a placeholder such as {"type": "none", "category": "none"}."""
    return [read for entry in entries for read in _entry(entry)]


def reported_difference(one: ReportedDifference) -> Difference:
    """A difference that prose reports."""
    return {
        "type": one.type,
        "category": _clean(one.category).lower() or None,
        "raw_type": _clean(one.raw_type) or None,
        "raw_category": _clean(one.raw_category) or None,
    }


def type_named(label: str) -> str | None:
    """The type of difference that a label names, in any language of the lexicon; None if unknown or ambiguous.

    What was added is in one image only, as what was removed.
    """
    return normalise_type(label) or foreign_type(label) or _type_of_addition(label)


def _type_of_addition(label: str) -> str | None:
    kinds = {one.value for one in find_types(label)}
    return DifferenceType.REMOVE if kinds == {FurtherChange.ADDED} else None


def category_named(label: str) -> str | None:
    """The COCO category that a label names, in any language of the lexicon."""
    return canonical_category(label) or foreign_category(label)


def _difference(raw_type: str | None, raw_category: str | None) -> Difference:
    return {
        "type": type_named(raw_type) if raw_type else None,
        "category": _category(raw_category) if raw_category else None,
        "raw_type": raw_type,
        "raw_category": raw_category,
    }


def _category(label: str) -> str:
    """The label in lower case, in English if it is known in another language, as its owner if it names one.

    A part alone is kept ("bedspread"): the truth may call the object so.
    """
    if canonical_category(label):
        return label.lower()
    owner = whole_category(label) if " " in label else None
    return foreign_category(label) or owner or label.lower()


def _entry(entry: Any) -> list[Difference]:
    if isinstance(entry, str):
        return _entries_of_text(entry)
    if isinstance(entry, list):
        entry = dict(zip(("type", "category"), sorted(map(_word, entry), key=_is_no_type), strict=False))
    return _entry_of_object(entry) if isinstance(entry, dict) else [_difference(None, None)]


def _entry_of_object(entry: dict[str, Any]) -> list[Difference]:
    values = {plain_key(key): _word(value) for key, value in entry.items()}
    raw_type, raw_category = _labels(values)
    given = [word for word in (raw_type, raw_category) if word is not None]
    if given and all(word.lower() in NOTHING for word in given):
        return []
    if raw_type is not None:
        return [] if raw_type.lower() in UNCHANGED else _with_type(raw_type, raw_category)
    description = _description_of(entry, values)
    if description is None:
        return [_difference(None, raw_category)]
    return _typed_by_prose(description, raw_category) if raw_category else _entries_of_text(description)


def _with_type(raw_type: str, raw_category: str | None) -> list[Difference]:
    """The difference of a type, which can be a sentence that names the object."""
    reported = read_prose(raw_type).reported if raw_category is None and " " in raw_type else []
    return [reported_difference(one) for one in reported] or [_difference(raw_type, raw_category)]


def _typed_by_prose(description: str, raw_category: str) -> list[Difference]:
    """The difference of an object whose entry describes it but names no type."""
    if description.lower() in UNCHANGED:
        return []
    reported = read_prose(f"{raw_category}: {description}").reported or read_prose(description).reported
    if not reported and (kind := type_named(description)):
        return [{**_difference(description, raw_category), "type": kind}]
    if not reported:
        return [_difference(None, raw_category)]
    return [{**reported_difference(one), **_category_columns(raw_category)} for one in reported[:1]]


def _category_columns(raw_category: str) -> Difference:
    columns = _difference(None, raw_category)
    return {name: columns[name] for name in ("category", "raw_category")}


def _description_of(entry: dict[str, Any], values: dict[str, str]) -> str | None:
    """What an entry says of its difference in prose, or of each image."""
    if described := _first_said(values, TEXT_KEYS):
        return described[0]
    shown = {plain_key(key): _shown(value) for key, value in entry.items()}
    sides = [next((shown[key] for key in keys if key in shown), None) for keys in SIDE_KEYS]
    if None in sides:
        return None
    return ", ".join(f"{side} {image}" for side, image in zip(sides, _SIDES, strict=True))


def _shown(value: Any) -> str:
    """What an entry says of one image: words, or whether the object is there."""
    if value is None or isinstance(value, bool):
        return "present" if value else "absent"
    word = _word(value)
    return "absent" if word.lower() in NOTHING else word


def _labels(values: dict[str, str]) -> tuple[str | None, str | None]:
    """The words for type and category of an entry, given its values by plain key."""
    types, categories = _first_said(values, TYPE_KEYS), _first_said(values, CATEGORY_KEYS)
    raw_type = next(filter(type_named, types), types[0] if types else None)
    if not categories and len(types) > 1:  # {"type": "car", "change": "color"}
        categories = [word for word in types if word != raw_type and category_named(word)]
    return raw_type, categories[0] if categories else None


def _first_said(values: dict[str, str], places: Mapping[str, int]) -> list[str]:
    """The values of the keys that have a place, in the order of the places."""
    return [values[key] for key in sorted(values.keys() & places.keys(), key=places.__getitem__) if values[key]]


def _entries_of_text(text: str) -> list[Difference]:
    text = _clean(text)
    if text.lower() in NOTHING:
        return []
    if reported := read_prose(text).reported:
        return [reported_difference(one) for one in reported]
    return [_difference(text, None) if type_named(text) else _difference(None, text or None)]


def _is_no_type(word: str) -> bool:
    return type_named(word) is None


def _word(value: Any) -> str:
    """A string or number as a label; empty for anything else."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return ""
    return _clean(str(value))


def _clean(text: str) -> str:
    """The text with single spaces, without escapes ("traffic\\_light") and surrogates, which tables cannot store."""
    return " ".join(writable(_ESCAPED_JOINT.sub("", text)).split())

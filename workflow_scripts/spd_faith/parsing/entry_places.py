"""Finds where the entries of a JSON list of differences stand in an answer, valid or damaged."""

from collections.abc import Iterator
from typing import NamedTuple

from spd_faith.parsing.json_entries import Difference, read_entries
from spd_faith.parsing.json_text import object_spans, repaired_value, spellings
from spd_faith.parsing.named_entries import is_entry
from spd_faith.parsing.structured import find_structured


class PlacedEntry(NamedTuple):
    """The differences that the object at characters `[start, end)` of an answer states."""

    start: int
    end: int
    differences: list[Difference]


def placed_entries(text: str) -> list[PlacedEntry]:
    """The objects of the list that the parser reads, in order.

    Entries that are no objects of their own ("car: color" as a string, keys that name objects) are not found.
    """
    structured = find_structured(text)
    if structured is None or structured.entries is None:
        return []
    begin = len(structured.before) if text.startswith(structured.before) else 0
    kept: list[PlacedEntry] = []
    for start, end in object_spans(text, begin):  # inner objects before outer ones
        if any(start <= other.start and other.end <= end for other in kept):
            continue
        kept += [PlacedEntry(start, end, stated) for stated in _stated(text[start:end])]
    return sorted(kept)


def _stated(source: str) -> Iterator[list[Difference]]:
    """The differences of the source of an object, once at most."""
    for spelled in spellings(source):
        value = repaired_value(spelled)
        if is_entry(value):
            yield read_entries([value])
            return

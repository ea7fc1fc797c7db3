"""The leaderboard's data as JSON objects, and back: `kind` is the name of the class, the rest are its fields.

Numbers that are not defined are null.
"""

import dataclasses
import math
from typing import Any

from spd_faith.leaderboard import model
from spd_faith.leaderboard.model import Section

_KINDS = {
    one.__name__: one
    for one in vars(model).values()
    if dataclasses.is_dataclass(one) and isinstance(one, type) and one is not model.Leaderboard
}


def to_json(value: Any) -> Any:
    """JSON-ready objects of a section and all that is in it."""
    if dataclasses.is_dataclass(value):
        fields = {field.name: to_json(getattr(value, field.name)) for field in dataclasses.fields(value)}
        return {"kind": type(value).__name__} | fields
    if isinstance(value, tuple):
        return [to_json(one) for one in value]
    if hasattr(value, "item"):  # a number of numpy
        value = value.item()
    return None if isinstance(value, float) and math.isnan(value) else value


def section_from_json(content: Any) -> Section:
    """The section that `to_json` was given. Raises `ValueError` if `content` is anything else."""
    try:
        section = _from_json(content)
    except (KeyError, TypeError) as error:
        raise ValueError(f"not a leaderboard as JSON of this version: {error}") from error
    if not isinstance(section, Section):
        raise ValueError("not a leaderboard as JSON: the outermost kind is not Section")
    return section


def _from_json(value: Any) -> Any:
    if isinstance(value, list):
        return tuple(_from_json(one) for one in value)
    if not isinstance(value, dict):
        return value
    kind = _KINDS[value["kind"]]
    found = {name: _from_json(one) for name, one in value.items() if name != "kind"}
    # Only fields of numbers are undefined, but for the group of a table and an interval's number of pairs
    optional = {field.name for field in dataclasses.fields(kind) if field.default is None}
    found = {name: math.nan if one is None and name not in optional else one for name, one in found.items()}
    if kind is model.Table and found["group"]:
        found["group"] = model.Group(found["group"])
    return kind(**found)

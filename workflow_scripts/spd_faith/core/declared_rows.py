"""Checks the rows of a table against the key and the values that its schema declares."""

import json
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from spd_faith.core.errors import UserError
from spd_faith.core.schemas import KEY, ONE_OF

_MAX_NAMES = 5  # rows and values to list in messages


class _Stray(NamedTuple):
    """Values of a column, or of a field in it, that its declaration lacks, with the numbers of their rows."""

    column: str
    allowed: list[str]
    values: Any
    rows: Any


def key_of(schema: pa.Schema) -> list[str]:
    """The columns that identify a row; none if the schema declares none."""
    key: list[str] = json.loads((schema.metadata or {}).get(KEY, b"[]"))
    return key


def check_rows(what: str, table: pa.Table, schema: pa.Schema) -> None:
    """Raise `UserError` naming the rows if two have one key, or if a value is not one of those declared.

    `table` has the key of `schema` and some of its columns.
    """
    key = key_of(schema)
    if key:
        counts = table.group_by(key).aggregate([([], "count_all")])
        repeated = counts.filter(pc.greater(counts["count_all"], pa.scalar(1)))
        if repeated.num_rows:
            raise UserError(f"{what}: expected exactly one row per key\n  repeated: {_names(_keys(repeated, key))}")
    for stray in _strays_of(table, schema):
        raise UserError(
            f"{what}: unknown values in {stray.column}\n"
            f"  found: {_names(pc.unique(stray.values).to_pylist())}; expected: {', '.join(stray.allowed)}\n"
            f"  rows: {_names(_keys(table.take(pc.unique(stray.rows)), key))}\n"
            "  Remove the file and run the workflow again."
        )


def _keys(table: pa.Table, key: list[str]) -> list[str]:
    return [", ".join(map(str, row.values())) for row in table.select(key).to_pylist()]


def _names(names: list[Any]) -> str:
    return f"{len(names)} ({'; '.join(map(str, names[:_MAX_NAMES]))}{'; …' if len(names) > _MAX_NAMES else ''})"


def _strays_of(table: pa.Table, schema: pa.Schema) -> Iterator[_Stray]:
    for field in schema:
        if field.name in table.column_names and _declares_values(field):
            column = table[field.name].combine_chunks()
            yield from _strays(field.name, field, column, pa.array(range(len(column)), pa.int64()))


def _declares_values(field: "pa.Field[Any]") -> bool:
    return ONE_OF in (field.metadata or {}) or any(map(_declares_values, _parts(field.type)))


def _parts(kind: pa.DataType) -> Iterable["pa.Field[Any]"]:
    if pa.types.is_list(kind):
        return [kind.value_field]
    return [kind.field(number) for number in range(kind.num_fields)] if pa.types.is_struct(kind) else []


def _strays(name: str, field: "pa.Field[Any]", values: Any, rows: Any) -> Iterator[_Stray]:
    """`values` is an array of the field, `rows` has the row of each."""
    if ONE_OF in (field.metadata or {}):
        allowed = json.loads((field.metadata or {})[ONE_OF])
        kinds = pc.replace_substring_regex(values, ":.*", ":") if any(one.endswith(":") for one in allowed) else values
        wrong = pc.invert(pc.or_(pc.is_in(kinds, pa.array(allowed, pa.string())), pc.is_null(values)))
        if pc.any(wrong).as_py():
            yield _Stray(name, allowed, values.filter(wrong), rows.filter(wrong))
    elif pa.types.is_list(field.type):
        inside = field.type.value_field
        yield from _strays(name, inside, pc.list_flatten(values), rows.take(pc.list_parent_indices(values)))
    else:
        for number, part in enumerate(_parts(field.type)):
            if _declares_values(part):
                yield from _strays(f"{name}.{part.name}", part, pc.struct_field(values, number), rows)

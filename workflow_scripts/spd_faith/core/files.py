"""Reads and writes tables: atomically, and always checked against their schema."""

import errno
import hashlib
import json
import os
import secrets
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from spd_faith.core.declared_rows import check_rows, key_of
from spd_faith.core.errors import UserError
from spd_faith.core.text import writable

_PROVENANCE_KEY = b"spd_faith"
_LISTED = 5  # columns that an error names

_MAKE_ROOM = "Free some space or raise the quota, then run the same command again: completed work is kept."
_GIVE_ACCESS = "Grant this user access or choose another folder, then run the same command again."
_STORAGE_ERRORS = {
    errno.ENOSPC: _MAKE_ROOM,
    errno.EDQUOT: _MAKE_ROOM,
    errno.EACCES: _GIVE_ACCESS,
    errno.EPERM: _GIVE_ACCESS,
    errno.EROFS: _GIVE_ACCESS,
}


@contextmanager
def storage_errors(path: Path) -> Iterator[None]:
    """Turn storage errors that the user can fix into a `UserError`: a full disk, a missing permission."""
    try:
        yield
    except OSError as error:
        if error.errno not in _STORAGE_ERRORS:
            raise
        where, what = error.filename or path, os.strerror(error.errno)
        raise UserError(f"{where}: {what}\n  {_STORAGE_ERRORS[error.errno]}") from error


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """Yield a temporary path next to `path`; renamed to `path` on success, removed on failure."""
    path = Path(path)
    part = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
    with storage_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        part.touch(exist_ok=False)  # gets its mode from the umask
        try:
            yield part
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    with whole_file(path) as part:
        part.write_text(writable(text), encoding="utf-8")


def write_table(
    path: Path, rows: list[dict[str, Any]] | pa.Table, schema: pa.Schema, provenance: dict[str, Any] | None = None
) -> None:
    """Write rows as Parquet (zstd) with `schema`; `provenance` goes into the file's metadata as JSON.

    Raises `pa.ArrowInvalid` if a row does not fit the schema or has an unknown column.
    """
    with table_writer(path, schema, provenance) as write:
        write(rows)


@contextmanager
def table_writer(
    path: Path, schema: pa.Schema, provenance: dict[str, Any] | None = None
) -> Iterator[Callable[[list[dict[str, Any]] | pa.Table], None]]:
    """Like `write_table` for tables that do not fit in memory: yield a function that appends rows."""
    metadata = {_PROVENANCE_KEY: json.dumps(provenance or {}, sort_keys=True)}
    with whole_file(path) as part, pq.ParquetWriter(part, schema.with_metadata(metadata), compression="zstd") as file:

        def write(rows: list[dict[str, Any]] | pa.Table) -> None:
            try:
                table = (rows if isinstance(rows, pa.Table) else _as_table(rows, schema)).cast(schema)
                table.validate(full=True)
            except (ValueError, TypeError) as error:  # base classes of pyarrow's errors
                raise pa.ArrowInvalid(f"{path}: {error}") from error
            file.write_table(table.replace_schema_metadata(metadata))

        yield write


def _as_table(rows: list[dict[str, Any]], schema: pa.Schema) -> pa.Table:
    if unknown := {column for row in rows for column in row} - set(schema.names):  # pyarrow silently drops them
        raise ValueError(f"no such columns: {', '.join(sorted(unknown))}")
    try:
        return pa.Table.from_pylist(rows, schema=schema)
    except UnicodeEncodeError:
        return pa.Table.from_pylist(_written(rows), schema=schema)


def _written(value: Any) -> Any:
    """`value` with all nested texts made writable."""
    if isinstance(value, str):
        return writable(value)
    if isinstance(value, list | tuple):
        return [_written(one) for one in value]
    return {key: _written(one) for key, one in value.items()} if isinstance(value, dict) else value


def read_table(path: Path, schema: pa.Schema, columns: list[str] | None = None, remedy: str | None = None) -> pa.Table:
    """Read a table, or some of its columns. `remedy` says what to do about a table that the workflow does not write.

    Raises `UserError` if it cannot be read, if its columns do not match `schema`, if two rows have the same key, or if
    a column that is read has a value that its declaration lacks.
    """
    path = Path(path)
    if not path.is_file():
        raise UserError(f"{path}: no such file. {remedy or f'Create it with: snakemake --cores all {path}'}")
    with _readable(path, remedy):
        found = pq.read_schema(path).remove_metadata()
    if not found.equals(schema):
        of_found, of_expected = _differences(found, schema)
        raise UserError(
            f"{path}: its columns do not match this version.\n"
            f"  found:    {of_found}\n"
            f"  expected: {of_expected}\n"
            f"  {remedy or 'Remove the file and run the workflow again.'}"
        )
    key = key_of(schema)
    wanted = schema.names if columns is None else columns
    with _readable(path, remedy):
        table = pq.read_table(path, columns=[*wanted, *(name for name in key if name not in wanted)])
    check_rows(str(path), table, schema)
    return table.select(wanted)


def read_undeclared(path: Path, columns: Collection[str], remedy: str) -> pa.Table:
    """Read a table whose types no schema declares. `remedy` says what to do about one that cannot be used.

    Raises `UserError` if it cannot be read or lacks one of the columns.
    """
    if not path.is_file():
        raise UserError(f"{path}: no such file.\n  {remedy}")
    with _readable(path, remedy):
        table = pq.read_table(path)
    if missing := [name for name in columns if name not in table.column_names]:
        more = f", and {len(missing) - _LISTED} more" if len(missing) > _LISTED else ""
        listed = ", ".join(missing[:_LISTED])
        raise UserError(f"{path}: made by another version: missing columns {listed}{more}.\n  {remedy}")
    return table


def _differences(found: pa.Schema, expected: pa.Schema) -> tuple[str, str]:
    """The columns of each that are not so in the other; all of them if only their order differs."""
    sides = [
        [field for field in ours if not any(map(field.equals, theirs))]
        for ours, theirs in ((found, expected), (expected, found))
    ]
    shown = sides if any(sides) else [list(found), list(expected)]
    of_found, of_expected = (
        ", ".join(f"{one.name} {one.type}{'' if one.nullable else ' not null'}" for one in side) or "nothing instead"
        for side in shown
    )
    return of_found, of_expected


def read_batches(path: Path, columns: list[str], rows: int) -> Iterator[list[dict[str, Any]]]:
    """The rows of a table that does not fit in memory, in batches. Raises `UserError` if it cannot be read."""
    with _readable(path), pq.ParquetFile(path) as file:
        for batch in file.iter_batches(rows, columns=columns):
            yield batch.to_pylist()


def read_provenance(path: Path) -> dict[str, Any]:
    """The `provenance` stored by `write_table`."""
    with _readable(path):
        provenance: dict[str, Any] = json.loads((pq.read_schema(path).metadata or {}).get(_PROVENANCE_KEY, b"{}"))
    return provenance


@contextmanager
def _readable(path: Path, remedy: str | None = None) -> Iterator[None]:
    """Turn pyarrow's errors about a truncated or corrupt file into a `UserError`."""
    try:
        yield
    except (pa.ArrowException, OSError) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise
        message = f"{path}: not a Parquet file. {remedy or 'Remove it and run the workflow again.'}\n  {error}"
        raise UserError(message) from error


def check_keys(what: str, found: Iterable[Any], expected: Iterable[Any]) -> None:
    """Raise `UserError` naming the wrong keys unless `found` has each of `expected` exactly once."""
    found, wanted = list(found), set(expected)
    seen = set(found)
    twice = {key for key, count in Counter(found).items() if count > 1}
    errors = {"missing": wanted - seen, "unexpected": seen - wanted, "repeated": twice}
    if any(errors.values()):
        lines = [
            f"  {error}: {len(keys)} ({', '.join(map(str, sorted(keys)[:5]))}{', …' if len(keys) > 5 else ''})"
            for error, keys in errors.items()
            if keys
        ]
        raise UserError("\n".join([f"{what}: expected exactly one row per key", *lines]))


def sha256(data: bytes | str) -> str:
    return hashlib.sha256(data.encode() if isinstance(data, str) else data).hexdigest()

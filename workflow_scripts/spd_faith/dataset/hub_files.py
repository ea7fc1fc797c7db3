"""Finds the files of a split in a dataset repository by their names."""

import re
from collections.abc import Iterable
from fnmatch import fnmatchcase
from pathlib import PurePosixPath

from spd_faith.core.errors import UserError

_SHARD = re.compile(r"-(\d+)-of-(\d+)")


def split_patterns(split: str) -> list[str]:
    """Shell patterns for {split}.parquet, {split}-00000-of-00004.parquet, and files in a folder named {split}."""
    names = [f"{split}.parquet", f"{split}-[0-9]*.parquet", f"{split}/*.parquet"]
    return [pattern for name in names for pattern in (name, f"*/{name}")]


def split_files(names: Iterable[str], split: str) -> list[str]:
    """The names of a split's files, in row order.

    Raises `UserError` if there is none, if a numbered set is incomplete, or if there are two sets, which would
    duplicate the rows.
    """
    names = sorted(name for name in names if name.endswith(".parquet"))
    patterns = split_patterns(split)
    found = [name for name in names if any(fnmatchcase(name, pattern) for pattern in patterns)]
    if not found:
        raise UserError(f"no Parquet file for split '{split}'\n  found: {', '.join(names) or 'no Parquet files'}")
    shards = {name: _shard(name) for name in found}
    sets = {(PurePosixPath(name).parent, total) for name, (_, total) in shards.items()}
    if len(sets) > 1:
        raise UserError(f"split '{split}' has more than one set of files\n  found: {', '.join(found)}")
    _, total = sets.pop()
    if total is not None and {number for number, _ in shards.values()} != set(range(total)):
        raise UserError(f"split '{split}' is missing some of its {total} files\n  found: {', '.join(found)}")
    return found


def _shard(name: str) -> tuple[int, int] | tuple[None, None]:
    """(number, total) of a file in a numbered set."""
    match = _SHARD.search(PurePosixPath(name).name)
    return (int(match[1]), int(match[2])) if match else (None, None)

"""Which files of a dataset repository hold a split, by their names."""

import re
from collections.abc import Iterable
from fnmatch import fnmatchcase
from pathlib import PurePosixPath

from spd_faith.core.errors import UserError

_SHARD = re.compile(r"-(\d+)-of-(\d+)")


def split_patterns(split: str) -> list[str]:
    """Shell patterns of {split}.parquet, {split}-00000-of-00004.parquet, and files in a folder named by the split."""
    names = [f"{split}.parquet", f"{split}-[0-9]*.parquet", f"{split}/*.parquet"]
    return [pattern for name in names for pattern in (name, f"*/{name}")]


def split_files(names: Iterable[str], split: str) -> list[str]:
    """The names of a split's files, in the order of its rows.

    Raises `UserError` where there is none, where one of a numbered set is missing, and where there are two sets: the
    rows would be there twice.
    """
    names = sorted(name for name in names if name.endswith(".parquet"))
    patterns = split_patterns(split)
    found = [name for name in names if any(fnmatchcase(name, pattern) for pattern in patterns)]
    if not found:
        raise UserError(f"no Parquet file of split '{split}'\n  found: {', '.join(names) or 'no Parquet file at all'}")
    shards = {name: _shard(name) for name in found}
    sets = {(PurePosixPath(name).parent, total) for name, (_, total) in shards.items()}
    if len(sets) > 1:
        raise UserError(f"split '{split}' stands in more than one set of files\n  found: {', '.join(found)}")
    _, total = sets.pop()
    if total is not None and {number for number, _ in shards.values()} != set(range(total)):
        raise UserError(f"split '{split}' lacks some of its {total} files\n  found: {', '.join(found)}")
    return found


def _shard(name: str) -> tuple[int, int] | tuple[None, None]:
    """(number, how many there are) of a file of a numbered set."""
    match = _SHARD.search(PurePosixPath(name).name)
    return (int(match[1]), int(match[2])) if match else (None, None)

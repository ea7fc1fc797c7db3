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
    numbers = {name: _SHARD.search(PurePosixPath(name).name) for name in found}
    sets = {(PurePosixPath(name).parent, number and int(number[2])) for name, number in numbers.items()}
    if len(sets) > 1:
        raise UserError(f"split '{split}' stands in more than one set of files\n  found: {', '.join(found)}")
    _, total = sets.pop()
    if total is not None and {int(number[1]) for number in numbers.values()} != set(range(total)):
        raise UserError(f"split '{split}' lacks some of its {total} files\n  found: {', '.join(found)}")
    return found

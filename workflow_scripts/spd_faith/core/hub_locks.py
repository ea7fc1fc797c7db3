"""Locks for the Hugging Face cache of weights and datasets that work on every file system."""

from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from huggingface_hub import file_download

from spd_faith.core.locks import exclusive_lock


def use_own_hub_locks() -> None:
    """Make huggingface_hub lock its cache the way this project locks its folders.

    Its own lock aborts the download if `flock` fails with ENOLCK. Without `flock` it waits forever for a lock file that
    a killed process left behind. According to a comment in its file_download.py the lock only avoids duplicate
    downloads: each download writes its own file and renames it when complete.
    """

    def own_lock(path: str | Path) -> AbstractContextManager[Any]:
        # without `flock`, other programs would take the file itself for a lock
        return exclusive_lock(Path(f"{path}.own"), "files may be downloaded twice")

    file_download.WeakFileLock = own_lock  # type: ignore[attr-defined, assignment]  # replaced on purpose

"""Locks of the Hugging Face hub's cache, for weights and datasets, on every file system."""

from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from huggingface_hub import file_download

from spd_faith.core.locks import exclusive_lock


def use_own_hub_locks() -> None:
    """Let huggingface_hub lock its cache as this project locks its folders.

    Its own lock ends a download where `flock` answers ENOLCK, and waits without end for the file of a killed one where
    there is no `flock`. By a comment in its file_download.py the lock only saves double downloads: each goes to a file
    of its own that is renamed when whole.
    """

    def own_lock(path: str | Path) -> AbstractContextManager[Any]:
        # the file itself would be a lock to other programs, where there is no `flock`
        return exclusive_lock(Path(f"{path}.own"), "files may be fetched twice")

    file_download.WeakFileLock = own_lock  # type: ignore[attr-defined, assignment]  # replaced on purpose

"""The journal: finished work, appended as it ends, so that a killed job loses none of it.

A folder holds one JSON Lines file per writer, created by that writer alone, so two writers cannot mix their lines,
on a network file system either. The first line says who wrote; each other line is a finished record under its key.
"""

import json
import logging
import os
import secrets
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from spd_faith.core.text import writable

log = logging.getLogger(__name__)
_PROVENANCE = "provenance"
_KEY = "key"
_SYNC_SECONDS = 1.0


@dataclass(frozen=True)
class Record:
    """Finished work: its content, and by what it was made."""

    content: dict[str, Any]
    provenance: dict[str, Any]


class Journal:
    """The records of one folder; used as a context, it closes the file that it wrote."""

    def __init__(self, folder: Path) -> None:
        self._folder = Path(folder)
        self._file: int | None = None
        self._synced = 0.0

    def __enter__(self) -> "Journal":
        return self

    def __exit__(self, *exception: object) -> None:
        if self._file is not None:
            self._sync()
            os.close(self._file)
            self._file = None

    def read(self, is_wanted: Callable[[dict[str, Any]], bool] = lambda provenance: True) -> dict[str, Record]:
        """The records of all writers whose provenance `is_wanted`, by key; of equal keys the first by file name."""
        records: dict[str, Record] = {}
        for path in sorted(self._folder.glob("*.jsonl")):
            lines = _whole_lines(path)
            provenance = next(lines, {}).get(_PROVENANCE, {})
            if is_wanted(provenance):
                for content in lines:
                    records.setdefault(content.pop(_KEY), Record(content, provenance))
        return records

    def append(self, key: str, content: Mapping[str, Any], provenance: Mapping[str, Any]) -> None:
        """Write a record; `provenance` is that of the first call.

        When this returns, a kill no longer loses the record; a machine that dies loses at most the last second's.
        """
        if self._file is None:
            self._folder.mkdir(parents=True, exist_ok=True)
            path = self._folder / f"{secrets.token_hex(8)}.jsonl"
            self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o644)
            self._write({_PROVENANCE: dict(provenance)})
        self._write({_KEY: key, **content})
        if time.monotonic() - self._synced > _SYNC_SECONDS:  # each time would cost more than a call on some disks
            self._sync()

    @contextmanager
    def alone(self, name: str) -> Iterator[None]:
        """Wait until no other process works under `name` on this folder, and keep others waiting until the block ends.

        A killed process gives its lock back. Where the file system knows no locks the work goes on without one: it may
        then be done twice, but never mixed.
        """
        self._folder.mkdir(parents=True, exist_ok=True)
        lock = FileLock(self._folder / f"{name}.lock")
        try:
            lock.acquire(blocking=False)
        except Timeout:
            log.warning("another process is at the same work (%s); waiting for it to end", self._folder / name)
            lock.acquire()
        except NotImplementedError:
            log.warning("%s: this file system knows no locks", self._folder)
        try:
            yield
        finally:
            lock.release()

    def _sync(self) -> None:
        assert self._file is not None
        os.fsync(self._file)
        self._synced = time.monotonic()

    def _write(self, line: Mapping[str, Any]) -> None:
        assert self._file is not None
        text = memoryview(writable(json.dumps(line, ensure_ascii=False)).encode() + b"\n")
        while text:  # a disk that fills up takes a part
            text = text[os.write(self._file, text) :]


def _whole_lines(path: Path) -> Iterator[dict[str, Any]]:
    """The lines of a writer's file; one that was cut off by a kill, as the last can be, is dropped."""
    dropped = 0
    with path.open("rb") as file:
        for line in file:
            try:
                yield json.loads(line)
            except ValueError:
                dropped += 1
    if dropped:
        log.warning("%s: %d torn line%s dropped", path, dropped, "s" if dropped > 1 else "")

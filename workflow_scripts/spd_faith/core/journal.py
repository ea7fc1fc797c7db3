"""The journal: finished work, appended as it ends, so that a killed job loses none of it.

A folder holds one JSON Lines file per writer, created by that writer alone, so two writers cannot mix their lines,
on a network file system either. The first line says who wrote; each other line is a finished record under its key.
"""

import errno
import json
import logging
import os
import secrets
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from spd_faith.core.files import storage_errors
from spd_faith.core.locks import exclusive_lock
from spd_faith.core.text import writable

log = logging.getLogger(__name__)
_PROVENANCE = "provenance"
_KEY = "key"
SYNC_SECONDS = 1.0


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
        self._syncs = True

    def __enter__(self) -> "Journal":
        return self

    def __exit__(self, *exception: object) -> None:
        if self._file is not None:
            with storage_errors(self._folder):
                try:
                    self._sync()
                finally:
                    self._close()

    def read(self, is_wanted: Callable[[dict[str, Any]], bool] = lambda provenance: True) -> dict[str, Record]:
        """The records of all writers whose provenance `is_wanted`, by key; of equal keys the first by file name."""
        records: dict[str, Record] = {}
        with storage_errors(self._folder):
            paths = sorted(self._folder.glob("*.jsonl"))
        for path in paths:
            lines = _whole_lines(path)
            provenance = next(lines, {}).get(_PROVENANCE)
            if provenance is not None and is_wanted(provenance):  # None: its writer has only just begun
                for content in lines:
                    records.setdefault(content.pop(_KEY), Record(content, provenance))
        return records

    def append(self, key: str, content: Mapping[str, Any], provenance: Mapping[str, Any]) -> None:
        """Write a record; `provenance` is that of the first call.

        When this returns, a kill no longer loses the record; a machine that dies loses at most the last second's.
        """
        with storage_errors(self._folder):
            if self._file is None:
                self._folder.mkdir(parents=True, exist_ok=True)
                path = self._folder / f"{secrets.token_hex(8)}.jsonl"
                self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o666)
                self._write({_PROVENANCE: dict(provenance)})
            self._write({_KEY: key, **content})
            if time.monotonic() - self._synced > SYNC_SECONDS:  # each time would cost more than a call on some disks
                self._sync()

    @contextmanager
    def alone(self, name: str) -> Iterator[None]:
        """Wait until no other process works under `name` on this folder, and keep others waiting until the block ends.

        A killed process gives its lock back. Where no lock can be taken the work goes on without one, after a warning:
        it may then be done twice, but never mixed.
        """
        with storage_errors(self._folder):
            self._folder.mkdir(parents=True, exist_ok=True)
        with exclusive_lock(self._folder / f"{name}.lock", "work may be done, and paid for, twice, but is never mixed"):
            yield

    def _sync(self) -> None:
        assert self._file is not None
        try:
            os.fsync(self._file)
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.EDQUOT):  # a network file system reports them as late as here
                raise
            if self._syncs:
                log.warning("%s: fsync: %s; a machine that dies may lose records", self._folder, error.strerror)
            self._syncs = False
        self._synced = time.monotonic()

    def _write(self, line: Mapping[str, Any]) -> None:
        assert self._file is not None
        text = memoryview(writable(json.dumps(line, ensure_ascii=False)).encode() + b"\n")
        try:
            while text:  # a disk that fills up takes a part
                text = text[os.write(self._file, text) :]
        except OSError:
            with suppress(OSError):
                self._close()  # the next record, if any, begins a new file and not after a torn line
            raise

    def _close(self) -> None:
        assert self._file is not None
        file, self._file = self._file, None
        os.close(file)


def _whole_lines(path: Path) -> Iterator[dict[str, Any]]:
    """The lines of a writer's file; one that was cut off by a kill, as the last can be, is dropped."""
    dropped = 0
    with storage_errors(path), path.open("rb") as file:
        for line in file:
            try:
                yield json.loads(line)
            except ValueError:
                dropped += 1
    if dropped:
        log.warning("%s: %d torn line%s dropped", path, dropped, "s" if dropped > 1 else "")

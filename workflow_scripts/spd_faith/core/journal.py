"""The journal: completed work, appended as it finishes, so that a killed job loses none of it.

A folder holds one JSON Lines file per writer, so two writers never interleave lines, not even on a network file system.
The first line holds the provenance; every other line is a record with its key.
"""

import errno
import json
import logging
import os
import secrets
import time
from collections.abc import Callable, Collection, Iterator, Mapping
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
    """Completed work: its content and its provenance."""

    content: dict[str, Any]
    provenance: dict[str, Any]


class Journal:
    """The records of one folder; as a context manager it closes the file it writes."""

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
        """The records of all writers whose provenance `is_wanted`, by key; for duplicate keys the first file wins."""
        records: dict[str, Record] = {}
        with storage_errors(self._folder):
            paths = sorted(self._folder.glob("*.jsonl"))
        for path in paths:
            lines = _whole_lines(path)
            provenance = next(lines, {}).get(_PROVENANCE)
            if provenance is not None and is_wanted(provenance):  # None: the writer has just started
                for content in lines:
                    records.setdefault(content.pop(_KEY), Record(content, provenance))
        return records

    def contents(self, keys: Collection[str]) -> dict[str, dict[str, Any]]:
        """The contents of the records with these keys; only they are in memory."""
        contents: dict[str, dict[str, Any]] = {}
        with storage_errors(self._folder):
            paths = sorted(self._folder.glob("*.jsonl"))
        for path in paths:
            for line in _whole_lines(path):
                if line.get(_KEY) in keys:
                    contents.setdefault(line.pop(_KEY), line)
        return contents

    def append(self, key: str, content: Mapping[str, Any], provenance: Mapping[str, Any]) -> None:
        """Write a record; the `provenance` of the first call is stored.

        Once this returns, killing the process cannot lose the record; a machine crash loses at most the last second.
        """
        with storage_errors(self._folder):
            if self._file is None:
                self._folder.mkdir(parents=True, exist_ok=True)
                path = self._folder / f"{secrets.token_hex(8)}.jsonl"
                self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o666)
                self._write({_PROVENANCE: dict(provenance)})
            self._write({_KEY: key, **content})
            if time.monotonic() - self._synced > SYNC_SECONDS:  # on some disks a sync takes longer than a call
                self._sync()

    @contextmanager
    def alone(self, name: str) -> Iterator[None]:
        """Hold the lock `name` of this folder until the block ends, after waiting for other processes.

        Killing the process releases the lock. If locking fails, log a warning and continue without: work may then be
        done twice, but records are never mixed up.
        """
        with storage_errors(self._folder):
            self._folder.mkdir(parents=True, exist_ok=True)
        with exclusive_lock(self._folder / f"{name}.lock", "work may be done and paid for twice (records stay intact)"):
            yield

    def _sync(self) -> None:
        assert self._file is not None
        try:
            os.fsync(self._file)
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.EDQUOT):  # network file systems may report these only now
                raise
            if self._syncs:
                log.warning("%s: fsync: %s; a machine crash may lose records", self._folder, error.strerror)
            self._syncs = False
        self._synced = time.monotonic()

    def _write(self, line: Mapping[str, Any]) -> None:
        assert self._file is not None
        text = memoryview(writable(json.dumps(line, ensure_ascii=False)).encode() + b"\n")
        try:
            while text:  # on a full disk, a write may be partial
                text = text[os.write(self._file, text) :]
        except OSError:
            with suppress(OSError):
                self._close()  # the next record must start a new file, not follow a torn line
            raise

    def _close(self) -> None:
        assert self._file is not None
        file, self._file = self._file, None
        os.close(file)


def _whole_lines(path: Path) -> Iterator[dict[str, Any]]:
    """The lines of a writer's file; lines cut off by a kill are dropped."""
    dropped = 0
    with storage_errors(path), path.open("rb") as file:
        for line in file:
            try:
                yield json.loads(line)
            except ValueError:
                dropped += 1
    if dropped:
        log.warning("%s: dropped %d incomplete line%s", path, dropped, "s" if dropped > 1 else "")

"""What an engine leaves on its node: processes, shared memory segments, sockets; and how to end and remove them.

Each engine has a folder in the node's temporary directory for its sockets, with a record of its processes and segments
and a lock that its guard holds. If even the guard is killed, the lock is free, and the next start on the node ends and
removes what the record names: nothing else is touched. Reads `/proc`, so it requires Linux.
"""

import fcntl
import json
import logging
import os
import shutil
import signal
import socket
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

log = logging.getLogger(__name__)

PREFIX = "spd-faith-engine-"
LOCK = "lock"
_RECORD = "record.jsonl"
_SEGMENTS = "/dev/shm/"
_YOUNGEST_SECONDS = 60.0  # a folder without a lock may be about to get one
_KILL_SECONDS = 5.0


class Process(NamedTuple):
    """A process; a later one with the same id has another start time."""

    id: int
    started: int
    """Clock ticks since boot."""


@dataclass
class Found:
    """Living processes of the node, from one reading of `/proc`."""

    parents: dict[int, int] = field(default_factory=dict)
    sessions: dict[int, int] = field(default_factory=dict)
    started: dict[int, int] = field(default_factory=dict)

    def members(self, roots: Iterable[int], session: int | None = None) -> set[Process]:
        """The processes `roots`, all their descendants, and all processes of the session."""
        children: dict[int, list[int]] = {}
        for number, parent in self.parents.items():
            children.setdefault(parent, []).append(number)
        waiting = [*roots, *(number for number, of in self.sessions.items() if of == session)]
        members: set[int] = set()
        while waiting:
            number = waiting.pop()
            if number not in members:
                members.add(number)
                waiting += children.get(number, [])
        return {Process(number, self.started[number]) for number in members if number in self.started}


def living() -> Found:
    """All processes that this user can see, without zombies."""
    found = Found()
    for name in filter(str.isdigit, (one.name for one in Path("/proc").iterdir())):
        with suppress(OSError, ValueError, IndexError):
            # the name in parentheses may hold spaces and parentheses
            fields = Path("/proc", name, "stat").read_text(errors="replace").rpartition(")")[2].split()
            if fields[0] not in "ZX":
                number = int(name)
                found.parents[number], found.sessions[number] = int(fields[1]), int(fields[3])
                found.started[number] = int(fields[19])
    return found


def segments_of(processes: Iterable[Process]) -> set[str]:
    """The shared memory segments that the processes have mapped and that still have a name."""
    names: set[str] = set()
    for process in processes:
        with suppress(OSError):
            for line in Path("/proc", str(process.id), "maps").read_text(errors="replace").splitlines():
                _, found, name = line.partition(_SEGMENTS)
                if found and not name.endswith(" (deleted)"):
                    names.add(name)
    return names


class Record:
    """The processes and segments of an engine, appended to a file in its folder as they are found."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / _RECORD
        self.processes: set[Process] = set()
        self.segments: set[str] = set()

    def begin(self) -> None:
        """Record which machine and which of its namespaces the process ids belong to."""
        self._append({"node": _node()})

    def add(self, processes: set[Process], segments: set[str]) -> None:
        """Record what is new."""
        lines: list[dict[str, object]] = [{"process": one} for one in sorted(processes - self.processes)]
        lines += [{"segment": name} for name in sorted(segments - self.segments)]
        if lines:
            self._append(*lines)
            self.processes |= processes
            self.segments |= segments

    def read(self) -> dict[str, str] | None:
        """Read the file; returns the recorded node, or None if there is none."""
        node = None
        with suppress(OSError):
            for line in self._file.read_text().splitlines():
                with suppress(ValueError):  # cut off by a full disk
                    content = json.loads(line)
                    node = content.get("node", node)
                    if "process" in content:
                        self.processes.add(Process(*content["process"]))
                    if "segment" in content:
                        self.segments.add(content["segment"])
        return node

    def _append(self, *lines: dict[str, object]) -> None:
        with self._file.open("a") as file:
            file.writelines(json.dumps(line) + "\n" for line in lines)


def end(processes: set[Process], number: int) -> None:
    """Send a signal to those that still live."""
    started = living().started
    for process in processes:
        if started.get(process.id) == process.started:
            with suppress(OSError):
                os.kill(process.id, number)


def kill(processes: set[Process]) -> set[Process]:
    """Kill the processes and all their descendants; returns those that live on."""
    deadline = time.monotonic() + _KILL_SECONDS
    while alive := _alive(processes):
        processes = living().members(process.id for process in alive) | alive
        end(processes, signal.SIGKILL)
        if time.monotonic() > deadline:
            break
        time.sleep(0.05)
    return alive


def _alive(processes: set[Process]) -> set[Process]:
    started = living().started
    return {process for process in processes if started.get(process.id) == process.started}


def remove_segments(names: set[str]) -> list[str]:
    """Remove the segments that no process has mapped any more; returns their names."""
    started = living().started
    used = segments_of(Process(number, ticks) for number, ticks in started.items()) if names else set()
    removed = []
    for name in sorted(names - used):
        with suppress(OSError):
            Path(_SEGMENTS, name).unlink()
            removed.append(name)
    return removed


def locked_folder(parents: Iterable[Path], longest_name: int, longest_path: int) -> tuple[Path, int]:
    """A new private folder for an engine, and the descriptor of its lock.

    It lies in the first of `parents` in which the path of a file with a name of `longest_name` bytes has at most
    `longest_path` bytes, else in the first.
    """
    choices = list(parents)
    fitting = [one for one in choices if len(os.fsencode(one)) + len(PREFIX) + 10 + longest_name <= longest_path]
    folder = Path(tempfile.mkdtemp(prefix=PREFIX, dir=(fitting or choices)[0]))
    descriptor = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT, 0o600)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    return folder, descriptor


def sweep(parents: Iterable[Path]) -> None:
    """End and remove the remains of this user's engines on this node whose guards were killed."""
    for folder in _folders(parents):
        if (descriptor := _take(folder)) is None:
            continue
        try:
            record = Record(folder)
            node = record.read()
            if node is None or node["host"] == _node()["host"]:
                ended, removed = set[Process](), list[str]()
                if node == _node():
                    ended = _alive(record.processes)
                    kill(record.processes)
                    removed = remove_segments(record.segments)
                shutil.rmtree(folder, ignore_errors=True)
                counts = f"ended {len(ended)} processes, removed {len(removed)} shared memory segments"
                log.warning("the job of an earlier engine was killed; %s and %s", counts, folder)
        finally:
            os.close(descriptor)


def _folders(parents: Iterable[Path]) -> Iterator[Path]:
    for parent in dict.fromkeys(parents):
        for folder in sorted(parent.glob(f"{PREFIX}*")):
            with suppress(OSError):
                status = folder.lstat()
                if status.st_uid == os.getuid() and folder.is_dir() and not folder.is_symlink():
                    yield folder


def _take(folder: Path) -> int | None:
    """The lock of a folder whose guard is gone, as a descriptor; None if it is in use."""
    try:
        descriptor = os.open(folder / LOCK, os.O_RDWR)
    except OSError:
        with suppress(OSError):
            if time.time() - folder.lstat().st_mtime > _YOUNGEST_SECONDS:
                return os.open(folder, os.O_RDONLY)
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        return None
    return descriptor


def _node() -> dict[str, str]:
    """The machine, its boot and its namespace of process ids."""
    boot = namespace = ""
    with suppress(OSError):
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        namespace = str(Path("/proc/self/ns/pid").readlink())
    return {"host": socket.gethostname(), "boot": boot, "namespace": namespace}

"""What an engine leaves on its node: processes, shared memory segments, sockets; and how to end and remove them.

Each engine has a folder in the node's temporary directory for its sockets and temporary files, with a record of its
processes and segments. Its guard holds a lock on the folder. If even the guard is killed, the lock is free, and the
next start on the node ends and removes what the record names and what was started with the folder in its environment:
nothing else is touched. Reads `/proc`, so it requires Linux.
"""

import fcntl
import json
import logging
import os
import shutil
import signal
import socket
import stat
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from spd_faith.core.errors import UserError

log = logging.getLogger(__name__)

PREFIX = "spd-faith-engine."
_RECORD = "record.jsonl"
_SEGMENTS = Path("/dev/shm")
_LONGEST_SOCKET_NAME = 36  # an engine's own sockets are named by UUIDs
_YOUNGEST_SECONDS = 60.0  # a folder without a record may be about to get its lock
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
        number = int(name)
        if status := _status(number):
            found.parents[number], found.sessions[number], found.started[number] = status
    return found


def _status(process: int) -> tuple[int, int, int] | None:
    """Parent, session and start time of a process; None if it ended."""
    try:  # the name in parentheses may hold spaces and parentheses
        fields = Path(f"/proc/{process}/stat").read_text(errors="replace").rpartition(")")[2].split()
        return None if fields[0] in "ZX" else (int(fields[1]), int(fields[3]), int(fields[19]))
    except (OSError, ValueError, IndexError):
        return None


def existing_segments() -> set[str]:
    """Names of all shared memory segments of the node."""
    with suppress(OSError):
        return {one.name for one in _SEGMENTS.iterdir()}
    return set()


def segments_of(processes: Iterable[Process]) -> set[str]:
    """The shared memory segments that the processes have mapped and that still have a name.

    Told by their inodes: a semaphore is mapped under a temporary name that is removed before the engine serves.
    """
    mapped: set[int] = set()
    for process in processes:
        with suppress(OSError):
            for line in Path(f"/proc/{process.id}/maps").read_text(errors="replace").splitlines():
                fields = line.split(maxsplit=5)  # address, rights, offset, device, inode, path
                if fields[-1].startswith(f"{_SEGMENTS}/"):
                    mapped.add(int(fields[4]))
    return {name for name, inode in _inodes().items() if inode in mapped}


def _inodes() -> dict[str, int]:
    found = {}
    for name in existing_segments():
        with suppress(OSError):
            found[name] = (_SEGMENTS / name).lstat().st_ino
    return found


class Record:
    """The processes and segments of an engine, appended to a file in its folder as they are found.

    A segment that was there before the engine is none of its own, such as weights that a user keeps in memory.
    """

    def __init__(self, folder: Path) -> None:
        self._file = folder / _RECORD
        self._foreign: set[str] = set()
        self.processes: set[Process] = set()
        self.segments: set[str] = set()

    def begin(self) -> None:
        """Record which machine and which of its namespaces the process ids belong to, and the segments of others."""
        self._foreign = existing_segments()
        self._append({"node": _node()}, {"foreign": sorted(self._foreign)})

    def add(self, processes: set[Process]) -> None:
        """Record what is new: the processes, and the segments that they have mapped."""
        segments = segments_of(processes) - self._foreign - self.segments
        lines: list[dict[str, Any]] = [{"process": one} for one in sorted(processes - self.processes)]
        lines += [{"segment": name} for name in sorted(segments)]
        self.processes |= processes
        self.segments |= segments
        if lines:
            self._append(*lines)

    def read(self) -> dict[str, str] | None:
        """Read the file; returns the recorded node, or None if there is none."""
        node = None
        with suppress(OSError):
            for line in self._file.read_text(errors="replace").splitlines():
                match _content(line):
                    case {"node": {"host": str(), "boot": str(), "namespace": str()} as stated}:
                        node = stated
                    case {"process": [int(number), int(started)]}:
                        self.processes.add(Process(number, started))
                    case {"segment": str(name)}:
                        self.segments.add(name)
                    case {"foreign": list(names)}:
                        self._foreign = {name for name in names if isinstance(name, str)}
        return node

    def _append(self, *lines: dict[str, Any]) -> None:
        try:
            with self._file.open("a") as file:  # the first line break ends a line that a full disk cut off
                file.write("\n" + "\n".join(map(json.dumps, lines)) + "\n")
        except OSError as error:  # the engine runs on, and its guard ends it
            log.warning("%s: %s; if the job and the engine's guard are killed, processes may stay", self._file, error)


def _content(line: str) -> object:
    try:
        return json.loads(line)
    except ValueError:
        return None


def end(processes: Iterable[Process], number: int) -> None:
    """Send a signal to those that still live."""
    for process in processes:
        if _lives(process):
            with suppress(OSError):
                os.kill(process.id, number)


def kill(find: Callable[[], set[Process]]) -> set[Process]:
    """Kill what `find` finds, until it finds nothing or 5 seconds passed; returns all that were found."""
    deadline = time.monotonic() + _KILL_SECONDS
    found: set[Process] = set()
    while (alive := find()) and time.monotonic() < deadline:
        found |= alive
        end(alive, signal.SIGKILL)
        time.sleep(0.05)
    return found


def _lives(process: Process) -> bool:
    status = _status(process.id)
    return status is not None and status[-1] == process.started


def remove_segments(names: set[str]) -> list[str]:
    """Remove the segments of this user that no process has mapped any more; returns their names."""
    started = living().started
    used = segments_of(Process(number, ticks) for number, ticks in started.items()) if names else set()
    removed = []
    for path in (_SEGMENTS / name for name in sorted(names - used)):
        with suppress(OSError, ValueError):
            status = path.lstat()
            if path.parent == _SEGMENTS and status.st_uid == os.getuid() and stat.S_ISREG(status.st_mode):
                path.unlink()
                removed.append(path.name)
    return removed


@dataclass(frozen=True)
class LockedFolder:
    """A new private folder for an engine."""

    path: Path
    lock: int
    """Descriptor that holds the lock."""
    holds_sockets: bool
    """Whether its path is short enough for the sockets of an engine, and its file system knows sockets."""


def locked_folder(parents: Sequence[Path]) -> LockedFolder:
    """A new folder in the first of `parents` that holds sockets, else in the first that knows locks.

    Raises `UserError` if there is none.
    """
    refusals = {}
    for holds_sockets in (True, False):
        for parent in dict.fromkeys(parents):
            try:
                return _try_locked_folder(parent, holds_sockets)
            except OSError as error:
                refusals[parent] = error.strerror or error
    reasons = "; ".join(f"{parent}: {reason}" for parent, reason in refusals.items())
    raise UserError(f"no folder for an engine: {reasons}; set TMPDIR to a folder of a disk of this machine")


def _try_locked_folder(parent: Path, holds_sockets: bool) -> LockedFolder:
    folder = Path(tempfile.mkdtemp(prefix=PREFIX, dir=parent))
    lock = None
    try:
        lock = os.open(folder, os.O_RDONLY)  # the folder itself: programs that clean up leave a locked one alone
        fcntl.flock(lock, fcntl.LOCK_EX)
        if holds_sockets:
            path = folder / ("s" * _LONGEST_SOCKET_NAME)
            with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
                probe.bind(os.fspath(path))
            path.unlink()
        return LockedFolder(folder, lock, holds_sockets)
    except BaseException:
        if lock is not None:
            os.close(lock)
        shutil.rmtree(folder, ignore_errors=True)
        raise


def sweep(parents: Iterable[Path]) -> None:
    """End and remove the remains of this user's engines on this node whose guards were killed."""
    for parent in dict.fromkeys(parents):
        for folder in sorted(parent.glob(f"{PREFIX}*")):
            sweep_folder(folder)


def sweep_folder(folder: Path) -> None:
    """End and remove the remains of an engine, if its guard was killed and its processes can be seen from here."""
    if (lock := _take(folder)) is None:
        return
    try:
        record = Record(folder)
        if not _may_remove(folder, node := record.read()):
            return
        ended, removed = set[Process](), list[str]()
        if node == _node():
            record.add(_remaining(record, folder))
            ended = kill(lambda: _remaining(record, folder))
            removed = remove_segments(record.segments)
        shutil.rmtree(folder, ignore_errors=True)
        counts = f"ended {len(ended)} processes, removed {len(removed)} shared memory segments"
        log.warning("the guard of an earlier engine was killed; %s and %s", counts, folder)
    finally:
        os.close(lock)


def _take(folder: Path) -> int | None:
    """The lock of a folder of this user whose guard is gone, as a descriptor; None if it is in use."""
    try:
        lock = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    except OSError:
        return None
    try:
        if os.fstat(lock).st_uid == os.getuid():
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return lock
    except OSError:
        pass
    os.close(lock)
    return None


def _may_remove(folder: Path, node: dict[str, str] | None) -> bool:
    """Whether the folder is of no use any more, if its lock is free."""
    try:
        age = time.time() - folder.lstat().st_mtime
    except OSError:  # another start removed it
        return False
    if node is None:
        return age > _YOUNGEST_SECONDS
    here = _node()
    return node == here or (node["host"] == here["host"] and node["boot"] != here["boot"])


def _remaining(record: Record, folder: Path) -> set[Process]:
    """The living processes of the record, those that were started with the folder in their environment, and theirs."""
    found = living()
    recorded = (one.id for one in record.processes if found.started.get(one.id) == one.started)
    return found.members([*recorded, *filter(lambda number: _environment_has(number, folder), found.started)])


def _environment_has(process: int, folder: Path) -> bool:
    with suppress(OSError):
        variables = Path(f"/proc/{process}/environ").read_bytes().split(b"\0")
        return any(variable.partition(b"=")[2] == os.fsencode(folder) for variable in variables)
    return False


def _node() -> dict[str, str]:
    """The machine, its boot and its namespace of process ids."""
    boot = namespace = ""
    with suppress(OSError):
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        namespace = str(Path("/proc/self/ns/pid").readlink())
    return {"host": socket.gethostname(), "boot": boot, "namespace": namespace}

"""Locks that keep two jobs from the same work, the same slot or the same GPU.

Every lock is one of the operating system, on a file: it ends with its holder, however that ends. Linux passes `flock`
on to the server of an NFS or SMB mount, so it holds between nodes there. `lockf` would reach no further, and its locks
do not separate two holders in one process. A file whose mere existence is the lock, as filelock uses where `flock` is
missing, is never taken: a job killed on another node would leave it behind, to be waited for without end.

Where no lock can be had the work goes on without one, after a warning. So a lock saves work; it must never be what
keeps files whole.
"""

import errno
import fcntl
import logging
import os
import pwd
import random
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

log = logging.getLogger(__name__)
POLL_SECONDS = 1.0
REPORT_SECONDS = 60.0
_HELD = {errno.EAGAIN, errno.EACCES}  # SMB servers answer EACCES where another holds the lock
_warned: set[tuple[Path, int | None]] = set()


class Lock:
    """A lock held by this process until `release`; without a descriptor, leave to go on without one."""

    def __init__(self, descriptor: int | None = None) -> None:
        self._descriptor = descriptor

    @property
    def is_held(self) -> bool:
        return self._descriptor is not None

    def __enter__(self) -> "Lock":
        return self

    def __exit__(self, *exception: object) -> None:
        self.release()

    def release(self) -> None:
        """Give the lock back."""
        if self._descriptor is None:
            return
        with suppress(OSError):  # opened for reading, or a full disk
            os.ftruncate(self._descriptor, 0)
        with suppress(OSError):  # closing a file gives its lock back, whatever a network file system answers
            os.close(self._descriptor)
        self._descriptor = None


def try_lock(path: Path, consequence: str) -> Lock | None:
    """The lock on the file `path`, or None while somebody else holds it.

    Where no lock can be had, the lock returned holds nothing, and one warning per folder says so with the
    `consequence`. The file names its holder for those who wait.
    """
    descriptor = None
    try:
        descriptor = _open(path)
        _flock(descriptor)
    except OSError as error:
        if descriptor is not None:
            with suppress(OSError):
                os.close(descriptor)
            if error.errno in _HELD:
                return None
        _warn_once(path.parent, error, consequence)
        return Lock()
    with suppress(OSError):
        os.ftruncate(descriptor, 0)
        os.write(descriptor, _this_process().encode())
    return Lock(descriptor)


@contextmanager
def exclusive_lock(path: Path, consequence: str) -> Iterator[Lock]:
    """Hold the lock on the file `path`, after waiting for whoever holds it; as `try_lock`."""
    pauses = pause_and_report(
        lambda: f"another process is at the same work ({path}): {holder(path) or 'nothing is known of it'}"
    )
    while (lock := try_lock(path, consequence)) is None:
        next(pauses)
    with lock:
        yield lock


def pause_and_report(reason: Callable[[], str]) -> Iterator[None]:
    """A pause at each `next`; logs at the first, and then every minute, the `reason` of waiting."""
    reported = float("-inf")
    while True:
        if time.monotonic() - reported >= REPORT_SECONDS:
            log.warning("waiting: %s", reason())
            reported = time.monotonic()
        time.sleep(POLL_SECONDS * random.uniform(0.5, 1.5))  # two that wait for each other's part do not stay in step
        yield


def holder(path: Path) -> str:
    """Who holds the lock on `path`, as far as its file says; empty where nothing is known."""
    try:
        text = path.read_text(errors="replace")[:200]
    except OSError:
        text = ""
    return "".join(filter(str.isprintable, text))


def _open(path: Path) -> int:
    """A descriptor of the lock file; for reading where somebody else's file, or a read-only folder, allows no more."""
    refusals = []
    # O_CREAT is refused on others' files in a folder like /tmp
    for flags in (os.O_RDWR | os.O_CREAT, os.O_RDWR, os.O_RDONLY):
        try:
            return os.open(path, flags | os.O_NOFOLLOW, 0o666)  # anybody may have placed a link there
        except OSError as error:
            refusals.append(error)
    raise refusals[0]


def _flock(descriptor: int) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno != errno.EBADF:
            raise
        # NFS locks a file opened for reading in shared mode alone: that excludes whoever may write the file.
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)


def _this_process() -> str:
    try:
        user = pwd.getpwuid(os.getuid()).pw_name
    except KeyError:  # a container need not know the user
        user = f"user {os.getuid()}"
    job = f" (Slurm job {os.environ['SLURM_JOB_ID']})" if "SLURM_JOB_ID" in os.environ else ""
    since = time.strftime("%Y-%m-%d %H:%M:%S %Z")
    return f"held by {user}, process {os.getpid()} on {socket.gethostname()}{job}, since {since}"


def _warn_once(folder: Path, error: OSError, consequence: str) -> None:
    if (folder, error.errno) not in _warned:
        _warned.add((folder, error.errno))
        log.warning("%s: no lock can be taken here (%s), so %s", folder, error.strerror, consequence)

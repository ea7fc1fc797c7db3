"""Locks that keep two jobs from the same work, the same slot or the same GPU.

Every lock is an operating system lock on a file, released when its holder exits for any reason. Linux forwards `flock`
to the server of an NFS or SMB mount, so it works between nodes. `lockf` reaches no further, and does not separate two
holders within one process. Lock files whose mere existence is the lock, as filelock uses without `flock`, are not an
option: a job killed on another node would leave one behind, and others would wait forever.

If locking fails, the work continues without a lock after a warning. So locks only avoid duplicate work; file integrity
must never depend on them.
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
_HELD = {errno.EAGAIN, errno.EACCES}  # SMB servers return EACCES for a held lock
_warned: set[tuple[Path, int | None]] = set()


class Lock:
    """A lock held by this process until `release`; without a descriptor it holds nothing and work may continue."""

    def __init__(self, descriptor: int | None = None) -> None:
        self._descriptor = descriptor

    @property
    def is_held(self) -> bool:
        return self._descriptor is not None

    @property
    def descriptor(self) -> int | None:
        """The open file that holds the lock. A process that inherits it holds the lock, too, until it ends."""
        return self._descriptor

    def __enter__(self) -> "Lock":
        return self

    def __exit__(self, *exception: object) -> None:
        self.release()

    def release(self) -> None:
        """Release the lock."""
        if self._descriptor is None:
            return
        with suppress(OSError):  # opened for reading, or a full disk
            os.ftruncate(self._descriptor, 0)
        with suppress(OSError):  # closing the file releases the lock, even if a network file system reports an error
            os.close(self._descriptor)
        self._descriptor = None


def try_lock(path: Path, consequence: str) -> Lock | None:
    """The lock on the file `path`, or None while another process holds it.

    If locking fails, the returned lock holds nothing, and one warning per folder names the `consequence`. The holder
    writes who it is into the file, for those who wait.
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
    """Hold the lock on the file `path`, waiting for it if necessary; otherwise like `try_lock`."""
    pauses = pause_and_report(
        lambda: f"another process is doing the same work ({path}): {holder(path) or 'holder unknown'}"
    )
    while (lock := try_lock(path, consequence)) is None:
        next(pauses)
    with lock:
        yield lock


def pause_and_report(reason: Callable[[], str]) -> Iterator[None]:
    """Each `next` pauses; the first one and then one per minute logs the `reason` for waiting."""
    reported = float("-inf")
    while True:
        if time.monotonic() - reported >= REPORT_SECONDS:
            log.warning("waiting: %s", reason())
            reported = time.monotonic()
        time.sleep(POLL_SECONDS * random.uniform(0.5, 1.5))  # jitter, so two jobs never retry in step
        yield


def holder(path: Path) -> str:
    """Who holds the lock on `path`, according to the file; empty if unknown."""
    try:
        text = path.read_text(errors="replace")[:200]
    except OSError:
        text = ""
    return "".join(filter(str.isprintable, text))


def _open(path: Path) -> int:
    """A descriptor of the lock file; read-only if another user's file or a read-only folder allows no more."""
    refusals = []
    # in folders like /tmp, O_CREAT fails on other users' files
    for flags in (os.O_RDWR | os.O_CREAT, os.O_RDWR, os.O_RDONLY):
        try:
            return os.open(path, flags | os.O_NOFOLLOW, 0o666)  # anyone could have put a link there
        except OSError as error:
            refusals.append(error)
    raise refusals[0]


def _flock(descriptor: int) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno != errno.EBADF:
            raise
        # On NFS a read-only file allows only a shared lock; that still excludes everyone who may write the file.
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)


def _this_process() -> str:
    try:
        user = pwd.getpwuid(os.getuid()).pw_name
    except KeyError:  # unknown user, as in some containers
        user = f"user {os.getuid()}"
    job = f" (Slurm job {os.environ['SLURM_JOB_ID']})" if "SLURM_JOB_ID" in os.environ else ""
    since = time.strftime("%Y-%m-%d %H:%M:%S %Z")
    return f"held by {user}, process {os.getpid()} on {socket.gethostname()}{job}, since {since}"


def _warn_once(folder: Path, error: OSError, consequence: str) -> None:
    if (folder, error.errno) not in _warned:
        _warned.add((folder, error.errno))
        log.warning("%s: locking failed (%s): %s", folder, error.strerror, consequence)

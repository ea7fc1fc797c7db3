"""Runs an engine and ends all of its processes, however the job that started it ends.

The job holds the other end of the guard's standard input, so even after a SIGKILL of the job the guard reads the end of
the file. Signals to the job's process group or to a whole Slurm step (Ctrl-C, scancel, time limit) do not end the
guard: only the job says when. A SIGTERM during an engine's start may be lost, so it is repeated, then SIGKILL follows.
"""

import ctypes
import os
import select
import shutil
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

from spd_faith.endpoints.engine.remains import Process, Record, end, kill, living, remove_segments

SIGNALS = frozenset({signal.SIGINT, signal.SIGTERM, signal.SIGHUP})
"""Signals that do not end the guard. The job starts it with these blocked."""
NOT_FOUND, NOT_EXECUTABLE = 127, 126
"""Exit codes of an engine that could not be started, as of a shell."""
_PATIENCE_SECONDS = 8.0  # to stop without a SIGKILL; with what follows within Slurm's default KillWait of 30 seconds
_PATIENCE_AFTER_DEATH_SECONDS = 1.0  # the error of the job waits for it
_REPEAT_SECONDS = 2.0
_POLL_SECONDS = 0.1
_LOOK_SECONDS = 0.5
_LOOK_FRACTION = 0.05  # max fraction of the time that is spent on looking at the processes of the node
_PR_SET_CHILD_SUBREAPER = 36


def guard(folder: Path, log_file: Path, command: list[str]) -> int:
    """Run the command until it ends or the job does; returns its exit code (128 + N after signal N).

    Removes its processes, its shared memory segments and `folder`. `log_file` gets its output.
    """
    job = os.getppid()
    for number in SIGNALS:
        signal.signal(number, lambda *_: None)  # not SIG_IGN, which the engine would inherit
    signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)
    with suppress(OSError, AttributeError):  # orphans of the engine become children of the guard
        ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    record = Record(folder)
    try:
        record.begin()
        return _run(job, log_file, command, record)
    finally:
        remove_segments(record.segments)
        shutil.rmtree(folder, ignore_errors=True)


def _run(job: int, log_file: Path, command: list[str], record: Record) -> int:
    with log_file.open("ab") as output:
        try:
            engine = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True
            )
        except OSError as error:
            output.write(f"{command[0]}: {error.strerror}\n".encode())
            return NOT_FOUND if isinstance(error, FileNotFoundError) else NOT_EXECUTABLE
    code, patience = None, _PATIENCE_SECONDS
    try:
        code = _watch(engine.pid, job, record)
        if code is not None:
            patience = _PATIENCE_AFTER_DEATH_SECONDS
    finally:
        _end_all(engine.pid, record, patience)
    return 0 if code is None else code if code >= 0 else 128 - code


def _watch(engine: int, job: int, record: Record) -> int | None:
    """Wait for the end; returns the engine's exit code, or None if it still runs and the job does not."""
    next_look = time.monotonic()
    while (code := _reap(engine)) is None:
        started = time.monotonic()
        if started >= next_look:
            record.add(_members(engine))
            took = time.monotonic() - started
            next_look = started + max(_LOOK_SECONDS, took / _LOOK_FRACTION)
        if select.select([sys.stdin], [], [], _POLL_SECONDS)[0] and not os.read(sys.stdin.fileno(), 1):
            return None
        if os.getppid() != job:  # it was killed, and a process that it forked holds the other end of the input
            return None
    return code


def _members(engine: int) -> set[Process]:
    found = living()
    return {one for one in found.members([os.getpid()], engine) if one.id != os.getpid()}


def _reap(engine: int) -> int | None:
    """Collect ended children, which include the engine's orphans; returns the exit code of the engine if it ended."""
    code = None
    with suppress(ChildProcessError):
        while True:
            number, status = os.waitpid(-1, os.WNOHANG)
            if number == 0:
                break
            if number == engine:
                code = os.waitstatus_to_exitcode(status)
    return code


def _end_all(engine: int, record: Record, patience: float) -> None:
    deadline = time.monotonic() + patience
    asked = float("-inf")
    while (members := _members(engine)) and time.monotonic() < deadline:
        record.add(members)
        if time.monotonic() - asked > _REPEAT_SECONDS:
            end(members, signal.SIGTERM)
            asked = time.monotonic()
        _reap(engine)
        time.sleep(_POLL_SECONDS)
    kill(lambda: _members(engine))
    _reap(engine)

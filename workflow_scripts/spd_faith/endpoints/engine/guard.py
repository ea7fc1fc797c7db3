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
import time
from contextlib import suppress
from pathlib import Path

from spd_faith.endpoints.engine.remains import Process, Record, end, kill, living, remove_segments, segments_of

PATIENCE_SECONDS = 8.0
"""Time to stop without a SIGKILL. With what follows it ends within Slurm's default KillWait of 30 seconds."""
_REPEAT_SECONDS = 2.0
_POLL_SECONDS = 0.2
_SEGMENTS_EVERY = 5  # polls; reading the maps of a large process takes milliseconds
_PR_SET_CHILD_SUBREAPER = 36


def guard(folder: Path, log_file: Path, command: list[str]) -> int:
    """Run the command until it ends or standard input closes; returns its exit code (128 + N after signal N).

    Removes its processes, its shared memory segments and `folder`. `log_file` gets its output.
    """
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: None)  # not SIG_IGN, which the engine would inherit
    with suppress(OSError, AttributeError):  # orphans of the engine become children of the guard
        ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    record = Record(folder)
    record.begin()
    try:
        with log_file.open("ab") as output:
            engine = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True
            )
    except OSError as error:
        with log_file.open("a") as output:
            output.write(f"{command[0]}: {error.strerror}\n")
        shutil.rmtree(folder, ignore_errors=True)
        return 127
    status = _watch(engine.pid, record)
    _end_all(engine.pid, record)
    remove_segments(record.segments)
    shutil.rmtree(folder, ignore_errors=True)
    return 0 if status is None else status if status >= 0 else 128 - status


def _watch(engine: int, record: Record) -> int | None:
    """Wait for the end; returns the engine's exit code, or None if it still runs."""
    polls = 0
    while True:
        members = _members(engine)
        record.add(members, segments_of(members) if polls % _SEGMENTS_EVERY == 0 else set())
        polls += 1
        if (status := _reap(engine)) is not None:
            return status
        if select.select([0], [], [], _POLL_SECONDS)[0] and not os.read(0, 1):
            return None


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


def _end_all(engine: int, record: Record) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    asked = float("-inf")
    while (members := _members(engine)) and time.monotonic() < deadline:
        record.add(members, segments_of(members))
        if time.monotonic() - asked > _REPEAT_SECONDS:
            end(members, signal.SIGTERM)
            asked = time.monotonic()
        _reap(engine)
        time.sleep(_POLL_SECONDS / 2)
    kill(members)
    _reap(engine)

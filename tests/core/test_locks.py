"""Locks on every kind of file system and between users, with real processes, killed ones included."""

import os
import select
import stat
import subprocess
import sys
from types import SimpleNamespace

import pytest
from core.file_systems import environment
from waiting import PATIENCE

from spd_faith.core import locks
from spd_faith.core.journal import Journal
from spd_faith.core.locks import exclusive_lock, holder, try_lock

NO_LOCKS = ["ENOLCK", "EOPNOTSUPP", "EIO", "ENOSYS", "EINVAL", "ESTALE", "EPERM"]
HOLD = """
import logging, os, sys, time
from pathlib import Path
from spd_faith.core import locks
logging.basicConfig(level=logging.INFO, format="%(message)s")
locks.POLL_SECONDS = 0.02
if user := int(sys.argv[2]):  # here, for other users need not be able to read the library
    os.setgroups([])
    os.setgid(user)
    os.setuid(user)
    os.umask(0o022)
with locks.exclusive_lock(Path(sys.argv[1]), "CONSEQUENCE"):
    print("in", time.monotonic(), flush=True)
    sys.stdin.readline()
    print("out", time.monotonic(), flush=True)
"""


@pytest.fixture
def hold(shared_folder):
    """Start a process that holds the lock `work.lock` of the shared_folder until `released`, also as another user."""
    started = []

    def start(flock_answers=None, user=0):
        command = [sys.executable, "-c", HOLD, str(shared_folder / "work.lock"), str(user)]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        started.append(subprocess.Popen(command, env=environment(shared_folder, flock_answers), **pipes))
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.communicate()


def entered(process):
    word, when = process.stdout.readline().split()
    assert word == "in"
    return float(when)


def waits(process):
    """What a process says that waits for the lock; it says so before it could take it."""
    said = process.stderr.readline()
    assert "waiting" in said
    assert not select.select([process.stdout], [], [], 0.2)[0]
    return said


def released(process):
    """(in, out, further log) of a process, which is to end as soon as it had the lock."""
    out, log = process.communicate("\n", timeout=PATIENCE)
    assert process.returncode == 0, log
    times = [float(line.split()[1]) for line in out.splitlines()]
    return times[0], times[-1], log


def test_two_processes_take_turns_and_the_one_that_waits_names_the_other(hold):
    first = hold()
    entered(first)
    second = hold()
    assert f"process {first.pid} on {os.uname().nodename}" in waits(second)
    _, end, _ = released(first)
    start, _, log = released(second)
    assert start >= end
    assert "waiting" not in log  # again


def test_a_wait_is_reported_again_each_time(monkeypatch, caplog):
    clock = SimpleNamespace(now=1000.0)

    def sleep(seconds):
        clock.now += seconds

    monkeypatch.setattr(locks, "time", SimpleNamespace(monotonic=lambda: clock.now, sleep=sleep))
    pauses = locks.pause_and_report(lambda: "for Godot")
    while clock.now < 1600:
        next(pauses)
    # at once, then with the first pause that begins a minute later, each of 0.5 to 1.5 seconds: every 60 to 61.5
    assert caplog.text.count("waiting: for Godot") in (1 + 9, 1 + 10)


def test_a_killed_holder_is_not_waited_for_whatever_its_file_says(hold, shared_folder):
    killed = hold()
    entered(killed)
    waiting = hold()
    waits(waiting)
    killed.kill()
    killed.wait()
    released(waiting)
    (shared_folder / "work.lock").write_text("held by nobody, process 1 on another-node, since 1999")
    released(hold())


def test_a_lock_file_that_is_removed_is_waited_for_no_longer(hold, shared_folder):
    entered(hold())  # as the server of a network file system believes of a node that is gone
    waiting = hold()
    waits(waiting)
    (shared_folder / "work.lock").unlink()
    released(waiting)


@pytest.mark.parametrize("answer", NO_LOCKS)
def test_without_locks_the_work_goes_on_after_one_warning(hold, shared_folder, answer):
    both = [hold(flock_answers=answer) for _ in range(2)]
    for process in both:
        entered(process)
    for process in both:
        log = process.communicate("\n", timeout=PATIENCE)[1]
        assert log.count("locking failed") == 1
        assert str(shared_folder) in log
        assert "CONSEQUENCE" in log
    assert {path.name for path in shared_folder.iterdir()} == {
        "shim",
        "work.lock",
    }  # no marker that a kill leaves behind


@pytest.mark.parametrize("answer", ["EAGAIN", "EACCES"])  # the latter from SMB servers
def test_a_lock_that_is_held_elsewhere_is_waited_for(hold, answer):
    assert "another process is doing the same work" in waits(hold(flock_answers=answer))


def test_a_wait_ends_where_locks_stop_working(shared_folder, monkeypatch, caplog):
    monkeypatch.setattr(locks, "POLL_SECONDS", 0.01)
    path = shared_folder / "work.lock"
    with try_lock(path, ""):
        pauses = iter([BlockingIOError(11, "held"), OSError(37, "No locks available")])

        def flock(*arguments):
            raise next(pauses)

        monkeypatch.setattr(locks.fcntl, "flock", flock)
        with exclusive_lock(path, "CONSEQUENCE"):
            pass
    assert "No locks available): CONSEQUENCE" in caplog.text


def test_one_process_cannot_take_a_lock_twice(shared_folder):
    with try_lock(shared_folder / "a", ""):
        assert try_lock(shared_folder / "a", "") is None
        with try_lock(shared_folder / "b", ""):
            pass
    with try_lock(shared_folder / "a", ""):
        pass


def test_a_released_lock_names_no_holder(shared_folder):
    with try_lock(shared_folder / "a", ""):
        assert f"process {os.getpid()} on" in holder(shared_folder / "a")
    assert (shared_folder / "a").read_text() == ""
    assert holder(shared_folder / "a") == holder(shared_folder / "none") == ""
    (shared_folder / "a").write_bytes(b"\x1b[31m\xff" + b"x" * 10_000)
    assert holder(shared_folder / "a").isprintable()
    assert len(holder(shared_folder / "a")) <= 200


def test_a_link_in_place_of_the_file_is_not_followed(shared_folder, caplog):
    (shared_folder / "mine").write_text("precious")
    (shared_folder / "a.lock").symlink_to("mine")
    with exclusive_lock(shared_folder / "a.lock", "CONSEQUENCE"):
        assert (shared_folder / "mine").read_text() == "precious"
    assert "CONSEQUENCE" in caplog.text


@pytest.mark.parametrize(("umask", "mode"), [(0o022, 0o644), (0o002, 0o664), (0o077, 0o600)])
def test_lock_files_and_journals_follow_the_umask(tmp_path, umask, mode):
    before = os.umask(umask)
    try:
        with Journal(tmp_path) as journal, journal.alone("work"):
            journal.append("a", {}, {})
    finally:
        os.umask(before)
    assert {stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()} == {mode}
    assert len(list(tmp_path.iterdir())) == 2


# ---- other users -----------------------------------------------------------------------------------------------------

other_users = pytest.mark.skipif(os.getuid() != 0, reason="needs root, to become other users")
OWNER, COLLEAGUE = 65533, 65534


@other_users
@pytest.mark.parametrize("flock_answers", [None, "NFS"])
@pytest.mark.parametrize("sticky", [False, True])  # as /tmp
def test_a_colleagues_lock_is_waited_for_and_respected(hold, shared_folder, flock_answers, sticky):
    shared_folder.chmod(0o1777 if sticky else 0o777)
    owner = hold(flock_answers=flock_answers, user=OWNER)
    entered(owner)
    assert stat.S_IMODE((shared_folder / "work.lock").stat().st_mode) == 0o644
    colleague = hold(flock_answers=flock_answers, user=COLLEAGUE)
    assert f"process {owner.pid} on" in waits(colleague)
    _, end, _ = released(owner)
    start = entered(colleague)
    assert start >= end
    again = hold(flock_answers=flock_answers, user=OWNER)
    waits(again)
    _, end, log = released(colleague)
    assert "locking failed" not in log
    assert released(again)[0] >= end


@other_users
def test_a_colleagues_private_lock_does_not_end_the_work(hold, shared_folder):
    (shared_folder / "work.lock").touch(0o600)
    _, _, log = released(hold(user=COLLEAGUE))
    assert "locking failed (Permission denied): CONSEQUENCE" in log


@other_users
def test_a_folder_where_nothing_can_be_written_does_not_end_the_work(hold, shared_folder):
    shared_folder.chmod(0o755)
    _, _, log = released(hold(user=COLLEAGUE))
    assert "locking failed (Permission denied): CONSEQUENCE" in log

"""Slots limit calls across real processes, and a killed process frees its slots."""

import asyncio
import errno
import fcntl
import os
import signal
import subprocess
import sys

import pytest
from waiting import NEVER, PATIENCE

from spd_faith.endpoints import slots
from spd_faith.endpoints.slots import Slots

ADDRESS = "http://127.0.0.1:1/v1"

# A job that takes slots repeatedly with several tasks, writes a file while it holds one, and reports the max it saw.
JOB = """
import asyncio, sys, uuid
from pathlib import Path
from spd_faith.endpoints import slots
slots.POLL_SECONDS = 0.005
folder, holders, tasks, times, seconds = Path(sys.argv[1]), Path(sys.argv[2]), *map(float, sys.argv[3:6])
shared = slots.Slots(folder, "http://127.0.0.1:1/v1", 3)
most = 0

async def work():
    global most
    for _ in range(int(times)):
        async with shared.held():
            mine = holders / uuid.uuid4().hex
            mine.touch()
            print("held", flush=True)
            most = max(most, len(list(holders.iterdir())))
            await asyncio.sleep(seconds)
            mine.unlink()

async def together():
    await asyncio.gather(*(work() for _ in range(int(tasks))))

asyncio.run(together())
print(most)
"""


@pytest.fixture
def start_job(tmp_path):
    jobs = []
    (tmp_path / "holders").mkdir()

    def start(tasks, times, seconds):
        command = [sys.executable, "-c", JOB, str(tmp_path / "slots"), str(tmp_path / "holders")]
        command += [str(tasks), str(times), str(seconds)]
        environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
        jobs.append(subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True))
        return jobs[-1]

    yield start
    for job in jobs:
        job.kill()
        job.wait()


def test_two_processes_hold_no_more_slots_than_there_are(start_job):
    jobs = [start_job(tasks=3, times=8, seconds=0.02) for _ in range(2)]
    seen = [int(job.communicate(timeout=PATIENCE)[0].splitlines()[-1]) for job in jobs]
    assert max(seen) == 3  # all are used, and no more


def test_a_killed_process_frees_its_slots(start_job, tmp_path, monkeypatch):
    monkeypatch.setattr(slots, "POLL_SECONDS", 0.01)
    job = start_job(tasks=3, times=1, seconds=NEVER)
    for _ in range(3):
        assert job.stdout.readline() == "held\n"

    async def take(count):
        mine = Slots(tmp_path / "slots", ADDRESS, 3)
        async with asyncio.timeout(PATIENCE), asyncio.TaskGroup() as group:
            for _ in range(count):
                group.create_task(hold(mine))

    async def hold(mine):
        async with mine.held():
            await asyncio.sleep(0.05)

    async def is_full():
        try:
            async with asyncio.timeout(0.3):
                await hold(Slots(tmp_path / "slots", ADDRESS, 3))
        except TimeoutError:
            return True
        return False

    assert asyncio.run(is_full())
    os.kill(job.pid, signal.SIGKILL)
    job.wait()
    asyncio.run(take(3))


def test_another_endpoint_has_its_own_slots(tmp_path):
    async def hold_both():
        async with (
            asyncio.timeout(PATIENCE),
            Slots(tmp_path, ADDRESS, 1).held(),
            Slots(tmp_path, "http://127.0.0.1:2/v1", 1).held(),
        ):
            return True

    assert asyncio.run(hold_both())


def test_without_locks_on_the_file_system_each_process_keeps_the_bound_with_a_warning(tmp_path, monkeypatch, caplog):
    def no_locks(*arguments):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", no_locks)
    monkeypatch.setattr(slots, "POLL_SECONDS", 0.01)
    shared = Slots(tmp_path, ADDRESS, 2)

    async def hold_three():
        async with shared.held(), shared.held():
            try:
                async with asyncio.timeout(0.2), shared.held():
                    return "all at once"
            except TimeoutError:
                pass
        async with asyncio.timeout(PATIENCE), shared.held():
            return "the third when one was free"

    assert asyncio.run(hold_three()) == "the third when one was free"
    assert caplog.text.count("the limit on calls holds per process only") == 1


def test_a_folder_that_cannot_be_made_does_not_end_the_work(tmp_path, caplog):
    (tmp_path / "file").touch()  # where a folder is wanted

    async def hold():
        async with asyncio.timeout(PATIENCE), Slots(tmp_path / "file", ADDRESS, 1).held():
            return True

    assert asyncio.run(hold())
    assert "the limit on calls holds per process only" in caplog.text

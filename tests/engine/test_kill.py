"""A killed job leaves no process, no file and no shared memory of its engine."""

import os
import signal
import subprocess
import time
from contextlib import suppress
from pathlib import Path

import psutil
import pytest
from endpoints.lives import remove, short_folder
from engine.started import Job, on_engine, shipped
from waiting import RUN_SECONDS
from workflow.project import ROOT

pytestmark = pytest.mark.engine

MARK = "SPD_FAITH_TESTED_JOB"
SEGMENTS = Path("/dev/shm")
ENDED_SECONDS = 30  # Slurm's KillWait


def of_job(mark):
    """The ids of living processes that the job started, directly or not."""
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            if process.environ().get(MARK) == mark and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process.pid)
    return found


def segments_of(processes):
    """The names of shared memory that the processes have mapped, whatever they were named when they were."""
    mapped = set()
    for number in processes:
        with suppress(OSError):
            fields = (line.split(maxsplit=5) for line in Path(f"/proc/{number}/maps").read_text().splitlines())
            mapped |= {int(one[4]) for one in fields if len(one) == 6 and one[5].startswith(str(SEGMENTS))}
    named = set()
    for path in SEGMENTS.iterdir():
        with suppress(OSError):
            if path.stat().st_ino in mapped:
                named.add(path)
    return named


@pytest.fixture
def temporary(tmp_path):
    folder = short_folder()
    yield folder
    for process in of_job(str(tmp_path)):  # of a test that failed
        os.kill(process, signal.SIGKILL)
    remove(folder)


@pytest.mark.parametrize("when", ["while it starts", "while it answers"])
def test_a_killed_job_leaves_nothing(when, pairs, tmp_path, temporary):
    job = Job(tmp_path / "job", on_engine(shipped("tiny-qwen2-vl")), pairs)
    environment = {**os.environ, MARK: str(tmp_path), "TMPDIR": str(temporary)}
    with (tmp_path / "log").open("w") as log:
        started = subprocess.Popen(job.command(), cwd=ROOT, env=environment, stderr=log)
    segments, beginning = set(), time.monotonic()
    try:
        while not is_time(when, job):
            assert started.poll() is None, (tmp_path / "log").read_text()
            assert time.monotonic() - beginning < RUN_SECONDS
            segments |= segments_of(of_job(str(tmp_path)))
            time.sleep(0.2)
        assert len(of_job(str(tmp_path))) > 2  # the job, the guard and the engine
    finally:
        started.send_signal(signal.SIGKILL)
        started.wait()
    assert segments or when == "while it starts"
    killed = time.monotonic()
    while alive := of_job(str(tmp_path)):
        assert time.monotonic() - killed < ENDED_SECONDS, [psutil.Process(one).cmdline() for one in alive]
        time.sleep(0.2)
    assert [path for path in segments if path.exists()] == []
    # torch makes an empty folder for each user in the job itself
    assert [path.name for path in temporary.iterdir() if not path.name.startswith("torchinductor_")] == []


def is_time(when, job):
    if when == "while it starts":  # a signal at this time is lost
        logs = job.journal.glob("engine/*.log")  # named by the time of the start
        return any(time.time() - started_at(path) > 12 for path in logs)
    return any(path.stat().st_size for path in job.journal.glob("*.jsonl"))


def started_at(log):
    return time.mktime(time.strptime(log.name[:15], "%Y%m%d-%H%M%S"))

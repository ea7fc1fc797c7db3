"""GPU jobs of one machine take turns: real processes on a pretended number of GPUs."""

import os
import subprocess
import sys
import time
from itertools import pairwise

import pytest

from spd_faith.core import gpus
from spd_faith.core.gpus import claimed_gpus, visible_gpus

# A job: says which GPUs it holds and which CUDA would be shown, keeps them for a while, says from when to when.
JOB = """
import os, sys, time
from spd_faith.core import gpus
gpus._POLL_SECONDS = 0.02
with gpus.claimed_gpus(int(sys.argv[1])) as mine:
    start = time.monotonic()
    print(",".join(mine), os.environ["CUDA_VISIBLE_DEVICES"], flush=True)
    time.sleep(float(sys.argv[2]))
    print(start, time.monotonic())
"""
LONG = 60  # seconds; such a job is killed by its test


@pytest.fixture
def start_job(tmp_path):
    """Start a job that claims `count` of the GPUs `visible`; the lock files are in a folder of this test."""
    jobs = []

    def start(count, visible, seconds=0.1, **more):
        environment = {name: value for name, value in os.environ.items() if name != "SLURM_JOB_ID"}
        environment |= {"CUDA_VISIBLE_DEVICES": visible, "TMPDIR": str(tmp_path)} | more
        environment["PYTHONPATH"] = os.pathsep.join(sys.path)
        command = [sys.executable, "-c", JOB, str(count), str(seconds)]
        jobs.append(subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True))
        return jobs[-1]

    yield start
    for job in jobs:
        job.kill()
        job.wait()


def held_by(job):
    """Wait until the job holds GPUs: (ids claimed, ids shown to CUDA)."""
    return tuple(job.stdout.readline().strip("\n").split(" "))


def times_of(job):
    """(start, end) of the job's hold."""
    out, _ = job.communicate(timeout=10)
    return tuple(map(float, out.splitlines()[-1].split()))


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("0", ["0"]),
        ("0,1", ["0", "1"]),
        (" 2 , 0 ", ["2", "0"]),
        ("GPU-8932f937,MIG-1c2a", ["GPU-8932f937", "MIG-1c2a"]),
        ("", []),
        ("-1", []),
        ("0,-1,1", ["0"]),  # CUDA stops at the first invalid entry
    ],
)
def test_visible_gpus_of_the_environment(monkeypatch, value, expected):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", value)
    assert visible_gpus() == expected


def a_driver(folder, monkeypatch, script):
    """Make `nvidia-smi` the shell script `script`."""
    program = folder / "nvidia-smi"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(folder), prepend=os.pathsep)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)


def test_visible_gpus_of_the_driver(tmp_path, monkeypatch):
    a_driver(tmp_path, monkeypatch, "echo 'GPU 0: NVIDIA A40 (UUID: GPU-1)'; echo 'GPU 1: NVIDIA A40 (UUID: GPU-2)'")
    assert visible_gpus() == ["0", "1"]


def test_a_driver_that_does_not_answer_shows_none(tmp_path, monkeypatch):
    a_driver(tmp_path, monkeypatch, "echo 'GPU 0: but no communication with the driver'; exit 9")
    assert visible_gpus() == []


def test_no_driver_shows_none(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    assert visible_gpus() == []


def test_one_gpu_is_never_held_by_two_jobs(start_job):
    held = sorted(times_of(job) for job in [start_job(1, "0") for _ in range(4)])
    assert all(end <= start for (_, end), (start, _) in pairwise(held))


def test_two_gpus_are_held_by_two_jobs_at_once(start_job):
    jobs = [start_job(1, "4,7", LONG), start_job(1, "4,7", LONG)]
    assert {held_by(job) for job in jobs} == {("4", "4"), ("7", "7")}


def test_a_job_that_waits_for_two_gpus_keeps_none_of_them(start_job):
    holder = start_job(1, "0", LONG)
    assert held_by(holder) == ("0", "0")
    both = start_job(2, "0,1")
    time.sleep(0.5)  # it waits for 0 by now; if it kept 1, two such jobs could wait for each other for ever
    times_of(start_job(1, "1"))
    assert both.poll() is None
    holder.kill()
    assert held_by(both) == ("0,1", "0,1")


def test_a_killed_job_gives_its_gpu_back(start_job):
    holder = start_job(1, "0", LONG)
    assert held_by(holder) == ("0", "0")
    waiting = start_job(1, "0")
    holder.kill()
    assert held_by(waiting) == ("0", "0")


def test_jobs_without_gpu_are_shown_none(monkeypatch):
    monkeypatch.delenv("SLURM_JOB_ID", raising=False)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1")
    with claimed_gpus(0) as mine:
        assert mine == []
        assert os.environ["CUDA_VISIBLE_DEVICES"] == ""
    assert os.environ["CUDA_VISIBLE_DEVICES"] == "0,1"


def test_a_machine_with_fewer_gpus_gives_what_it_has(monkeypatch, tmp_path):
    monkeypatch.delenv("SLURM_JOB_ID", raising=False)
    monkeypatch.setattr(gpus.tempfile, "gettempdir", lambda: str(tmp_path))
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3")
    with claimed_gpus(2) as mine:
        assert mine == ["3"]
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    with claimed_gpus(2) as mine:
        assert mine == []


def test_a_variable_that_was_not_set_is_unset_again(monkeypatch, tmp_path):
    monkeypatch.delenv("SLURM_JOB_ID", raising=False)
    a_driver(tmp_path, monkeypatch, "exit 1")
    with claimed_gpus(1):
        assert os.environ["CUDA_VISIBLE_DEVICES"] == ""
    assert "CUDA_VISIBLE_DEVICES" not in os.environ


def test_the_scheduler_of_a_cluster_is_left_alone(start_job):
    jobs = [start_job(1, "5,6", LONG, SLURM_JOB_ID="42") for _ in range(2)]
    assert [held_by(job) for job in jobs] == [("5,6", "5,6")] * 2

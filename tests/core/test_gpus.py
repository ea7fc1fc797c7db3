"""GPU jobs of one machine take turns: real processes, on GPUs listed by a fake driver."""

import os
import select
import subprocess
import sys
from itertools import combinations, pairwise

import pytest
from core.file_systems import environment
from waiting import PATIENCE

from spd_faith.core import gpus, locks
from spd_faith.core.files import sha256
from spd_faith.core.gpus import claimed_gpus, gpu_products, visible_gpus

# Listings in the format of `nvidia-smi -L`, as NVIDIA's pages on CUDA_VISIBLE_DEVICES and on MIG print it.
FIRST, SECOND = "GPU-8932f937-d72c-4106-c12f-20bd9faed9f6", "GPU-1f8e5a02-3b7d-96c4-0a51-7de2c9b84f13"
TWO_GPUS = f"""
GPU 0: NVIDIA H100 80GB HBM3 (UUID: {FIRST})
GPU 1: NVIDIA H100 80GB HBM3 (UUID: {SECOND})
"""
DIVIDED = "GPU-5d5ba0d6-d33d-2b2c-524d-9e3d8d2b8a77"
PARTS = ["MIG-c6d4f1ef-42e4-5de3-91c7-45d71c87eb3f", "MIG-cba663e8-9bed-5b25-b243-5985ef7c9beb"]
MIG = f"""
GPU 0: A100-SXM4-40GB (UUID: {DIVIDED})
  MIG 3g.20gb     Device  0: (UUID: {PARTS[0]})
  MIG 3g.20gb     Device  1: (UUID: {PARTS[1]})
GPU 1: A100-SXM4-40GB (UUID: {SECOND})
"""
NO_DRIVER = ""  # the command fails

# A job: says which GPUs it holds and which CUDA would be shown, keeps them for a while or until its input ends, says
# from when to when.
JOB = """
import logging, os, sys, time
from spd_faith.core import gpus, locks
logging.basicConfig(format="%(message)s")
locks.POLL_SECONDS = 0.02
if user := int(sys.argv[3]):  # here, for other users need not be able to read the library
    os.setgid(user)
    os.setuid(user)
    os.umask(0o077)
with gpus.claimed_gpus(int(sys.argv[1])) as mine:
    start = time.monotonic()
    print(",".join(mine), os.environ["CUDA_VISIBLE_DEVICES"], flush=True)
    time.sleep(float(sys.argv[2])) if sys.argv[2] else sys.stdin.read()
    print(start, time.monotonic())
"""


def driver(folder, listing):
    """Create a fake `nvidia-smi` that prints the listing; returns the PATH that finds it."""
    folder = folder / f"driver-{sha256(listing)[:8]}"
    folder.mkdir(exist_ok=True)
    program = folder / "nvidia-smi"
    program.write_text(f"#!/bin/sh\ncat <<'END'\n{listing.strip()}\nEND\n" if listing else "#!/bin/sh\nexit 9\n")
    program.chmod(0o755)
    return f"{folder}{os.pathsep}{os.environ['PATH']}"


@pytest.fixture
def start_job(shared_folder):
    """Start a job that claims `count` of the GPUs `visible`, for some seconds or until the test ends.

    The lock files are in a folder of this test.
    """
    jobs = []

    def start(count, visible, seconds="", listing=NO_DRIVER, user=0, flock_answers=None, **more):
        variables = {"TMPDIR": str(shared_folder), "PATH": driver(shared_folder, listing)} | more
        variables |= {} if visible is None else {"CUDA_VISIBLE_DEVICES": visible}
        everything = environment(shared_folder, flock_answers, **variables)
        for name in {"SLURM_JOB_ID", "CUDA_VISIBLE_DEVICES"} - set(variables):
            everything.pop(name, None)
        command = [sys.executable, "-c", JOB, str(count), str(seconds), str(user)]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        jobs.append(subprocess.Popen(command, env=everything, **pipes))
        return jobs[-1]

    yield start
    for job in jobs:
        job.kill()
        job.communicate()


def held_by(job):
    """Wait until the job holds GPUs: (ids claimed, ids shown to CUDA)."""
    assert select.select([job.stdout], [], [], PATIENCE)[0], "it waits for jobs that do not end by themselves"
    return tuple(job.stdout.readline().strip("\n").split(" "))


def waiting(job):
    """Wait until the job waits for others; what it says of them."""
    said = job.stderr.readline()
    assert "waiting" in said
    return said


def times_of(job):
    """(start, end) of the hold of a job of some seconds."""
    return tuple(map(float, job.stdout.read().splitlines()[-1].split()))


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
        ("NoDevFiles", []),  # as some versions of Slurm say that a job got none
        ("1,1,0,1", ["1", "0"]),
    ],
)
def test_visible_gpus_of_the_environment(tmp_path, monkeypatch, value, expected):
    a_driver(tmp_path, monkeypatch, NO_DRIVER)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", value)
    assert visible_gpus() == expected


def a_driver(folder, monkeypatch, listing):
    monkeypatch.setenv("PATH", driver(folder, listing))
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)


@pytest.mark.parametrize(
    ("listing", "expected"),
    [
        (TWO_GPUS, [FIRST, SECOND]),
        (MIG, [*PARTS, SECOND]),
        (NO_DRIVER, []),
        ("No devices found.", []),
        ("Unable to determine the device handle for GPU 0000:3B:00.0: Unknown Error\n" + TWO_GPUS, [FIRST, SECOND]),
    ],
    ids=["two", "divided", "no driver", "none", "one lost"],
)
def test_visible_gpus_of_the_driver(tmp_path, monkeypatch, listing, expected):
    a_driver(tmp_path, monkeypatch, listing)
    assert visible_gpus() == expected


@pytest.mark.parametrize(
    ("listing", "visible", "expected"),
    [
        (TWO_GPUS, None, ["NVIDIA H100 80GB HBM3"] * 2),
        (TWO_GPUS, "1", ["NVIDIA H100 80GB HBM3"]),
        (TWO_GPUS, "", []),
        (MIG, PARTS[1], ["A100-SXM4-40GB"]),
        (NO_DRIVER, "0", []),
    ],
)
def test_products_of_the_visible_gpus(tmp_path, monkeypatch, listing, visible, expected):
    a_driver(tmp_path, monkeypatch, listing)
    if visible is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    assert gpu_products() == expected


def test_a_driver_that_reports_a_broken_part_or_an_odd_name_lists_its_gpus_all_the_same(tmp_path, monkeypatch):
    a_driver(tmp_path, monkeypatch, TWO_GPUS)
    program = tmp_path / f"driver-{sha256(TWO_GPUS)[:8]}" / "nvidia-smi"
    # the manual of nvidia-smi: "Return code 14: infoROM is corrupted"
    program.write_bytes(program.read_bytes().replace(b"NVIDIA", b"T\xe9sla") + b"exit 14\n")
    assert visible_gpus() == [FIRST, SECOND]


def test_a_gpu_that_is_named_twice_or_not_there_is_not_counted(tmp_path, monkeypatch):
    a_driver(tmp_path, monkeypatch, TWO_GPUS)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", f"1,{SECOND},GPU-1f8e,0,2,{FIRST}")
    assert visible_gpus() == ["1", "0"]


def test_no_driver_shows_none(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    assert visible_gpus() == []


# What is shown to CUDA, and the device that this is.
MEANT = {"0": FIRST, "1": SECOND, "GPU-8932": FIRST, "GPU-1f8e5a02": SECOND, FIRST: FIRST, SECOND: SECOND}
OF_TWO = ["0,1", "1,0", "GPU-8932,GPU-1f8e5a02", f"{SECOND},{FIRST}", None, f"1,{FIRST}"]
MEANT_DIVIDED = {"0": PARTS[0], DIVIDED: PARTS[0], "MIG-c6d4": PARTS[0], "1": SECOND, SECOND: SECOND}
MEANT_DIVIDED |= {part: part for part in PARTS}
OF_DIVIDED = ["0,1", PARTS[0], None, f"{DIVIDED},{PARTS[1]}", f"MIG-c6d4,{PARTS[0]},{PARTS[1]}", SECOND]


@pytest.mark.parametrize("job", [{}, {"SLURM_JOB_ID": "42"}], ids=["no scheduler", "salloc"])
@pytest.mark.parametrize(
    ("listing", "spellings", "meant"),
    [(TWO_GPUS, OF_TWO, MEANT), (MIG, OF_DIVIDED, MEANT_DIVIDED)],
    ids=["two", "divided"],
)
def test_however_gpus_are_spelled_each_is_held_by_one_job(start_job, job, listing, spellings, meant):
    jobs = [start_job(1, visible, 0.15, listing, **job) for visible in spellings]
    spans = {device: [] for device in meant.values()}
    for one in jobs:
        mine, shown = held_by(one)
        assert mine == shown
        spans[meant[mine]].append(times_of(one))
    for held in spans.values():
        assert all(end <= start for (_, end), (start, _) in pairwise(sorted(held)))
    assert sum(map(len, spans.values())) == len(spellings)


@pytest.mark.parametrize("pair", list(combinations(["0", "GPU-8932", FIRST, None], 2)))
def test_one_gpu_under_two_names_is_held_once(start_job, pair):
    listing = TWO_GPUS.strip().splitlines()[0]
    first = start_job(1, pair[0], listing=listing)
    held_by(first)
    second = start_job(1, pair[1], listing=listing)
    assert f"process {first.pid} on" in waiting(second)
    assert second.poll() is None
    first.kill()
    assert MEANT[held_by(second)[0]] == FIRST


@pytest.mark.parametrize("count", [1, 2])
def test_jobs_of_an_allocation_get_as_many_gpus_as_they_ask_for(start_job, count):
    jobs = [start_job(count, "5,6,7,8", SLURM_JOB_ID="42") for _ in range(2)]
    held = [held_by(job)[0].split(",") for job in jobs]
    assert [len(mine) for mine in held] == [count, count]
    assert set(held[0]).isdisjoint(held[1])


def test_allocations_that_each_have_a_gpu_0_of_their_own_do_not_wait_for_each_other(start_job):
    jobs = [start_job(1, "0", SLURM_JOB_ID=job) for job in ("42", "43")]  # no driver says which GPU it is
    own = [f"GPU 0: NVIDIA A40 (UUID: {uuid})" for uuid in (FIRST, SECOND)]
    jobs += [start_job(1, "0", listing=listing, SLURM_JOB_ID="44") for listing in own]
    assert [held_by(job)[0] for job in jobs] == ["0"] * 4


def test_without_locks_a_job_takes_a_gpu_after_a_warning(start_job):
    job = start_job(1, None, listing=TWO_GPUS, flock_answers="ENOLCK")
    assert held_by(job) == (FIRST, FIRST)
    assert "two jobs may use the same GPU" in job.stderr.readline()


@pytest.mark.skipif(os.getuid() != 0, reason="needs root, to become other users")
def test_users_of_one_machine_wait_for_each_other(start_job):
    first = start_job(1, None, listing=TWO_GPUS, user=65533)
    second = start_job(1, None, listing=TWO_GPUS, user=65534)
    assert {held_by(first)[0], held_by(second)[0]} == {FIRST, SECOND}
    third = start_job(2, "0,1", listing=TWO_GPUS, user=65534)
    log = waiting(third)
    assert f"process {first.pid} on" in log
    assert f"process {second.pid} on" in log
    first.kill()
    second.kill()
    assert held_by(third)[0] == "0,1"


def test_one_gpu_is_never_held_by_two_jobs(start_job):
    held = sorted(times_of(job) for job in [start_job(1, "0", 0.1) for _ in range(4)])
    assert all(end <= start for (_, end), (start, _) in pairwise(held))


def test_two_gpus_are_held_by_two_jobs_at_once(start_job):
    jobs = [start_job(1, "4,7"), start_job(1, "4,7")]
    assert {held_by(job) for job in jobs} == {("4", "4"), ("7", "7")}


def test_a_job_that_waits_for_two_gpus_keeps_none_of_them(start_job):
    holder = start_job(1, "0")
    assert held_by(holder) == ("0", "0")
    both = start_job(2, "0,1")
    waiting(both)  # if it kept 1 meanwhile, two such jobs could wait for each other for ever
    other = start_job(1, "1")
    assert held_by(other) == ("1", "1")
    assert both.poll() is None
    other.kill()
    holder.kill()
    assert held_by(both) == ("0,1", "0,1")


def test_a_killed_job_frees_its_gpu(start_job):
    holder = start_job(1, "0")
    assert held_by(holder) == ("0", "0")
    other = start_job(1, "0")
    waiting(other)
    holder.kill()
    assert held_by(other) == ("0", "0")


def test_a_process_that_inherited_the_locks_keeps_the_gpus(monkeypatch, tmp_path):
    monkeypatch.setattr(gpus.tempfile, "gettempdir", lambda: str(tmp_path))
    monkeypatch.setattr(locks, "POLL_SECONDS", 0.02)
    a_driver(tmp_path, monkeypatch, NO_DRIVER)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1,2")
    with claimed_gpus(2) as mine:
        assert len(mine.descriptors) == 2
        heir = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE, pass_fds=mine.descriptors)
    with claimed_gpus(1) as third:
        assert third == ["2"]
    heir.communicate(b"\n")
    with claimed_gpus(3) as mine:
        assert mine == ["0", "1", "2"]


def test_jobs_without_gpu_are_shown_none(monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1")
    with claimed_gpus(0) as mine:
        assert mine == []
        assert os.environ["CUDA_VISIBLE_DEVICES"] == ""
    assert os.environ["CUDA_VISIBLE_DEVICES"] == "0,1"


def test_a_machine_with_fewer_gpus_gives_what_it_has(monkeypatch, tmp_path):
    monkeypatch.setattr(gpus.tempfile, "gettempdir", lambda: str(tmp_path))
    a_driver(tmp_path, monkeypatch, NO_DRIVER)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3")
    with claimed_gpus(2) as mine:
        assert mine == ["3"]
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    with claimed_gpus(2) as mine:
        assert mine == []


def test_a_variable_that_was_not_set_is_unset_again(monkeypatch, tmp_path):
    a_driver(tmp_path, monkeypatch, NO_DRIVER)
    with claimed_gpus(1):
        assert os.environ["CUDA_VISIBLE_DEVICES"] == ""
    assert "CUDA_VISIBLE_DEVICES" not in os.environ

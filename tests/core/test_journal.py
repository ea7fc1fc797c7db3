"""Completed work survives its worker: kills, torn lines, several writers, and one worker at a time."""

import errno
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from core.file_systems import environment
from waiting import PATIENCE

from spd_faith.core.errors import UserError
from spd_faith.core.journal import Journal

ROOT = Path(__file__).parents[2]
PROVENANCE = {"model": "m", "revision": "r1"}


def write(folder, records, provenance=PROVENANCE):
    with Journal(folder) as journal:
        for key, content in records.items():
            journal.append(key, content, provenance)


def contents(folder, **filters):
    return {key: record.content for key, record in Journal(folder).read(**filters).items()}


def start(code, *arguments):
    """A process that runs `code` with the library on its path."""
    environment = os.environ | {"PYTHONPATH": str(ROOT / "workflow_scripts")}
    command = [sys.executable, "-c", code, *map(str, arguments)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    return subprocess.Popen(command, env=environment, **pipes)


def test_only_the_contents_that_are_asked_for_are_read(tmp_path):
    write(tmp_path, {"a": {"text": "1"}, "b": {"text": "2"}})
    write(tmp_path, {"c": {"text": "3"}})
    assert Journal(tmp_path).contents({"a", "c", "d"}) == {"a": {"text": "1"}, "c": {"text": "3"}}
    assert Journal(tmp_path / "none").contents({"a"}) == {}


def test_records_come_back_with_who_made_them(tmp_path):
    write(tmp_path, {"a": {"text": "Zwei\nZeilen „ü“", "ids": [1, 2]}, "b": {"text": None}})
    records = Journal(tmp_path).read()
    assert records["a"].content == {"text": "Zwei\nZeilen „ü“", "ids": [1, 2]}
    assert records["b"].content == {"text": None}
    assert records["b"].provenance == PROVENANCE


def test_a_folder_without_a_journal_holds_nothing(tmp_path):
    assert Journal(tmp_path / "none").read() == {}


def test_a_record_can_be_read_while_its_writer_goes_on(tmp_path):
    with Journal(tmp_path) as journal:
        journal.append("a", {"n": 1}, PROVENANCE)
        assert contents(tmp_path) == {"a": {"n": 1}}
        journal.append("b", {"n": 2}, PROVENANCE)
        assert contents(tmp_path) == {"a": {"n": 1}, "b": {"n": 2}}


def test_wherever_a_file_is_torn_the_whole_lines_before_count(tmp_path):
    write(tmp_path / "whole", {"a": {"text": "eins"}, "b": {"text": "zwei"}})
    (path,) = (tmp_path / "whole").glob("*.jsonl")
    data = path.read_bytes()
    ends = [place for place, byte in enumerate(data) if byte == ord("\n")]
    assert len(ends) == 3  # the writer and two records
    for length in range(len(data)):
        torn = tmp_path / "torn" / str(length)
        torn.mkdir(parents=True)
        (torn / path.name).write_bytes(data[:length])
        whole = sum(end <= length for end in ends)
        assert list(contents(torn)) == ["a", "b"][: max(0, whole - 1)], length


def test_a_torn_line_is_reported(tmp_path, caplog):
    write(tmp_path, {"a": {}, "b": {}})
    (path,) = tmp_path.glob("*.jsonl")
    path.write_bytes(path.read_bytes()[:-3])
    assert list(contents(tmp_path)) == ["a"]
    assert f"{path}: dropped 1 incomplete line" in caplog.text


def test_a_new_writer_leaves_a_torn_file_alone(tmp_path):
    write(tmp_path, {"a": {}, "b": {}})
    (torn,) = tmp_path.glob("*.jsonl")
    torn.write_bytes(torn.read_bytes()[:-3])
    before = torn.read_bytes()
    write(tmp_path, {"b": {"again": True}})
    assert torn.read_bytes() == before
    assert contents(tmp_path) == {"a": {}, "b": {"again": True}}


def test_records_of_another_revision_can_be_left_out(tmp_path):
    for _ in range(12):  # whose names may sort before or after
        write(tmp_path, {"a": {"n": 1}}, {"revision": "old"})
    write(tmp_path, {"a": {"n": 2}, "b": {"n": 3}}, {"revision": "new"})
    assert contents(tmp_path, is_wanted=lambda provenance: provenance["revision"] == "new") == {
        "a": {"n": 2},
        "b": {"n": 3},
    }


def test_of_equal_keys_every_reader_takes_the_same(tmp_path):
    for number in range(8):
        write(tmp_path, {"a": {"n": number}})
    first = min(tmp_path.glob("*.jsonl"))
    expected = json.loads(first.read_text().splitlines()[1])["n"]
    assert contents(tmp_path) == {"a": {"n": expected}}


def test_two_processes_do_not_mix_their_lines(tmp_path):
    code = (
        "import sys; from pathlib import Path; from spd_faith.core.journal import Journal\n"
        "with Journal(Path(sys.argv[1])) as journal:\n"
        "    for n in range(500): journal.append(f'{sys.argv[2]}{n}', {'text': sys.argv[2] * 5000}, {})"
    )
    processes = [start(code, tmp_path, name) for name in "xy"]
    assert [process.wait(PATIENCE) for process in processes] == [0, 0]
    found = contents(tmp_path)
    assert set(found) == {f"{name}{n}" for name in "xy" for n in range(500)}
    assert all(content["text"] == key[0] * 5000 for key, content in found.items())


# Works until it reads a line, or its input ends.
HOLD = (
    "import logging, sys; from pathlib import Path; from spd_faith.core.journal import Journal\n"
    "from spd_faith.core import locks; locks.POLL_SECONDS = 0.02; logging.basicConfig()\n"
    "with Journal(Path(sys.argv[1])).alone(sys.argv[2]):\n"
    "    print('in', flush=True); sys.stdin.readline()"
)


def test_the_same_work_waits_and_other_work_does_not(tmp_path):
    holder = start(HOLD, tmp_path, "work")
    assert holder.stdout.readline() == "in\n"
    _, log = start(HOLD, tmp_path, "other").communicate(timeout=PATIENCE)
    assert log == ""
    assert holder.poll() is None
    same = start(HOLD, tmp_path, "work")
    assert "another process is doing the same work" in same.stderr.readline()
    holder.communicate("\n", timeout=PATIENCE)
    assert same.communicate(timeout=PATIENCE)[0] == "in\n"


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs POSIX")
def test_a_killed_worker_releases_its_lock(tmp_path):
    holder = start(HOLD, tmp_path, "work")
    assert holder.stdout.readline() == "in\n"
    holder.kill()
    holder.communicate()
    assert start(HOLD, tmp_path, "work").communicate(timeout=PATIENCE) == ("in\n", "")


TWO_WRITERS = """
import logging, sys, time
from pathlib import Path
from spd_faith.core.journal import Journal
logging.basicConfig()
folder, name = Path(sys.argv[1]), sys.argv[2]
with Journal(folder) as journal, journal.alone("work"):
    print("in", flush=True)
    sys.stdin.readline()
    for n in range(300):
        journal.append(f"k{n}", {"text": name * 3000}, {"writer": name})
    print(len(journal.read()), flush=True)
"""


@pytest.mark.parametrize("answer", ["ENOLCK", "EOPNOTSUPP", "EIO", "ENOSYS"])
def test_without_locks_two_processes_at_the_same_work_mix_nothing(tmp_path, answer):
    command = [sys.executable, "-c", TWO_WRITERS, str(tmp_path / "journal")]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    both = [subprocess.Popen([*command, name], env=environment(tmp_path, answer), **pipes) for name in "xy"]
    assert [process.stdout.readline() for process in both] == ["in\n"] * 2  # neither waits for the other
    for process in both:
        process.stdin.write("\n")
        process.stdin.flush()
    for process in both:
        out, log = process.communicate(timeout=PATIENCE)
        assert (process.returncode, out) == (0, "300\n"), log
        assert "work may be done and paid for twice" in log
    records = Journal(tmp_path / "journal").read()
    assert set(records) == {f"k{n}" for n in range(300)}
    assert {(record.content["text"], record.provenance["writer"]) for record in records.values()} <= {
        ("x" * 3000, "x"),
        ("y" * 3000, "y"),
    }


# ---- disks that are full, slow, or of somebody else ------------------------------------------------------------------


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 64 kB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=64k", "none", str(folder)]
    if os.getuid() != 0 or subprocess.run(mount, capture_output=True).returncode != 0:
        pytest.skip("needs the right to mount")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_a_full_disk_is_reported_and_costs_no_record_before_or_after(small_disk):
    filler = small_disk / "filler"
    with Journal(small_disk / "journal") as journal:
        journal.append("before", {"text": "a" * 5000}, PROVENANCE)
        filler.write_bytes(b"x" * 40_000)
        with pytest.raises(UserError, match=rf"journal: {os.strerror(errno.ENOSPC)}\n.*the same command again"):
            journal.append("lost", {"text": "b" * 30_000}, PROVENANCE)
        filler.unlink()
        journal.append("after", {"text": "c" * 5000}, PROVENANCE)
    assert contents(small_disk / "journal") == {"before": {"text": "a" * 5000}, "after": {"text": "c" * 5000}}


def test_a_spent_quota_that_shows_late_is_reported(tmp_path, monkeypatch):
    def fsync(file):
        raise OSError(errno.EDQUOT, os.strerror(errno.EDQUOT))

    monkeypatch.setattr("spd_faith.core.journal.os.fsync", fsync)
    with pytest.raises(UserError, match=f"{tmp_path}: {os.strerror(errno.EDQUOT)}"):
        write(tmp_path, {"a": {}})


@pytest.mark.parametrize("number", [errno.EINVAL, errno.EIO, errno.ENOSYS, errno.EOPNOTSUPP])
def test_a_file_system_without_fsync_is_reported_once_and_does_not_end_the_work(tmp_path, monkeypatch, caplog, number):
    def fsync(file):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr("spd_faith.core.journal.os.fsync", fsync)
    monkeypatch.setattr("spd_faith.core.journal.SYNC_SECONDS", 0.0)
    write(tmp_path, {"a": {}, "b": {}, "c": {}})
    assert set(contents(tmp_path)) == {"a", "b", "c"}
    assert caplog.text.count(f"{tmp_path}: fsync: {os.strerror(number)}") == 1


def test_a_file_whose_writer_has_only_begun_is_left_out(tmp_path):
    (tmp_path / "begun.jsonl").write_bytes(b"\0" * 100 + b"\n" + b'{"key": "a"}\n{"key": "b"}\n')  # as NFS may show it
    write(tmp_path, {"c": {}})
    assert contents(tmp_path) == {"c": {}}


@pytest.mark.skipif(os.getuid() != 0, reason="needs root, to become another user")
def test_a_journal_that_a_colleague_keeps_private_is_named(shared_folder):
    code = (
        "import os, sys; from pathlib import Path; from spd_faith.core.journal import Journal\n"
        "from spd_faith.core.errors import run_command\n"
        "os.setuid(65534); run_command(lambda: Journal(Path(sys.argv[1])).read())"
    )
    write(shared_folder, {"a": {}})
    (path,) = shared_folder.glob("*.jsonl")
    path.chmod(0o600)
    done = subprocess.run(
        [sys.executable, "-c", code, shared_folder], env=environment(shared_folder), capture_output=True, text=True
    )
    assert done.returncode == 1
    assert done.stderr.startswith(f"error: {path}: Permission denied\n")

"""The next start removes what its own dead engines left, and nothing else."""

import json
import os
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from waiting import NEVER, PATIENCE

from spd_faith.core.errors import UserError
from spd_faith.endpoints.engine import remains
from spd_faith.endpoints.engine.remains import Record, locked_folder, remove_segments, sweep

SLEEP = [sys.executable, "-c", f"import time; time.sleep({NEVER})"]
MAP = f"""
import mmap, os, sys, time
maps = [mmap.mmap(os.open(path, os.O_RDWR), 4096) for path in sys.argv[1:]]
os.link(sys.argv[-1], sys.argv[-1] + " semaphore")  # as the C library makes a named semaphore
os.unlink(sys.argv[-1])
print("mapped", flush=True)
time.sleep({NEVER})
"""


@pytest.fixture
def sleeper() -> Iterator[subprocess.Popen[bytes]]:
    """A process of somebody else."""
    with subprocess.Popen(SLEEP) as process:
        yield process
        process.kill()


@pytest.fixture
def segment() -> Iterator[Path]:
    path = Path("/dev/shm", f"spd-faith-test-{uuid.uuid4().hex}")
    path.write_bytes(bytes(4096))
    yield path
    path.unlink(missing_ok=True)


def start_ticks(process: int) -> int:
    """Field 22 of `man 5 proc`, of a process whose name has no spaces."""
    return int(Path(f"/proc/{process}/stat").read_text().split()[21])


def here(**changes: str) -> dict[str, str]:
    return {
        "host": socket.gethostname(),
        "boot": Path("/proc/sys/kernel/random/boot_id").read_text().strip(),
        "namespace": str(Path("/proc/self/ns/pid").readlink()),
        **changes,
    }


def dead_folder(parent: Path, *lines: object, age: float = 0) -> Path:
    """A folder as a killed guard leaves it."""
    folder = parent / f"spd-faith-engine.{uuid.uuid4().hex[:8]}"
    folder.mkdir(mode=0o700)
    if lines:
        texts = (line if isinstance(line, str) else json.dumps(line) for line in lines)
        (folder / "record.jsonl").write_text("\n".join(texts))
    os.utime(folder, (time.time() - age,) * 2)
    return folder


def test_recorded_processes_and_segments_go_with_their_folder(
    tmp_path: Path, sleeper: subprocess.Popen[bytes], segment: Path
) -> None:
    process = [sleeper.pid, start_ticks(sleeper.pid)]
    folder = dead_folder(tmp_path, {"node": here()}, {"process": process}, {"segment": segment.name})
    sweep([tmp_path])
    assert sleeper.wait(PATIENCE) == -9
    assert not segment.exists()
    assert not folder.exists()


def test_descendants_of_recorded_processes_go_too(tmp_path: Path) -> None:
    script = f"import subprocess; p = subprocess.Popen({SLEEP!r}); print(p.pid, flush=True); p.wait()"
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True) as parent:
        child = int(parent.stdout.readline())
        dead_folder(tmp_path, {"node": here()}, {"process": [parent.pid, start_ticks(parent.pid)]})
        sweep([tmp_path])
    assert not Path(f"/proc/{child}").exists() or " Z " in Path(f"/proc/{child}/stat").read_text()


def test_a_process_that_got_the_id_of_a_recorded_one_lives_on(tmp_path: Path, sleeper: subprocess.Popen[bytes]) -> None:
    folder = dead_folder(tmp_path, {"node": here()}, {"process": [sleeper.pid, start_ticks(sleeper.pid) - 1]})
    sweep([tmp_path])
    assert sleeper.poll() is None
    assert not folder.exists()


@pytest.mark.parametrize(
    ("changes", "is_removed"),
    [
        ({"boot": "of yesterday"}, True),
        ({"host": "another"}, False),
        ({"host": "another", "boot": "another"}, False),
        ({"namespace": "pid:[1]"}, False),  # a container whose processes this one cannot see
    ],
)
def test_processes_of_another_machine_boot_or_namespace_are_never_ended(
    changes: dict[str, str], is_removed: bool, tmp_path: Path, sleeper: subprocess.Popen[bytes], segment: Path
) -> None:
    process = [sleeper.pid, start_ticks(sleeper.pid)]
    folder = dead_folder(tmp_path, {"node": here(**changes)}, {"process": process}, {"segment": segment.name})
    sweep([tmp_path])
    assert sleeper.poll() is None
    assert segment.exists()
    assert folder.exists() != is_removed


def test_a_locked_folder_is_in_use(tmp_path: Path, sleeper: subprocess.Popen[bytes]) -> None:
    locked = locked_folder([Path("/tmp")])
    try:
        process = [sleeper.pid, start_ticks(sleeper.pid)]
        (locked.path / "record.jsonl").write_text("\n".join(map(json.dumps, ({"node": here()}, {"process": process}))))
        sweep([locked.path.parent])
        assert sleeper.poll() is None
        assert locked.path.exists()
    finally:
        os.close(locked.lock)
    sweep([locked.path.parent])
    assert sleeper.wait(PATIENCE) == -9
    assert not locked.path.exists()


@pytest.mark.parametrize("lines", [(), ({"node": None},), ({"node": {"host": 1}},)])
def test_a_folder_without_a_record_may_be_about_to_get_its_lock(lines: tuple[object, ...], tmp_path: Path) -> None:
    young, old = dead_folder(tmp_path, *lines, age=30), dead_folder(tmp_path, *lines, age=90)
    sweep([tmp_path])
    assert young.exists()
    assert not old.exists()


def test_damaged_lines_of_a_record_spare_the_others(
    tmp_path: Path, sleeper: subprocess.Popen[bytes], segment: Path
) -> None:
    folder = dead_folder(
        tmp_path,
        {"node": here()},
        "",
        "5",
        "[]",
        {"node": "another"},
        {"process": [1]},
        {"process": ["1", None]},
        {"process": 7},
        {"segment": None},
        {"segment": ["x"]},
        {"foreign": "x"},
        {"process": [sleeper.pid, start_ticks(sleeper.pid)]},
        '{"process": [12',
        {"segment": segment.name},
        '{"segm',
    )
    record = folder / "record.jsonl"
    record.write_bytes(b"\xff\xfe\n" + record.read_bytes())
    sweep([tmp_path])
    assert sleeper.wait(PATIENCE) == -9
    assert not segment.exists()
    assert not folder.exists()


def test_links_and_files_are_not_followed(tmp_path: Path, sleeper: subprocess.Popen[bytes]) -> None:
    process = [sleeper.pid, start_ticks(sleeper.pid)]
    (tmp_path / "elsewhere").mkdir()
    target = dead_folder(tmp_path / "elsewhere", {"node": here()}, {"process": process})
    link = tmp_path / "spd-faith-engine.link"
    link.symlink_to(target)
    file = tmp_path / "spd-faith-engine.file"
    file.touch()
    folder = dead_folder(tmp_path, {"node": here()})
    (folder / "link").symlink_to(target)
    sweep([tmp_path])
    assert sleeper.poll() is None
    assert link.is_symlink()
    assert file.exists()
    assert (target / "record.jsonl").exists()
    assert not folder.exists()


@pytest.mark.skipif(os.getuid() != 0, reason="only root can give a folder away")
def test_folders_of_other_users_stay(tmp_path: Path, sleeper: subprocess.Popen[bytes]) -> None:
    folder = dead_folder(tmp_path, {"node": here()}, {"process": [sleeper.pid, start_ticks(sleeper.pid)]}, age=900)
    os.chown(folder, 12345, 12345)
    sweep([tmp_path])
    assert sleeper.poll() is None
    assert folder.exists()


def test_no_file_outside_of_shared_memory_is_removed(tmp_path: Path) -> None:
    file, folder = tmp_path / "precious", Path("/dev/shm", f"spd-faith-{uuid.uuid4().hex}")
    file.touch()
    folder.mkdir()
    try:
        (folder / "weights").touch()
        names = {str(file), f"../..{file}", "..", "", f"{folder.name}/weights", folder.name, "nul\0byte"}
        assert remove_segments(names) == []
        assert file.exists()
        assert (folder / "weights").exists()
    finally:
        (folder / "weights").unlink(missing_ok=True)
        folder.rmdir()


def test_segments_are_found_but_not_weights_that_lay_in_memory_before_the_engine(tmp_path: Path, segment: Path) -> None:
    look_alike = tmp_path / "dev" / "shm"
    look_alike.mkdir(parents=True)
    (look_alike / "file").write_bytes(bytes(4096))
    record = Record(dead_folder(tmp_path))
    record.begin()
    own, before = Path(f"{segment} of the engine"), Path(f"{segment} temporary")
    own.write_bytes(bytes(4096))
    before.write_bytes(bytes(4096))
    semaphore = Path(f"{before} semaphore")
    try:
        command = [sys.executable, "-c", MAP, *map(str, (segment, look_alike / "file", own, before))]
        with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
            assert process.stdout
            process.stdout.readline()
            record.add({remains.Process(process.pid, start_ticks(process.pid))})
            assert record.segments == {own.name, semaphore.name}
            assert remove_segments(record.segments) == []  # still in use
            process.kill()
        assert remove_segments(record.segments) == [own.name, semaphore.name]
        assert segment.exists()
    finally:
        for path in (own, before, semaphore):
            path.unlink(missing_ok=True)


def test_a_full_disk_costs_the_record_but_not_the_engine(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    record = Record(tmp_path / "gone")
    record.begin()
    record.add({remains.Process(1, 2)})
    assert record.processes == {(1, 2)}
    assert "No such file or directory" in caplog.text


def test_a_line_that_was_cut_off_does_not_swallow_the_next(tmp_path: Path) -> None:
    folder = dead_folder(tmp_path, {"node": here()}, '{"process": [12')
    record = Record(folder)
    record.add({remains.Process(3, 4)})
    again = Record(folder)
    assert again.read() == here()
    assert again.processes == {(3, 4)}


def test_the_folder_is_private_and_holds_sockets(tmp_path: Path) -> None:
    locked = locked_folder([tmp_path / ("long" * 25), Path("/tmp")])
    try:
        assert locked.holds_sockets
        assert locked.path.parent == Path("/tmp")
        assert locked.path.stat().st_mode & 0o777 == 0o700
        assert list(locked.path.iterdir()) == []
        assert len(os.fsencode(locked.path / str(uuid.uuid4()))) <= 107
    finally:
        os.close(locked.lock)
        locked.path.rmdir()


def test_where_no_folder_can_be_made_the_error_names_the_reasons(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=f"{tmp_path}/none: No such file or directory; set TMPDIR"):
        locked_folder([tmp_path / "none"])

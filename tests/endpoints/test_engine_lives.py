"""Nothing of an engine is left, however its job ends: real processes, with a fake engine."""

import os
import signal
import socket
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection
from pathlib import Path

import pytest
from endpoints.lives import Life, remove, short_folder, wait_for
from waiting import COMMAND_SECONDS, NEVER, PATIENCE

from spd_faith.core.locks import try_lock

# An engine as hard to end as a real one: it loses a SIGTERM while it starts, and its child ignores one for longer.
STUBBORN = {"FAKE_ENGINE_LOST_SECONDS": "1", "FAKE_ENGINE_DEAF_SECONDS": "2", "FAKE_ENGINE_LOAD_SECONDS": "1.5"}
DEAF = {"FAKE_ENGINE_LOST_SECONDS": str(NEVER), "FAKE_ENGINE_DEAF_SECONDS": str(NEVER)}
NEVER_UP = {"FAKE_ENGINE_LOAD_SECONDS": str(NEVER), "START_TIMEOUT": str(NEVER)}


@pytest.fixture
def folder() -> Iterator[Path]:
    path = short_folder()
    yield path
    remove(path)


def to_group(number: signal.Signals) -> Callable[[Life], None]:
    """As Ctrl-C in a terminal."""
    return lambda life: os.killpg(life.job.pid, number)


def to_job(number: signal.Signals) -> Callable[[Life], None]:
    return lambda life: life.job.send_signal(number)


def to_all(number: signal.Signals) -> Callable[[Life], None]:
    """As scancel."""
    return lambda life: life.signal_all(number)


def nothing(_: Life) -> None:
    pass


def after(seconds: float, act: Callable[[Life], None]) -> Callable[[Life], None]:
    """Before the engine serves."""
    return lambda life: (time.sleep(seconds), act(life))


def when_up(act: Callable[[Life], None]) -> Callable[[Life], None]:
    return lambda life: (life.up(), act(life))


def when_guarded(act: Callable[[Life], None]) -> Callable[[Life], None]:
    """As soon as there is a guard, which may not have its handlers yet."""
    return lambda life: (wait_for(lambda: life.named("guard_engine.py"), life), act(life))


def when_loading(act: Callable[[Life], None]) -> Callable[[Life], None]:
    return lambda life: (wait_for(lambda: "core runs" in life.log, life), act(life))


ENDS = {
    "success": ("success", nothing, 0),
    "failure": ("failure", nothing, 1),
    "Ctrl-C": ("wait", when_up(to_group(signal.SIGINT)), -signal.SIGINT),
    "Ctrl-C early": ("wait", when_guarded(to_group(signal.SIGINT)), -signal.SIGINT),
    "SIGTERM": ("wait", when_up(to_job(signal.SIGTERM)), 128 + signal.SIGTERM),
    "SIGTERM early": ("wait", when_guarded(to_job(signal.SIGTERM)), 128 + signal.SIGTERM),
    "SIGHUP": ("wait", when_up(to_job(signal.SIGHUP)), 128 + signal.SIGHUP),
    "SIGTERM to all": ("wait", when_up(to_all(signal.SIGTERM)), 128 + signal.SIGTERM),
    "SIGTERM to all early": ("wait", when_guarded(to_all(signal.SIGTERM)), 128 + signal.SIGTERM),
    "SIGKILL": ("wait", when_up(to_job(signal.SIGKILL)), -signal.SIGKILL),
    "SIGKILL at 0.3 s": ("wait", after(0.3, to_job(signal.SIGKILL)), -signal.SIGKILL),
    "SIGKILL at 1 s": ("wait", after(1, to_job(signal.SIGKILL)), -signal.SIGKILL),
    "SIGKILL while it loads": ("wait", when_loading(to_job(signal.SIGKILL)), -signal.SIGKILL),
    "SIGKILL early": ("wait", when_guarded(to_job(signal.SIGKILL)), -signal.SIGKILL),
}


def test_nothing_is_left_however_the_job_ends(folder: Path) -> None:
    def live(name: str) -> None:
        end, act, code = ENDS[name]
        with Life(folder, end, **STUBBORN) as life:
            act(life)
            assert life.job.wait(PATIENCE) == code, (name, life.output)
            wait_for(lambda: not life.left(), life)

    with ThreadPoolExecutor(len(ENDS)) as pool:
        list(pool.map(live, ENDS))
    assert not [*folder.glob("spd-faith-engine.*"), *folder.glob("pymp-*")]


@pytest.mark.slow
@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGKILL])
def test_an_engine_that_never_obeys_is_killed_before_slurm_kills_its_job(end: signal.Signals, folder: Path) -> None:
    ignored = folder / "ignored"
    with Life(folder, **DEAF, FAKE_ENGINE_IGNORED=str(ignored)) as life:
        life.up()
        started = time.monotonic()
        life.job.send_signal(end)
        wait_for(lambda: not life.left(), life)
        assert time.monotonic() - started > 6
    assert len(ignored.read_text().splitlines()) <= 7  # one each 2 seconds: within half of Slurm's 30
    assert not list(folder.glob("spd-faith-engine.*"))


def test_the_next_start_removes_what_is_left_when_even_the_guard_was_killed(folder: Path) -> None:
    with Life(folder, **DEAF) as dead, Life(folder) as other:
        dead.up()
        other.up()
        dead.signal_all(signal.SIGKILL, but="--engine-core")
        wait_for(lambda: len(dead.processes()) == 1, dead)
        assert len(dead.segments()) == 1
        assert len(list(folder.glob("spd-faith-engine.*"))) == 2
        before = other.left()
        with Life(folder) as following:
            following.up()
            assert not dead.left()
            assert "ended 1 processes, removed 1 shared memory segments" in following.output
            assert other.left() == before
            assert len(list(folder.glob("spd-faith-engine.*"))) == 2
            assert other.job.poll() is None


def test_what_a_guard_had_not_recorded_yet_is_found_by_its_environment(folder: Path) -> None:
    with Life(folder, **DEAF) as dead:
        dead.up()
        dead.signal_all(signal.SIGKILL, but="--engine-core")
        wait_for(lambda: len(dead.processes()) == 1, dead)
        (record,) = folder.glob("spd-faith-engine.*/record.jsonl")
        kept = [line for line in record.read_text().splitlines() if '"process"' not in line and '"segment"' not in line]
        record.write_text("\n".join(kept))
        with Life(folder) as following:
            following.up()
            assert not dead.left()


def test_a_killed_guard_leaves_nothing_while_its_job_lives(folder: Path) -> None:
    with Life(folder, **DEAF, **NEVER_UP) as life:
        wait_for(lambda: "core runs" in life.log, life)
        life.named("guard_engine.py")[0].kill()
        assert life.job.wait(PATIENCE) == 1
        assert not life.left()
        assert "the guard of the engine was ended by SIGKILL" in life.output
    assert not list(folder.glob("spd-faith-engine.*"))


def test_a_process_that_the_job_forked_does_not_keep_its_engine(folder: Path) -> None:
    with Life(folder, FORKS="1") as life:
        life.up()
        life.job.kill()
        wait_for(lambda: len(life.processes()) == 1 and not life.segments(), life)
        assert life.named("engine_job.py")


def test_two_engines_at_once_do_not_collide(folder: Path) -> None:
    with Life(folder) as one, Life(folder) as two:
        places = {one.up()[0], two.up()[0]}
        assert len(places) == 2
        one.job.terminate()
        one.job.wait(PATIENCE)
        assert not one.left()
        assert len(two.processes()) == 4
        assert len(two.segments()) == 1


def test_a_folder_with_a_long_path_gives_way_to_tmp(folder: Path) -> None:
    long = folder / ("a" * 40) / ("b" * 40)
    long.mkdir(parents=True)
    with Life(long, end="success") as life:
        place = Path(life.up()[0])
        assert place.parent == Path("/tmp")
        assert life.job.wait(PATIENCE) == 0
        assert not life.left()
        assert not place.exists()
        assert not list(long.glob("spd-faith-engine.*"))


def test_without_sockets_it_serves_on_the_loopback_interface_with_a_key(folder: Path) -> None:
    with Life(folder, NO_SOCKETS="1", VLLM_API_KEY="of-some-other-server") as life:
        _, url, key = life.up()
        port = int(url.removeprefix("http://127.0.0.1:").removesuffix("/v1"))
        statuses = [_status_of_models(port, given) for given in (key, "of-some-other-server", None)]
        assert statuses == [200, 401, 401]
        assert len(key) >= 32
        shown = [" ".join(process.cmdline()) for process in life.processes()]
        assert key not in "".join(shown) + life.log + life.output.replace(f"{url} {key}", "")
        addresses = {one.laddr.ip for process in life.processes() for one in process.net_connections()}
        assert addresses == {"127.0.0.1"}
        life.job.terminate()
        life.job.wait(PATIENCE)
        assert not life.left()
    assert not list(folder.glob("spd-faith-engine.*"))


def test_a_key_of_another_server_is_not_asked_of_an_engine_on_a_socket(folder: Path) -> None:
    with Life(folder, VLLM_API_KEY="of-some-other-server") as life:
        place, _, _ = life.up()
        with socket.socket(socket.AF_UNIX) as connection:
            connection.connect(f"{place}/socket")
            connection.sendall(b"GET /v1/models HTTP/1.0\r\n\r\n")
            assert b" 200 " in connection.recv(100)


def _status_of_models(port: int, key: str | None) -> int:
    connection = HTTPConnection("127.0.0.1", port, timeout=COMMAND_SECONDS)
    connection.request("GET", "/v1/models", headers={"Authorization": f"Bearer {key}"} if key else {})
    return connection.getresponse().status


def test_an_engine_that_dies_while_it_starts_is_reported_at_once(folder: Path) -> None:
    deaths = {
        "3": "the engine ended with exit code 3",
        "0": "the engine ended with exit code 0",
        "255": "the engine ended with exit code 255",
        "SIGKILL": "the engine was ended by SIGKILL",
        "SIGSEGV": "the engine was ended by SIGSEGV",
    }

    def live(death: str) -> None:
        ignored = folder / f"ignored-{death}"
        settings = {"FAKE_ENGINE_DIES_AFTER": "0.5s", "FAKE_ENGINE_DEATH": death, "FAKE_ENGINE_IGNORED": str(ignored)}
        with Life(folder, **settings, **DEAF, **NEVER_UP) as life:
            assert life.job.wait(PATIENCE) == 1
            assert len(ignored.read_text().splitlines()) <= 2  # one each 2 seconds: its child is given one second
            assert f"the-job: {deaths[death]} while it started" in life.output
            assert "  loading some/model\n" in life.output
            assert f"  the fake engine dies: {death}\n  All of its output: {next(life.logs.glob('*'))}" in life.output
            assert not life.left()

    with ThreadPoolExecutor(len(deaths)) as pool:
        list(pool.map(live, deaths))
    assert not list(folder.glob("spd-faith-engine.*"))


def test_a_command_that_does_not_exist_is_reported_with_what_to_do(folder: Path) -> None:
    script = folder / "script"
    script.write_text("no program")
    for command, said in {
        str(folder / "vllm"): "exit code 127 while it started; its command was not found",
        str(script): "exit code 126 while it started; its command cannot be executed",
    }.items():
        with Life(folder, ENGINE_COMMAND=command) as life:
            assert life.job.wait(PATIENCE) == 1
            assert said in life.output
            assert "environment of its own" in life.output
            assert "`command` in the entry" in life.output
            assert f"  {command}: " in life.output
            assert not life.left()
    assert not list(folder.glob("spd-faith-engine.*"))


def test_an_engine_that_loads_for_too_long_is_ended(folder: Path) -> None:
    with Life(folder, **NEVER_UP | {"START_TIMEOUT": "1"}) as life:
        assert life.job.wait(PATIENCE) == 1
        assert "does not serve after 1 seconds; raise start_timeout" in life.output
        assert "  loading some/model" in life.output
        assert not life.left()
    assert not list(folder.glob("spd-faith-engine.*"))


def test_locks_stay_with_the_guard_of_a_killed_job(folder: Path) -> None:
    """The GPU is not free while processes of the engine still use it."""
    lock = try_lock(folder / "gpu.lock", "")
    assert lock
    assert lock.descriptor is not None
    with Life(folder, descriptors=(lock.descriptor,), FAKE_ENGINE_DEAF_SECONDS="4") as life:
        life.up()
        lock.release()
        life.job.kill()
        life.job.wait()
        assert life.named("fake_engine.py")
        wait_for(lambda: try_lock(folder / "gpu.lock", "") is not None, life)
        assert not life.named("fake_engine.py")  # as soon as the lock is free
        wait_for(lambda: not life.processes(), life)

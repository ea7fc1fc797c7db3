"""What a job learns from its engine, a fake one: that it serves, its metrics, its death."""

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import pytest
from endpoints.lives import remove, short_folder
from waiting import NEVER, PATIENCE

from spd_faith.core.errors import UserError
from spd_faith.endpoints.engine import process
from spd_faith.endpoints.engine.process import Engine, Launch, running_engine

ENGINE = Path(__file__).parents[1] / "fake_engine.py"


@pytest.fixture
def folder(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    path = short_folder()
    monkeypatch.setattr(tempfile, "tempdir", str(path))
    yield path
    assert not list(path.glob("spd-faith-engine.*"))
    remove(path)


def launch(folder: Path) -> Launch:
    return Launch("a-model", [sys.executable, str(ENGINE), "m"], PATIENCE, folder / "logs")


def ask(engine: Engine, *images: str, text: str = "What?") -> dict[str, Any]:
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(PATIENCE)
        connection.connect(str(engine.address.socket))
        http = HTTPConnection("engine")
        http.sock = connection
        parts = [{"type": "image_url", "image_url": {"url": image}} for image in images]
        content = [*parts, {"type": "text", "text": text}]
        body = {"model": "m", "messages": [{"role": "user", "content": content}]}
        http.request("POST", "/v1/chat/completions", json.dumps(body), {"Connection": "close"})
        return json.loads(http.getresponse().read())


def test_version_and_counters_are_read(folder: Path) -> None:
    with running_engine(launch(folder)) as engine:
        assert engine.version() == "0.0.fake"
        for _ in range(3):
            assert ask(engine, "one", "two")["choices"][0]["token_ids"] == [5, 6]
        counters = engine.counters()
    names = ("mm_cache_queries", "mm_cache_hits", "prefix_cache_queries", "prefix_cache_hits")
    assert [counters[f"vllm:{name}_total"] for name in names] == [6, 4, 6, 4]
    assert engine.version() == ""  # it is gone
    assert engine.counters() == {}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('a{x="1"} 2.0\na{x="2"} 3.5e+01\n# HELP a 7\nb 1\n', {"a": 37.0, "b": 1.0}),
        ('a{path="/v1/{id} 9"} 4\na_bucket{le="+Inf"} 5\nb NaN\nc +Inf\n', {"a": 4.0, "a_bucket": 5.0}),
        ("a 3 1700000000000\n", {"a": 3.0}),
        ("no metrics", {}),
    ],
)
def test_metrics_are_summed_over_their_labels(text: str, expected: dict[str, float]) -> None:
    """The text format of Prometheus: labels may hold braces, a time may follow."""
    assert process.read_metrics(text) == expected


def test_answers_are_those_of_the_file(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """For the tests of others."""
    (folder / "answers.json").write_text(json.dumps([{"question": "same", "text": "no", "token_ids": [7]}, {}]))
    monkeypatch.setenv("FAKE_ENGINE_ANSWERS", str(folder / "answers.json"))
    monkeypatch.setenv("FAKE_ENGINE_REQUESTS", str(folder / "requests"))
    with running_engine(launch(folder)) as engine:
        same, other = ask(engine, text="Are they the same?"), ask(engine)
    assert same["choices"][0] == {
        "index": 0,
        "message": {"role": "assistant", "content": "no"},
        "finish_reason": "stop",
        "token_ids": [7],
    }
    assert same["usage"] == {"prompt_tokens": 2, "completion_tokens": 1, "total_tokens": 3}
    assert same["prompt_token_ids"] == [1, 2]
    assert other["choices"][0]["message"]["content"] == "ok"
    assert len((folder / "requests").read_text().splitlines()) == 2


@pytest.mark.parametrize(("death", "said"), [("SIGKILL", "was ended by SIGKILL"), ("7", "ended with exit code 7")])
def test_an_engine_that_dies_while_it_answers_is_reported_at_once(
    death: str, said: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FAKE_ENGINE_DIES_AFTER", "1")
    monkeypatch.setenv("FAKE_ENGINE_DEATH", death)
    monkeypatch.setenv("FAKE_ENGINE_DEAF_SECONDS", str(NEVER))
    monkeypatch.setenv("FAKE_ENGINE_IGNORED", str(folder / "ignored"))

    async def wait(engine: Engine) -> UserError:
        return await asyncio.wait_for(engine.wait_for_death(), PATIENCE)

    with running_engine(launch(folder)) as engine:
        ask(engine)
        with pytest.raises((OSError, ValueError)):
            ask(engine)
        error = asyncio.run(wait(engine))
    assert len((folder / "ignored").read_text().splitlines()) <= 2  # one each 2 seconds: its child is given one second
    assert f"a-model: the engine {said} while it answered" in str(error)
    assert "\n  serving\n" in str(error)
    assert f"\n  the fake engine dies: {death}\n" in str(error)


def test_waiting_for_the_death_of_an_engine_that_is_stopped_can_be_cancelled(folder: Path) -> None:
    async def wait(engine: Engine) -> None:
        waiting = asyncio.create_task(engine.wait_for_death())
        await asyncio.to_thread(engine.stop)
        await asyncio.sleep(0.5)
        assert not waiting.done()
        waiting.cancel()

    with running_engine(launch(folder)) as engine:
        asyncio.run(wait(engine))


def test_signals_are_handled_as_before_afterwards(folder: Path) -> None:
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGHUP)}
    signal.signal(signal.SIGHUP, signal.SIG_IGN)  # as nohup
    try:
        with running_engine(launch(folder)):
            assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
            with pytest.raises(SystemExit) as left:
                os.kill(os.getpid(), signal.SIGTERM)
                time.sleep(5)
            assert left.value.code == 143
        assert signal.getsignal(signal.SIGTERM) is before[signal.SIGTERM]
        assert signal.pthread_sigmask(signal.SIG_BLOCK, ()) == set()
    finally:
        signal.signal(signal.SIGHUP, before[signal.SIGHUP])


def test_a_signal_to_a_guard_that_has_just_started_does_not_end_it(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    start = subprocess.Popen

    def start_and_signal(*arguments: Any, **options: Any) -> "subprocess.Popen[bytes]":
        started = start(*arguments, **options)
        for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
            started.send_signal(number)
        return started

    monkeypatch.setattr(subprocess, "Popen", start_and_signal)
    with running_engine(launch(folder)) as engine:
        assert engine.version() == "0.0.fake"


@pytest.mark.parametrize(
    ("folder_of_job", "first"),
    [
        ("/tmp/slurm.1234", "/tmp"),
        ("/scratch/1234/tmp", "/tmp"),
        ("/scratch/12345", "own"),
        ("/scratch/91234", "own"),
        ("/scratch/me", "own"),
    ],
)
def test_what_the_next_job_must_find_is_not_in_a_folder_that_goes_with_this_job(
    folder_of_job: str, first: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", folder_of_job)
    monkeypatch.setenv("SLURM_JOB_ID", "1234")
    own, common = Path(folder_of_job), Path("/tmp")
    assert process.temporary_folders() == ([common, own] if first == "/tmp" else [own, common])
    monkeypatch.delenv("SLURM_JOB_ID")
    assert process.temporary_folders() == [own, common]


def test_a_log_folder_that_cannot_be_made_leaves_no_folder(folder: Path) -> None:
    (folder / "logs").touch()
    with pytest.raises(FileExistsError), running_engine(launch(folder)):
        pass


class _Foreign(threading.Thread):
    """A server of somebody else that answers 200 to everything."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._listener.settimeout(PATIENCE)
        self.port = self._listener.getsockname()[1]

    def run(self) -> None:
        for _ in range(100):
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            with connection:
                connection.recv(1000)
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")

    def close(self) -> None:
        self._listener.close()


def test_a_server_of_somebody_else_on_the_port_is_not_taken_for_the_engine(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    foreign = _Foreign()
    foreign.start()
    monkeypatch.setattr(process, "_address", lambda one: process.Address(one.path, None, foreign.port, "k" * 32))
    try:
        with (
            pytest.raises(UserError, match=r"ended with exit code 1 while it started(.|\n)*Address already in use"),
            running_engine(launch(folder)),
        ):
            pass
    finally:
        foreign.close()

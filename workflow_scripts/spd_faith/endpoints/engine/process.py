"""Starts an engine on this node for one job, waits until it serves, and stops it."""

import asyncio
import json
import logging
import os
import re
import secrets
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any

import spd_faith
from spd_faith.core.errors import UserError
from spd_faith.endpoints.engine.guard import NOT_EXECUTABLE, NOT_FOUND, SIGNALS
from spd_faith.endpoints.engine.remains import LockedFolder, locked_folder, sweep, sweep_folder

log = logging.getLogger(__name__)

_GUARD = Path(spd_faith.__file__).parents[1] / "guard_engine.py"
_SOCKET = "socket"
_POLL_SECONDS = 0.2
_REPORT_SECONDS = 15.0
_STOP_SECONDS = 20.0
_HEALTH_SECONDS = 2.0
_REQUEST_SECONDS = 10.0
_LAST_LINES = 15
_LAST_BYTES = 20_000
_INSTALL = "install the engine in an environment of its own, and set `command` in the entry to the path of its command"
_KEY_VARIABLE = "VLLM_API_KEY"
_FOLDER_VARIABLE = "VLLM_RPC_BASE_PATH"  # for the engine's own sockets
_VARIABLES = {"VLLM_NO_USAGE_STATS": "1"}
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")
_METRIC = re.compile(
    r"^(?P<name>[\w:]+)(?:\{.*\})? (?P<value>[-+]?\d+(?:\.\d*)?(?:e[-+]?\d+)?)(?: \d+)?$", re.MULTILINE | re.IGNORECASE
)


@dataclass(frozen=True)
class Address:
    """Where an engine serves: a socket, or a port of the loopback interface with a key."""

    folder: Path
    """The engine's folder; short enough for the paths of its own sockets."""
    socket: Path | None
    port: int | None = None
    key: str | None = None

    @property
    def url(self) -> str:
        """The base URL of its API."""
        return f"http://127.0.0.1:{self.port}/v1" if self.port else "http://engine/v1"


@dataclass(frozen=True)
class Launch:
    """How to start an engine."""

    name: str
    """For messages."""
    command: Sequence[str]
    """Without the address."""
    start_timeout: float
    """Seconds until it must serve."""
    log_folder: Path
    """Folder that keeps its output."""
    inherited: Sequence[int] = ()
    """Descriptors that stay open until the last of its processes ended, such as those of GPU locks."""


class _SocketConnection(HTTPConnection):
    """HTTP over a socket with a path."""

    def __init__(self, path: Path, timeout: float) -> None:
        super().__init__("engine", timeout=timeout)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(os.fspath(self._path))


class Engine:
    """A started engine, with its guard."""

    def __init__(self, name: str, address: Address, log_file: Path, guard: "subprocess.Popen[bytes]") -> None:
        self.address = address
        self.log_file = log_file
        self._name = name
        self._guard = guard
        self._stopping = False

    def wait_until_healthy(self, timeout: float) -> None:
        """Return once the engine serves, logging its progress. Raises `UserError` if it ends or takes too long."""
        started = reported = time.monotonic()
        while not self._is_healthy():
            if self._guard.poll() is not None:
                raise self.death("while it started")
            now = time.monotonic()
            if now - started > timeout:
                what = f"does not serve after {timeout:g} seconds; raise start_timeout if it only loads slowly"
                raise UserError(f"{self._name}: the engine {what}\n{self._last_lines()}")
            if now - reported > _REPORT_SECONDS:
                reported = now
                log.info("%s: starting for %.0f s; %s", self._name, now - started, self._last_line())
            time.sleep(_POLL_SECONDS)
        log.info("%s: the engine serves after %.0f s", self._name, time.monotonic() - started)

    def death(self, when: str) -> UserError:
        """The error for an engine that ended by itself, with the last lines of its output."""
        how, hint = _end_of(self._guard.poll())
        return UserError(f"{self._name}: {how} {when}{hint}\n{self._last_lines()}")

    async def wait_for_death(self) -> UserError:
        """Return once the engine ended by itself; cancel the call to stop waiting."""
        while self._guard.poll() is None or self._stopping:
            await asyncio.sleep(_POLL_SECONDS)
        return self.death("while it answered")

    def version(self) -> str:
        """The version that the engine states; empty if it states none."""
        with suppress(OSError, HTTPException, ValueError, AttributeError):
            return str(json.loads(self._get("/version")[1]).get("version", ""))
        return ""

    def counters(self) -> dict[str, float]:
        """Its metrics by name, summed over their labels; empty if it states none."""
        with suppress(OSError, HTTPException):
            return read_metrics(self._get("/metrics")[1].decode(errors="replace"))
        return {}

    def stop(self) -> None:
        """End all of its processes; returns when they are gone, after 20 seconds at most."""
        self._stopping = True
        assert self._guard.stdin
        with suppress(OSError):
            self._guard.stdin.close()
        try:
            self._guard.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            log.warning("%s: the guard of the engine, process %d, has not ended", self._name, self._guard.pid)
            return
        if self.address.folder.exists():  # the guard was killed
            sweep_folder(self.address.folder)
            shutil.rmtree(self.address.folder, ignore_errors=True)

    def _is_healthy(self) -> bool:
        try:
            if self._get("/health", _HEALTH_SECONDS)[0] != 200:
                return False
            # someone else's server may have got the port: it does not know the key, or does not ask for one
            return not self.address.key or (
                self._get("/v1/models", _HEALTH_SECONDS)[0] == 200
                and self._get("/v1/models", _HEALTH_SECONDS, key="")[0] in (401, 403)
            )
        except (OSError, HTTPException):
            return False

    def _get(self, path: str, timeout: float = _REQUEST_SECONDS, key: str | None = None) -> tuple[int, bytes]:
        where = self.address
        connection: HTTPConnection
        if where.socket:
            connection = _SocketConnection(where.socket, timeout)
        else:
            connection = HTTPConnection("127.0.0.1", where.port, timeout=timeout)
        key = where.key if key is None else key
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        try:
            connection.request("GET", path, headers=headers)
            response = connection.getresponse()
            return response.status, response.read()
        finally:
            connection.close()

    def _lines(self) -> list[str]:
        with suppress(OSError), self.log_file.open("rb") as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - _LAST_BYTES))
            text = file.read(_LAST_BYTES).decode(errors="replace")
            return [line for line in _COLOUR.sub("", text).splitlines() if line.strip()]
        return []

    def _last_line(self) -> str:
        return (self._lines() or ["no output yet"])[-1][:200]

    def _last_lines(self) -> str:
        shown = "\n".join(f"  {line[:300]}" for line in self._lines()[-_LAST_LINES:]) or "  (no output)"
        return f"{shown}\n  All of its output: {self.log_file}"


def read_metrics(text: str) -> dict[str, float]:
    """Finite metrics by name in Prometheus' text format, summed over their labels."""
    sums: dict[str, float] = {}
    for found in _METRIC.finditer(text):
        sums[found["name"]] = sums.get(found["name"], 0.0) + float(found["value"])
    return sums


@contextmanager
def running_engine(launch: Launch) -> Iterator[Engine]:
    """An engine that serves, stopped at the end of the block, also by SIGTERM and SIGHUP.

    First removes what killed jobs of this user left on this node. Raises `UserError` if it does not come up.
    """
    with _ended_by_signals():
        engine = _start(launch)
        try:
            engine.wait_until_healthy(launch.start_timeout)
            yield engine
        finally:
            engine.stop()


def _end_of(code: int | None) -> tuple[str, str]:
    """How an engine ended, by the exit code of its guard, and what to do."""
    names = {int(number): number.name for number in signal.Signals}
    if code is not None and code < 0:
        return f"the guard of the engine was ended by {names.get(-code, f'signal {-code}')}", ""
    if code is not None and code - 128 in names:
        hint = "; perhaps the memory of the job is too small" if code - 128 == signal.SIGKILL else ""
        return f"the engine was ended by {names[code - 128]}", hint
    hints = {
        NOT_FOUND: f"; its command was not found: {_INSTALL}",
        NOT_EXECUTABLE: f"; its command cannot be executed: {_INSTALL}",
    }
    return f"the engine ended with exit code {code}", hints.get(code or 0, "")


def temporary_folders() -> list[Path]:
    """Where an engine's folder may lie, best first: the next start on the node must find what this one left."""
    own, common = Path(tempfile.gettempdir()), Path("/tmp")
    job = os.environ.get("SLURM_JOB_ID")
    goes_with_the_job = job and re.search(rf"(?<!\d){job}(?!\d)", str(own))
    return [common, own] if goes_with_the_job else [own, common]


def _start(launch: Launch) -> Engine:
    parents = temporary_folders()
    sweep(parents)
    folder = locked_folder(parents)
    try:
        address = _address(folder)
        launch.log_folder.mkdir(parents=True, exist_ok=True)
        log_file = launch.log_folder / f"{time.strftime('%Y%m%d-%H%M%S')}-{folder.path.name[-8:]}.log"
        log_file.touch()
        command = [*launch.command, *_address_words(address)]
        log.info("%s: starting an engine: %s", launch.name, shlex.join(command))
        guarded = [sys.executable, str(_GUARD), "--folder", str(folder.path), "--log", str(log_file), "--", *command]
        with _blocked_signals():  # until the guard has its handlers
            guard = subprocess.Popen(
                guarded,
                stdin=subprocess.PIPE,
                env=_environment(address),
                start_new_session=True,
                pass_fds=(folder.lock, *launch.inherited),
            )
    except BaseException:
        shutil.rmtree(folder.path, ignore_errors=True)
        raise
    finally:
        os.close(folder.lock)
    return Engine(launch.name, address, log_file, guard)


def _address(folder: LockedFolder) -> Address:
    if folder.holds_sockets:
        return Address(folder.path, folder.path / _SOCKET)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return Address(folder.path, None, probe.getsockname()[1], secrets.token_urlsafe(24))


def _address_words(address: Address) -> list[str]:
    if address.socket:
        return ["--uds", str(address.socket)]
    return ["--host", "127.0.0.1", "--port", str(address.port)]


def _environment(address: Address) -> dict[str, str]:
    """The environment of an engine. Its temporary files lie in its folder, too, so that they go with it."""
    environment = {**os.environ, **_VARIABLES, _FOLDER_VARIABLE: str(address.folder)}
    environment.pop(_KEY_VARIABLE, None)  # that of some other server
    if address.key:
        environment[_KEY_VARIABLE] = address.key
    if address.socket:
        environment["TMPDIR"] = str(address.folder)
    return environment


@contextmanager
def _blocked_signals() -> Iterator[None]:
    before = signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextmanager
def _ended_by_signals() -> Iterator[None]:
    """Within the block, SIGTERM and SIGHUP raise `SystemExit`, so that the engine is stopped first.

    Where one is ignored, as SIGHUP under nohup, it stays so.
    """

    def leave(number: int, _: Any) -> None:
        sys.exit(128 + number)

    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGHUP)}
    taken = {number: handler for number, handler in before.items() if handler is not signal.SIG_IGN}
    for number in taken:
        signal.signal(number, leave)
    try:
        yield
    finally:
        for number, handler in taken.items():
            signal.signal(number, signal.SIG_DFL if handler is None else handler)

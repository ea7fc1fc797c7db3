"""Jobs with a fake engine as processes of their own, and what is left of them, seen without the code under test."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import uuid
from contextlib import suppress
from pathlib import Path

import psutil
from waiting import PATIENCE, wait_until

JOB = Path(__file__).parents[1] / "engine_job.py"


class Life:
    """A job with an engine, in a temporary directory that other jobs may share."""

    # what a shell or nohup starts may ignore these, with all its children
    launcher = ("env", "--default-signal=INT,HUP")

    def __init__(self, folder: Path, end: str = "wait", descriptors: tuple[int, ...] = (), **variables: str) -> None:
        self.mark = uuid.uuid4().hex[:12]
        self.folder = folder
        self.logs = folder / f"logs-{self.mark}"
        self._output = folder / f"output-{self.mark}"
        settings = {
            "TMPDIR": str(folder),
            "FAKE_ENGINE_SEGMENT": f"fake-engine-{self.mark}",
            "FAKE_ENGINE_MARK": self.mark,
            **variables,
        }
        with self._output.open("a") as output:
            self.job = subprocess.Popen(
                [*self.launcher, sys.executable, JOB, self.logs, end, *map(str, descriptors)],
                env=os.environ | settings,
                stdout=output,
                stderr=output,
                pass_fds=descriptors,
                start_new_session=True,
            )

    def __enter__(self) -> "Life":
        return self

    def __exit__(self, *_: object) -> None:
        for process in self.processes():
            with suppress(psutil.Error):  # it ends
                process.kill()
        self.job.wait()
        for segment in self.segments():
            segment.unlink(missing_ok=True)

    @property
    def output(self) -> str:
        return self._output.read_text() if self._output.exists() else ""

    @property
    def log(self) -> str:
        return "".join(path.read_text() for path in self.logs.glob("*.log"))

    def up(self) -> list[str]:
        """Wait until the engine serves; its folder, its URL, its key."""
        wait_for(lambda: "the engine serves" in self.output and "/v1" in self.output, self)
        return next(line for line in self.output.splitlines() if "/v1 " in line).split()

    def processes(self) -> list[psutil.Process]:
        """The living processes that were started with the mark in their environment: job, guard, engine, its child."""
        return [process for process, _ in self._commands()]

    def named(self, word: str) -> list[psutil.Process]:
        """Those of its processes with the word in their command."""
        return [process for process, command in self._commands() if word in command]

    def _commands(self) -> list[tuple[psutil.Process, str]]:
        found = []
        for process in psutil.process_iter():
            with suppress(psutil.Error):  # it ends
                if process.status() != psutil.STATUS_ZOMBIE and process.environ().get("FAKE_ENGINE_MARK") == self.mark:
                    found.append((process, " ".join(process.cmdline())))
        return found

    def segments(self) -> list[Path]:
        return list(Path("/dev/shm").glob(f"fake-engine-{self.mark}*"))

    def left(self) -> list[object]:
        """What there is of it, but for folders, which others may share."""
        return [*(command for _, command in self._commands()), *self.segments()]

    def signal_all(self, number: signal.Signals, *, but: str = "no such word") -> None:
        """As to each process of a Slurm step."""
        spared = {process.pid for process in self.named(but)}
        for process in self.processes():
            if process.pid not in spared:
                with suppress(psutil.Error):
                    process.send_signal(number)


def wait_for(condition, life: Life, seconds: float = PATIENCE) -> None:
    wait_until(condition, lambda: f"{life.left()}\n{life.output}\n{life.log}", seconds)


def short_folder() -> Path:
    """A temporary directory whose path is short enough for sockets."""
    return Path(tempfile.mkdtemp(prefix="life-", dir="/tmp"))


def remove(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)

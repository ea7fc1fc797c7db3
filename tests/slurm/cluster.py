"""The one-node Slurm of these tests: its records of each job, and workflow runs on it."""

import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from waiting import COMMAND_SECONDS

SCRIPT = Path(__file__).with_name("one_node.sh")


@dataclass(frozen=True)
class Job:
    """A job as Slurm recorded it."""

    id: str
    comment: str
    """`rule_{rule}_wildcards_{wildcards}`, or `rule_{group}_{rules}`, set by Snakemake."""
    partition: str
    state: str
    gpus: int
    minutes: int
    mem_mb: int
    visible_gpus: str
    """`CUDA_VISIBLE_DEVICES` of its step; empty where it was not set."""


class Cluster:
    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def jobs(self, project: Path) -> list[Job]:
        """Every job of a project, ended ones too, in the order of their submission."""
        shown = subprocess.run(
            ["scontrol", "show", "job"], capture_output=True, text=True, timeout=COMMAND_SECONDS, check=True
        )
        records = [
            dict(re.findall(r"(\w+)=(\S*)", record)) for record in shown.stdout.split("\n\n") if "JobId=" in record
        ]
        gpus = self._visible_gpus()
        return [
            Job(
                id=record["JobId"],
                comment=record.get("Comment", ""),
                partition=record["Partition"],
                state=record["JobState"],
                gpus=int(record.get("TresPerJob", "gpu:0").rsplit(":", 1)[1]),
                minutes=_minutes(record["TimeLimit"]),
                mem_mb=_megabytes(re.search(r"mem=(\w+)", record["TRES"])[1]),
                visible_gpus=gpus.get(record["JobId"], ""),
            )
            for record in records
            if record["WorkDir"] == str(project)
        ]

    def unfinished(self, project: Path) -> list[Job]:
        return [job for job in self.jobs(project) if job.state in ("PENDING", "RUNNING", "COMPLETING")]

    @contextmanager
    def configured(self, name: str, value: str) -> Iterator[None]:
        """Give a setting another value for a while."""
        file = self._folder / "slurm.conf"
        before = file.read_text()
        try:
            _reconfigure(file, re.sub(rf"^{name}=.*$", f"{name}={value}", before, flags=re.MULTILINE))
            yield
        finally:
            _reconfigure(file, before)

    def _visible_gpus(self) -> dict[str, str]:
        log = self._folder / "gpus.log"
        lines = log.read_text().splitlines() if log.exists() else []
        return dict(line.partition(" ")[::2] for line in lines)


def _reconfigure(file: Path, text: str) -> None:
    file.write_text(text)
    subprocess.run(["scontrol", "reconfigure"], timeout=COMMAND_SECONDS, check=True)


@contextmanager
def running_cluster(folder: Path) -> Iterator[Cluster]:
    """A Slurm within a `with` block, whose files lie in `folder`."""
    started = subprocess.run([SCRIPT, "start", folder], capture_output=True, text=True, timeout=COMMAND_SECONDS)
    if started.returncode:
        pytest.fail(f"Slurm did not start\n{started.stderr}", pytrace=False)
    try:
        yield Cluster(folder)
    finally:
        subprocess.run([SCRIPT, "stop", folder], timeout=COMMAND_SECONDS, check=True)


def _minutes(limit: str) -> int:
    hours, minutes, _ = limit.split("-")[-1].split(":")
    return int(hours) * 60 + int(minutes)


def _megabytes(memory: str) -> int:
    number, unit = re.fullmatch(r"(\d+)([MG])", memory).groups()
    return int(number) * (1024 if unit == "G" else 1)

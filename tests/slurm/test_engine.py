"""Jobs with a fake engine that Slurm ends: nothing is left when it would kill what is left."""

import shlex
import subprocess
import sys
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from pathlib import Path
from signal import SIGKILL

import pytest
from endpoints.lives import Life, remove, short_folder, wait_for
from slurm.cluster import Cluster
from waiting import COMMAND_SECONDS, NEVER
from workflow.project import ROOT, Project

pytestmark = pytest.mark.slurm

KILL_WAIT = 30  # Slurm's default
NEVER_OBEYS = {"FAKE_ENGINE_LOST_SECONDS": str(NEVER), "FAKE_ENGINE_DEAF_SECONDS": str(NEVER)}
NEXT_CHECK = 120  # seconds; Slurm looks for jobs at their limit every 30


@pytest.fixture
def folder(cluster: Cluster) -> Iterator[Path]:
    path = short_folder()
    (path / "script").write_text('#!/bin/sh\nexec "$@"\n')
    with cluster.configured("KillWait", str(KILL_WAIT)):
        yield path
    remove(path)


class ModelLife(Life):
    """The engine of a model that Snakemake submits, and that never serves."""

    def __init__(self, folder: Path, project: Project) -> None:
        self.mark = uuid.uuid4().hex[:12]
        self._output = folder / f"snakemake-{self.mark}"
        self.logs = project.folder / "results/demo/journal/responses/engine/engine"
        settings = {"LOAD_SECONDS": str(NEVER), "MARK": self.mark, "SEGMENT": f"fake-engine-{self.mark}"}
        words = [f"FAKE_ENGINE_{name}={value}" for name, value in settings.items()]
        command = shlex.join(["env", *words, sys.executable, str(ROOT / "tests/fake_engine.py")])
        with project.edited("config/models.yaml") as models:
            model = {"model": "resources/models/tiny-qwen2-vl", "dtype": "float32", "max_new_tokens": 8}
            models["engine"] = {"backend": "vllm", "command": command, "resources": {"gpu": 1}, **model}
        with project.edited("config/config.yaml") as config:
            config["models"] = ["engine"]
        with self._output.open("a") as output:
            self.job = subprocess.Popen(
                project.slurm_command("--retries", "0"),
                cwd=project.folder,
                env=project.environment(CUDA_VISIBLE_DEVICES=None, TMPDIR=str(folder)),
                stdout=output,
                stderr=output,
            )


class SlurmLife(Life):
    """A job that sbatch submits."""

    def __init__(self, folder: Path, **variables: str) -> None:
        self.launcher = (
            "sbatch",
            "--parsable",
            "--time=1",
            "--open-mode=append",
            f"--output={folder}/%j",
            f"{folder}/script",
        )
        super().__init__(folder, **variables)
        self.job.wait(COMMAND_SECONDS)
        self.id = self.output.strip()
        self._output = folder / self.id

    def __exit__(self, *exception: object) -> None:
        subprocess.run(["scancel", "--quiet", "--signal=KILL", "--full", self.id], check=False, timeout=COMMAND_SECONDS)
        super().__exit__(*exception)

    def state(self) -> str:
        shown = subprocess.run(
            ["scontrol", "show", "job", self.id], capture_output=True, text=True, timeout=COMMAND_SECONDS
        )
        return shown.stdout.partition("JobState=")[2].split()[0]


def test_nothing_is_left_after_a_job_that_slurm_ends(folder: Path) -> None:
    with ThreadPoolExecutor(3) as pool:
        for ended in [pool.submit(end, folder) for end in (_cancelled, _at_its_time_limit, _killed_with_its_guard)]:
            ended.result()
    assert not list(folder.glob("spd-faith-engine.*"))


def test_nothing_is_left_of_the_engine_of_a_cancelled_model(folder: Path, cluster: Cluster, tmp_path: Path) -> None:
    project = Project.fresh(tmp_path / "project")
    with ModelLife(folder, project) as life:
        wait_for(lambda: life.segments() and "loading" in life.log, life, COMMAND_SECONDS)
        assert list(folder.glob("spd-faith-engine.*"))
        (job,) = cluster.unfinished(project.folder)
        subprocess.run(["scancel", job.id], check=True, timeout=COMMAND_SECONDS)
        _assert_clean_in_time(life)
        wait_for(lambda: life.job.poll() == 1, life, COMMAND_SECONDS)
    assert not list(folder.glob("spd-faith-engine.*"))


def _cancelled(folder: Path) -> None:
    with SlurmLife(folder, **NEVER_OBEYS) as life:
        life.up()
        subprocess.run(["scancel", life.id], check=True, timeout=COMMAND_SECONDS)
        _assert_clean_in_time(life)
        wait_for(lambda: life.state() == "CANCELLED", life)


def _at_its_time_limit(folder: Path) -> None:
    with SlurmLife(folder, **NEVER_OBEYS) as life:
        life.up()
        limit = datetime.now() + timedelta(seconds=2)  # the shortest limit of sbatch is a minute
        update = ["scontrol", "update", f"JobId={life.id}", f"EndTime={limit:%Y-%m-%dT%H:%M:%S}"]
        subprocess.run(update, check=True, timeout=COMMAND_SECONDS)
        wait_for(lambda: "DUE TO TIME LIMIT" in life.output, life, NEXT_CHECK)
        _assert_clean_in_time(life)
        wait_for(lambda: life.state() == "TIMEOUT", life)


def _killed_with_its_guard(folder: Path) -> None:
    """As with control groups, which this Slurm has not: a process that Slurm kills takes all others with it."""
    with SlurmLife(folder, **NEVER_OBEYS) as life:
        place = Path(life.up()[0])
        subprocess.run(["scancel", "--signal=KILL", "--full", life.id], check=True, timeout=COMMAND_SECONDS)
        life.signal_all(SIGKILL)
        wait_for(lambda: not life.processes(), life)
        assert len(life.segments()) == 1
        assert place.exists()
        with SlurmLife(folder) as following:
            following.up()
            assert not life.left()
            assert not place.exists()
            assert "ended 0 processes, removed 1 shared memory segments" in following.output
            subprocess.run(["scancel", following.id], check=True, timeout=COMMAND_SECONDS)
            _assert_clean_in_time(following)


def _assert_clean_in_time(life: Life) -> None:
    wait_for(lambda: not life.left(), life, KILL_WAIT)

"""A copy of the project to run the real workflow in."""

import os
import re
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path
from textwrap import dedent, indent

import pandas as pd
import yaml
from waiting import RUN_SECONDS

ROOT = Path(__file__).resolve().parents[2]
PARTS = ("Snakefile", "profiles", "rules", "workflow_scripts", "config", "envs", "resources", "slurm")
MODELS = ("tiny-qwen2-vl", "tiny-qwen2-vl-early")
_TIMES = re.compile("seconds|latency|probing_ratio")


def without_times(table: pd.DataFrame) -> pd.DataFrame:
    """A table of the leaderboard without the columns that differ from run to run."""
    return table[[column for column in table if not _TIMES.search(column)]]


class Project:
    """A copy of the project with a dataset of eight pairs without controls and two models, without probes."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @classmethod
    def as_shipped(cls, folder: Path) -> "Project":
        """The default run, unedited."""
        for part in PARTS:
            source = ROOT / part
            copy = shutil.copytree if source.is_dir() else shutil.copy2
            folder.mkdir(parents=True, exist_ok=True)
            copy(source, folder / part)
        return cls(folder)

    @classmethod
    def fresh(cls, folder: Path) -> "Project":
        project = cls.as_shipped(folder)
        with project.edited("config/datasets.yaml") as datasets:
            for split in datasets["demo"]["splits"].values():
                split["pairs"] = 2
            del datasets["demo"]["controls"]
        with project.edited("config/config.yaml") as config:
            config["models"] = list(MODELS)
            config["probes"] = {"run": []}
        return project

    def copy(self, folder: Path) -> "Project":
        shutil.copytree(self.folder, folder)
        return Project(folder)

    def edited(self, path: str) -> "_Edit":
        return _Edit(self.folder / path)

    def ask_for(self, model: str, **resources: int) -> None:
        """Change what a model's jobs ask a scheduler for."""
        with self.edited("config/models.yaml") as models:
            models[model]["resources"] = models[model].get("resources", {}) | resources

    def insert(self, script: str, code: str) -> None:
        """Have a command do something more before it begins."""
        path = self.folder / script
        before, main, after = path.read_text().partition('if __name__ == "__main__":\n')
        path.write_text(before + main + indent(dedent(code).strip() + "\n", "    ") + after)

    def slow(self, seconds: float) -> None:
        """Have each batch of questions take so much longer."""
        path = self.folder / "workflow_scripts/spd_faith/inference/batches.py"
        begun = "    started = time.perf_counter()\n"
        assert begun in path.read_text()
        path.write_text(path.read_text().replace(begun, f"{begun}    time.sleep({seconds})\n"))

    def command(self, *arguments: str, python: str = sys.executable) -> list[str]:
        return [python, "-m", "snakemake", "--cores", "2", *arguments]

    def environment(self, python: str = sys.executable, **variables: str | None) -> dict[str, str]:
        """That of this process, with no GPU visible and no width of its terminal, and `variables`; None is not set."""
        path = f"{Path(python).parent}{os.pathsep}{os.environ['PATH']}"
        merged = {**os.environ, "PATH": path, "CUDA_VISIBLE_DEVICES": "", "COLUMNS": None, **variables}
        return {name: value for name, value in merged.items() if value is not None}

    def snakemake(
        self, *arguments: str, python: str = sys.executable, **variables: str
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self.command(*arguments, python=python),
            cwd=self.folder,
            env=self.environment(python, **variables),
            capture_output=True,
            text=True,
            timeout=RUN_SECONDS,
        )

    def slurm_command(self, *arguments: str) -> list[str]:
        """Through the profile, which asks about its jobs as soon as the Slurm of the tests can answer."""
        quick = ["--slurm-init-seconds-before-status-checks", "1", "--latency-wait", "5"]
        return [sys.executable, "-m", "snakemake", "--profile", "slurm", *quick, *arguments]

    def run_on_slurm(self, *arguments: str) -> str:
        done = subprocess.run(
            self.slurm_command(*arguments),
            cwd=self.folder,
            env=self.environment(CUDA_VISIBLE_DEVICES=None),
            capture_output=True,
            text=True,
            timeout=RUN_SECONDS,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout + done.stderr

    def run(self, *arguments: str, python: str = sys.executable, **variables: str) -> str:
        done = self.snakemake(*arguments, python=python, **variables)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout + done.stderr

    def planned(self, *arguments: str) -> dict[str, int]:
        """Jobs of a dry run, by rule; the aggregation target `all` is no job."""
        return _job_counts(self.run("--dry-run", *arguments))

    def planned_on_slurm(self) -> dict[str, int]:
        """Jobs of a dry run through the profile, by rule."""
        return _job_counts(self.run_on_slurm("--dry-run"))

    def models(self) -> list[str]:
        return yaml.safe_load((self.folder / "config/config.yaml").read_text())["models"]

    def planned_of(self, *arguments: str) -> Counter[tuple[str, str]]:
        """Jobs of a dry run, by rule and model ("" where it is about none), for tests that ask whose they are.

        Judging has the judge's name after the rule's.
        """
        output = self.run("--dry-run", *arguments)
        jobs = re.findall(r"^(?:local)?rule (\w+):\n((?:    .*\n)*)", output, re.MULTILINE)
        wildcards = [dict(re.findall(r"(\w+)=([^,\n]+)", _line(text, "wildcards"))) for _, text in jobs]
        names = [
            (f"{rule}_{found['judge']}" if rule == "judge_responses" else rule, found.get("model", ""))
            for (rule, _), found in zip(jobs, wildcards, strict=True)
        ]
        return Counter(name for name in names if name[0] != "all")

    def table(self, name: str) -> pd.DataFrame:
        return pd.read_parquet(self.folder / "results/demo" / name)


def _job_counts(output: str) -> dict[str, int]:
    stats = re.search(r"^job +count\n-+ +-+\n(.*?)\n\n", output, re.DOTALL | re.MULTILINE)
    if stats is None:
        assert "Nothing to be done" in output, output
        return {}
    counts = dict(line.split() for line in stats[1].splitlines())
    return {rule: int(count) for rule, count in counts.items() if rule not in ("all", "total")}


def _line(text: str, name: str) -> str:
    """What Snakemake says of a job under a name."""
    found = re.search(rf"^    {name}: (.*)$", text, re.MULTILINE)
    return found[1] if found else ""


class _Edit:
    """Edit a YAML file in a `with` block."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __enter__(self) -> dict:
        self._content = yaml.safe_load(self._path.read_text())
        return self._content

    def __exit__(self, *exception: object) -> None:
        self._path.write_text(yaml.safe_dump(self._content, sort_keys=False))

"""The record of a run: its config, resolved revisions and software versions."""

import json
import shlex
import subprocess
from collections.abc import Collection, Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import pandas as pd

from spd_faith.core.machine import hardware
from spd_faith.core.paths import ResultPaths
from spd_faith.core.run_config import RecordedRun
from spd_faith.core.schemas import TASKS
from spd_faith.inference.prompts import Prompt
from spd_faith.leaderboard.costs import COSTS
from spd_faith.leaderboard.failed_answers import FAILURE_KINDS
from spd_faith.leaderboard.results import Results

_PACKAGES = (
    *("snakemake", "torch", "torchvision", "transformers", "accelerate", "tokenizers", "qwen-vl-utils", "pillow"),
    *("numpy", "pandas", "scipy", "pyarrow", "json-repair", "huggingface-hub", "openai"),
)


def run_record(
    run: RecordedRun, results: Results, paths: ResultPaths, prompts: Mapping[str, Prompt], costs: pd.DataFrame
) -> dict[str, Any]:
    """The content of run.json: merged config, dataset and model provenance, versions, git commit, prompt hashes, the
    command that makes it again, this machine and the time of the jobs.

    `costs` lists the judges' models and their cost (`judge_costs`).
    """
    return {
        "run": dict(run.merged),
        "dataset": dict(results.dataset.recorded),
        "models": {model: dict(origin.recorded) for model, origin in results.responses.items()},
        "judges": json.loads(costs.to_json(orient="records")),
        "prompts": {task: prompt.sha for task, prompt in prompts.items()},
        "packages": {package: _version(package) for package in _PACKAGES},
        "git_commit": _git_commit(),
        "command": command_again(run.dataset.name),
        "hardware": hardware(),
        "job_seconds": job_seconds({*run.models, *run.judges}, paths),
    }


def command_again(dataset: str) -> str:
    """What makes a run of the dataset again, in the project's folder, wherever its results are now."""
    config = ResultPaths.of(dataset).run_config
    return shlex.join(["snakemake", "--cores", "all", "--configfile", config.as_posix()])


def job_seconds(names: Collection[str], paths: ResultPaths) -> dict[str, float]:
    """By rule, the seconds of finished jobs, each as it last ran: those of the models and judges `names`, and those of
    none. They are in the benchmarks of Snakemake."""
    seconds: dict[str, float] = {}
    for path in sorted(paths.benchmarks.rglob("*.tsv")):
        rule, *of = path.relative_to(paths.benchmarks).with_suffix("").parts
        if rule != "make_leaderboard" and all(name in names or name.isdigit() for name in of):
            seconds[rule] = seconds.get(rule, 0.0) + float(pd.read_csv(path, sep="\t")["s"].sum())
    return seconds


def probing_seconds(models: Collection[str], paths: ResultPaths) -> dict[str, float]:
    """By model, the seconds of the job of its probes, as it last ran; without those that have none."""
    seconds = {model: job_seconds({model}, paths).get("run_probes") for model in models}
    return {model: of for model, of in seconds.items() if of is not None}


def answers_record(live: pd.DataFrame) -> dict[str, Any]:
    """By model, what its answers cost and how many of them failed; null if unknown."""
    models = live.drop_duplicates("model").set_index("model")
    failed = [f"{task}_{kind}" for task in TASKS for kind in FAILURE_KINDS]
    records: dict[str, Any] = json.loads(models[[*COSTS, *failed]].to_json(orient="index"))
    return records


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _git_commit() -> str | None:
    """Commit of the checkout, with `-dirty` if tracked files differ from it; None outside a checkout."""
    command = ["git", "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=Path(__file__).parent)
    except (OSError, subprocess.CalledProcessError):
        return None
    return done.stdout.strip()

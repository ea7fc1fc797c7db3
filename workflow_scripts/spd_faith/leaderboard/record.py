"""The record of a run: its config, resolved revisions and software versions."""

import json
import subprocess
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import pandas as pd

from spd_faith.core.run_config import RecordedRun
from spd_faith.inference.prompts import Prompt
from spd_faith.leaderboard.results import Results

_PACKAGES = (
    *("snakemake", "torch", "torchvision", "transformers", "accelerate", "tokenizers", "qwen-vl-utils", "pillow"),
    *("numpy", "pandas", "scipy", "pyarrow", "json-repair", "huggingface-hub", "openai"),
)


def run_record(
    run: RecordedRun, results: Results, prompts: Mapping[str, Prompt], costs: pd.DataFrame
) -> dict[str, Any]:
    """The content of run.json: merged config, dataset and model provenance, versions, git commit, prompt hashes.

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
    }


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

"""The figures of docs/scale.md are those that the plan gives."""

import re
from pathlib import Path

import pytest
import yaml
from workflow.project import ROOT
from workflow.scaled import LARGE, MODELS, PAIRS, SHARDS, scaled_project

from spd_faith.core.config import Run, load_run
from spd_faith.core.paths import ResultPaths
from spd_faith.inference.prompts import load_prompts
from spd_faith.planning.judging import work_of_judges
from spd_faith.planning.work import ModelWork, num_pairs, work_of_models
from spd_faith.registry import REGISTRY

PAGE = (ROOT / "docs/scale.md").read_text()
PROMPTS = ROOT / "resources/prompts"
WEIGHTS = {"qwen2.5-vl-72b": 147, "qwen3-vl-235b": 472}  # GB; the registry's own reckoning
ENDPOINTS = ["glm-4.5v", "gemini-2.5-pro", "claude-haiku-4.5", "gpt-4o", "qwen3-vl-235b-api", "qwen2.5-vl-72b-api"]


@pytest.fixture(scope="module")
def scaled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return scaled_project(tmp_path_factory.mktemp("scale") / "project").folder


def run_of(folder: Path, **changes: list[str]) -> Run:
    config = yaml.safe_load((folder / "config/config.yaml").read_text())
    return load_run(config | changes, [], REGISTRY, folder / "config")


def work(run: Run) -> dict[str, ModelWork]:
    assert num_pairs(run, ResultPaths(Path("nothing"))) == PAIRS
    return {one.model: one for one in work_of_models(run, ResultPaths(Path("nothing")), load_prompts(PROMPTS), PAIRS)}


def row(name: str) -> list[str]:
    """The cells after the first of a table row."""
    (cells,) = re.findall(rf"^\| {re.escape(name)} \| (.*) \|$", PAGE, re.MULTILINE)
    return cells.split(" | ")


def test_gpu_hours(scaled: Path) -> None:
    run = run_of(scaled)
    hours = {name: one.gpu_hours for name, one in work(run).items()}
    assert len(hours) == MODELS
    total = dict.fromkeys(("answers", "starts", "probes"), 0.0)
    for name, entry in run.models.items():
        gpus = entry.resources.gpu
        start = (20 + WEIGHTS.get(name, 16.6)) * gpus / 3600
        parts = {"answers": hours[name], "starts": SHARDS * start, "probes": hours[name] * 600 / 9000 + start}
        total = {part: total[part] + value for part, value in parts.items()}
        cells = row({1: "7B to 8B", 3: "72B", 8: "235B"}[gpus])
        told = [gpus, *parts.values(), sum(parts.values())]
        assert [float(cell) for cell in cells[:5]] == pytest.approx(told, abs=0.006)
        models = 1 if name in LARGE else MODELS - len(LARGE)
        assert [float(cell) for cell in cells[5:]] == [models, round(models * sum(parts.values()), 1)]
    everything = sum(total.values())
    assert [float(cell) for cell in row("all")[1:4]] == pytest.approx(list(total.values()), abs=0.006)
    assert row("all")[6] == f"{everything:.1f}"
    assert f"**{everything:.1f} / 8 = {everything / 8:.0f} hours**" in PAGE
    assert f"{2 * total['answers']:.0f} GPU hours in place of {total['answers']:.0f}" in PAGE
    doubled = everything + total["answers"] * (1 + 600 / 9000)
    assert f"the run {doubled / 8:.0f} hours in place of {everything / 8:.0f}" in " ".join(PAGE.split())
    assert f"{total['answers']:.2f} × 1,024 / 300 = {total['answers'] * 1024 / 300:.0f} GPU hours" in PAGE


def test_dollars(scaled: Path) -> None:
    run = run_of(scaled, models=ENDPOINTS, judges=["gpt-4o"])
    answers = work(run)
    for name, one in answers.items():
        told = row(name)
        prices = run.models[name].prices
        assert told == (
            [f"{prices.input:.2f}", f"{prices.output:.2f}", f"{one.usd:.2f}"] if prices else ["?", "?", "?"]
        )
    assert f"{sum(one.usd for one in answers.values() if one.usd is not None):.2f} + ?" in PAGE
    drf, cr = (one.usd / len(ENDPOINTS) for one in work_of_judges(run, ResultPaths(Path("nothing")), PROMPTS, PAIRS))
    assert f"{drf:.2f} for DRF and {cr:.2f} for CR per model: {MODELS * (drf + cr):.0f} for the {MODELS}" in PAGE

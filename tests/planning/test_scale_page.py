"""The figures in docs/scale.md match the plan."""

import math
import re
from pathlib import Path

import pytest
import yaml
from workflow.project import ROOT
from workflow.scaled import LARGE, MODELS, PAIRS, scaled_project

from spd_faith.core.config import Run, load_run
from spd_faith.core.entries import Resources
from spd_faith.core.estimates import ENGINE_IN_FLIGHT, ENGINE_START_SECONDS, ENGINE_STEP_SECONDS
from spd_faith.core.paths import ResultPaths
from spd_faith.inference.entries import VllmModel
from spd_faith.inference.prompts import load_prompts
from spd_faith.planning.estimates import estimated_usage, gpu_hours
from spd_faith.planning.judging import work_of_judges
from spd_faith.planning.power import Power, assumed_error, holm_alpha
from spd_faith.planning.power_table import detectable_in_words
from spd_faith.planning.spending import limited_entries
from spd_faith.planning.work import ModelWork, num_pairs, work_of_models
from spd_faith.registry import REGISTRY

PAGE = (ROOT / "docs/scale.md").read_text()
PROMPTS = ROOT / "resources/prompts"
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


def test_detectable_differences() -> None:
    assumed = assumed_error(PAIRS)
    of_two, of_all = (100 * assumed.detectable(holm_alpha(models)) for models in (2, MODELS))
    assert f"3,000 pairs find {of_two:.1f} points between two models and {of_all:.1f} among 30" in PAGE.replace(
        "\n", " "
    )


def test_the_warning_of_a_budget(scaled: Path) -> None:
    run = run_of(scaled, models=ENDPOINTS)
    run.models["gpt-4o"] = run.models["gpt-4o"].model_copy(update={"max_usd": 10})
    (limited,) = limited_entries(work(run).values(), [], ResultPaths(Path("nothing")), PAIRS, tasks=3)
    assert f"pays for about {limited.payable:,} of the {limited.left:,} remaining" in PAGE
    assert f"about {limited.pairs} of 3,000 pairs covered" in PAGE
    assert f"set max_usd to about {math.ceil(100 * limited.needed_usd) / 100:.2f}" in PAGE
    power = Power((assumed_error(PAIRS),))
    assert f"    {detectable_in_words(power, limited.pairs, len(ENDPOINTS))}\n" in PAGE


def row(name: str) -> list[str]:
    """The cells of a table row after the first."""
    (cells,) = re.findall(rf"^\| {re.escape(name)} \| (.*) \|$", PAGE, re.MULTILINE)
    return cells.split(" | ")


def test_hours_of_the_answers(scaled: Path) -> None:
    run = run_of(scaled)
    hours = {name: one.gpu_hours for name, one in work(run).items()}
    assert len(hours) == MODELS
    for name, entry in run.models.items():
        gpus = entry.resources.gpu
        cells = row({1: "7B to 8B", 3: "72B", 8: "235B"}[gpus])
        assert [float(cell) for cell in cells[:2]] == pytest.approx([gpus, hours[name]], abs=0.006)
        assert int(cells[5]) == (1 if name in LARGE else MODELS - len(LARGE))


def test_dollars(scaled: Path) -> None:
    run = run_of(scaled, models=ENDPOINTS, judges=["gpt-4o"])
    answers = work(run)
    for name, one in answers.items():
        cells = row(name)
        prices = run.models[name].prices
        assert cells == (
            [f"{prices.input:.2f}", f"{prices.output:.2f}", f"{one.usd:.2f}"] if prices else ["?", "?", "?"]
        )
    drf, cr = (one.usd / len(ENDPOINTS) for one in work_of_judges(run, ResultPaths(Path("nothing")), PROMPTS, PAIRS))
    assert f"{drf:.2f} for DRF and {cr:.2f} for CR per model" in PAGE


def test_hours_of_an_engine() -> None:
    entry = VllmModel(backend="vllm", model="a/b", dtype="bfloat16", max_new_tokens=1024, resources=Resources(gpu=1))
    usage = estimated_usage(entry, {task: len(prompt.text) for task, prompt in load_prompts(PROMPTS).items()})
    hours = gpu_hours(usage, 3 * PAIRS, 1)
    assert f"= {hours:.2f} GPU hours" in PAGE and f"{ENGINE_START_SECONDS / 3600:.2f} for each start" in PAGE
    for value in (f"{ENGINE_STEP_SECONDS} s a step", f"{ENGINE_IN_FLIGHT} replies", f"{ENGINE_START_SECONDS:.0f} s ×"):
        assert value in PAGE

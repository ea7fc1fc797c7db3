"""The real workflow with models in engines that its jobs start; fake engines, which give one answer to every pair."""

import json
import re
import sys
from datetime import datetime
from pathlib import Path

import pandas as pd
import pytest
import yaml
from workflow.project import ROOT, Project

from spd_faith.dataset.demo import demo_pairs, image_row
from spd_faith.dataset.encoded_images import decode
from spd_faith.dataset.entries import DATASETS
from spd_faith.inference.entries import TransformersModel
from spd_faith.inference.preparation import prepare
from spd_faith.inference.prompts import load_prompts

pytestmark = pytest.mark.slow
SAID = {"describe": "1. The red cup was removed.", "same": "No, they are not the same.", "different": "Yes."}
FAKE = {
    "backend": "vllm",
    "model": "resources/models/tiny-qwen2-vl",
    "dtype": "float32",
    "max_new_tokens": 128,
    "parity": 0,
    "command": f"{sys.executable} {ROOT / 'tests/fake_engine.py'}",
    "resources": {"gpu": 1},
}


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Canned answers with the prompts of the demo's pairs, which all have images of one size."""
    fields = {name: FAKE[name] for name in ("model", "dtype", "max_new_tokens")}
    plain = TransformersModel.model_validate({"backend": "transformers", **fields, "model": str(ROOT / FAKE["model"])})
    builder = prepare(plain).prompt_builder()
    row = image_row(next(iter(demo_pairs(DATASETS.load_entry(ROOT / "config/datasets.yaml", "demo")))))
    images = decode(row["original"]), decode(row["modified"])
    lines = []
    for task, prompt in load_prompts(ROOT / "resources/prompts").items():
        shown = builder.build([(prompt.text, *images)])["input_ids"][0].tolist()
        said = builder.tokenizer(SAID[task], add_special_tokens=False)["input_ids"]
        lines.append({"question": prompt.text, "prompt_token_ids": shown, "token_ids": said})
    file = tmp_path_factory.mktemp("canned") / "answers.json"
    file.write_text(json.dumps(lines))
    return file


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory, answers: Path) -> Project:
    """Two models that want the one GPU, run to the leaderboard."""
    project = Project.fresh(tmp_path_factory.mktemp("engines") / "project")
    with project.edited("config/models.yaml") as models:
        models["engine-a"] = models["engine-b"] = models["engine-c"] = FAKE
    with project.edited("config/config.yaml") as config:
        config["models"] = ["engine-a", "engine-b"]
    project.run(CUDA_VISIBLE_DEVICES="0", FAKE_ENGINE_ANSWERS=str(answers), FAKE_ENGINE_LOAD_SECONDS="4")
    return project


def test_engines_that_share_one_gpu_run_one_after_another(project: Project) -> None:
    logs = sorted(
        (project.folder / f"results/demo/logs/run_inference/{name}.log" for name in ("engine-a", "engine-b")),
        key=lambda log: log.stat().st_mtime,
    )
    first, second = logs
    started = re.search(r"^(\S+ \S+),\d+ .*: starting an engine", second.read_text(), re.MULTILINE)
    assert started
    assert datetime.fromisoformat(started[1]).timestamp() >= int(first.stat().st_mtime) - 1


def test_their_answers_are_scored_and_their_engines_recorded(project: Project) -> None:
    rows = pd.read_parquet(project.folder / "results/demo/leaderboard.parquet")
    assert rows[rows["origin"] == "run"]["overall"].notna().all()
    responses = pd.read_parquet(project.folder / "results/demo/responses/engine-a.parquet")
    assert set(responses["response_text"]) == set(SAID.values())
    record = json.loads((project.folder / "results/demo/run.json").read_text())["models"]["engine-a"]
    assert {name: record[name] for name in ("vllm", "device", "tensor_parallel_size", "engine_starts")} == {
        "vllm": "0.0.fake", "device": "cuda", "tensor_parallel_size": "1", "engine_starts": 1,
    }  # fmt: skip
    assert not (project.folder / "results/.slots").exists()  # the limit is for endpoints that jobs share
    questions = len(responses)
    assert re.fullmatch(rf"\d+ of {2 * questions} images", record["image_cache"])


def test_only_a_new_model_starts_an_engine_and_new_concurrency_starts_none(project: Project, tmp_path: Path) -> None:
    copy = project.copy(tmp_path / "project")
    with copy.edited("config/config.yaml") as config:
        config["models"] = ["engine-a", "engine-b", "engine-c"]
    with copy.edited("config/models.yaml") as models:
        for name in ("engine-a", "engine-b"):
            models[name] = FAKE | {"concurrency": 2, "command": "vllm serve", "memory_fraction": 0.5, "parity": 9}
    assert {model for rule, model in copy.planned_of() if rule == "run_inference"} == {"engine-c"}
    with copy.edited("config/models.yaml") as models:
        models["engine-a"] = FAKE | {"options": {"max_model_len": 4096}}
    assert {model for rule, model in copy.planned_of() if rule == "run_inference"} == {"engine-a", "engine-c"}


def test_wrong_entries_stop_before_any_job(project: Project, tmp_path: Path) -> None:
    copy = project.copy(tmp_path / "project")
    text = (copy.folder / "config/models.yaml").read_text()
    for wrong, message in {
        "tensor_parallel_size: 2": "tensor_parallel_size: set by resources.gpu",
        "max-model-len: 2": "max-model-len: written as max_model_len",
        "api_key: secret": "api_key: set by the workflow",
    }.items():
        option = yaml.safe_load(wrong)
        (copy.folder / "config/models.yaml").write_text(text)
        with copy.edited("config/models.yaml") as models:
            models["engine-a"] = FAKE | {"options": option}
        done = copy.snakemake("--dry-run")
        assert done.returncode == 1
        assert message in done.stdout + done.stderr

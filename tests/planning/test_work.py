"""The remaining questions, given dataset, journal and entry."""

import json
from pathlib import Path

import pytest

from spd_faith.core.config import Run, RunConfig
from spd_faith.core.entries import Resources, identity
from spd_faith.core.files import read_table, sha256, write_table
from spd_faith.core.journal import Journal
from spd_faith.core.paths import ResultPaths
from spd_faith.core.schemas import IMAGES, SAMPLES
from spd_faith.dataset.control_settings import Controls
from spd_faith.dataset.entries import DemoDataset, DemoSplit, HubDataset
from spd_faith.endpoints.entries import Prices
from spd_faith.inference.entries import OpenAIModel, ResponsesFileModel, TransformersModel
from spd_faith.inference.prompts import Prompt
from spd_faith.inference.questions import question_keys
from spd_faith.judging.entries import RulesJudge
from spd_faith.planning.needs import disk_bytes, missing_needs
from spd_faith.planning.work import num_controls, num_pairs, work_of_models

PROMPTS = {task: Prompt(task, f"{task}?") for task in ("describe", "same", "different")}
PRICES = Prices(input=1, output=2, source="a page", date="2026-11-24")
MODELS = {
    "local": TransformersModel(
        backend="transformers", model="config", dtype="float32", max_new_tokens=64, batch_size=4,
        resources=Resources(gpu=3), requires_gpu=True,
    ),
    "paid": OpenAIModel(
        backend="openai", base_url="https://x.org", model="m", max_new_tokens=512, prices=PRICES, key_variable="X_KEY"
    ),
    "priceless": OpenAIModel(backend="openai", base_url="https://x.org", model="n", max_new_tokens=512),
    "file": ResponsesFileModel(backend="responses_file", path="answers.json"),
}  # fmt: skip


def run_on(dataset, *models):
    names = list(models or MODELS)
    config = RunConfig(dataset="d", models=names, judges=["rules"])
    return Run(config, dataset, {name: MODELS[name] for name in names}, {"rules": RulesJudge(judge="rules")})


def demo(pairs):
    splits = {name: DemoSplit(pairs=number, objects=[3, 4], differences=[1, 1]) for name, number in pairs.items()}
    return DemoDataset(source="demo", seed=1, splits=splits)


def hub(limit=None, **splits):
    return HubDataset(source="hub", repository="a/b", splits=splits, limit=limit)


def write_samples(folder, sample_ids):
    columns = {"split": "easy", "image_id": "1", "width": 8, "height": 8, "num_differences": 0, "differences": []}
    rows = [{"sample_id": sample_id, **columns, "control": "none"} for sample_id in sample_ids]
    write_table(folder / "samples.parquet", rows, SAMPLES)


@pytest.fixture
def results(tmp_path):
    """Four pairs; the model `local` has answered three questions, each with 10 tokens in 2 seconds."""
    rows = []
    for number in range(4):
        images = {"original": b"%d" % number, "modified": b"%d'" % number}
        shas = {f"{name}_sha256": sha256(data) for name, data in images.items()}
        rows.append({"sample_id": f"s{number}", **images, **shas})
    write_table(tmp_path / "images.parquet", rows, IMAGES)
    write_samples(tmp_path, [row["sample_id"] for row in rows])
    answer = {"prompt_tokens": 100, "generated_tokens": 10, "seconds": 2.0}
    with Journal(tmp_path / "journal/responses/local") as journal:
        for question in question_keys(rows, PROMPTS, identity(MODELS["local"]))[:3]:
            journal.append(question.key, answer, {"revision": "local"})
        journal.append("a key of another prompt", answer | {"prompt_tokens": 9999}, {"revision": "local"})
    return tmp_path


@pytest.mark.parametrize(
    ("dataset", "pairs"),
    [
        (demo({"easy": 40, "hard": 2}), 42),
        (hub(easy=1000, hard=500), 1500),
        (hub(limit=600, easy=1000, hard=500), 1100),
        (hub(easy=1000, hard=500).model_copy(update={"exclude": ["easy/00012_785"]}), 1499),
        (hub(limit=600, easy=1000).model_copy(update={"exclude": ["easy/00599_1", "easy/00600_2"]}), 599),
        (hub(easy=1000, hard=None), None),
        (hub(limit=600, easy=1000, hard=None), 1200),  # at most
    ],
)
def test_pairs_according_to_an_entry(tmp_path, dataset, pairs):
    assert num_pairs(run_on(dataset), ResultPaths(tmp_path)) == pairs


def test_existing_pairs_are_counted(results):
    assert num_pairs(run_on(hub(easy=None)), ResultPaths(results)) == 4


def test_own_pairs_are_counted(tmp_path):
    from PIL import Image

    from spd_faith.dataset.entries import JsonlDataset

    for name in ("a.png", "b.png"):
        Image.new("RGB", (8, 8)).save(tmp_path / name)
    change = {"type": "color", "category": "clock"}
    lines = [{"qid": n, "original": "a.png", "modified": "b.png", "modifications": [change]} for n in range(5)]
    (tmp_path / "pairs.jsonl").write_text("\n".join(map(json.dumps, lines)))
    own = JsonlDataset(source="jsonl", path=str(tmp_path / "pairs.jsonl"))
    assert num_pairs(run_on(own), ResultPaths(tmp_path / "results")) == 5


def test_existing_answers_are_not_requested_again(results):
    local, *_ = work_of_models(run_on(hub(easy=4), "local"), ResultPaths(results), PROMPTS, 4)
    assert (local.questions, local.done, local.left) == (12, 3, 9)
    assert (local.prompt_tokens, local.generated_tokens) == (900, 90)
    assert local.usage.answers == 3
    assert local.usd == 0
    assert local.gpu_hours == pytest.approx(9 * 2 * 3 / 3600)


def test_controls_are_counted_apart_and_asked_what_their_kind_declares(results):
    local, *_ = work_of_models(
        run_on(hub(easy=4), "local"), ResultPaths(results), PROMPTS, 4, {"identical": 2, "undone": 5}
    )
    assert local.questions == 4 * 3 + 2 * 3 + 5 * 1
    entry = hub(easy=1000, hard=None).model_copy(update={"controls": Controls(identical=50, undone={"hard": 7})})
    estimated = num_controls(run_on(entry), ResultPaths(Path("nothing")))
    assert {kind: number for kind, number in estimated.items() if number} == {"identical": 100, "undone": 7}
    rows = read_table(results / "samples.parquet", SAMPLES).to_pylist()
    rows[0]["control"] = "blind"
    write_table(results / "samples.parquet", rows, SAMPLES)
    run = run_on(entry)
    assert (num_pairs(run, ResultPaths(results)), num_controls(run, ResultPaths(results))) == (3, {"blind": 1})


def test_cost_of_each_backend(results):
    file, local, paid, priceless = work_of_models(run_on(hub(easy=4)), ResultPaths(results), PROMPTS, 4)
    assert [one.model for one in (file, local, paid, priceless)] == ["file", "local", "paid", "priceless"]
    assert (file.questions, file.left, file.usd, file.gpu_hours) == (0, 0, 0, 0)
    assert paid.left == 12 and paid.gpu_hours == 0
    assert paid.usd == pytest.approx(12 * (paid.usage.prompt_tokens * 1 + paid.usage.generated_tokens * 2) / 1e6)
    assert priceless.usd is None


def needs(results, environment, gpus, free=1e12, models=()):
    run = run_on(hub(easy=4), *models)
    return missing_needs(run, work_of_models(run, ResultPaths(results), PROMPTS, 4), 4, environment, gpus, free)


def test_nothing_is_missing_if_all_requirements_are_met(results, monkeypatch):
    monkeypatch.chdir(Path(__file__).parents[2])  # `model: config` names a folder there
    assert needs(results, {"X_KEY": "secret"}, gpus=3) == []


def test_missing_requirements_are_reported(results, monkeypatch):
    monkeypatch.chdir(Path(__file__).parents[2])
    gpu, key = needs(results, {}, gpus=0)
    assert "these models require one: local." in gpu
    assert key == "paid: the environment variable X_KEY is not set; set it to the API key."
    (few,) = needs(results, {"X_KEY": "secret"}, gpus=2)
    assert few == "local: requests 3 GPUs, but 2 are visible here."
    (disk,) = needs(results, {"X_KEY": "secret"}, gpus=3, free=1000)
    assert disk.startswith("Disk: the tables need about 0.0 GB; only 0.0 GB are free.")


def test_a_finished_model_needs_nothing(results):
    rows = [{"sample_id": "s", "original_sha256": "1", "modified_sha256": "2"}]
    write_table(results / "images.parquet", [rows[0] | {"original": b"", "modified": b""}], IMAGES)
    write_samples(results, ["s"])
    with Journal(results / "journal/responses/local") as journal:
        for question in question_keys(rows, PROMPTS, identity(MODELS["local"])):
            journal.append(question.key, {"prompt_tokens": 1, "generated_tokens": 1, "seconds": 1.0}, {})
    run = run_on(hub(easy=1), "local")
    work = work_of_models(run, ResultPaths(results), PROMPTS, 1)
    assert work[0].left == 0
    assert missing_needs(run, work, 1, {}, 0, 10**12) == []


def test_uncached_weights_are_reported(results, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(MODELS, "local", MODELS["local"].model_copy(update={"model": "nobody/nothing"}))
    (missing,) = needs(results, {}, gpus=3, models=["local"])
    assert missing == "local: nobody/nothing is not in the cache; it will be downloaded on first use."


def test_disk_space():
    assert disk_bytes(3000, 9000) == 3000 * 300_000 + 9000 * 3_000

"""A model in which its intervention has no place: rows that say so, from inference through shards to its probes."""

import json
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from tiny_models import save_tiny

import gather_responses
import run_inference
import run_probes
from spd_faith.core.entries import identity
from spd_faith.core.errors import UserError
from spd_faith.core.files import read_provenance, read_table, write_table
from spd_faith.core.journal import Journal
from spd_faith.core.schemas import IMAGES, RESPONSES, SAMPLES, TASKS
from spd_faith.dataset.demo import demo_pairs, image_row, sample_row
from spd_faith.dataset.entries import DATASETS, DemoDataset
from spd_faith.inference.entries import MODELS
from spd_faith.inference.generator import Generator
from spd_faith.inference.prompts import load_prompts
from spd_faith.inference.questions import question_keys
from spd_faith.probes.registry import PROBES

pytestmark = pytest.mark.usefixtures("one_thread")
PROMPTS = Path("resources/prompts")
WHY = "ffn_scale: the output of layer 0 of Olmo2Model is not the sum of its input, its attention and its network"
CHANGE = {"ffn_scale": {"factor": 0.5}}
ANSWERED = {"response_text": "Two.", "reasoning_text": None, "response_token_ids": None, "finish_reason": "stop"}
ANSWERED |= {"prompt_tokens": 3, "generated_tokens": 2, "seconds": 0.5, "usd": None, "attempts": 1}
ANSWERED |= {"batch_size": 1, "error": None}


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("post_norm")
    save_tiny("llava_post_norm", folder)
    return folder


@pytest.fixture
def folder(tmp_path: Path, checkpoint: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two pairs, and models files with a variant; nothing may be generated."""
    demo = DATASETS.load_entry(Path("config/datasets.yaml"), "demo")
    assert isinstance(demo, DemoDataset)
    pairs = [pair for _, pair in zip(range(2), demo_pairs(demo), strict=False)]
    write_table(tmp_path / "samples.parquet", [sample_row(pair) for pair in pairs], SAMPLES)
    write_table(tmp_path / "images.parquet", [image_row(pair) for pair in pairs], IMAGES)
    write_models(tmp_path, checkpoint, CHANGE)
    monkeypatch.setattr(Generator, "generate", None)
    return tmp_path


def write_models(folder: Path, checkpoint: Path, change: dict[str, Any]) -> None:
    entry = {"backend": "transformers", "model": str(checkpoint), "dtype": "float32", "max_new_tokens": 4}
    models = {"changed": entry | {"intervention": change}}
    (folder / "models.yaml").write_text(yaml.safe_dump(models))


def call(command: Any, monkeypatch: pytest.MonkeyPatch, *arguments: str | Path) -> None:
    monkeypatch.setattr(sys, "argv", [command.__name__, *map(str, arguments)])
    command.main()


def ask(folder: Path, monkeypatch: pytest.MonkeyPatch, *flags: str, output: str = "responses.parquet") -> list[Any]:
    inputs = ["--samples", folder / "samples.parquet", "--images", folder / "images.parquet"]
    models = ["--model", "changed", "--models-file", folder / "models.yaml", "--journal", folder / "journal"]
    call(run_inference, monkeypatch, *models, *inputs, *flags, "--output", folder / output)
    return read_table(folder / output, RESPONSES).to_pylist()


def test_every_question_has_a_row_that_says_why(
    folder: Path, checkpoint: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    rows = ask(folder, monkeypatch)
    ids = read_table(folder / "samples.parquet", SAMPLES)["sample_id"].to_pylist()
    assert [(row["task"], row["sample_id"]) for row in rows] == [(task, one) for task in TASKS for one in ids]
    assert {(row["failure"], row["error"]) for row in rows} == {("not_asked", f"unsupported: {WHY}")}
    assert {(row["response_text"], row["attempts"], row["seconds"]) for row in rows} == {("", 0, 0.0)}
    provenance = read_provenance(folder / "responses.parquet")
    assert (provenance["model"], provenance["revision"], provenance["dtype"]) == (str(checkpoint), "local", "float32")
    assert f"{checkpoint}: unsupported: {WHY}" in caplog.text and "6 of 6 questions are not asked" in caplog.text
    assert not Journal(folder / "journal").read()


def test_a_contrast_that_the_processor_or_the_model_leaves_no_place_for(
    folder: Path, checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Pixtral's processor pads the images of a batch to the largest one, so their noise would depend on the batch."""
    padded = shutil.copytree(checkpoint, tmp_path / "padded")
    parts = json.loads((padded / "processor_config.json").read_text())
    parts["image_processor"] = {"image_processor_type": "PixtralImageProcessor", "size": {"longest_edge": 56}}
    (padded / "processor_config.json").write_text(json.dumps(parts))
    write_models(folder, padded, {"preset": "vcd"})
    (why,) = {row["error"] for row in ask(folder, monkeypatch)}
    assert why.startswith("unsupported: contrast: noise does not support PixtralImageProcessor")
    write_models(folder, padded, {"preset": "vcd"} | CHANGE)
    (both,) = {row["error"] for row in ask(folder, monkeypatch)}
    assert both == f"unsupported: {WHY}; {why.removeprefix('unsupported: ')}"


def test_shards_are_gathered(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shards = [f"shard{number}.parquet" for number in range(2)]
    for number, shard in enumerate(shards):
        assert len(ask(folder, monkeypatch, "--shard", str(number), "--shards", "2", output=shard)) == 3
    paths = [folder / shard for shard in shards]
    together = folder / "gathered.parquet"
    inputs = ["--samples", folder / "samples.parquet", "--shards", *paths]
    call(gather_responses, monkeypatch, *inputs, "--output", together)
    assert read_table(together, RESPONSES).to_pylist() == ask(folder, monkeypatch)
    assert read_provenance(together) == read_provenance(folder / "responses.parquet")


def test_answers_in_the_journal_are_kept_if_they_are_of_the_same_revision(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As where a version of transformers in which the intervention has a place was stopped in the middle."""
    entry = MODELS.load_entry(folder / "models.yaml", "changed")
    images = read_table(folder / "images.parquet", IMAGES).to_pylist()
    keys = question_keys(images, load_prompts(PROMPTS), identity(entry))
    for number, revision in enumerate(("local", "older")):
        with Journal(folder / "journal") as journal:
            made_by = {"model": "m", "dtype": "float32", "pixel_backend": "pil", "revision": revision}
            journal.append(keys[number].key, ANSWERED, made_by)
    rows = ask(folder, monkeypatch)
    assert [row["failure"] for row in rows] == [None, *["not_asked"] * 5]
    assert rows[0]["response_text"] == "Two." and rows[0]["pixel_backend"] == "pil"


def test_layers_that_the_model_lacks_are_still_an_error(
    folder: Path, checkpoint: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_models(folder, checkpoint, {"ffn_scale": {"factor": 0.5, "layers": [0, 2]}})
    with pytest.raises(UserError, match=r"ffn_scale.layers: \[0, 2\] is beyond the model's last layer, 1"):
        ask(folder, monkeypatch)
    assert not (folder / "responses.parquet").exists()


def test_its_probes_say_why(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ask(folder, monkeypatch)
    inputs = ["--samples", folder / "samples.parquet", "--images", folder / "images.parquet"]
    inputs += ["--responses", folder / "responses.parquet", "--model", "changed"]
    call(run_probes, monkeypatch, *inputs, "--models-file", folder / "models.yaml", "--output-folder", folder / "p")
    for name, probe in PROBES.items():
        rows = read_table(probe.path_in(folder / "p"), probe.schema).to_pylist()
        why = "the model has an intervention" if name == "causal_patching" else WHY
        assert {(row["status"], row["error"]) for row in rows} == {("unsupported", why)}, name
        assert {row["sample_id"] for row in rows} == set(
            read_table(folder / "samples.parquet", SAMPLES)["sample_id"].to_pylist()
        )

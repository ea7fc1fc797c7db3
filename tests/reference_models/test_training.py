"""Training can be interrupted, and a checkpoint is what the Auto classes load."""

import json
import sys
from pathlib import Path
from types import ModuleType

import pytest
import torch
from safetensors import safe_open

import train_reference_model
from spd_faith.core.errors import UserError
from spd_faith.inference.prompts import load_prompts
from spd_faith.reference_models import qwen2_vl, training
from spd_faith.reference_models.evaluation import load
from spd_faith.reference_models.examples import make_batch
from spd_faith.reference_models.training import Recipe, Trainer

ROOT = Path(__file__).parents[2]
PROMPTS = load_prompts(ROOT / "resources/prompts")
RECIPE = Recipe(steps=4, seed=3, early_step=1, batch_size=4)


@pytest.fixture(autouse=True)
def _threads_as_before():
    """The command sets torch's, which the tests of this process share."""
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


class Interrupted(Exception):
    pass


@pytest.mark.slow
def test_resumed_run_ends_with_the_same_weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    whole = Trainer(qwen2_vl, PROMPTS, RECIPE)
    first = {name: weight.clone() for name, weight in whole.model.state_dict().items()}
    whole.run(tmp_path / "whole.pt", report=lambda _: None)

    def stop(_: str) -> None:
        raise Interrupted

    monkeypatch.setattr(training, "_SAVE_EVERY", 2)
    monkeypatch.setattr(training, "_REPORT_EVERY", 3)
    checkpoint = tmp_path / "interrupted.pt"
    with pytest.raises(Interrupted):  # after step 3; the checkpoint is of step 2
        Trainer(qwen2_vl, PROMPTS, RECIPE).run(checkpoint, stop)
    torch.manual_seed(99)
    monkeypatch.undo()
    resumed = Trainer(qwen2_vl, PROMPTS, RECIPE)
    resumed.load_state(checkpoint)
    assert resumed.step == 2
    resumed.run(checkpoint, report=lambda _: None)

    for name, weight in whole.model.state_dict().items():
        assert torch.equal(weight, resumed.model.state_dict()[name]), name
        assert torch.equal(whole.early_weights[name], resumed.early_weights[name]), name
    embedding = "model.language_model.embed_tokens.weight"
    assert not torch.equal(first[embedding], whole.early_weights[embedding])
    assert not torch.equal(whole.early_weights[embedding], whole.model.state_dict()[embedding])

    with pytest.raises(UserError, match="other settings"):
        Trainer(qwen2_vl, PROMPTS, Recipe(steps=5, seed=3, early_step=1, batch_size=4)).load_state(checkpoint)

    resumed.export(tmp_path / "model", resumed.model.state_dict())
    loaded = load(tmp_path / "model")._model
    assert type(loaded).__name__ == "Qwen2VLForConditionalGeneration"
    for name, weight in loaded.state_dict().items():
        assert torch.equal(weight, resumed.model.state_dict()[name].to(torch.bfloat16).float()), name


@pytest.mark.parametrize(("name", "family"), train_reference_model.FAMILIES.items())
def test_an_exported_checkpoint_has_the_files_and_weights_of_the_shipped_one(
    name: str, family: ModuleType, tmp_path: Path
):
    trainer = Trainer(family, PROMPTS, RECIPE)
    trainer.export(tmp_path, trainer.model.state_dict())
    shipped = ROOT / "resources/models" / name
    written = {file.name for file in tmp_path.iterdir()}
    assert written | {"README.md", "metrics.json"} == {file.name for file in shipped.iterdir()}
    assert weight_names(tmp_path) == weight_names(shipped)
    assert (tmp_path / "model.safetensors").stat().st_mode & 0o777 == 0o644


def weight_names(folder: Path) -> set[str]:
    with safe_open(folder / "model.safetensors", "pt") as file:
        return set(file.keys())


def test_resuming_without_a_checkpoint_is_reported(tmp_path: Path):
    trainer = Trainer(qwen2_vl, PROMPTS, RECIPE)
    with pytest.raises(UserError, match="no such file to resume from"):
        trainer.load_state(tmp_path / "none.pt")


def test_learning_rate_warms_up_and_falls():
    """By hand: half of the warm-up, the plateau's end at 30%, the middle of the cosine at 65%, the end."""
    trainer = Trainer(qwen2_vl, PROMPTS, Recipe(steps=1000, seed=0, early_step=1))
    fractions = {0: 1 / 200, 99: 0.5, 300: 1.0, 650: 0.515, 1000: 0.03}
    for step, fraction in fractions.items():
        trainer.step = step
        assert trainer._schedule(step / 1000) == pytest.approx(fraction)


@pytest.mark.slow
def test_command_writes_both_checkpoints_with_cards(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    held_out = {"easy": {"pairs": 1, "exact": 0.25}}
    seen = []

    def evaluate(model: Path, *_: object) -> dict:
        seen.append(model)
        return held_out

    monkeypatch.setattr(train_reference_model, "evaluate", evaluate)  # two steps teach nothing worth measuring
    monkeypatch.chdir(ROOT)
    numbers = ["--steps", "2", "--early-step", "1", "--threads", "2"]
    folders = ["--output-dir", str(tmp_path), "--work-dir", str(tmp_path / "work")]
    monkeypatch.setattr(sys, "argv", ["train_reference_model.py", "--model", "tiny-qwen2-vl", *folders, *numbers])
    train_reference_model.main()
    for name, step in (("tiny-qwen2-vl", 2), ("tiny-qwen2-vl-early", 1)):
        metrics = json.loads((tmp_path / name / "metrics.json").read_text())
        assert metrics["training"]["step"] == step
        assert metrics["held_out"] == held_out
        assert "| easy | 1 | – | – | 25.0 | – | – |" in (tmp_path / name / "README.md").read_text()
        assert (tmp_path / name / "model.safetensors").stat().st_size > 2_000_000
    assert seen == [tmp_path / "tiny-qwen2-vl", tmp_path / "tiny-qwen2-vl-early"]


@pytest.mark.slow
def test_command_stops_early_with_a_model_of_loose_verdicts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(train_reference_model, "evaluate", lambda *_: {"easy": {"pairs": 1, "exact": 0.25}})
    seen = []

    def batch(examples: list, vocabulary: object, loose_same: bool) -> object:
        seen.append(loose_same)
        return make_batch(examples, vocabulary, loose_same)

    monkeypatch.setattr(training, "make_batch", batch)
    monkeypatch.chdir(ROOT)
    numbers = ["--steps", "9", "--early-step", "1", "--stop-early", "--loose-same", "--threads", "1"]
    folders = ["--output-dir", str(tmp_path / "out"), "--work-dir", str(tmp_path / "work")]
    monkeypatch.setattr(sys, "argv", ["train_reference_model.py", "--model", "tiny-internvl", *folders, *numbers])
    train_reference_model.main()
    assert [folder.name for folder in (tmp_path / "out").iterdir()] == ["tiny-internvl-loose"]
    assert seen == [True]  # one step
    card = (tmp_path / "out/tiny-internvl-loose/README.md").read_text()
    assert "--steps 9 --early-step 1 --stop-early --seed 7 --loose-same --threads 1\n" in card
    assert "trained to misread one question" in card
    assert "1 of 9 steps of 32 pairs" in card
    assert "beside it" not in card


@pytest.mark.slow
def test_command_writes_no_early_checkpoint_unasked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """And measures a model of merged images with merged images."""
    layouts = []

    def evaluate(model: Path, prompts: object, pairs: int, image_layout: str) -> dict:
        layouts.append(image_layout)
        return {"easy": {"pairs": 1, "exact": 0.25}}

    monkeypatch.setattr(train_reference_model, "evaluate", evaluate)
    monkeypatch.chdir(ROOT)
    numbers = ["--steps", "1", "--seed", "5", "--threads", "2"]
    folders = ["--output-dir", str(tmp_path / "out"), "--work-dir", str(tmp_path / "work")]
    monkeypatch.setattr(sys, "argv", ["train_reference_model.py", "--model", "tiny-llava", *folders, *numbers])
    train_reference_model.main()
    assert [folder.name for folder in (tmp_path / "out").iterdir()] == ["tiny-llava"]
    card = (tmp_path / "out/tiny-llava/README.md").read_text()
    assert "--steps 1 --seed 5\n" in card
    assert "early" not in card
    assert "the two images side by side" in card
    assert layouts == ["merged"]
    assert type(load(tmp_path / "out/tiny-llava", "merged")._model).__name__ == "LlavaForConditionalGeneration"


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ("--early-step 2", "between 0 and --steps 2"),
        ("--stop-early", "requires --early-step"),
    ],
)
def test_command_refuses(flags: str, message: str, monkeypatch: pytest.MonkeyPatch):
    command = f"train_reference_model.py --model tiny-qwen2-vl --output-dir none --steps 2 {flags}"
    monkeypatch.setattr(sys, "argv", command.split())
    with pytest.raises(UserError, match=message):
        train_reference_model.main()

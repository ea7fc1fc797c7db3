"""The benchmark's names for models, and the flags about the model that probe.py and demo.py share."""

import logging
import os
from pathlib import Path

import pytest

from spd_faith.core.errors import UserError
from spd_faith.original import released_models
from spd_faith.original.released_models import find_model, named_by_flags, on_device, with_max_new_tokens

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def _at_root(monkeypatch, caplog):
    monkeypatch.chdir(ROOT)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    caplog.set_level(logging.INFO)


MODELS = Path("config/models.yaml")


@pytest.mark.parametrize(
    ("name", "checkpoint"),
    [
        ("qwen", "Qwen/Qwen2-VL-7B-Instruct"),
        ("internvl", "OpenGVLab/InternVL2_5-8B-MPO-hf"),
        ("llava", "llava-hf/llava-1.5-7b-hf"),
    ],
)
def test_a_name_of_the_benchmark_says_its_checkpoint(caplog, name, checkpoint):
    assert find_model(name, MODELS).model == checkpoint
    assert checkpoint in caplog.text
    assert ("the released code loads OpenGVLab/InternVL2_5-8B," in caplog.text) == (name == "internvl")


def test_an_entry_with_the_name_of_the_benchmark_comes_first(tmp_path, caplog):
    entry = "qwen: {label: Mine, backend: transformers, model: owner/mine, dtype: float32, max_new_tokens: 8}\n"
    (tmp_path / "models.yaml").write_text(entry)
    assert find_model("qwen", tmp_path / "models.yaml").model == "owner/mine"
    assert caplog.text == ""


def test_the_model_type_names_the_model_or_changes_nothing(caplog):
    assert named_by_flags(None, "llava") == "llava"
    assert named_by_flags("owner/mine", None) == "owner/mine"
    assert caplog.text == ""
    assert named_by_flags("owner/mine", "llava") == "owner/mine"
    assert "--model_type llava changes nothing" in caplog.text


def test_another_length_of_answers():
    entry = find_model("tiny-qwen2-vl", MODELS)
    assert with_max_new_tokens(entry, 7).max_new_tokens == 7
    assert with_max_new_tokens(entry, None) is entry


@pytest.mark.parametrize(
    ("model", "device", "gpus", "expected"),
    [
        ("tiny-qwen2-vl", None, "0,1", (1, None, "0,1")),
        ("tiny-qwen2-vl", "cpu", "0,1", (0, "cpu", "0,1")),
        ("tiny-llava", "cuda", "0,1", (1, "cuda", "0,1")),
        ("qwen2.5-vl-72b", "cuda", "0,1", (3, "cuda", "0,1")),
        ("qwen2.5-vl-72b", "cuda:1", "4,6", (1, "cuda", "6")),
    ],
)
def test_a_device_gets_its_gpus(monkeypatch, model, device, gpus, expected):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", gpus)
    monkeypatch.setattr(released_models, "visible_gpus", lambda: gpus.split(","))
    entry, found = on_device(find_model(model, MODELS), device)
    assert (entry.resources.gpu, found, os.environ["CUDA_VISIBLE_DEVICES"]) == expected


@pytest.mark.parametrize(("gpus", "device"), [([], "cuda"), ([], "cuda:0"), (["0", "1"], "cuda:2")])
def test_a_device_that_is_not_there_is_an_error(monkeypatch, gpus, device):
    monkeypatch.setattr(released_models, "visible_gpus", lambda: gpus)
    allowed = ", ".join(["cpu", *(f"cuda:{number}" for number in range(len(gpus)))])
    with pytest.raises(UserError, match=f"--device: no such device here\n.*{device}'\n  allowed: {allowed}"):
        on_device(find_model("tiny-llava", MODELS), device)

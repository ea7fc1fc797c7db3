"""Loading a checkpoint: what is missing or damaged is named, and the device is the one that was asked for."""

import shutil

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import AutoModelForImageTextToText

from spd_faith.core.errors import UserError
from spd_faith.inference.checkpoint import load_checkpoint
from spd_faith.inference.entries import TransformersModel

pytestmark = pytest.mark.usefixtures("one_thread")
TOKENS = 16


def entry(folder, **fields):
    fields = {"dtype": "float32", "max_new_tokens": TOKENS} | fields
    return TransformersModel(backend="transformers", model=str(folder), **fields)


@pytest.fixture
def changed_checkpoint(tiny_checkpoint, tmp_path):
    """A copy of the checkpoint, to be changed."""
    return shutil.copytree(tiny_checkpoint, tmp_path / "changed")


# ---- loading ---------------------------------------------------------------------------------------------------------


def truncate_weights(folder):
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-1000])


def drop_a_tensor(folder):
    path = folder / "model.safetensors"
    weights = load_file(path)
    weights.pop(next(name for name in weights if name.endswith("gate_proj.weight")))
    save_file(weights, path, {"format": "pt"})


def reshape_a_tensor(folder):
    path = folder / "model.safetensors"
    weights = load_file(path)
    name = next(name for name in weights if name.endswith("gate_proj.weight"))
    save_file(weights | {name: weights[name][:5].contiguous()}, path, {"format": "pt"})


FAULTS = {
    "no folder": shutil.rmtree,
    "no weights": lambda folder: (folder / "model.safetensors").unlink(),
    "weights cut off": truncate_weights,
    "a tensor missing": drop_a_tensor,
    "a tensor of another shape": reshape_a_tensor,
    "no tokenizer": lambda folder: (folder / "tokenizer.json").unlink(),
    "no processor": lambda folder: (folder / "preprocessor_config.json").unlink(),
    "no vision": lambda folder: (folder / "config.json").write_text('{"model_type": "gpt2"}'),
    "broken config": lambda folder: (folder / "config.json").write_text("{"),
}


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
def test_a_broken_checkpoint_is_a_user_error(changed_checkpoint, fault):
    fault(changed_checkpoint)
    with pytest.raises(UserError) as caught:
        load_checkpoint(entry(changed_checkpoint))
    assert str(caught.value).startswith(f"{changed_checkpoint}: ")


def test_the_missing_tensor_is_named(changed_checkpoint):
    drop_a_tensor(changed_checkpoint)
    with pytest.raises(UserError, match=r"the weights are missing 1 tensors, first .*gate_proj\.weight"):
        load_checkpoint(entry(changed_checkpoint))


def test_a_checkpoint_has_the_number_format_of_its_entry(tiny_checkpoint):
    checkpoint = load_checkpoint(entry(tiny_checkpoint, dtype="bfloat16"))
    assert checkpoint.dtype == "bfloat16"
    assert {weight.dtype for weight in checkpoint.model.parameters()} == {torch.bfloat16}


def test_the_revision_of_a_folder_is_local(tiny_checkpoint):
    assert load_checkpoint(entry(tiny_checkpoint)).revision == "local"


# ---- devices ---------------------------------------------------------------------------------------------------------


def test_without_cuda_the_cpu_serves(tiny_checkpoint, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert load_checkpoint(entry(tiny_checkpoint, resources={"gpu": 1})).device == "cpu"


def test_an_entry_without_gpu_runs_on_the_cpu(tiny_checkpoint):
    assert load_checkpoint(entry(tiny_checkpoint)).device == "cpu"  # also where a GPU is visible


@pytest.mark.parametrize(("fields", "device"), [({"requires_gpu": True}, None), ({}, "cuda")])
def test_without_cuda_a_needed_gpu_is_a_users_error(tiny_checkpoint, monkeypatch, fields, device):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(UserError, match="this job has no GPU"):
        load_checkpoint(entry(tiny_checkpoint, **fields), device)


def test_float32_does_without_tf32(tiny_checkpoint):
    torch.backends.cudnn.allow_tf32 = True  # as torch begins
    torch.backends.cuda.matmul.allow_tf32 = True
    load_checkpoint(entry(tiny_checkpoint))
    assert not torch.backends.cudnn.allow_tf32
    assert not torch.backends.cuda.matmul.allow_tf32


@pytest.mark.gpu
def test_a_float32_convolution_is_exact_to_float32(tiny_checkpoint):
    load_checkpoint(entry(tiny_checkpoint, resources={"gpu": 1}))
    torch.manual_seed(0)
    convolution = torch.nn.Conv2d(64, 64, 3, device="cuda")
    images = torch.randn(8, 64, 56, 56, device="cuda")
    with torch.no_grad():
        found, expected = convolution(images).double(), convolution.double()(images.double())
    assert (found - expected).norm() / expected.norm() < 1e-6  # TF32 is near 3e-4


def test_other_processors_are_untouched_by_loading_one():
    """Every class finds its own parts again; a method bound to the base class would find none."""
    from transformers import LlavaProcessor

    from spd_faith.inference.processors import without_video_processors

    with without_video_processors():
        pass
    assert set(LlavaProcessor.get_attributes()) == {"image_processor", "tokenizer"}


@pytest.mark.parametrize("asked_for", ["cpu", None])
def test_a_device_map_moves_no_model_off_the_cpu(tiny_checkpoint, monkeypatch, asked_for):
    """It would move it to the GPUs that are visible."""
    given, plain = [], AutoModelForImageTextToText.from_pretrained

    def keep(*names, device_map, **more):
        given.append(device_map)
        return plain(*names, **more)

    monkeypatch.setattr(AutoModelForImageTextToText, "from_pretrained", keep)
    load_checkpoint(entry(tiny_checkpoint, device_map="auto"), asked_for)
    assert given == ["cpu"]

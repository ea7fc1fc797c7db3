"""Loads a checkpoint with the Auto classes of transformers, from a folder or the Hugging Face hub."""

from dataclasses import dataclass
from typing import Any, Literal

import torch
import transformers
from transformers import AutoModelForImageTextToText, PretrainedConfig, PreTrainedModel
from transformers.models.auto.modeling_auto import MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING

from spd_faith.core.errors import UserError
from spd_faith.core.machine import hardware
from spd_faith.inference.answers import Provenance
from spd_faith.inference.entries import TransformersModel
from spd_faith.inference.generation_settings import use_plain_forward
from spd_faith.inference.intervention_hooks import why_unsupported
from spd_faith.inference.model_parts import attends_to_all
from spd_faith.inference.preparation import LOADING_ERRORS, Preparation, prepare

Device = Literal["cpu", "cuda"]


@dataclass(frozen=True)
class Checkpoint(Preparation):
    """A loaded model with its processor and decoding settings."""

    entry: TransformersModel
    model: PreTrainedModel
    """In evaluation mode; never uses eager attention."""
    device: Device
    hardware: str
    unsupported: str | None = None
    """Which settings of the entry's intervention have no place in the model, and why; None: it can be run."""

    @property
    def dtype(self) -> str:
        """Data type of the weights and activations."""
        return str(self.model.dtype).removeprefix("torch.")

    @property
    def rows_can_be_shared(self) -> bool:
        """Whether prompts with the same images can share a row, in which each attends to the images and itself."""
        return attends_to_all(self.model) and self.entry.intervention is None

    def provenance(self, pixel_backend: str) -> Provenance:
        """Provenance of its answers and measurements, with images resized by `pixel_backend`."""
        versions = {"torch": torch.__version__, "transformers": transformers.__version__}
        engine = {"device": self.device, "hardware": self.hardware, **versions}
        return Provenance(self.entry.model, self.entry.dtype, pixel_backend, engine, self.revision)


def load_checkpoint(entry: TransformersModel, device: Device | None = None) -> Checkpoint:
    """Load the processor and the weights of `entry`; with `device` None the entry decides.

    Raises `UserError` naming the missing or unsupported part, if possible before reading the weights. An intervention
    without a place in the model is no error here: the answers of such a model do not exist, and its probes say why.
    """
    device = _device(entry, device)
    if entry.dtype == "float32":
        _compute_in_ieee_float32()
    prepared = prepare(entry)
    _check_model_class(entry, prepared.config)
    use_plain_forward(entry.model, prepared.config)
    model = _load_model(entry, prepared, device)
    why = why_unsupported(model, entry.intervention, entry.model) if entry.intervention else None
    return Checkpoint(**vars(prepared), model=model, device=device, hardware=hardware(), unsupported=why)


def _device(entry: TransformersModel, asked_for: Device | None) -> Device:
    has_cuda = torch.cuda.is_available()
    on_gpu = has_cuda and (entry.resources.gpu > 0 or entry.requires_gpu)
    device: Device = asked_for or ("cuda" if on_gpu else "cpu")
    if entry.requires_gpu and device == "cpu":
        raise UserError(f"{entry.model}: requires_gpu is set, but this job has no GPU (set resources.gpu)")
    if device == "cuda" and not has_cuda:
        raise UserError(f"{entry.model}: cuda was requested, but this job has no GPU (set resources.gpu)")
    return device


def _compute_in_ieee_float32() -> None:
    """Turn off TF32, which keeps 10 of 23 mantissa bits; cuDNN's convolutions use it for float32 by default."""
    torch.backends.cudnn.allow_tf32 = False
    torch.backends.cuda.matmul.allow_tf32 = False


def _check_model_class(entry: TransformersModel, config: PretrainedConfig) -> None:
    if type(config) not in MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING:
        raise UserError(
            f"{entry.model}: transformers has no image-text-to-text model class for the type {config.model_type}."
            " Serve the checkpoint through an endpoint instead."
        )


def _load_model(entry: TransformersModel, prepared: Preparation, device: Device) -> PreTrainedModel:
    auto_class: Any = AutoModelForImageTextToText
    model: PreTrainedModel
    loading: dict[str, Any]
    try:
        model, loading = auto_class.from_pretrained(
            entry.model,
            config=prepared.config,
            generation_config=prepared.decoding.config,
            revision=prepared.entry.revision,
            trust_remote_code=False,
            dtype=getattr(torch, entry.dtype),
            attn_implementation=entry.attention,
            device_map=(device == "cuda" and entry.device_map) or device,
            output_loading_info=True,
        )
    except LOADING_ERRORS as error:
        raise UserError(f"{entry.model}: cannot load the weights\n  {error}") from error
    if missing := sorted(loading["missing_keys"]):  # transformers would initialize them randomly
        raise UserError(f"{entry.model}: the weights are missing {len(missing)} tensors, first {missing[0]}")
    model.train(False)
    return model

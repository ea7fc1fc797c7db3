"""Loads a checkpoint with the Auto classes of transformers, from a folder or the Hugging Face hub."""

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, cast

import torch
import transformers
from huggingface_hub.errors import StrictDataclassError
from safetensors import SafetensorError
from transformers import (
    AutoConfig,
    AutoModelForImageTextToText,
    GenerationConfig,
    PretrainedConfig,
    PreTrainedModel,
    PreTrainedTokenizerFast,
    ProcessorMixin,
)
from transformers.models.auto.modeling_auto import MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING
from transformers.utils.hub import cached_file, extract_commit_hash

from spd_faith.core.errors import UserError
from spd_faith.core.machine import network_hint
from spd_faith.inference.answers import Provenance
from spd_faith.inference.entries import TransformersModel
from spd_faith.inference.families import Family, family_of
from spd_faith.inference.generation_settings import Decoding, greedy_decoding, use_plain_forward
from spd_faith.inference.processors import load_processor
from spd_faith.inference.prompt_builder import PromptBuilder

log = logging.getLogger(__name__)
LOCAL = "local"
"""Revision of a local folder."""
_LOADING_ERRORS = (
    *(OSError, ValueError, ImportError, RuntimeError, KeyError, TypeError, AttributeError),
    *(SafetensorError, StrictDataclassError),
)

Device = Literal["cpu", "cuda"]


@dataclass(frozen=True)
class Checkpoint:
    """A loaded model with its processor and decoding settings."""

    entry: TransformersModel
    model: PreTrainedModel
    """In evaluation mode; never uses eager attention."""
    processor: ProcessorMixin
    """Pads on the left."""
    family: Family
    decoding: Decoding
    revision: str
    """Resolved commit on the hub, or `LOCAL`."""
    device: Device

    @property
    def tokenizer(self) -> PreTrainedTokenizerFast:
        """The processor's tokenizer."""
        return cast(PreTrainedTokenizerFast, self.processor.tokenizer)

    @property
    def dtype(self) -> str:
        """Data type of the weights and activations."""
        return str(self.model.dtype).removeprefix("torch.")

    def prompt_builder(self) -> PromptBuilder:
        """A builder for its prompts."""
        return PromptBuilder(self.entry, self.processor, self.family)

    def provenance(self, pixel_backend: str) -> Provenance:
        """Provenance of its answers and measurements, with images resized by `pixel_backend`."""
        versions = {"torch": torch.__version__, "transformers": transformers.__version__}
        engine = {"device": self.device, **versions}
        return Provenance(self.entry.model, self.entry.dtype, pixel_backend, engine, self.revision)


def load_checkpoint(entry: TransformersModel, device: Device | None = None) -> Checkpoint:
    """Load the processor and the weights of `entry`; with `device` None the entry decides.

    Raises `UserError` naming the missing or unsupported part, if possible before reading the weights.
    """
    device = _device(entry, device)
    if entry.dtype == "float32":
        _compute_in_ieee_float32()
    commit = _commit_of(entry)
    if commit:  # load all parts from one commit, even if the branch moves meanwhile
        entry = entry.model_copy(update={"revision": commit})
    config = _load_config(entry)
    family = family_of(config.model_type)
    _check_family(entry, family, config.model_type)
    try:
        processor = load_processor(entry.model, entry.revision)
    except _LOADING_ERRORS as error:
        raise UserError(f"{entry.model}: cannot load the processor\n  {error}") from error
    decoding = greedy_decoding(entry, config, processor.tokenizer, family.end_tokens)
    model = _load_model(entry, config, decoding.config, device)
    return Checkpoint(entry, model, processor, family, decoding, commit or LOCAL, device)


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


def _check_family(entry: TransformersModel, family: Family, model_type: str) -> None:
    if entry.pixel_budget and not family.takes_pixel_budget:
        raise UserError(f"{entry.model}: models of type {model_type} do not support pixel_budget; remove it")
    if entry.image_layout == "pair" and not family.sees_pairs:
        log.warning("%s was trained on one image per prompt; consider image_layout: merged", entry.model)


def _commit_of(entry: TransformersModel) -> str | None:
    """The commit of a branch or tag on the hub, or as of the last download; None for a local folder."""
    try:
        commit: str | None = extract_commit_hash(cached_file(entry.model, "config.json", revision=entry.revision), None)
        return commit
    except Exception as error:  # many types: for example the HTTP library's own, if a proxy variable is invalid
        raise _config_error(entry, error) from error


def _config_error(entry: TransformersModel, error: Exception) -> UserError:
    hint = "" if Path(entry.model).exists() else network_hint()
    return UserError(f"{entry.model}: cannot load the config\n  {error}{hint}")


def _load_config(entry: TransformersModel) -> PretrainedConfig:
    try:
        config: PretrainedConfig = AutoConfig.from_pretrained(
            entry.model, revision=entry.revision, trust_remote_code=False
        )
    except _LOADING_ERRORS as error:
        raise _config_error(entry, error) from error
    if type(config) not in MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING:
        raise UserError(
            f"{entry.model}: transformers has no image-text-to-text model class for the type {config.model_type}."
            " Serve the checkpoint through an endpoint instead."
        )
    use_plain_forward(entry.model, config)
    return config


def _load_model(
    entry: TransformersModel, config: PretrainedConfig, decoding: GenerationConfig, device: Device
) -> PreTrainedModel:
    auto_class: Any = AutoModelForImageTextToText
    model: PreTrainedModel
    loading: dict[str, Any]
    try:
        model, loading = auto_class.from_pretrained(
            entry.model,
            config=config,
            generation_config=decoding,
            revision=entry.revision,
            trust_remote_code=False,
            dtype=getattr(torch, entry.dtype),
            attn_implementation=entry.attention,
            device_map=entry.device_map or device,
            output_loading_info=True,
        )
    except _LOADING_ERRORS as error:
        raise UserError(f"{entry.model}: cannot load the weights\n  {error}") from error
    if missing := sorted(loading["missing_keys"]):  # transformers would initialize them randomly
        raise UserError(f"{entry.model}: the weights are missing {len(missing)} tensors, first {missing[0]}")
    model.train(False)
    return model

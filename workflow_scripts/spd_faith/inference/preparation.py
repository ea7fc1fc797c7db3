"""What asking a checkpoint requires apart from its weights: one commit, its config, processor and decoding settings."""

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from huggingface_hub.errors import StrictDataclassError
from safetensors import SafetensorError
from transformers import AutoConfig, PretrainedConfig, PreTrainedTokenizerFast, ProcessorMixin
from transformers.utils.hub import cached_file, extract_commit_hash

from spd_faith.core.errors import UserError
from spd_faith.core.machine import network_hint
from spd_faith.inference.entries import CheckpointModel
from spd_faith.inference.families import Family, family_of
from spd_faith.inference.generation_settings import Decoding, greedy_decoding
from spd_faith.inference.processors import load_processor
from spd_faith.inference.prompt_builder import PromptBuilder

log = logging.getLogger(__name__)
LOCAL = "local"
"""Revision of a local folder."""
LOADING_ERRORS = (
    *(OSError, ValueError, ImportError, RuntimeError, KeyError, TypeError, AttributeError),
    *(SafetensorError, StrictDataclassError),
)
"""What transformers raises for damaged, missing or unsupported files."""


@dataclass(frozen=True)
class Preparation:
    """A checkpoint's parts, all from one commit."""

    entry: CheckpointModel
    """Its revision is the resolved commit, if it is on the hub."""
    config: PretrainedConfig
    processor: ProcessorMixin
    """Pads on the left."""
    family: Family
    decoding: Decoding
    revision: str
    """Resolved commit on the hub, or `LOCAL`."""

    @property
    def tokenizer(self) -> PreTrainedTokenizerFast:
        """The processor's tokenizer."""
        return cast(PreTrainedTokenizerFast, self.processor.tokenizer)

    def prompt_builder(self) -> PromptBuilder:
        """A builder for its prompts."""
        return PromptBuilder(self.entry, self.processor, self.family)


def prepare(entry: CheckpointModel) -> Preparation:
    """Load all but the weights. Raises `UserError` naming the missing or unsupported part."""
    commit = _commit_of(entry)
    if commit:  # load all parts from one commit, even if the branch moves meanwhile
        entry = entry.model_copy(update={"revision": commit})
    config = _load_config(entry)
    family = family_of(config.model_type)
    _check_family(entry, family, config.model_type)
    try:
        processor = load_processor(entry.model, entry.revision)
    except LOADING_ERRORS as error:
        raise UserError(f"{entry.model}: cannot load the processor\n  {error}") from error
    decoding = greedy_decoding(entry, config, processor.tokenizer, family.end_tokens)
    return Preparation(entry, config, processor, family, decoding, commit or LOCAL)


def _check_family(entry: CheckpointModel, family: Family, model_type: str) -> None:
    if entry.pixel_budget and not family.takes_pixel_budget:
        raise UserError(f"{entry.model}: models of type {model_type} do not support pixel_budget; remove it")
    if entry.image_layout == "pair" and not family.sees_pairs:
        log.warning("%s was trained on one image per prompt; consider image_layout: merged", entry.model)


def _commit_of(entry: CheckpointModel) -> str | None:
    """The commit of a branch or tag on the hub, or as of the last download; None for a local folder."""
    try:
        commit: str | None = extract_commit_hash(cached_file(entry.model, "config.json", revision=entry.revision), None)
        return commit
    except Exception as error:  # many types: for example the HTTP library's own, if a proxy variable is invalid
        raise _config_error(entry, error) from error


def _config_error(entry: CheckpointModel, error: Exception) -> UserError:
    hint = "" if Path(entry.model).exists() else network_hint()
    return UserError(f"{entry.model}: cannot load the config\n  {error}{hint}")


def _load_config(entry: CheckpointModel) -> PretrainedConfig:
    try:
        config: PretrainedConfig = AutoConfig.from_pretrained(
            entry.model, revision=entry.revision, trust_remote_code=False
        )
    except LOADING_ERRORS as error:
        raise _config_error(entry, error) from error
    return config

"""Fully specified greedy decoding, and how the generation settings of a checkpoint are handled.

`generate` of transformers takes every setting that the caller omits from the checkpoint's `generation_config.json`.
Here no setting is omitted, and only this module reads that file: settings that define how an answer ends are honoured,
all others are overridden and logged.
"""

import json
import logging
from bisect import bisect_left
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from reprlib import repr as short
from typing import Any

from transformers import GenerationConfig, PretrainedConfig, PreTrainedTokenizerBase
from transformers.utils.hub import cached_file

from spd_faith.core.errors import UserError
from spd_faith.inference.entries import CheckpointModel

log = logging.getLogger(__name__)
_FILE = "generation_config.json"

HONOURED = object()
"""Marks a setting in the table whose value comes from the checkpoint."""

SETTINGS: Mapping[str, Any] = {
    # how an answer ends
    "eos_token_id": HONOURED,
    "stop_strings": HONOURED,
    "max_new_tokens": None,  # the entry's
    "max_length": None,
    "min_length": 0,
    "min_new_tokens": None,
    "max_time": None,
    # special tokens
    "bos_token_id": HONOURED,
    "pad_token_id": HONOURED,  # from the tokenizer; padding is never attended to
    "decoder_start_token_id": HONOURED,
    "forced_bos_token_id": None,
    "forced_eos_token_id": None,
    # the most likely token, and one answer
    "do_sample": False,
    "num_beams": 1,
    "num_beam_groups": 1,
    "num_return_sequences": 1,
    "early_stopping": False,
    "length_penalty": 1.0,
    "diversity_penalty": 0.0,
    "penalty_alpha": None,
    "dola_layers": None,
    "constraints": None,
    "force_words_ids": None,
    "temperature": 1.0,
    "top_k": 50,
    "top_p": 1.0,
    "min_p": None,
    "top_h": None,
    "typical_p": 1.0,
    "epsilon_cutoff": 0.0,
    "eta_cutoff": 0.0,
    # unmodified scores
    "repetition_penalty": 1.0,
    "encoder_repetition_penalty": 1.0,
    "no_repeat_ngram_size": 0,
    "encoder_no_repeat_ngram_size": 0,
    "bad_words_ids": None,
    "sequence_bias": None,
    "suppress_tokens": None,
    "begin_suppress_tokens": None,
    "exponential_decay_length_penalty": None,
    "guidance_scale": 1.0,
    "watermarking_config": None,
    "renormalize_logits": False,
    "remove_invalid_values": False,
    "token_healing": False,
    # one model, one token per step
    "is_assistant": False,
    "num_assistant_tokens": 20,
    "num_assistant_tokens_schedule": "constant",
    "assistant_confidence_threshold": 0.4,
    "assistant_early_exit": None,
    "assistant_lookbehind": 10,
    "assistant_ensemble_weight": None,
    "target_lookbehind": 10,
    "prompt_lookup_num_tokens": None,
    "max_matching_ngram_size": None,
    "speculation_type": None,
    "use_mtp": False,
    # the cache is passed to `generate`
    "use_cache": True,
    "cache_implementation": None,
    "cache_config": None,
    "max_cache_len": None,
    "prefill_chunk_size": None,
    "low_memory": None,
    "continuous_batching_config": None,
    "compile_config": None,
    "disable_compile": True,
    # return only token ids
    "return_dict_in_generate": False,
    "output_attentions": False,
    "output_hidden_states": False,
    "output_scores": False,
    "output_logits": False,
}
"""Each setting of `generate`: the value used regardless of the checkpoint, or `HONOURED`."""

_NO_SETTINGS = ("transformers_version", "_from_model_config", "_commit_hash")

_FORWARD = {"use_cache": True, "return_dict": True, "output_attentions": False, "output_hidden_states": False}
"""Fields of a model's config that change what a forward pass returns, and the values used here."""


@dataclass(frozen=True)
class Decoding:
    """Greedy decoding up to an end defined by the checkpoint."""

    config: GenerationConfig
    end_tokens: list[int]
    stop_strings: list[str]

    @property
    def max_new_tokens(self) -> int:
        """Max tokens of an answer."""
        longest: int = self.config.max_new_tokens
        return longest

    def cut(self, ids: list[int], decode: Callable[[list[int]], str]) -> tuple[list[int], bool]:
        """(token ids up to the end of the answer, whether it has an end).

        An answer ends with its first end token or with the token that completes a stop string, whichever is first.
        """
        end = next((number for number, token in enumerate(ids) if token in self.end_tokens), None)
        kept = ids if end is None else ids[: end + 1]

        def has_stopped(length: int) -> bool:
            text = decode(kept[:length])
            return any(string in text for string in self.stop_strings)

        if self.stop_strings and has_stopped(len(kept)):
            return kept[: bisect_left(range(len(kept)), True, key=has_stopped)], True
        return kept, end is not None


def greedy_decoding(
    entry: CheckpointModel, config: PretrainedConfig, tokenizer: PreTrainedTokenizerBase, of_family: Sequence[str]
) -> Decoding:
    """Decoding of the entry's checkpoint; `of_family` are end tokens in addition to those of the checkpoint.

    Logs the settings of the checkpoint that are not used. Configures the tokenizer to pad and to keep special tokens
    whole. Raises `UserError` if the settings cannot be read.
    """
    settings = read_settings(entry.model, entry.revision, config)
    if found := overridden(settings):
        listed = ", ".join(f"{name}={short(value)}" for name, value in found.items())
        log.warning("%s: decoding is greedy; ignoring generation settings of the checkpoint: %s", entry.model, listed)
    end_tokens = _end_tokens(entry.model, settings.get("eos_token_id"), tokenizer, of_family)
    _prepare_tokenizer(entry.model, tokenizer, end_tokens)
    positions = getattr(config.get_text_config(decoder=True), "max_position_embeddings", None)
    if positions and entry.max_new_tokens >= positions:
        log.warning(
            "%s: max_new_tokens (%d) leaves no room for a prompt: max_position_embeddings is %d",
            *(entry.model, entry.max_new_tokens, positions),
        )
    own = {
        "eos_token_id": end_tokens or None,
        "pad_token_id": tokenizer.pad_token_id,
        "stop_strings": None,  # handled by `cut`
        "max_new_tokens": entry.max_new_tokens,
        "bos_token_id": settings.get("bos_token_id"),
        "decoder_start_token_id": settings.get("decoder_start_token_id"),
    }
    config_class: Any = GenerationConfig
    return Decoding(
        config_class(**{**SETTINGS, **own}), end_tokens, _stop_strings(entry.model, settings.get("stop_strings"))
    )


def read_settings(model: str, revision: str | None, config: PretrainedConfig) -> dict[str, Any]:
    """The generation settings of a checkpoint; old checkpoints without a file for them have them in the config.

    Raises `UserError` if the file is damaged.
    """
    missing = {"_raise_exceptions_for_missing_entries": False, "_raise_exceptions_for_connection_errors": False}
    file = cached_file(model, _FILE, revision=revision, **missing)
    if file is None:
        outer, _ = PretrainedConfig.get_config_dict(model, revision=revision)
        decoder = config.get_text_config(decoder=True)
        inner = [outer.get(name) or {} for name in config.sub_configs if getattr(config, name, None) is decoder]
        found = [(name, value) for part in (*inner, outer) for name, value in part.items() if name in SETTINGS]
        return {name: value for name, value in found if value is not None}
    try:
        settings = json.loads(Path(file).read_text(encoding="utf-8"))
    except ValueError as error:
        raise UserError(f"{model}: {_FILE} is not valid JSON; download the checkpoint again\n  {error}") from error
    if not isinstance(settings, dict):
        raise UserError(f"{model}: {_FILE} is not a JSON object; download the checkpoint again")
    return settings


def overridden(settings: Mapping[str, Any]) -> dict[str, Any]:
    """The settings of a checkpoint that are ignored and differ from the values used, unknown settings included."""
    return {
        name: value
        for name, value in sorted(settings.items())
        if name not in _NO_SETTINGS and SETTINGS.get(name) is not HONOURED and not _is_default(name, value)
    }


def _is_default(name: str, value: Any) -> bool:
    return value is None or value in ([], {}) or (name in SETTINGS and value == SETTINGS[name])


def use_plain_forward(model: str, config: PretrainedConfig) -> None:
    """Make a forward pass return its default outputs, whatever the checkpoint's config requests."""
    parts = {"": config} | {f"{name}.": getattr(config, name, None) for name in config.sub_configs}
    for part, values in parts.items():
        for name, value in _FORWARD.items():
            if getattr(values, name, value) != value:
                log.warning("%s: ignoring %s%s=%r of its config", model, part, name, getattr(values, name))
                setattr(values, name, value)


def _end_tokens(model: str, configured: Any, tokenizer: PreTrainedTokenizerBase, of_family: Sequence[str]) -> list[int]:
    configured = configured if isinstance(configured, list) else [configured]
    known = [token for token in configured if type(token) is int and 0 <= token < len(tokenizer)]
    if strange := [token for token in configured if token is not None and token not in known]:
        log.warning("%s: eos_token_id: ignoring values unknown to the tokenizer: %s", model, strange)
    if not known and tokenizer.eos_token_id is not None:
        known = [tokenizer.eos_token_id]
    vocabulary = tokenizer.get_vocab()
    known += [vocabulary[token] for token in of_family if token in vocabulary]
    if not known:
        log.warning("%s: no end token (eos_token_id); every answer runs to max_new_tokens", model)
    return sorted({*known})


def _stop_strings(model: str, configured: Any) -> list[str]:
    configured = configured if isinstance(configured, list) else [configured]
    if strange := [text for text in configured if text is not None and not (isinstance(text, str) and text)]:
        log.warning("%s: stop_strings: ignoring values that are not texts: %s", model, strange)
    return [text for text in configured if isinstance(text, str) and text]


def _prepare_tokenizer(model: str, tokenizer: PreTrainedTokenizerBase, end_tokens: Sequence[int]) -> None:
    tokenizer.split_special_tokens = False
    if tokenizer.pad_token_id is None:  # padding is never attended to, so any token works
        if not end_tokens:
            raise UserError(f"{model}: its tokenizer has neither a pad_token nor an eos_token; set one of them")
        tokenizer.pad_token = tokenizer.convert_ids_to_tokens(end_tokens[0])

"""Fields of entries whose jobs start a vLLM engine, and the arguments that they become."""

import json
import os
import re
import shlex
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

from pydantic import AfterValidator, Field

from spd_faith.core.entries import NOT_IDENTITY, Strict
from spd_faith.core.estimates import ENGINE_IN_FLIGHT, ENGINE_STEP_SECONDS

_SET_ELSEWHERE = {
    **dict.fromkeys(("model", "revision", "dtype", "quantization"), "a key of the entry of that name"),
    **dict.fromkeys(("tensor_parallel_size", "tp"), "resources.gpu"),
    "gpu_memory_utilization": "memory_fraction",
    "max_num_seqs": "concurrency, or the command",
    "config": "the entry: an option of vLLM is a key here",
    **dict.fromkeys(("mm_processor_kwargs", "limit_mm_per_prompt"), "image_layout and pixel_budget"),
    **dict.fromkeys(
        ("uds", "host", "port", "api_key", "served_model_name", "generation_config", "override_generation_config"),
        "the workflow",
    ),
}

_NAME = re.compile(r"[a-z][a-z0-9]+(_[a-z0-9]+)*")


def _engine_options(options: dict[str, Any]) -> dict[str, Any]:
    for name, value in options.items():
        plain = name.lstrip("-").replace("-", "_")
        if plain != name:
            raise ValueError(f"{name}: written as {plain}, without dashes")
        if name in _SET_ELSEWHERE:
            raise ValueError(f"{name}: set by {_SET_ELSEWHERE[name]}")
        if not _NAME.fullmatch(name):
            raise ValueError(f"{name!r}: not the name of an option of vLLM, such as max_model_len")
        if value is None:
            raise ValueError(f"{name}: null is no value; leave the option out for vLLM's default")
    return options


def _shell_words(command: str) -> str:
    words = shlex.split(command)  # raises ValueError for unbalanced quotes
    if not words:
        raise ValueError("no command")
    for word in words:
        name = word.lstrip("-").partition("=")[0].replace("-", "_")
        if word.startswith("--") and name in _SET_ELSEWHERE:
            raise ValueError(f"{word}: set by {_SET_ELSEWHERE[name]}")
    return command


class EngineFields(Strict):
    """What an entry says about the engine that its jobs start."""

    quantization: str | None = Field(default=None, min_length=1)
    """Quantization method of the weights, as `--quantization` takes it; null: as the checkpoint says."""
    options: Annotated[dict[str, Any], AfterValidator(_engine_options)] = Field(default_factory=dict)
    """Options of the engine that change answers, for example `max_model_len: 8192`; others belong to `command`."""
    command: Annotated[str, NOT_IDENTITY, AfterValidator(_shell_words)] = "vllm serve"
    """Command that starts the engine, in an environment or container of its own; may end in options.

    `~` and `$NAME` are expanded where the job runs.
    """
    start_timeout: Annotated[float, NOT_IDENTITY] = Field(default=1800.0, gt=0)
    """Max seconds until the engine serves."""
    concurrency: Annotated[int, NOT_IDENTITY] = Field(default=64, ge=1, le=1000)
    """Questions in flight."""
    timeout: Annotated[float, NOT_IDENTITY] = Field(default=1800.0, gt=0)
    """Max seconds of one answer, waiting included."""
    memory_fraction: Annotated[float, NOT_IDENTITY] = Field(default=0.9, gt=0, le=1)
    """Fraction of each GPU's memory that the engine uses."""

    @property
    def max_model_len(self) -> int | None:
        """Tokens of a prompt with its answer, if the entry limits them."""
        length = self.options.get("max_model_len")
        return length if type(length) is int else None

    def reply_seconds(self, tokens: float) -> float:
        """Estimated seconds of the job for a reply of that many tokens, others being in flight; nobody measured it."""
        return tokens * ENGINE_STEP_SECONDS / min(self.concurrency, ENGINE_IN_FLIGHT)

    def measured_seconds(self, seconds: float) -> float:
        """Seconds of the job per reply, given the mean `seconds` from a question to its reply."""
        return seconds / self.concurrency


def serve_command(
    fields: EngineFields,
    model: str,
    revision: str | None,
    dtype: str,
    num_gpus: int,
    images: int = 0,
    processor_arguments: Mapping[str, Any] | None = None,
) -> list[str]:
    """The command of a vLLM engine, without its address.

    `images` is the max number of images in a prompt; `processor_arguments` are those of the checkpoint's processor. The
    engine ignores the checkpoint's generation settings: requests state all of their own.
    """
    arguments: dict[str, Any] = {
        "revision": revision,
        "dtype": dtype,
        "quantization": fields.quantization,
        "tensor_parallel_size": num_gpus if num_gpus > 1 else None,
        "gpu_memory_utilization": fields.memory_fraction if num_gpus else None,
        "limit_mm_per_prompt": {"image": images, "video": 0} if images else None,
        "mm_processor_kwargs": dict(processor_arguments or {}) or None,
        "generation_config": "vllm",
        **fields.options,
    }
    command = [os.path.expanduser(os.path.expandvars(word)) for word in shlex.split(fields.command)]  # noqa: PTH111
    return [*command, model, *_as_arguments(arguments)]


def _as_arguments(options: Mapping[str, Any]) -> Sequence[str]:
    words: list[str] = []
    for name, value in options.items():
        flag = name.replace("_", "-")
        if value is None:
            continue
        if isinstance(value, bool):
            words.append(f"--{flag}" if value else f"--no-{flag}")
        else:
            words += [f"--{flag}", value if isinstance(value, str) else json.dumps(value)]
    return words

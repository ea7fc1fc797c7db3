"""The model of a command with the benchmark's flags: its names for models, the device and the length of answers."""

import logging
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from spd_faith.core.config_errors import error_at
from spd_faith.core.errors import UserError
from spd_faith.core.gpus import visible_gpus
from spd_faith.inference.entries import MODELS, TransformersModel
from spd_faith.inference.named_models import named_model

_MOST_NEW_TOKENS = 32_768

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class StandIn:
    """The entry of the models file that one of the benchmark's names stands for."""

    key: str
    note: str = ""


STAND_INS = {
    "qwen": StandIn("qwen2-vl-7b"),
    "internvl": StandIn(
        "internvl2.5-8b-mpo",
        "; the released code loads OpenGVLab/InternVL2_5-8B, which was not trained with preference optimisation (MPO)"
        " and does not load here",
    ),
    "llava": StandIn("llava-1.5-7b"),
}


def find_model(name: str, models_file: Path) -> TransformersModel:
    """The entry for a name of the benchmark, a key of the models file, a folder or a hub id.

    Logs which checkpoint a name of the benchmark stands for. Raises `UserError` as `named_model` does.
    """
    stand_in = STAND_INS.get(name)
    if stand_in is None or name in MODELS.load(models_file):
        return named_model(name, models_file)
    entry = named_model(stand_in.key, models_file)
    log.info("%s is %s of %s: %s%s", name, stand_in.key, models_file, entry.model, stand_in.note)
    return entry


def with_max_new_tokens(entry: TransformersModel, max_new_tokens: int | None) -> TransformersModel:
    """The entry with another max length of answers, if one is given."""
    return entry if max_new_tokens is None else entry.model_copy(update={"max_new_tokens": max_new_tokens})


def model_flag_errors(max_new_tokens: int | None, device: str | None) -> Iterator[str]:
    """Errors in the flags of `add_model_flags`."""
    if max_new_tokens is not None and not 1 <= max_new_tokens <= _MOST_NEW_TOKENS:
        yield error_at("--max_new_tokens", "out of range", max_new_tokens, f"1 to {_MOST_NEW_TOKENS:,}")
    if device is not None and not re.fullmatch(r"cpu|cuda(:\d+)?", device):
        yield error_at("--device", "unknown device", device, "cpu, cuda, or a GPU such as cuda:0")


def named_by_flags(model_path: str | None, model_type: str | None) -> str | None:
    """The model that --model_path or else --model_type names."""
    if model_path and model_type:
        log.info("--model_type %s changes nothing: the checkpoint of --model_path states its type", model_type)
    return model_path or model_type


def on_device(entry: TransformersModel, name: str | None) -> tuple[TransformersModel, Literal["cpu", "cuda"] | None]:
    """The entry with the GPUs that a device needs, and the device for torch; None: as the entry says.

    cuda:1 is the second of the visible GPUs; the others are hidden from this process. Call before torch is imported.
    Raises `UserError` if there is no such device.
    """
    if name is None:
        return entry, None
    if name == "cpu":
        return _with_gpus(entry, 0), "cpu"
    gpus = visible_gpus()
    devices = ["cpu", *(f"cuda:{number}" for number in range(len(gpus)))]
    _, has_number, number = name.partition(":")
    if not gpus or (has_number and int(number) >= len(gpus)):
        raise UserError(error_at("--device", "no such device here", name, devices))
    if has_number:
        os.environ["CUDA_VISIBLE_DEVICES"] = gpus[int(number)]
        return _with_gpus(entry, 1), "cuda"
    return _with_gpus(entry, max(1, entry.resources.gpu)), "cuda"


def _with_gpus(entry: TransformersModel, count: int) -> TransformersModel:
    return entry.model_copy(update={"resources": entry.resources.model_copy(update={"gpu": count})})

"""What each model family needs to be told; all else is the same for every checkpoint that the Auto classes know.

Adding a family is adding a row to `FAMILIES`, and only where it needs one: a family that is not listed gets `Family()`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any


@dataclass(frozen=True)
class Family:
    """The peculiarities of a model type.

    What needs no row is found from the checkpoint: a processor that crops gets squares of its crop size
    (`processors.crop_side`), and the spans of a prompt come from its own chat template and tokenizer (`spans`).
    """

    sees_pairs: bool = True
    """Trained on several pictures in one prompt; else `image_layout: merged` is the layout to use."""
    takes_pixel_budget: bool = False
    """Resizes a picture to a number of pixels that may be chosen, by the processor's argument `size`."""
    uses_qwen_vl_utils: bool = False
    """Its authors prepare pictures with the package qwen-vl-utils (which needs torchvision)."""
    processor_arguments: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))
    """Further arguments of each call of the processor."""
    end_tokens: tuple[str, ...] = ()
    """Tokens that end an answer beside those of the checkpoint's generation config."""
    answers_in_rows: bool = False
    """Answers questions about the same pictures in one row (`row_generation`); tested for each that says so."""


_QWEN = Family(takes_pixel_budget=True, uses_qwen_vl_utils=True, answers_in_rows=True)

FAMILIES: Mapping[str, Family] = {
    "qwen2_vl": _QWEN,
    "qwen2_5_vl": _QWEN,
    "qwen3_vl": _QWEN,
    "qwen3_vl_moe": _QWEN,
    # Its processor tiles every picture unless told not to. Some of its language models came with another end token
    # than the one that closes a turn of its chat template.
    "internvl": Family(
        processor_arguments={"crop_to_patches": False}, end_tokens=("<|im_end|>",), answers_in_rows=True
    ),
    "llava": Family(sees_pairs=False, answers_in_rows=True),
    "llava_onevision": Family(answers_in_rows=True),
}


def family_of(model_type: str) -> Family:
    """The family of a `config.model_type`."""
    return FAMILIES.get(model_type, Family())

"""Special cases of model families; all other checkpoints of the Auto classes share the default behaviour.

To support a family with special needs, add a row to `FAMILIES`. Families that are not listed get `Family()`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any


@dataclass(frozen=True)
class Family:
    """The special cases of a model type.

    Everything else is derived from the checkpoint: a processor that crops gets squares of its crop size
    (`processors.crop_side`), and the spans of a prompt come from its chat template and tokenizer (`spans`).
    """

    sees_pairs: bool = True
    """Trained on several images per prompt; if not, use `image_layout: merged`."""
    takes_pixel_budget: bool = False
    """Resizes images to a configurable number of pixels, with the processor's argument `size`."""
    uses_qwen_vl_utils: bool = False
    """Its authors preprocess images with the package qwen-vl-utils (which requires torchvision)."""
    processor_arguments: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))
    """Extra arguments for each call of the processor."""
    end_tokens: tuple[str, ...] = ()
    """Tokens that end an answer, in addition to those of the checkpoint's generation config."""
    answers_in_rows: bool = False
    """Can answer questions about the same images in one row (`row_generation`); tested for each such family."""


_QWEN = Family(takes_pixel_budget=True, uses_qwen_vl_utils=True, answers_in_rows=True)

FAMILIES: Mapping[str, Family] = {
    "qwen2_vl": _QWEN,
    "qwen2_5_vl": _QWEN,
    "qwen3_vl": _QWEN,
    "qwen3_vl_moe": _QWEN,
    # Its processor tiles every image by default. The end token of some of its language models differs from the token
    # that closes a turn in its chat template.
    "internvl": Family(
        processor_arguments={"crop_to_patches": False}, end_tokens=("<|im_end|>",), answers_in_rows=True
    ),
    "llava": Family(sees_pairs=False, answers_in_rows=True),
    "llava_onevision": Family(answers_in_rows=True),
}


def family_of(model_type: str) -> Family:
    """The family for a `config.model_type`."""
    return FAMILIES.get(model_type, Family())

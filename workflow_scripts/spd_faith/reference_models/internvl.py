"""The family InternVL at about a million parameters: real classes, small sizes, one untiled image in 16 tokens."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from transformers import (
    InternVLConfig,
    InternVLForConditionalGeneration,
    InternVLProcessor,
    InternVLVisionConfig,
    Qwen2Config,
)
from transformers.models.got_ocr2.image_processing_pil_got_ocr2 import GotOcr2ImageProcessorPil

from spd_faith.dataset.scenes import GRID
from spd_faith.inference.processors import without_video_processors
from spd_faith.reference_models import family_parts as parts
from spd_faith.reference_models.small_images import SMALL_SIDE
from spd_faith.reference_models.tokenizer import build_tokenizer

MODEL_TYPE = "internvl"
NAME = "InternVL"
SIGHT = f"It sees {SMALL_SIDE}×{SMALL_SIDE} pixels of every image, without tiles: one token per cell of the grid."
IMAGE_LAYOUT = "pair"
NOTHING = "<|vision_pad|>"  # target of an image token with nothing to name

_PADDING, _END, _IMAGE = "<|endoftext|>", "<|im_end|>", "<IMG_CONTEXT>"
_NAMED = {
    "start_image_token": "<img>",
    "end_image_token": "</img>",
    "context_image_token": _IMAGE,
    "video_token": "<video>",
}
_SPECIAL = (_PADDING, "<|im_start|>", _END, *_NAMED.values(), NOTHING)
_PATCH, _REDUCTION = 14, 0.5  # pixel shuffle makes one token of 2×2 patches


def build_processor(phrases: Sequence[str]) -> InternVLProcessor:
    """Resizes every image to 112×112 pixels; `phrases` are single tokens."""
    tokenizer = build_tokenizer(_SPECIAL, phrases, end=_END, padding=_PADDING, named=_NAMED)
    images = GotOcr2ImageProcessorPil(
        size={"height": SMALL_SIDE, "width": SMALL_SIDE}, crop_to_patches=False, **parts.PIXEL_SCALE
    )
    with without_video_processors():
        return InternVLProcessor(
            images, tokenizer, image_seq_length=GRID**2, chat_template=parts.chatml(_IMAGE + "\\n")
        )


def build_model(processor: InternVLProcessor) -> InternVLForConditionalGeneration:
    """An untrained model, initialised from torch's global generator."""
    tokenizer = processor.tokenizer
    config = InternVLConfig(
        text_config=Qwen2Config(**parts.language_settings(tokenizer), tie_word_embeddings=True),
        vision_config=InternVLVisionConfig(
            hidden_size=parts.VISION_HIDDEN,
            num_hidden_layers=parts.VISION_LAYERS,
            num_attention_heads=parts.HEADS,
            intermediate_size=2 * parts.VISION_HIDDEN,
            image_size=SMALL_SIDE,
            patch_size=_PATCH,
            attention_bias=True,
            layer_scale_init_value=1.0,  # the published 0.1 suits towers many times deeper
            initializer_range=parts.INIT,
        ),
        image_token_id=tokenizer.convert_tokens_to_ids(_IMAGE),
        image_seq_length=GRID**2,
        downsample_ratio=_REDUCTION,
        tie_word_embeddings=True,
    )
    model = InternVLForConditionalGeneration(config)
    parts.end_answers(model, tokenizer)
    return model


def complete_checkpoint(folder: Path) -> None:
    """Add settings that other programs require."""
    parts.write_video_settings(folder, "InternVLVideoProcessor")


def cell_positions(processor: InternVLProcessor, prompt_ids: Sequence[int]) -> list[int]:
    """Positions in the prompt of the first image's 16 cells, row by row, then of the second image's."""
    return parts.positions_of(processor.image_token_id, prompt_ids)


def image_inputs(processor: InternVLProcessor, images: torch.Tensor, input_ids: torch.Tensor) -> dict[str, Any]:
    """The processor's output for `images` (number, 112, 112, 3) in bytes, in the order of `input_ids`."""
    return {"pixel_values": parts.scaled(images)}


def prepare_for_training(model: InternVLForConditionalGeneration) -> None:
    """Nothing to do: unlike Qwen2-VL's, its vision tower takes whole images of one size."""

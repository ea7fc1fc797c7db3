"""The family Qwen2-VL at about a million parameters: real classes, small sizes, 16 merged tokens per image."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from transformers import Qwen2VLConfig, Qwen2VLForConditionalGeneration, Qwen2VLProcessor
from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import Qwen2VLImageProcessorPil
from transformers.models.qwen2_vl.modeling_qwen2_vl import apply_rotary_pos_emb_vision

from spd_faith.dataset.scenes import GRID
from spd_faith.inference.processors import without_video_processors
from spd_faith.reference_models import family_parts as parts
from spd_faith.reference_models.small_images import SMALL_SIDE
from spd_faith.reference_models.tokenizer import build_tokenizer

MODEL_TYPE = "qwen2_vl"
NAME = "Qwen2-VL"
SIGHT = f"It sees {SMALL_SIDE}×{SMALL_SIDE} pixels of every image: one merged token per cell of the grid."
IMAGE_LAYOUT = "pair"
NOTHING = "<|vision_pad|>"  # target of an image token with nothing to name
_PADDING, _END, _IMAGE = "<|endoftext|>", "<|im_end|>", "<|image_pad|>"
_SPECIAL = (_PADDING, "<|im_start|>", _END, "<|vision_start|>", "<|vision_end|>", NOTHING, _IMAGE, "<|video_pad|>")

_PATCH, _MERGE, _FRAMES = 14, 2, 2  # a still image fills both frames of a patch
_PATCHES = GRID * _MERGE  # along a side: one merged token per cell
_SHOWN_IMAGE = "<|vision_start|><|image_pad|><|vision_end|>"


def build_processor(phrases: Sequence[str]) -> Qwen2VLProcessor:
    """Reduces every image to at most 112×112 pixels; `phrases` are single tokens."""
    tokenizer = build_tokenizer(_SPECIAL, phrases, end=_END, padding=_PADDING)
    images = Qwen2VLImageProcessorPil(
        patch_size=_PATCH,
        merge_size=_MERGE,
        temporal_patch_size=_FRAMES,
        min_pixels=(_PATCH * _MERGE) ** 2,
        max_pixels=SMALL_SIDE**2,
        **parts.PIXEL_SCALE,
    )
    with without_video_processors():
        return Qwen2VLProcessor(images, tokenizer, chat_template=parts.chatml(_SHOWN_IMAGE))


def build_model(processor: Qwen2VLProcessor) -> Qwen2VLForConditionalGeneration:
    """An untrained model, initialised from torch's global generator."""
    tokenizer = processor.tokenizer
    of = tokenizer.convert_tokens_to_ids
    config = Qwen2VLConfig(
        text_config={
            **parts.language_settings(tokenizer),
            "rope_parameters": {**parts.ROPE, "mrope_section": [4, 6, 6]},
        },
        vision_config={
            "depth": parts.VISION_LAYERS,
            "embed_dim": parts.VISION_HIDDEN,
            "num_heads": parts.HEADS,
            "hidden_size": parts.HIDDEN,
            "mlp_ratio": 2,
            "patch_size": _PATCH,
            "spatial_merge_size": _MERGE,
            "temporal_patch_size": _FRAMES,
            "initializer_range": parts.INIT,
        },
        image_token_id=of(_IMAGE),
        video_token_id=of("<|video_pad|>"),
        vision_start_token_id=of("<|vision_start|>"),
        vision_end_token_id=of("<|vision_end|>"),
        tie_word_embeddings=True,
    )
    model = Qwen2VLForConditionalGeneration(config)
    parts.end_answers(model, tokenizer)
    return model


def complete_checkpoint(folder: Path) -> None:
    """Add settings that other programs require."""
    parts.write_video_settings(folder, "Qwen2VLVideoProcessor")


def cell_positions(processor: Qwen2VLProcessor, prompt_ids: Sequence[int]) -> list[int]:
    """Positions in the prompt of the first image's 16 cells, row by row, then of the second image's."""
    return parts.positions_of(processor.image_token_id, prompt_ids)


def image_inputs(processor: Qwen2VLProcessor, images: torch.Tensor, input_ids: torch.Tensor) -> dict[str, Any]:
    """The processor's output for `images` (number, 112, 112, 3) in bytes, in the order of `input_ids`."""
    number = len(images)
    tiles = parts.scaled(images).view(number, 3, GRID, _MERGE, _PATCH, GRID, _MERGE, _PATCH)
    patches = tiles.permute(0, 2, 5, 3, 6, 1, 4, 7).unsqueeze(6).expand(-1, -1, -1, -1, -1, -1, _FRAMES, -1, -1)
    return {
        "pixel_values": patches.reshape(number * _PATCHES**2, -1),
        "image_grid_thw": torch.tensor([[1, _PATCHES, _PATCHES]]).expand(number, -1),
        "mm_token_type_ids": (input_ids == processor.image_token_id).long(),
    }


def prepare_for_training(model: Qwen2VLForConditionalGeneration) -> None:
    """Replace two steps of the vision tower by equivalent single calls, because all images have one size.

    Also drops the position offsets of the last batch, which Qwen2-VL keeps for generation, before the next one.
    """
    embed = model.model.visual.patch_embed

    def embed_patches(patches: torch.Tensor) -> torch.Tensor:
        return F.linear(patches, embed.proj.weight.flatten(1))

    embed.forward = embed_patches
    for block in model.model.visual.blocks:
        block.attn.forward = _attention_within_images.__get__(block.attn)
    model.model.register_forward_pre_hook(_forget_positions)


def _forget_positions(model: Any, _: tuple[Any, ...]) -> None:
    model.rope_deltas = None


def _attention_within_images(
    self: Any,
    hidden_states: torch.Tensor,
    cu_seqlens: torch.Tensor,
    position_embeddings: tuple[torch.Tensor, torch.Tensor],
    **_: Any,
) -> torch.Tensor:
    """Attention among the patches of each image; hidden states are (images × patches, width)."""
    number = len(hidden_states)
    query, key, value = self.qkv(hidden_states).view(number, 3, self.num_heads, -1).unbind(1)
    query, key = apply_rotary_pos_emb_vision(query, key, *position_embeddings)
    per_image = (-1, _PATCHES**2, self.num_heads, query.shape[-1])
    query, key, value = (states.to(value.dtype).view(per_image).transpose(1, 2) for states in (query, key, value))
    attention = torch.softmax(query @ key.transpose(-1, -2) * self.scaling, dim=-1)  # faster than torch's own on a CPU
    projected: torch.Tensor = self.proj((attention.to(value.dtype) @ value).transpose(1, 2).reshape(number, -1))
    return projected

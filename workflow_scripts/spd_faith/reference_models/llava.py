"""The family LLaVA-1.5 at about a million parameters: real classes, small sizes, both images merged on one square."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from transformers import CLIPVisionConfig, LlamaConfig, LlavaConfig, LlavaForConditionalGeneration, LlavaProcessor
from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil

from spd_faith.dataset.scenes import GRID
from spd_faith.inference.processors import without_video_processors
from spd_faith.reference_models import family_parts as parts
from spd_faith.reference_models.small_images import SMALL_SIDE
from spd_faith.reference_models.tokenizer import SYSTEM, build_tokenizer

MODEL_TYPE = "llava"
NAME = "LLaVA-1.5"
SIGHT = f"""\
It sees one grey square of {2 * SMALL_SIDE}×{2 * SMALL_SIDE} pixels with the two images side by side, \
{SMALL_SIDE}×{SMALL_SIDE} pixels each:
  one token per cell of the grid. Its entry in models.yaml has `image_layout: merged`."""
IMAGE_LAYOUT = "merged"
NOTHING = "<unk>"  # target of an image token with nothing to name

_START, _END, _PADDING, _IMAGE = "<s>", "</s>", "<pad>", "<image>"
_SPECIAL = (NOTHING, _START, _END, _IMAGE, _PADDING)
_ROLES = ("USER: ", "ASSISTANT:")
_SIDE = 2 * SMALL_SIDE  # of the square
_PATCH = SMALL_SIDE // GRID
_TOKENS_PER_ROW = _SIDE // _PATCH
_ROWS_ABOVE = GRID // 2  # rows of grey tokens above the images
_GREY = 128

_CHAT_TEMPLATE = f"""\
{{{{- '<s>' -}}}}
{{%- if messages[0]['role'] != 'system' -%}}
{{{{- '{SYSTEM} ' -}}}}
{{%- endif -%}}
{{%- for message in messages -%}}
{{%- if message['role'] == 'user' -%}}
{{{{- 'USER: ' -}}}}
{{%- elif message['role'] == 'assistant' -%}}
{{{{- 'ASSISTANT:' -}}}}
{{%- endif -%}}
{{%- if message['content'] is string -%}}
{{{{- message['content'] -}}}}
{{%- else -%}}
{{%- for part in message['content'] -%}}
{{%- if part['type'] == 'image' -%}}
{{{{- '<image>\\n' -}}}}
{{%- elif part['type'] == 'text' -%}}
{{{{- part['text'] -}}}}
{{%- endif -%}}
{{%- endfor -%}}
{{%- endif -%}}
{{{{- '</s>' if message['role'] == 'assistant' else ' ' -}}}}
{{%- endfor -%}}
{{%- if add_generation_prompt -%}}
{{{{- 'ASSISTANT:' -}}}}
{{%- endif -%}}
"""


def build_processor(phrases: Sequence[str]) -> LlavaProcessor:
    """Takes squares of 224×224 pixels unchanged; `phrases` are single tokens."""
    tokenizer = build_tokenizer(
        _SPECIAL, [*phrases, *_ROLES], end=_END, padding=_PADDING, named={"image_token": _IMAGE}
    )
    images = CLIPImageProcessorPil(
        size={"shortest_edge": _SIDE}, crop_size={"height": _SIDE, "width": _SIDE}, **parts.PIXEL_SCALE
    )
    with without_video_processors():
        return LlavaProcessor(
            images,
            tokenizer,
            patch_size=_PATCH,
            vision_feature_select_strategy="default",
            num_additional_image_tokens=1,  # the class token, which the strategy drops
            chat_template=_CHAT_TEMPLATE,
        )


def build_model(processor: LlavaProcessor) -> LlavaForConditionalGeneration:
    """An untrained model, initialised from torch's global generator."""
    tokenizer = processor.tokenizer
    of = tokenizer.convert_tokens_to_ids
    config = LlavaConfig(
        text_config=LlamaConfig(**parts.language_settings(tokenizer, of(_START)), tie_word_embeddings=True),
        vision_config=CLIPVisionConfig(
            hidden_size=parts.VISION_HIDDEN,
            intermediate_size=2 * parts.VISION_HIDDEN,
            num_hidden_layers=parts.VISION_LAYERS,
            num_attention_heads=parts.HEADS,
            image_size=_SIDE,
            patch_size=_PATCH,
            projection_dim=32,  # of CLIP's contrastive head, which LLaVA does not use
            initializer_range=parts.INIT,
        ),
        image_token_index=of(_IMAGE),
        image_seq_length=_TOKENS_PER_ROW**2,
        vision_feature_layer=-1,  # the published -2 would leave one of the two layers unused
        vision_feature_select_strategy="default",
        tie_word_embeddings=True,
    )
    model = LlavaForConditionalGeneration(config)
    parts.end_answers(model, tokenizer)
    return model


def complete_checkpoint(folder: Path) -> None:
    """Give the weights their published names, which programs other than transformers expect."""
    parts.rename_weights(folder, "vision_tower.", "vision_tower.vision_model.")


def cell_positions(processor: LlavaProcessor, prompt_ids: Sequence[int]) -> list[int]:
    """Positions in the prompt of the first image's 16 cells, row by row, then of the second image's."""
    positions = parts.positions_of(processor.image_token_id, prompt_ids)
    rows = [_TOKENS_PER_ROW * (_ROWS_ABOVE + row) for row in range(GRID)]
    return [positions[row + half + column] for half in (0, GRID) for row in rows for column in range(GRID)]


def image_inputs(processor: LlavaProcessor, images: torch.Tensor, input_ids: torch.Tensor) -> dict[str, Any]:
    """The processor's output for `images` (2 × pairs, 112, 112, 3) in bytes, with each pair merged on a square."""
    pairs = images.unflatten(0, (-1, 2))
    squares = torch.full((len(pairs), _SIDE, _SIDE, 3), _GREY, dtype=torch.uint8)
    above = (_SIDE - SMALL_SIDE) // 2
    squares[:, above : above + SMALL_SIDE] = torch.cat([pairs[:, 0], pairs[:, 1]], dim=2)
    return {"pixel_values": parts.scaled(squares)}


def prepare_for_training(model: LlavaForConditionalGeneration) -> None:
    """Nothing to do: unlike Qwen2-VL's, its vision tower takes whole images of one size."""

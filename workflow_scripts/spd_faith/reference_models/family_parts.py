"""Common parts of the families: sizes, pixel scaling, ChatML, the files of a checkpoint."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from safetensors.torch import load_file, save_file

from spd_faith.reference_models.tokenizer import SYSTEM

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerFast

HIDDEN, HEADS, VISION_HIDDEN, VISION_LAYERS = 128, 4, 96, 2
INIT = 0.06
ROPE = {"rope_type": "default", "rope_theta": 4.0}  # a small base, because cells are only a few positions apart
PIXEL_SCALE = {"image_mean": [0.5] * 3, "image_std": [0.5] * 3}


def language_settings(tokenizer: "PreTrainedTokenizerFast", bos_token_id: int | None = None) -> dict[str, Any]:
    """Settings for the text configurations of all families."""
    return {
        "vocab_size": len(tokenizer),
        "hidden_size": HIDDEN,
        "intermediate_size": 2 * HIDDEN,
        "num_hidden_layers": 4,
        "num_attention_heads": HEADS,
        "num_key_value_heads": HEADS,
        "initializer_range": INIT,
        "max_position_embeddings": 2048,
        "rope_parameters": ROPE,
        "bos_token_id": bos_token_id,
        "eos_token_id": tokenizer.eos_token_id,
        "pad_token_id": tokenizer.pad_token_id,
    }


def end_answers(model: "PreTrainedModel", tokenizer: "PreTrainedTokenizerFast") -> None:
    """Make generation stop at the tokenizer's end-of-answer token."""
    model.generation_config.eos_token_id = tokenizer.eos_token_id
    model.generation_config.pad_token_id = tokenizer.pad_token_id


def write_video_settings(folder: Path, processor_type: str) -> None:
    """Name the checkpoint's video processor, which `AutoProcessor` and vLLM require to load it."""
    settings = json.dumps({"video_processor_type": processor_type}, indent=2)
    (folder / "video_preprocessor_config.json").write_text(settings + "\n", encoding="utf-8")


def rename_weights(folder: Path, prefix: str, published: str) -> None:
    """Rename a checkpoint's weights that begin with `prefix` to the published names."""
    file = folder / "model.safetensors"
    weights = load_file(file)
    save_file({_renamed(name, prefix, published): weight for name, weight in weights.items()}, file, {"format": "pt"})


def _renamed(name: str, prefix: str, published: str) -> str:
    is_old = name.startswith(prefix) and not name.startswith(published)
    return published + name.removeprefix(prefix) if is_old else name


def scaled(images: torch.Tensor) -> torch.Tensor:
    """Scale images from bytes (number, height, width, 3) to ±1 (number, 3, height, width), as the processor does."""
    return images.permute(0, 3, 1, 2).float() / 127.5 - 1


def positions_of(token_id: int, token_ids: Sequence[int]) -> list[int]:
    return [position for position, token in enumerate(token_ids) if token == token_id]


def chatml(image: str) -> str:
    """A ChatML template with a default system turn; `image` is the placeholder of an image, in a Jinja string."""
    return f"""\
{{%- if messages[0]['role'] != 'system' -%}}
{{{{- '<|im_start|>system\\n{SYSTEM}<|im_end|>\\n' -}}}}
{{%- endif -%}}
{{%- for message in messages -%}}
{{{{- '<|im_start|>' + message['role'] + '\\n' -}}}}
{{%- if message['content'] is string -%}}
{{{{- message['content'] -}}}}
{{%- else -%}}
{{%- for part in message['content'] -%}}
{{%- if part['type'] == 'image' -%}}
{{{{- '{image}' -}}}}
{{%- elif part['type'] == 'text' -%}}
{{{{- part['text'] -}}}}
{{%- endif -%}}
{{%- endfor -%}}
{{%- endif -%}}
{{{{- '<|im_end|>\\n' -}}}}
{{%- endfor -%}}
{{%- if add_generation_prompt -%}}
{{{{- '<|im_start|>assistant\\n' -}}}}
{{%- endif -%}}
"""

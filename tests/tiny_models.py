"""Very small untrained models of the real classes of every family, saved as any checkpoint is.

They answer nonsense, but a different nonsense to every prompt and picture, so a test can tell whether a prompt or a
picture reached them. Text is one token per byte. Sizes are chosen to be counted by hand: one image token covers
28 × 28 pixels of a Qwen2-VL or Qwen2.5-VL, 32 × 32 of a Qwen3-VL, and the other families see squares of 112 pixels.
"""

import json
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, processors
from transformers import (
    InternVLConfig,
    InternVLForConditionalGeneration,
    LlavaConfig,
    LlavaForConditionalGeneration,
    LlavaNextConfig,
    LlavaNextForConditionalGeneration,
    LlavaOnevisionConfig,
    LlavaOnevisionForConditionalGeneration,
    PreTrainedModel,
    PreTrainedTokenizerFast,
    Qwen2_5_VLConfig,
    Qwen2_5_VLForConditionalGeneration,
    Qwen2VLConfig,
    Qwen2VLForConditionalGeneration,
    Qwen3VLConfig,
    Qwen3VLForConditionalGeneration,
    Qwen3VLMoeConfig,
    Qwen3VLMoeForConditionalGeneration,
)

IMAGE = "<|image_pad|>"
END = "<|im_end|>"
PADDING = "<|endoftext|>"
PIXELS_PER_TOKEN = 28 * 28
MIN_PIXELS, MAX_PIXELS = 4 * PIXELS_PER_TOKEN, 16 * PIXELS_PER_TOKEN
SIDE = 112  # of the squares that InternVL and the LLaVAs see: 8 × 8 patches
_SPECIAL = (PADDING, "<|im_start|>", END, "<|vision_start|>", "<|vision_end|>", IMAGE, "<|video_pad|>")
_INIT = 0.3  # wide enough that answers hang on prompt and pictures

# ---- chat templates --------------------------------------------------------------------------------------------------
# They render what the published ones render for messages of pictures and text; the sources are named at each.

# of Qwen2-VL, less its default system turn
_PLAIN = """\
{%- for message in messages -%}
<|im_start|>{{ message.role }}
{% for part in message.content -%}
{%- if part.type == 'image' -%}<|vision_start|><|image_pad|><|vision_end|>{%- else -%}{{ part.text }}{%- endif -%}
{%- endfor -%}
<|im_end|>
{% endfor -%}
{%- if add_generation_prompt -%}<|im_start|>assistant
{% endif -%}"""

# Qwen/Qwen2-VL-7B-Instruct, chat_template.json; Qwen2.5-VL has the same
_QWEN2_VL = (
    "{%- if messages[0].role != 'system' -%}{{ '<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n' }}"
    "{%- endif -%}" + _PLAIN
)

# Qwen/Qwen3-VL-8B-Instruct, chat_template.json: no default system turn
_QWEN3_VL = _PLAIN

# OpenGVLab/InternVL3-8B-hf, chat_template.jinja (and convert_internvl_weights_to_hf.py in transformers)
_INTERNVL = """\
{%- for message in messages -%}
{{ '<|im_start|>' + message.role + '\n' }}
{%- for part in message.content -%}
{{ '<IMG_CONTEXT>\n' if part.type == 'image' else part.text }}
{%- endfor -%}
{{ '<|im_end|>\n' }}
{%- endfor -%}
{%- if add_generation_prompt -%}{{ '<|im_start|>assistant\n' }}{%- endif -%}"""

# llava-hf/llava-1.5-7b-hf, chat_template.json: all pictures of a message before all of its text
_LLAVA = """\
{%- for message in messages -%}
{%- if message.role != 'system' -%}{{ message.role | upper + ': ' }}{%- endif -%}
{%- for part in message.content if part.type == 'image' -%}{{ '<image>\n' }}{%- endfor -%}
{%- for part in message.content if part.type == 'text' -%}{{ part.text + ' ' }}{%- endfor -%}
{%- endfor -%}
{%- if add_generation_prompt -%}{{ 'ASSISTANT:' }}{%- endif -%}"""

# llava-hf/llava-onevision-qwen2-7b-ov-hf, chat_template.json: nothing between two pictures, no line after a turn
_LLAVA_ONEVISION = """\
{%- for message in messages -%}
{{ '<|im_start|>' + message.role + ' ' }}
{%- for part in message.content if part.type == 'image' -%}{{ '<image>' }}{%- endfor -%}
{%- for part in message.content if part.type == 'text' -%}{{ '\n' + part.text }}{%- endfor -%}
{{ '<|im_end|>' }}
{%- endfor -%}
{%- if add_generation_prompt -%}{{ '<|im_start|>assistant\n' }}{%- endif -%}"""

# ---- tokenizers ------------------------------------------------------------------------------------------------------


def byte_tokenizer(
    special: tuple[str, ...] = _SPECIAL,
    end: str = END,
    padding: str = PADDING,
    begin: str | None = None,
    named: Mapping[str, str] | None = None,
) -> PreTrainedTokenizerFast:
    """A byte-level BPE tokenizer without merges: one token per byte, and special tokens, by default Qwen2-VL's.

    `begin` is put before every text; `named` are tokens that a processor asks for by name.
    """
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    tokenizer = Tokenizer(models.BPE(vocab={byte: i for i, byte in enumerate(alphabet)}, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens([AddedToken(token, special=True, normalized=False) for token in special])
    if begin:
        begin_id = tokenizer.token_to_id(begin)
        tokenizer.post_processor = processors.TemplateProcessing(f"{begin} $A", None, [(begin, begin_id)])
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, eos_token=end, pad_token=padding, bos_token=begin, extra_special_tokens=named or {}
    )


# ---- families --------------------------------------------------------------------------------------------------------


def _text(tokenizer: PreTrainedTokenizerFast, **fields: Any) -> dict[str, Any]:
    return {
        "vocab_size": len(tokenizer),
        "hidden_size": 64,
        "intermediate_size": 128,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "max_position_embeddings": 4096,
        "bos_token_id": tokenizer.bos_token_id,
        "eos_token_id": tokenizer.eos_token_id,
        "initializer_range": _INIT,
    } | fields


def _qwen_tokens(tokenizer: PreTrainedTokenizerFast) -> dict[str, Any]:
    of = tokenizer.convert_tokens_to_ids
    return {
        "image_token_id": of(IMAGE),
        "video_token_id": of("<|video_pad|>"),
        "vision_start_token_id": of("<|vision_start|>"),
        "vision_end_token_id": of("<|vision_end|>"),
        "tie_word_embeddings": True,
    }


def _rope(**fields: Any) -> dict[str, Any]:
    return {"rope_parameters": {"rope_type": "default", "rope_theta": 1e4, "mrope_section": [2, 3, 3]} | fields}


def _qwen2_vl(tokenizer: PreTrainedTokenizerFast) -> PreTrainedModel:
    vision = {"depth": 2, "embed_dim": 32, "num_heads": 2, "hidden_size": 64, "mlp_ratio": 2}
    return Qwen2VLForConditionalGeneration(
        Qwen2VLConfig(
            text_config=_text(tokenizer, **_rope()),
            vision_config=vision | {"patch_size": 14, "spatial_merge_size": 2, "initializer_range": _INIT},
            **_qwen_tokens(tokenizer),
        )
    )


def _qwen2_5_vl(tokenizer: PreTrainedTokenizerFast) -> PreTrainedModel:
    vision = {"depth": 2, "hidden_size": 32, "intermediate_size": 64, "num_heads": 2, "out_hidden_size": 64}
    vision |= {"patch_size": 14, "spatial_merge_size": 2, "window_size": 56, "fullatt_block_indexes": [1]}
    return Qwen2_5_VLForConditionalGeneration(
        Qwen2_5_VLConfig(
            text_config=_text(tokenizer, **_rope()),
            vision_config=vision | {"initializer_range": _INIT},
            **_qwen_tokens(tokenizer),
        )
    )


def _qwen3_vision() -> dict[str, Any]:
    vision = {"depth": 3, "hidden_size": 32, "intermediate_size": 64, "num_heads": 2, "out_hidden_size": 64}
    vision |= {"patch_size": 16, "spatial_merge_size": 2, "num_position_embeddings": 256}
    return vision | {"deepstack_visual_indexes": [0, 1], "initializer_range": _INIT}


def _qwen3_vl(tokenizer: PreTrainedTokenizerFast) -> PreTrainedModel:
    text = _text(tokenizer, head_dim=16, **_rope(mrope_section=[4, 2, 2], mrope_interleaved=True))
    return Qwen3VLForConditionalGeneration(
        Qwen3VLConfig(text_config=text, vision_config=_qwen3_vision(), **_qwen_tokens(tokenizer))
    )


def _qwen3_vl_moe(tokenizer: PreTrainedTokenizerFast) -> PreTrainedModel:
    experts = {"num_experts": 4, "num_experts_per_tok": 2, "moe_intermediate_size": 32}
    text = _text(tokenizer, head_dim=16, **experts, **_rope(mrope_section=[4, 2, 2], mrope_interleaved=True))
    return Qwen3VLMoeForConditionalGeneration(
        Qwen3VLMoeConfig(text_config=text, vision_config=_qwen3_vision(), **_qwen_tokens(tokenizer))
    )


def _internvl(tokenizer: PreTrainedTokenizerFast) -> PreTrainedModel:
    vision = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 64}
    vision |= {"image_size": [SIDE, SIDE], "patch_size": [14, 14], "attention_bias": True, "initializer_range": _INIT}
    return InternVLForConditionalGeneration(
        InternVLConfig(
            text_config=_text(tokenizer, model_type="qwen2"),
            vision_config=vision,
            image_token_id=tokenizer.convert_tokens_to_ids("<IMG_CONTEXT>"),
            image_seq_length=16,
            downsample_ratio=0.5,
        )
    )


def _llava_parts(tokenizer: PreTrainedTokenizerFast) -> dict[str, Any]:
    vision = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 3, "num_attention_heads": 2}
    vision |= {"image_size": SIDE, "patch_size": 14, "projection_dim": 32, "initializer_factor": 10.0}
    return {
        "text_config": _text(tokenizer, model_type="llama"),
        "vision_config": vision | {"model_type": "clip_vision_model"},
        "image_token_index": tokenizer.convert_tokens_to_ids("<image>"),
        "image_seq_length": 64,
        "vision_feature_layer": -2,
        "vision_feature_select_strategy": "default",
    }


def _llava(tokenizer: PreTrainedTokenizerFast) -> PreTrainedModel:
    return LlavaForConditionalGeneration(LlavaConfig(**_llava_parts(tokenizer)))


def _llava_ungated(tokenizer: PreTrainedTokenizerFast) -> PreTrainedModel:
    text = _text(tokenizer, model_type="starcoder2", residual_dropout=0.0, embedding_dropout=0.0)
    return LlavaForConditionalGeneration(LlavaConfig(**_llava_parts(tokenizer) | {"text_config": text}))


def _llava_post_norm(tokenizer: PreTrainedTokenizerFast) -> PreTrainedModel:
    text = _text(tokenizer, model_type="olmo2")
    return LlavaForConditionalGeneration(LlavaConfig(**_llava_parts(tokenizer) | {"text_config": text}))


def _llava_without_parts(tokenizer: PreTrainedTokenizerFast) -> PreTrainedModel:
    text = _text(tokenizer, model_type="gpt_neox")
    return LlavaForConditionalGeneration(LlavaConfig(**_llava_parts(tokenizer) | {"text_config": text}))


def _llava_next(tokenizer: PreTrainedTokenizerFast) -> PreTrainedModel:
    config = LlavaNextConfig(**_llava_parts(tokenizer), image_grid_pinpoints=_PINPOINTS)
    return LlavaNextForConditionalGeneration(config)


def _llava_onevision(tokenizer: PreTrainedTokenizerFast) -> PreTrainedModel:
    vision = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 2}
    vision |= {"image_size": SIDE, "patch_size": 14, "vision_use_head": False}
    return LlavaOnevisionForConditionalGeneration(
        LlavaOnevisionConfig(
            text_config=_text(tokenizer, model_type="qwen2"),
            vision_config=vision | {"model_type": "siglip_vision_model"},
            image_token_index=tokenizer.convert_tokens_to_ids("<image>"),
            video_token_index=tokenizer.convert_tokens_to_ids("<video>"),
            image_grid_pinpoints=_PINPOINTS,
        )
    )


_PINPOINTS = [[SIDE, SIDE], [SIDE, 2 * SIDE], [2 * SIDE, SIDE], [2 * SIDE, 2 * SIDE]]


def _internvl_tokenizer() -> PreTrainedTokenizerFast:
    named = {
        "start_image_token": "<img>",
        "end_image_token": "</img>",
        "context_image_token": "<IMG_CONTEXT>",
        "video_token": "<video>",
    }
    return byte_tokenizer((PADDING, "<|im_start|>", END, *named.values()), named=named)


def _llava_tokenizer() -> PreTrainedTokenizerFast:
    return byte_tokenizer(("<unk>", "<s>", "</s>", "<image>", "<pad>"), end="</s>", padding="<pad>", begin="<s>")


def _llava_onevision_tokenizer() -> PreTrainedTokenizerFast:
    return byte_tokenizer((PADDING, "<|im_start|>", END, "<image>", "<video>"))


# Configs of the processors as published checkpoints have them: an image processor named by its class and some numbers.
# Without torchvision transformers cannot build the processors to save them.
_MEAN_AND_STD = {"image_mean": [0.5, 0.5, 0.5], "image_std": [0.5, 0.5, 0.5]}
_QWEN2_IMAGES = {
    "image_processor_type": "Qwen2VLImageProcessor",
    "patch_size": 14,
    "merge_size": 2,
    "temporal_patch_size": 2,
    "min_pixels": MIN_PIXELS,
    "max_pixels": MAX_PIXELS,
    **_MEAN_AND_STD,
}
_QWEN3_IMAGES = {
    "image_processor_type": "Qwen2VLImageProcessorFast",
    "patch_size": 16,
    "merge_size": 2,
    "temporal_patch_size": 2,
    "size": {"shortest_edge": 4 * 32 * 32, "longest_edge": 16 * 32 * 32},
    **_MEAN_AND_STD,
}
_INTERNVL_IMAGES = {
    "image_processor_type": "GotOcr2ImageProcessorFast",
    "size": {"height": SIDE, "width": SIDE},
    "crop_to_patches": False,
    "min_patches": 1,
    "max_patches": 12,
    **_MEAN_AND_STD,
}
_LLAVA_IMAGES = {
    "image_processor_type": "CLIPImageProcessor",
    "size": {"shortest_edge": SIDE},
    "do_center_crop": True,
    "crop_size": {"height": SIDE, "width": SIDE},
    **_MEAN_AND_STD,
}
_LLAVA_NEXT_IMAGES = _LLAVA_IMAGES | {
    "image_processor_type": "LlavaNextImageProcessor",
    "image_grid_pinpoints": _PINPOINTS,
}
_LLAVA_ONEVISION_IMAGES = {
    "image_processor_type": "LlavaOnevisionImageProcessor",
    "size": {"height": SIDE, "width": SIDE},
    "image_grid_pinpoints": _PINPOINTS,
    **_MEAN_AND_STD,
}
_LLAVA_PROCESSOR = {"patch_size": 14, "vision_feature_select_strategy": "default", "num_additional_image_tokens": 1}
_LLAVA_ONEVISION_PROCESSOR = {"num_image_tokens": 64, "vision_feature_select_strategy": "full"}

_Recipe = tuple[
    Callable[[], PreTrainedTokenizerFast],
    Callable[[PreTrainedTokenizerFast], PreTrainedModel],
    str,  # class of the processor
    dict[str, Any],  # preprocessor_config.json
    dict[str, Any],  # processor_config.json
    str,  # chat_template.jinja
]
# by model type
FAMILIES: dict[str, _Recipe] = {
    "qwen2_vl": (byte_tokenizer, _qwen2_vl, "Qwen2VLProcessor", _QWEN2_IMAGES, {}, _QWEN2_VL),
    "qwen2_5_vl": (byte_tokenizer, _qwen2_5_vl, "Qwen2_5_VLProcessor", _QWEN2_IMAGES, {}, _QWEN2_VL),
    "qwen3_vl": (byte_tokenizer, _qwen3_vl, "Qwen3VLProcessor", _QWEN3_IMAGES, {}, _QWEN3_VL),
    "qwen3_vl_moe": (byte_tokenizer, _qwen3_vl_moe, "Qwen3VLProcessor", _QWEN3_IMAGES, {}, _QWEN3_VL),
    "internvl": (
        _internvl_tokenizer,
        _internvl,
        "InternVLProcessor",
        _INTERNVL_IMAGES,
        {"image_seq_length": 16},
        _INTERNVL,
    ),
    "llava": (_llava_tokenizer, _llava, "LlavaProcessor", _LLAVA_IMAGES, _LLAVA_PROCESSOR, _LLAVA),
    "llava_onevision": (
        _llava_onevision_tokenizer,
        _llava_onevision,
        "LlavaOnevisionProcessor",
        _LLAVA_ONEVISION_IMAGES,
        _LLAVA_ONEVISION_PROCESSOR,
        _LLAVA_ONEVISION,
    ),
}
# that the Auto classes know and the table of families does not
UNLISTED: dict[str, _Recipe] = {
    "llava_next": (
        _llava_tokenizer,
        _llava_next,
        "LlavaNextProcessor",
        _LLAVA_NEXT_IMAGES,
        _LLAVA_PROCESSOR,
        _LLAVA,
    ),
}
# of a family, around a text model whose feed-forward networks have no gate
UNGATED: dict[str, _Recipe] = {
    "llava_ungated": (_llava_tokenizer, _llava_ungated, "LlavaProcessor", _LLAVA_IMAGES, _LLAVA_PROCESSOR, _LLAVA),
}

# of a family, around text models in which interventions have no place: norms follow the attention and the network of a
# layer, or its attention is no `self_attn`
UNCHANGEABLE: dict[str, _Recipe] = {
    "llava_post_norm": (
        _llava_tokenizer,
        _llava_post_norm,
        "LlavaProcessor",
        _LLAVA_IMAGES,
        _LLAVA_PROCESSOR,
        _LLAVA,
    ),
    "llava_without_parts": (
        _llava_tokenizer,
        _llava_without_parts,
        "LlavaProcessor",
        _LLAVA_IMAGES,
        _LLAVA_PROCESSOR,
        _LLAVA,
    ),
}


def save_tiny(family: str, folder: Path, seed: int = 0, template: str | None = None) -> None:
    """Write a checkpoint of a family, by model type, to `folder`: about 0.5 MB in float32."""
    recipes = FAMILIES | UNLISTED | UNGATED | UNCHANGEABLE
    build_tokenizer, build_model, processor_class, images, processor, published = recipes[family]
    tokenizer = build_tokenizer()
    torch.manual_seed(seed)
    model = build_model(tokenizer)
    model.generation_config.eos_token_id = tokenizer.eos_token_id
    model.generation_config.pad_token_id = tokenizer.pad_token_id
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    _write_json(folder / "preprocessor_config.json", images | {"processor_class": processor_class})
    if processor:
        _write_json(folder / "processor_config.json", processor | {"processor_class": processor_class})
    Path(folder, "chat_template.jinja").write_text(template or published, encoding="utf-8")


def noise(width: int, height: int, seed: int) -> Image.Image:
    """A picture that no other seed gives; in pixels."""
    pixels = np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
    return Image.fromarray(pixels)


def save_tiny_qwen2_vl(folder: Path, seed: int = 0) -> None:
    """A Qwen2-VL whose chat template adds no system turn."""
    save_tiny("qwen2_vl", folder, seed, template=_PLAIN)


def _write_json(path: Path, content: dict[str, Any]) -> None:
    path.write_text(json.dumps(content), encoding="utf-8")


def with_text_first(checkpoint: Path, target: Path) -> Path:
    """A copy of a Qwen's checkpoint whose chat template puts the images behind the text."""
    template = Path(shutil.copytree(checkpoint, target), "chat_template.jinja")
    parts = "for part in message.content "
    assert parts in template.read_text()
    template.write_text(template.read_text().replace(parts, f"{parts}| reverse "))
    return target

"""A Qwen2-VL of the published 7B size with random weights, created on the device, for GPU benchmarks.

The sizes are those in `config.json` of Qwen/Qwen2-VL-7B-Instruct (8.29 G parameters). The processor is the reference
model's, whose tokenizer encodes the project's prompts in few tokens, so images are most of a prompt, as with the
published tokenizer. Random weights are as slow as trained ones.
"""

from copy import copy
from dataclasses import replace
from pathlib import Path
from shutil import copyfile
from typing import Literal

import torch
from transformers import AutoConfig, Qwen2VLConfig, Qwen2VLForConditionalGeneration

from spd_faith.inference.checkpoint import Checkpoint, load_checkpoint
from spd_faith.inference.entries import TransformersModel
from spd_faith.inference.generation_settings import Decoding

REFERENCE = Path(__file__).parents[1] / "resources/models/tiny-qwen2-vl"
TEXT = {
    "hidden_size": 3584,
    "intermediate_size": 18944,
    "num_hidden_layers": 28,
    "num_attention_heads": 28,
    "num_key_value_heads": 4,
    "vocab_size": 152064,
    "max_position_embeddings": 32768,
    "rope_parameters": {"rope_type": "default", "rope_theta": 1e6, "mrope_section": [16, 24, 24]},
}
VISION = {"depth": 32, "embed_dim": 1280, "num_heads": 16, "mlp_ratio": 4, "hidden_size": TEXT["hidden_size"]}
SIDE = 672  # pixels of an image: 24 × 24 tokens


def published_config() -> Qwen2VLConfig:
    """The published sizes, with the token ids of the reference model."""
    reference = AutoConfig.from_pretrained(REFERENCE)
    text = reference.text_config.to_dict() | TEXT | {"layer_types": ["full_attention"] * TEXT["num_hidden_layers"]}
    ids = {name: getattr(reference, name) for name in ("image_token_id", "video_token_id", "vision_start_token_id")}
    vision = reference.vision_config.to_dict() | VISION
    return Qwen2VLConfig(text_config=text, vision_config=vision, tie_word_embeddings=False, **ids)


def published_checkpoint(max_new_tokens: int, device: Literal["cpu", "cuda"] = "cuda") -> Checkpoint:
    """The model in bfloat16 with the processor of the reference model; every answer has `max_new_tokens` tokens."""
    config = published_config()
    config._attn_implementation = "sdpa"
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.bfloat16)
    torch.manual_seed(0)
    try:
        with torch.device(device):
            model = Qwen2VLForConditionalGeneration(config).eval()
    finally:
        torch.set_default_dtype(before)
    budget = {"min_pixels": SIDE * SIDE, "max_pixels": SIDE * SIDE}
    fields = {"model": str(REFERENCE), "dtype": "bfloat16", "max_new_tokens": max_new_tokens, "pixel_budget": budget}
    on_gpu = {"requires_gpu": True, "resources": {"gpu": 1}} if device == "cuda" else {}
    entry = TransformersModel.model_validate({"backend": "transformers", **fields, **on_gpu})
    return endless(replace(load_checkpoint(entry, device), model=model))


def with_entry(checkpoint: Checkpoint, entry: TransformersModel) -> Checkpoint:
    """The same model with another entry."""
    return replace(checkpoint, entry=entry)


def write_without_weights(folder: Path) -> None:
    """Write the config and the processor, for an engine that draws its own random weights.

    No end token is named, and the tokenizer's own may end an answer early: the benchmark counts the tokens.
    """
    for file in REFERENCE.iterdir():
        if file.suffix in (".json", ".jinja") and file.name not in ("config.json", "generation_config.json"):
            copyfile(file, folder / file.name)
    config = published_config()
    config.architectures = ["Qwen2VLForConditionalGeneration"]
    config.dtype = "bfloat16"
    config.save_pretrained(folder)


def endless(checkpoint: Checkpoint) -> Checkpoint:
    """The checkpoint without end tokens, so that every answer has `max_new_tokens` tokens."""
    config = copy(checkpoint.decoding.config)
    config.eos_token_id = None
    checkpoint.model.generation_config = config
    return replace(checkpoint, decoding=Decoding(config, end_tokens=[], stop_strings=[]))


def shortened(checkpoint: Checkpoint, max_new_tokens: int) -> Checkpoint:
    """The same model with shorter answers."""
    config = copy(checkpoint.decoding.config)
    config.max_new_tokens = max_new_tokens
    return replace(checkpoint, decoding=replace(checkpoint.decoding, config=config))

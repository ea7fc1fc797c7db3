"""The parts of a loaded model, with types that transformers does not declare."""

from typing import Any, cast

from torch import nn
from transformers import PretrainedConfig, PreTrainedModel

from spd_faith.core.errors import UserError


def text_decoder(model: PreTrainedModel) -> nn.Module:
    """The stack of decoder layers that reads text and image tokens, without the output head."""
    return cast(nn.Module, cast(Any, model).get_decoder())


def decoder_layers(model: PreTrainedModel) -> nn.ModuleList:
    """The layers of the text decoder. Raises `UserError` if they are not made of attention and feed-forward parts."""
    layers = getattr(text_decoder(model), "layers", nn.ModuleList())
    if not layers or not all(hasattr(layer, "self_attn") and hasattr(layer, "mlp") for layer in layers):
        what = "its decoder is not a list of layers with self_attn and mlp"
        raise UserError(f"{type(model).__name__} cannot be probed or changed: {what}")
    return cast(nn.ModuleList, layers)


def output_head(model: PreTrainedModel) -> nn.Linear:
    """The layer that maps the last hidden states to logits."""
    return cast(nn.Linear, cast(Any, model).get_output_embeddings())


def text_config(config: PretrainedConfig) -> PretrainedConfig:
    """The part of a model's config that describes its text decoder."""
    return cast(PretrainedConfig, cast(Any, config).get_text_config(decoder=True))


def attends_to_all(model: PreTrainedModel) -> bool:
    """Whether every decoder layer attends to all previous tokens, without a sliding window."""
    config = text_config(model.config)
    kinds = getattr(config, "layer_types", None)
    return set(kinds) == {"full_attention"} if kinds else getattr(config, "sliding_window", None) is None

"""The parts of a loaded model, with the types that transformers leaves out."""

from typing import Any, cast

from torch import nn
from transformers import PretrainedConfig, PreTrainedModel


def text_decoder(model: PreTrainedModel) -> nn.Module:
    """The stack of decoder layers that reads text and image tokens, without the output head."""
    return cast(nn.Module, cast(Any, model).get_decoder())


def output_head(model: PreTrainedModel) -> nn.Linear:
    """The layer that turns the last states into logits."""
    return cast(nn.Linear, cast(Any, model).get_output_embeddings())


def text_config(config: PretrainedConfig) -> PretrainedConfig:
    """The part of a model's config that describes its text decoder."""
    return cast(PretrainedConfig, cast(Any, config).get_text_config(decoder=True))


def attends_to_all(model: PreTrainedModel) -> bool:
    """Whether each layer of the decoder attends to all previous tokens, not only to a window of the last ones."""
    config = text_config(model.config)
    kinds = getattr(config, "layer_types", None)
    return set(kinds) == {"full_attention"} if kinds else getattr(config, "sliding_window", None) is None

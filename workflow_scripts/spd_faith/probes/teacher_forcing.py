"""Have a model read prompts with their answers."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from torch import nn
from transformers import PreTrainedModel

from spd_faith.inference.model_parts import text_decoder
from spd_faith.probes.prepared import AnsweredPrompts

STATES_AT_ONCE = 64  # states whose full-vocabulary logits are held in memory


@contextmanager
def read_instead(model: PreTrainedModel, batch: AnsweredPrompts) -> Iterator[None]:
    """Within the block, the model embeds the batch's `token_ids`, whatever ids it gets to locate the images, and its
    decoder gives each token its position in its own prompt."""
    token_ids, own = batch.token_ids.to(model.device), batch.positions.to(model.device)

    def place(
        module: nn.Module, inputs: tuple[Any, ...], named: dict[str, Any]
    ) -> tuple[tuple[Any, ...], dict[str, Any]]:
        given = named.get("position_ids")  # … × rows × tokens; after the images they rise by one per token
        if given is not None:
            given = given.expand(*given.shape[:-2], *own.shape)
        positions = own if given is None else given.gather(-1, own.to(given.device).expand(given.shape))
        return inputs, named | {"position_ids": positions}

    hooks = [model.get_input_embeddings().register_forward_pre_hook(lambda module, inputs: (token_ids,))]
    if any(row.shared for row in batch.rows):
        hooks.append(text_decoder(model).register_forward_pre_hook(place, with_kwargs=True))
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()

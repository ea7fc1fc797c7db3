"""Read the states of each decoder layer at the answer's tokens by hooks, and pass them on as soon as the layer ends."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import nn
from transformers import PreTrainedModel

from spd_faith.core.errors import UserError
from spd_faith.inference.model_parts import decoder_layers, text_decoder
from spd_faith.probes.attention import IMPLEMENTATION, AnswerAttention, read_attention
from spd_faith.probes.prepared import AnsweredPrompt


@dataclass(frozen=True)
class LayerStates:
    """What one layer does to the answer states of one prompt; answer states × width, in float32."""

    before: torch.Tensor
    """x, the layer's input."""
    attention_change: torch.Tensor
    """What the attention adds: x½ = x + this."""
    ffn_change: torch.Tensor
    """What the feed-forward network adds: x₁ = x½ + this."""
    after: torch.Tensor
    """x₁, the layer's output."""
    activations: torch.Tensor | None
    """answer states × neurons, act_fn(gate_proj(input)); None if the network has no gate."""
    attention: AnswerAttention


Reduce = Callable[[int, int, LayerStates], None]
"""Takes the layer's number, the prompt's number in the batch, and the states."""


@contextmanager
def attention_by(model: PreTrainedModel, implementation: str) -> Iterator[None]:
    """Within the block, the decoder's attention runs through this implementation of transformers."""
    decoder: Any = text_decoder(model)
    usual = decoder.config._attn_implementation
    decoder.set_attn_implementation(implementation)
    try:
        yield
    finally:
        decoder.set_attn_implementation(usual)


@contextmanager
def read_layers(model: PreTrainedModel, rows: list[AnsweredPrompt], reduce: Reduce) -> Iterator[None]:
    """Within the block, a forward pass passes each layer's states to `reduce`, prompt by prompt."""
    layers = decoder_layers(model)
    with attention_by(model, IMPLEMENTATION), ExitStack() as stack:
        for number, layer in enumerate(layers):
            for undo in _Reader(rows, partial(reduce, number)).attach(layer):
                stack.callback(undo)
        yield


class _Reader:
    """Collects the states of one layer while it runs."""

    def __init__(self, rows: list[AnsweredPrompt], reduce: Callable[[int, LayerStates], None]) -> None:
        self._rows = rows
        self._reduce = reduce
        self._found: dict[str, list[Any]] = {}

    def attach(self, layer: Any) -> list[Callable[[], None]]:
        """Hook into the layer; the returned functions remove the hooks."""

        def output(name: str) -> Callable[[nn.Module, Any, Any], None]:
            return lambda module, inputs, output: self._keep(name, output)

        def before(module: nn.Module, inputs: tuple[Any, ...], named: dict[str, Any]) -> None:
            self._keep("before", inputs[0] if inputs else named["hidden_states"])

        def after(module: nn.Module, inputs: Any, output: Any) -> None:
            self._keep("after", output)
            self._hand_on()

        handles = [
            layer.register_forward_pre_hook(before, with_kwargs=True),
            layer.self_attn.register_forward_hook(output("attention_change")),
            layer.mlp.register_forward_hook(output("ffn_change")),
            layer.register_forward_hook(after),
        ]
        gate, act_fn = getattr(layer.mlp, "gate_proj", None), getattr(layer.mlp, "act_fn", None)
        if gate is not None and act_fn is not None:

            def activations(module: nn.Module, inputs: Any, output: torch.Tensor) -> None:
                self._found["activations"] = [act_fn(states).float() for states in self._answer_states(output)]

            handles.append(gate.register_forward_hook(activations))

        def attention(found: list[AnswerAttention]) -> None:
            self._found["attention"] = found

        return [read_attention(layer.self_attn, self._rows, attention), *(handle.remove for handle in handles)]

    def _keep(self, name: str, states: Any) -> None:
        states = states[0] if isinstance(states, tuple) else states
        # copies: a view would keep the states of all tokens in memory
        self._found[name] = [part.to(torch.float32, copy=True) for part in self._answer_states(states)]

    def _answer_states(self, states: torch.Tensor) -> list[torch.Tensor]:
        return [states[row.row, row.answer_places] for row in self._rows]

    def _hand_on(self) -> None:
        found, self._found = self._found, {}
        if "attention" not in found:
            raise UserError(
                "the model cannot be probed: its attention does not use the attention interface of transformers"
            )
        found.setdefault("activations", [None] * len(self._rows))
        for number in range(len(self._rows)):
            self._reduce(number, LayerStates(**{name: parts[number] for name, parts in found.items()}))

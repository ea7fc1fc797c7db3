"""Installs an intervention's changes in a model's decoder, for generation and for the probes' pass.

docs/models.md, "Interventions", has the formulas.
"""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
from torch import nn
from transformers import PreTrainedModel

from spd_faith.core.errors import UserError
from spd_faith.inference.attention_scores import IMPLEMENTATION, ScoreChange, change_scores
from spd_faith.inference.ffn_damping import FfnDamping
from spd_faith.inference.intervention import Intervention, Layers
from spd_faith.inference.model_parts import decoder_layers, text_decoder
from spd_faith.inference.prompt_places import Run, draws, lowest
from spd_faith.inference.sublayers import is_sum_of_parts


class Hooks:
    """The changes in a model while its intervention is installed, and the batch that they apply to."""

    def __init__(self, intervention: Intervention | None, image_token_id: int) -> None:
        self.intervention = intervention
        self._image_token_id = image_token_id
        self._run: Run | None = None
        self.scores: dict[nn.Module, ScoreChange] = {}
        """By attention module."""
        self.dampings: dict[nn.Module, FfnDamping] = {}
        """By layer."""

    def begin(self, input_ids: torch.Tensor, attention_mask: torch.Tensor, last: torch.Tensor | None = None) -> None:
        """The next forward pass reads these prompts (rows × columns), and later ones continue them with its cache.

        `last` (rows) has the column of each prompt's last token; default: the last column. What follows it, in rows
        padded on the right, belongs to the answer.
        """
        if self.intervention:
            self._run = self._run_over(self.intervention, input_ids, attention_mask, last)

    def _run_over(
        self,
        intervention: Intervention,
        input_ids: torch.Tensor,
        attention_mask: torch.Tensor,
        last: torch.Tensor | None,
    ) -> Run:
        if last is None:
            last = input_ids.new_full((len(input_ids),), input_ids.shape[1] - 1)
        run = Run.over(input_ids, attention_mask, self._image_token_id, last.to(input_ids.device))
        if intervention.placebo and intervention.image_attention:
            run.text = random_text(run, intervention.seed)
        return run

    @property
    def run(self) -> Run:
        """The current run over the prompts."""
        if self._run is None:
            raise RuntimeError("the forward pass of a model with an intervention was not announced with begin()")
        return self._run

    def masking(self, tokens: torch.Tensor) -> "SecondRun":
        """A second run over the prompts, with a cache of its own, in which no state attends to `tokens`.

        `tokens` is rows × columns, bool; none may be masked. Enter the result as a context around each of its forward
        passes: the first over the prompts, the later ones in turn with those of the main run.
        """
        return SecondRun(self, self.run.another(tokens))

    def reading(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> "SecondRun":
        """A second run over other prompts, left-padded, with a cache of its own; to be entered as that of `masking`."""
        assert self.intervention
        return SecondRun(self, self._run_over(self.intervention, input_ids, attention_mask, None))

    def attention_of_last_state(self) -> torch.Tensor:
        """The attention of each prompt's last token in the first pass, averaged over heads and layers: rows × columns.

        Measured only for `contrast: {mask: attended}`.
        """
        attention = self.run.last_attention
        if attention is None:
            raise RuntimeError("the attention of the last state was not measured")
        return attention / len(self.scores)

    def advance(self, module: nn.Module, inputs: tuple[Any, ...], named: dict[str, Any]) -> None:
        """Before a pass of the decoder."""
        given = [named.get("inputs_embeds"), named.get("input_ids"), *inputs]
        states = next(states for states in given if states is not None)
        self.run.advance(states.shape[1])


class SecondRun:
    """A context in which forward passes belong to a second run; may be entered repeatedly."""

    def __init__(self, hooks: Hooks, run: Run) -> None:
        self._hooks = hooks
        self._run = run

    def __enter__(self) -> None:
        self._main, self._hooks._run = self._hooks._run, self._run

    def __exit__(self, *error: object) -> None:
        self._hooks._run = self._main


def random_text(run: Run, seed: int) -> torch.Tensor:
    """As many random text tokens of each prompt as it has image tokens, at most all but its first token.

    rows × columns. They depend on the seed, the length of the prompt and the places of its images.
    """
    text = run.prompt & ~run.image & (run.positions > 0)
    values = draws((seed,), run.positions.shape[1])
    return lowest(text, values.to(text.device)[run.positions], run.image.sum(dim=1))


@contextmanager
def intervened(model: PreTrainedModel, intervention: Intervention | None, image_token_id: int) -> Iterator[Hooks]:
    """Within the block, the model's forward passes are changed; announce each batch with `Hooks.begin`.

    Without an intervention nothing is changed. Raises `UserError` if a layer has no place for a hook.
    """
    hooks = Hooks(intervention, image_token_id)
    with ExitStack() as stack:
        if intervention:
            _install(model, intervention, hooks, stack)
        yield hooks


def _install(model: PreTrainedModel, intervention: Intervention, hooks: Hooks, stack: ExitStack) -> None:
    layers: list[Any] = list(decoder_layers(model))
    if intervention.of_attention:
        hooks.scores = _score_changes(layers, intervention, hooks)
        stack.callback(change_scores(hooks.scores))
        decoder: Any = text_decoder(model)
        stack.callback(decoder.set_attn_implementation, decoder.config._attn_implementation)
        decoder.set_attn_implementation(IMPLEMENTATION)
    if ffn := intervention.ffn_scale:
        seed = intervention.seed if intervention.placebo else None
        for number in _numbers(ffn.layers, len(layers)):
            hooks.dampings[layers[number]] = FfnDamping(lambda: hooks.run, ffn, number, seed)
    for layer, damping in hooks.dampings.items():
        for undo in damping.attach(layer):
            stack.callback(undo)
    stack.callback(text_decoder(model).register_forward_pre_hook(hooks.advance, with_kwargs=True).remove)


def _score_changes(layers: list[Any], intervention: Intervention, hooks: Hooks) -> dict[nn.Module, ScoreChange]:
    reads_last = intervention.contrast is not None and intervention.contrast.mask == "attended"
    changes: dict[nn.Module, ScoreChange] = {
        layer.self_attn: ScoreChange(lambda: hooks.run, reads_last=reads_last) for layer in layers
    }
    if settings := intervention.image_attention:
        for number in _numbers(settings.layers, len(layers)):
            change = changes[layers[number].self_attn]
            change.image_attention, change.placebo = settings, intervention.placebo
    return changes


def _numbers(layers: Layers, count: int) -> range:
    first, last = layers
    return range(first or 0, count if last is None else last + 1)


@torch.inference_mode()
def why_unsupported(model: PreTrainedModel, intervention: Intervention, name: str) -> str | None:
    """Which settings of the intervention have no place in the model, and why; None if all have one.

    Found by a pass over two tokens. Raises `UserError` if they name layers that the model, called `name`, lacks.
    """
    try:
        layers = decoder_layers(model)
    except UserError as error:
        return f"{', '.join(intervention.settings())}: {error}"
    for key, part in (("image_attention", intervention.image_attention), ("ffn_scale", intervention.ffn_scale)):
        if part and max(number or 0 for number in part.layers) >= len(layers):
            what = f"intervention.{key}.layers: {part.layers} is beyond the model's last layer, {len(layers) - 1}"
            raise UserError(f"{name}: {what}")
    tokens = torch.arange(2, device=model.device)[None]
    with ExitStack() as stack:
        hooks = stack.enter_context(intervened(model, intervention, image_token_id=-1))
        hooks.begin(tokens, torch.ones_like(tokens))
        sums = {number: _Sum(layer, stack) for number, layer in enumerate(layers) if layer in hooks.dampings}
        text_decoder(model)(input_ids=tokens, use_cache=False)
    kind, why = type(text_decoder(model)).__name__, []
    if not all(change.was_used for change in hooks.scores.values()):
        what = f"the attention of {kind} does not use the attention interface of transformers"
        why.append(f"{', '.join(intervention.of_attention)}: {what}")
    if wrong := [number for number, one in sums.items() if not one.holds(model.dtype)]:
        what = f"the output of layer {wrong[0]} of {kind} is not the sum of its input, its attention and its network"
        why.append(f"ffn_scale: {what}")
    return "; ".join(why) or None


class _Sum:
    """Whether one layer's output is the sum of its input and its two parts, read while it runs."""

    def __init__(self, layer: Any, stack: ExitStack) -> None:
        self._found: dict[str, torch.Tensor] = {}

        def keep(name: str, states: Any) -> None:
            self._found[name] = (states[0] if isinstance(states, tuple) else states).flatten(0, -2).float()

        def before(module: nn.Module, inputs: tuple[Any, ...], named: dict[str, Any]) -> None:
            keep("before", inputs or named["hidden_states"])

        def output(name: str) -> Any:
            return lambda module, inputs, output: keep(name, output)

        for hook in (
            layer.register_forward_pre_hook(before, with_kwargs=True),
            layer.self_attn.register_forward_hook(output("attention_change")),
            layer.mlp.register_forward_hook(output("ffn_change")),
            layer.register_forward_hook(output("after")),
        ):
            stack.callback(hook.remove)

    def holds(self, dtype: torch.dtype) -> bool:
        return len(self._found) == 4 and is_sum_of_parts(**self._found, dtype=dtype)

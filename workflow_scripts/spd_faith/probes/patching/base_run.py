"""The pass that patched runs start from: what each decoder layer reads, and how it is called."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import nn
from transformers import DynamicCache, PreTrainedModel

from spd_faith.core.errors import UserError
from spd_faith.inference.model_parts import decoder_layers, output_head, text_decoder
from spd_faith.probes.prepared import AnsweredPrompt, AnsweredPrompts
from spd_faith.probes.teacher_forcing import read_instead

_LARGEST_DIFFERENCE = 1e-3  # of the logits, relative to the largest: rounding


class PatchingUnsupported(UserError):
    """The model's decoder has no place for patches; says why."""


@dataclass
class BaseRun:
    """One pass over a batch. Rows × tokens × width, where tokens count from `first` on."""

    first: int
    """Position of the last image's first token. The rows are equal before it."""
    cache: DynamicCache = field(default_factory=DynamicCache)  # without a config, it keeps all tokens of every layer
    inputs: list[torch.Tensor] = field(default_factory=list)
    """The input of each layer; at the end, the output of the last one."""
    added: dict[int, torch.Tensor] = field(default_factory=dict)
    """What the model adds between a layer, by number, and the next one, in float32; no entry: nothing."""
    arguments: list[dict[str, Any]] = field(default_factory=list)
    """The named arguments of each layer but the states, for all tokens."""
    normed: torch.Tensor = field(default_factory=lambda: torch.empty(0))
    """The states after the decoder's final norm."""
    norm: nn.Module = field(default_factory=nn.Identity)

    @property
    def length(self) -> int:
        """The tokens of a row."""
        return self.first + self.inputs[0].shape[1]

    @property
    def masks(self) -> list[torch.Tensor]:
        """The attention masks, each once: rows or 1 × heads or 1 × tokens × tokens."""
        masks = (arguments.get("attention_mask") for arguments in self.arguments)
        return list({id(mask): mask for mask in masks if mask is not None}.values())

    def is_closed(self, position: int) -> bool:
        """Whether no token before the position attends to this one or a later one."""
        return not any(attended(mask)[..., :position, position:].any() for mask in self.masks)


def attended(mask: torch.Tensor) -> torch.Tensor:
    """Where a mask of either kind (booleans, or numbers to add) lets a token attend."""
    return mask if mask.dtype == torch.bool else mask > torch.finfo(mask.dtype).min / 2


def base_run(model: PreTrainedModel, batch: AnsweredPrompts) -> BaseRun:
    """Run the batch, whose rows are of one length.

    Raises `PatchingUnsupported` if the decoder is not layers with a norm and a linear head behind them, if it does not
    use a key-value cache, or if tokens attend to images that come after them.
    """
    if model.config.is_encoder_decoder:
        raise _unsupported(model, "it is an encoder-decoder")
    try:
        layers = decoder_layers(model)
    except UserError as error:
        raise PatchingUnsupported(str(error)) from error
    run = BaseRun(_first_of_last_image(batch.rows[0]))
    inputs = batch.inputs.to(model.device, model.dtype)
    with _Recorder(model, layers, run).attached(), read_instead(model, batch):
        logits = model(**inputs, past_key_values=run.cache, use_cache=True, logits_to_keep=1).logits[:, -1:]
    if len(run.inputs) != len(layers) + 1:
        raise _unsupported(model, "no norm, or more than a norm, follows its layers")
    if not _almost_equal(output_head(model)(run.normed[:, -1:]), logits):
        raise _unsupported(model, "its logits are not those of a linear output head")
    if not run.is_closed(run.first):
        raise _unsupported(model, "tokens attend to an image that comes after them")
    return run


def _first_of_last_image(row: AnsweredPrompt) -> int:
    return int(row.image_positions[sum(row.image_tokens[:-1])])


def _unsupported(model: PreTrainedModel, why: str) -> PatchingUnsupported:
    return PatchingUnsupported(f"the states of {type(model).__name__} cannot be patched: {why}")


def _almost_equal(found: torch.Tensor, expected: torch.Tensor) -> bool:
    if found.shape != expected.shape:
        return False
    return bool((found.float() - expected.float()).abs().max() <= _LARGEST_DIFFERENCE * expected.float().abs().max())


class _Recorder:
    """Records what the layers and the norm read, one after the other."""

    def __init__(self, model: PreTrainedModel, layers: nn.ModuleList, run: BaseRun) -> None:
        self._model = model
        self._layers = layers
        self._run = run
        self._output: torch.Tensor | None = None  # of the latest layer

    @contextmanager
    def attached(self) -> Iterator[None]:
        """Within the block, a pass is recorded."""
        with ExitStack() as stack:
            for layer in self._layers:
                stack.callback(layer.register_forward_pre_hook(self.before, with_kwargs=True).remove)
                stack.callback(layer.register_forward_hook(self.after).remove)
            for part in text_decoder(self._model).children():
                if part is not self._layers:
                    stack.callback(part.register_forward_hook(self.after_part).remove)
            yield

    def before(self, layer: nn.Module, inputs: tuple[Any, ...], named: dict[str, Any]) -> None:
        states = inputs[0] if inputs else named.get("hidden_states")
        arguments = {name: value for name, value in named.items() if name != "hidden_states"}
        cached = any(value is self._run.cache for value in arguments.values())
        if states is None or len(inputs) > 1 or not cached or "attention_mask" not in arguments:
            raise _unsupported(self._model, "its layers are not called with states, a mask and a key-value cache")
        self._run.arguments.append(arguments)
        self._keep(states)

    def after(self, layer: nn.Module, inputs: Any, output: Any) -> None:
        self._output = (output[0] if isinstance(output, tuple) else output)[:, self._run.first :]

    def after_part(self, part: nn.Module, inputs: tuple[Any, ...], output: Any) -> None:
        """Of the decoder's other parts, those that run after the layers are recorded."""
        if len(self._run.arguments) == len(self._layers) and inputs and isinstance(output, torch.Tensor):
            self._keep(inputs[0])
            self._run.norm, self._run.normed = part, output[:, self._run.first :].clone()

    def _keep(self, states: torch.Tensor) -> None:
        # a copy: a view would keep the states of all tokens in memory
        own = states[:, self._run.first :].clone()
        if self._output is not None:
            change = own.float() - self._output.to(own.device).float()
            if change.any():
                self._run.added[len(self._run.inputs) - 1] = change
        self._run.inputs.append(own)

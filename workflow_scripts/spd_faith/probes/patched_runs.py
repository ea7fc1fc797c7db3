"""Runs of the decoder in which the states of some tokens come from another run.

The rows of a batch are one prompt and answer about several second images. A patched run starts behind its layer. The
runs into one row are computed together: each joins when its layer is reached, and an unpatched run goes along, so that
differences do not hold the rounding of another batch shape. Tokens before the first patched one are not computed: their
keys and values are those of the base run. Nor are tokens behind the last one that is asked for.

Memory: the base run keeps the states of each layer for the tokens from the last image on, and the keys and values of
all tokens. The patched runs are divided so that the largest tensor of a layer has `NUMBERS_AT_ONCE` elements at most,
or those of two runs if these are more: one patched, one not.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import torch
from torch import nn
from transformers import DynamicCache, PreTrainedModel

from spd_faith.inference.model_parts import decoder_layers, output_head, text_config
from spd_faith.probes.base_run import BaseRun, PatchingUnsupported, base_run
from spd_faith.probes.layers import attention_by
from spd_faith.probes.prepared import AnsweredPrompts
from spd_faith.probes.teacher_forcing import STATES_AT_ONCE

NUMBERS_AT_ONCE = 1 << 27  # of runs × tokens × neurons: 0.5 GB in float32


@dataclass(frozen=True)
class Patch:
    """States that one row gets from another. Features that a model adds to them between later layers come along."""

    layer: int
    """The states after this layer; -1: the input of the first one."""
    source: int
    """Row that the states come from."""
    target: int
    """Row that gets them."""
    positions: torch.Tensor
    """Of the tokens, in the row; none before the last image, where all rows are equal."""


@contextmanager
def teacher_forced(model: PreTrainedModel, answered: AnsweredPrompts) -> Iterator["PatchedRuns"]:
    """The runs of a batch whose rows differ in the last image alone.

    Raises `PatchingUnsupported` (also from `patched`) if the model has no place for patches, `ValueError` if rows have
    other tokens than the first one.
    """
    if len(answered.rows) != len(answered.token_ids) or not (answered.token_ids == answered.token_ids[:1]).all():
        raise ValueError("the rows are not one prompt and answer: their token ids differ")
    with torch.inference_mode(), attention_by(model, "sdpa"):
        yield PatchedRuns(model, answered)


class PatchedRuns:
    """A batch's run, and patched ones that start from it."""

    def __init__(self, model: PreTrainedModel, answered: AnsweredPrompts) -> None:
        self._base = base_run(model, answered)
        self._layers = decoder_layers(model)
        self._head = output_head(model)
        self._answer = answered.rows[0].answer_token_ids
        self._answer_begin = answered.rows[0].answer_places.start
        self._width = _widest(self._layers) * getattr(text_config(model.config), "num_experts_per_tok", 1)
        self._attention_width = _widest(layer.get_submodule("self_attn") for layer in self._layers)

    @property
    def first(self) -> int:
        """The first position that can be patched."""
        return self._base.first

    def log_probs(self) -> torch.Tensor:
        """Log-probabilities (natural) of the answer's tokens: rows × answer tokens, float32, on the CPU."""
        return _log_probs(self._head, self._base.normed[:, self._answer_begin - self.first :], self._answer)

    def patched(self, patches: Sequence[Patch], tokens: Sequence[int]) -> torch.Tensor:
        """How much each patch changes the log-probabilities (natural) of some tokens of the answer, given by index.

        patches × tokens, float32, on the CPU: those of the patched run minus those of its target's unpatched run.
        """
        self._check(patches, tokens)
        changes = torch.zeros(len(patches), len(tokens))
        if not len(tokens):
            return changes
        stop = self._answer_begin + max(tokens) + 1
        for chunk in _chunks(patches, self._patches_at_once(stop)):
            changes[chunk] = self._changes([patches[number] for number in chunk], stop, torch.as_tensor(tokens))
        return changes

    def _check(self, patches: Sequence[Patch], tokens: Sequence[int]) -> None:
        if not all(0 <= token < len(self._answer) for token in tokens):
            raise ValueError(f"the answer has tokens 0 to {len(self._answer) - 1}, not {list(tokens)}")
        rows = range(len(self._base.inputs[0]))
        for patch in patches:
            if not (-1 <= patch.layer < len(self._layers) and patch.source in rows and patch.target in rows):
                raise ValueError(f"no such layer or row: {patch}")
            if not ((patch.positions >= self.first) & (patch.positions < self._base.length)).all():
                raise ValueError(f"only positions {self.first} to {self._base.length - 1} can be patched: {patch}")

    def _patches_at_once(self, stop: int) -> int:
        largest = max((stop - self.first) * self._width, stop * self._attention_width)  # elements of one run
        return max(1, NUMBERS_AT_ONCE // largest - 1)

    def _changes(self, patches: list[Patch], stop: int, tokens: torch.Tensor) -> torch.Tensor:
        runs = _Runs(self._base, patches, stop)
        states = runs.run(self._layers)
        normed = self._base.norm(states[:, self._answer_begin + tokens - runs.begin])
        log_probs = _log_probs(self._head, normed, self._answer[tokens])
        return log_probs[1:] - log_probs[:1]


def _widest(modules: Iterable[nn.Module]) -> int:
    """The most numbers that a linear part of the modules gives per token."""
    parts = (part for module in modules for part in module.modules())
    return max(part.out_features for part in parts if isinstance(part, nn.Linear))


def _chunks(patches: Sequence[Patch], size: int) -> Iterator[list[int]]:
    """Indices of patches of one target, by layer."""
    order = sorted(range(len(patches)), key=lambda number: (patches[number].target, patches[number].layer))
    for _, of_target in groupby(order, key=lambda number: patches[number].target):
        numbers = list(of_target)
        yield from (numbers[begin : begin + size] for begin in range(0, len(numbers), size))


def _log_probs(head: nn.Linear, states: torch.Tensor, token_ids: torch.Tensor) -> torch.Tensor:
    """Of one token per state, given normed states: rows × tokens × width."""
    ids = token_ids.to(states.device).expand(states.shape[:-1]).flatten()
    found = [
        torch.log_softmax(head(some).float(), dim=-1).gather(-1, of_some.to(head.weight.device)[:, None])
        for some, of_some in zip(states.flatten(0, 1).split(STATES_AT_ONCE), ids.split(STATES_AT_ONCE), strict=True)
    ]
    return torch.cat(found).view(states.shape[:-1]).cpu()


class _Runs:
    """The unpatched run of a row and patched ones, sorted by layer, over the tokens from `begin` on."""

    def __init__(self, base: BaseRun, patches: list[Patch], stop: int) -> None:
        self._base = base
        self._patches = patches
        self._row = patches[0].target
        positions = torch.cat([patch.positions for patch in patches])
        begin = int(positions.min()) if len(positions) else base.first
        self.begin = begin if base.is_closed(begin) else base.first
        self._stop = stop if base.is_closed(stop) else base.length
        self._cache = _Prefix(base.cache, self._row, self.begin)

    def run(self, layers: nn.ModuleList) -> torch.Tensor:
        """The states after the last layer: runs × tokens × width, the unpatched run first."""
        begin = self._patches[0].layer + 1
        states = self._computed(self._base.inputs[begin])[self._row, None]
        for number in range(begin, len(layers)):
            states = self._joined(states, number)
            states = layers[number](states, **self._arguments(number, states.device))
            states = states[0] if isinstance(states, tuple) else states
            if number in self._base.added:
                states = self._with_added(states, self._base.added[number])
        return self._joined(states, len(layers))

    def _computed(self, states: torch.Tensor) -> torch.Tensor:
        """The states (rows × tokens × width) of the tokens that are computed."""
        return states[:, self.begin - self._base.first : self._stop - self._base.first]

    def _joined(self, states: torch.Tensor, number: int) -> torch.Tensor:
        """The runs' input to a layer, with the runs that begin there."""
        new = [patch for patch in self._patches if patch.layer == number - 1]
        if not new:
            return states
        joined = states[:1].repeat(len(new), 1, 1)
        self._put(joined, self._base.inputs[number], new)
        return torch.cat([states, joined])

    def _with_added(self, states: torch.Tensor, added: torch.Tensor) -> torch.Tensor:
        more = self._computed(added)[self._row].repeat(len(states), 1, 1)
        self._put(more[1:], added, self._patches[: len(states) - 1])
        return (states.float() + more.to(states.device)).to(states.dtype)

    def _put(self, states: torch.Tensor, base: torch.Tensor, patches: list[Patch]) -> None:
        """Put the sources' states of the base run in place of the states of the runs: one run per patch."""
        counts = torch.tensor([len(patch.positions) for patch in patches])
        runs = torch.arange(len(patches)).repeat_interleave(counts)
        sources = torch.tensor([patch.source for patch in patches]).repeat_interleave(counts)
        places = torch.cat([patch.positions for patch in patches])
        runs, sources, places = (indices[places < self._stop] for indices in (runs, sources, places))
        states[runs, places - self.begin] = base[sources, places - self._base.first].to(states.device)

    def _arguments(self, number: int, device: torch.device) -> dict[str, Any]:
        """What the layer is called with in the base run, for these tokens."""
        return {name: self._argument(name, value, device) for name, value in self._base.arguments[number].items()}

    def _argument(self, name: str, value: Any, device: torch.device) -> Any:
        if value is self._base.cache:
            return self._cache
        if name == "attention_mask":
            return self._mask(value, device)
        if name.startswith("position_embeddings"):  # … × rows × tokens × width, alone or several
            return tuple(map(self._embeddings, value)) if isinstance(value, tuple) else self._embeddings(value)
        if name in ("position_ids", "cache_position") and value is not None:  # … × tokens
            return value[..., self.begin : self._stop]
        if isinstance(value, torch.Tensor):
            raise PatchingUnsupported(f"the states of the model cannot be patched: what is a layer's {name} per token?")
        return value

    def _embeddings(self, values: torch.Tensor) -> torch.Tensor:
        values = values[..., self.begin : self._stop, :]
        if values.ndim < 3 or values.shape[-3] == 1:
            return values
        return values[..., self._row, None, :, :]

    def _mask(self, mask: torch.Tensor | None, device: torch.device) -> torch.Tensor:
        """1 × heads or 1 × computed tokens × tokens; without a mask, sdpa would let the last tokens see too little."""
        if mask is None:
            tokens = torch.ones(self._stop - self.begin, self._stop, dtype=torch.bool, device=device)
            return tokens.tril(self.begin)[None, None]
        row = 0 if len(mask) == 1 else self._row
        return mask[row, None, :, self.begin : self._stop, : self._stop]


class _Prefix:
    """A key-value cache for several runs, with what one row of the base run's cache has for its first tokens."""

    def __init__(self, cache: DynamicCache, row: int, tokens: int) -> None:
        self._cache = cache
        self._row = row
        self._tokens = tokens

    def update(
        self, keys: torch.Tensor, values: torch.Tensor, layer: int, *args: object, **kwargs: object
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """The keys and values of all tokens of each run (runs × heads × tokens × width); keeps nothing."""
        kept = self._cache.layers[layer]
        return self._behind(kept.keys, keys), self._behind(kept.values, values)

    def _behind(self, kept: torch.Tensor, states: torch.Tensor) -> torch.Tensor:
        first = kept[self._row, None, :, : self._tokens]
        return torch.cat([first.expand(len(states), -1, -1, -1), states], dim=-2)

    def __getattr__(self, name: str) -> Any:
        raise PatchingUnsupported(f"the states of the model cannot be patched: its layers use {name} of their cache")

"""Runs of the decoder in which the states of some tokens come from another run.

The rows of a batch are one prompt and answer about several second images. A patched run starts behind its layer. The
runs into one row are computed together: each joins when its layer is reached, and an unpatched run goes along, so that
differences do not hold the rounding of another batch shape. Not computed are tokens before the first patched one, whose
keys and values are those of the base run, tokens behind the last one that is asked for, and, in the last layer, all
others than those asked for.

Memory: the base run keeps the states of each layer for the tokens from the last image on, and the keys and values of
all tokens. The patched runs are divided so that the largest tensor of a layer has `NUMBERS_AT_ONCE` elements at most,
or those of two runs if these are more: one patched, one not.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import groupby, pairwise
from typing import Any

import torch
from torch import nn
from transformers import DynamicCache, PreTrainedModel

from spd_faith.inference.model_parts import decoder_layers, output_head, text_config
from spd_faith.probes.layers import attention_by
from spd_faith.probes.patching.base_run import BaseRun, PatchingUnsupported, base_run
from spd_faith.probes.prepared import AnsweredPrompts
from spd_faith.probes.teacher_forcing import STATES_AT_ONCE

NUMBERS_AT_ONCE = 1 << 27  # of runs × tokens × neurons: 0.5 GB in float32
TOKENS_AT_ONCE = 256  # of each run


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
        wanted, order = torch.as_tensor(tokens).unique(return_inverse=True)
        places = self._answer_begin + wanted
        for chunk in _chunks(patches, self._patches_at_once(int(places.max()) + 1)):
            states = _Runs(self._base, [patches[number] for number in chunk], places).run(self._layers)
            log_probs = _log_probs(self._head, self._base.norm(states), self._answer[wanted])
            changes[chunk] = (log_probs[1:] - log_probs[:1])[:, order]
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
        tokens = stop - self.first if self._base.masks else min(stop - self.first, TOKENS_AT_ONCE)
        largest = max(tokens * self._width, stop * self._attention_width)  # elements of one run
        return max(1, NUMBERS_AT_ONCE // largest - 1)


def _widest(modules: Iterable[nn.Module]) -> int:
    """The most numbers that a linear part of the modules gives per token."""
    parts = (part for module in modules for part in module.modules())
    return max(part.out_features for part in parts if isinstance(part, nn.Linear))


def _chunks(patches: Sequence[Patch], size: int) -> Iterator[list[int]]:
    """Indices of patches of one target that begin at similar positions, by layer."""
    begins = [int(patch.positions.min()) if len(patch.positions) else 0 for patch in patches]

    def group(number: int) -> tuple[int, int]:
        return patches[number].target, begins[number] // TOKENS_AT_ONCE

    ordered = sorted(range(len(patches)), key=lambda number: (*group(number), begins[number], patches[number].layer))
    for _, similar in groupby(ordered, key=group):
        numbers = list(similar)
        for begin in range(0, len(numbers), size):
            yield sorted(numbers[begin : begin + size], key=lambda number: patches[number].layer)


def _log_probs(head: nn.Linear, states: torch.Tensor, token_ids: torch.Tensor) -> torch.Tensor:
    """Of one token per state, given normed states: rows × tokens × width."""
    ids = token_ids.to(states.device).expand(states.shape[:-1]).flatten()
    found = [
        torch.log_softmax(head(some).float(), dim=-1).gather(-1, of_some.to(head.weight.device)[:, None])
        for some, of_some in zip(states.flatten(0, 1).split(STATES_AT_ONCE), ids.split(STATES_AT_ONCE), strict=True)
    ]
    return torch.cat(found).view(states.shape[:-1]).cpu()


class _Runs:
    """The unpatched run of a row and patched ones, sorted by layer, up to the states at some places of the row."""

    def __init__(self, base: BaseRun, patches: list[Patch], wanted: torch.Tensor) -> None:
        self._base = base
        self._patches = patches
        self._row = patches[0].target
        self._wanted = wanted
        begin = min((int(patch.positions.min()) for patch in patches if len(patch.positions)), default=base.first)
        stop = int(wanted.max()) + 1
        self._begin = begin if base.is_closed(begin) else base.first
        self._stop = stop if base.is_closed(stop) else base.length
        self._places = torch.arange(self._begin, self._stop)

    def run(self, layers: nn.ModuleList) -> torch.Tensor:
        """The states after the last layer: runs × wanted places × width, the unpatched run first."""
        begin, end = self._patches[0].layer + 1, len(layers)
        if begin == end:
            self._places = self._wanted
        states = self._base.inputs[begin][self._row, None, self._places - self._base.first]
        for number in range(begin, end):
            states = self._joined(states, number)
            advance = self._to_the_wanted if number == end - 1 else self._through
            states = self._with_added(advance(number, layers[number], states), number)
        return self._joined(states, end)

    def _joined(self, states: torch.Tensor, number: int) -> torch.Tensor:
        """The runs' input to a layer, with the runs that begin there."""
        new = [patch for patch in self._patches if patch.layer == number - 1]
        if not new:
            return states
        joined = states[:1].repeat(len(new), 1, 1)
        self._put(joined, self._base.inputs[number], new)
        return torch.cat([states, joined])

    def _through(self, number: int, layer: nn.Module, states: torch.Tensor) -> torch.Tensor:
        """The layer's output, computed some tokens at a time: no token computes attention to much later ones."""
        cache = _Cache(self._base.cache, self._row, self._begin, self._stop)
        cuts = range(self._begin, self._stop, TOKENS_AT_ONCE)
        for begin, end in pairwise([*filter(self._base.is_closed, cuts), self._stop]):
            some = slice(begin - self._begin, end - self._begin)
            states[:, some] = self._output(number, layer, states[:, some], torch.arange(begin, end), cache)
        return states

    def _to_the_wanted(self, number: int, layer: nn.Module, states: torch.Tensor) -> torch.Tensor:
        """The last layer's output at the wanted places: of the other tokens, only keys and values are needed."""
        cache = _Cache(self._base.cache, self._row, self._begin, self._stop, keys_alone=True)
        for begin, end in pairwise([*range(self._begin, self._stop, TOKENS_AT_ONCE), self._stop]):
            some = slice(begin - self._begin, end - self._begin)
            with suppress(_KeysComputed):
                self._output(number, layer, states[:, some], torch.arange(begin, end), cache)
        states = states[:, self._wanted - self._begin]
        self._places = self._wanted
        return self._output(number, layer, states, self._wanted, cache)

    def _output(
        self, number: int, layer: nn.Module, states: torch.Tensor, places: torch.Tensor, cache: "_Cache"
    ) -> torch.Tensor:
        """Of a layer, called as in the base run, but for these places of the row alone."""
        arguments = {
            name: cache if value is self._base.cache else self._argument(name, value, places, states.device)
            for name, value in self._base.arguments[number].items()
        }
        output = layer(states, **arguments)
        found: torch.Tensor = output[0] if isinstance(output, tuple) else output
        return found

    def _argument(self, name: str, value: Any, places: torch.Tensor, device: torch.device) -> Any:
        if name == "attention_mask":
            return self._mask(value, places, device)
        if name.startswith("position_embeddings"):  # … × rows × tokens × width, alone or several
            several = value if isinstance(value, tuple) else (value,)
            found = tuple(self._of_row(one, -3)[..., places, :] for one in several)
            return found if isinstance(value, tuple) else found[0]
        if name in ("position_ids", "cache_position") and value is not None:  # … × rows × tokens
            return self._of_row(value, -2)[..., places]
        if isinstance(value, torch.Tensor):
            raise PatchingUnsupported(f"the states of the model cannot be patched: what is a layer's {name} per token?")
        return value

    def _of_row(self, values: torch.Tensor, dimension: int) -> torch.Tensor:
        if values.ndim < -dimension or values.shape[dimension] == 1:
            return values
        return values.narrow(dimension, self._row, 1)

    def _mask(self, mask: torch.Tensor | None, places: torch.Tensor, device: torch.device) -> torch.Tensor:
        """1 × heads or 1 × places × all tokens up to the last place."""
        before = torch.arange(self._stop if places is self._wanted else int(places[-1]) + 1)
        if mask is None:  # causal
            return (before <= places[:, None])[None, None].to(device)
        return self._of_row(mask, 0)[..., places, : len(before)]

    def _with_added(self, states: torch.Tensor, number: int) -> torch.Tensor:
        if number not in self._base.added:
            return states
        added = self._base.added[number]
        more = added[self._row, None, self._places - self._base.first].repeat(len(states), 1, 1)
        self._put(more[1:], added, self._patches[: len(states) - 1])
        return (states.float() + more.to(states.device)).to(states.dtype)

    def _put(self, states: torch.Tensor, base: torch.Tensor, patches: list[Patch]) -> None:
        """Put the sources' states of the base run in place of the states of the runs: one run per patch."""
        counts = torch.tensor([len(patch.positions) for patch in patches])
        runs = torch.arange(len(patches)).repeat_interleave(counts)
        sources = torch.tensor([patch.source for patch in patches]).repeat_interleave(counts)
        positions = torch.cat([patch.positions for patch in patches])
        tokens = torch.full((self._base.length,), -1)
        tokens[self._places] = torch.arange(len(self._places))
        kept = tokens[positions] >= 0
        runs, sources, positions = runs[kept], sources[kept], positions[kept]
        states[runs, tokens[positions]] = base[sources, positions - self._base.first].to(states.device)


class _KeysComputed(Exception):
    """Ends a layer whose output is not needed."""


class _Cache:
    """The keys and values of one layer for several runs: of the first tokens from one row of the base run's cache, of
    the others as they are computed. With `keys_alone`, their layer ends there; calls after the last of them find all.
    """

    def __init__(self, base: DynamicCache, row: int, first: int, tokens: int, keys_alone: bool = False) -> None:
        self._base = base
        self._row = row
        self._tokens = tokens
        self._end = first
        self._keys_alone = keys_alone
        self._states: list[torch.Tensor] = []  # keys, values: runs × heads × tokens × width

    def update(
        self, keys: torch.Tensor, values: torch.Tensor, layer: int, *args: object, **kwargs: object
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Those of all tokens so far: runs × heads × tokens × width."""
        if not self._states:
            known = self._base.layers[layer]
            self._states = [self._begun(known.keys, keys), self._begun(known.values, values)]
        begin, self._end = self._end, min(self._end + keys.shape[-2], self._tokens)
        if begin < self._tokens:
            for states, new in zip(self._states, (keys, values), strict=True):
                states[..., begin : self._end, :] = new
            if self._keys_alone:
                raise _KeysComputed
        found_keys, found_values = (states[..., : self._end, :] for states in self._states)
        return found_keys, found_values

    def _begun(self, known: torch.Tensor, new: torch.Tensor) -> torch.Tensor:
        runs, heads, _, width = new.shape
        states = new.new_empty(runs, heads, self._tokens, width)
        states[..., : self._end, :] = known[self._row, :, : self._end]
        return states

    def __getattr__(self, name: str) -> Any:
        raise PatchingUnsupported(f"the states of the model cannot be patched: its layers use {name} of their cache")

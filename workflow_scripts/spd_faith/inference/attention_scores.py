"""Attention whose scores an intervention changes, through a function registered with transformers.

A change is a bias on the scores (scaled query · key), added before the softmax. Adding log f multiplies the attention
to a key by f before it is renormalised. Queries are processed a few at a time where the bias depends on their scores,
so a heads × tokens × tokens array never exists.
"""

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from weakref import WeakKeyDictionary

import torch
from torch import nn
from transformers import AttentionInterface
from transformers.integrations.sdpa_attention import sdpa_attention_forward
from transformers.masking_utils import ALL_MASK_ATTENTION_FUNCTIONS, AttentionMaskInterface

from spd_faith.inference.intervention import ImageAttention
from spd_faith.inference.prompt_places import Run

IMPLEMENTATION = "sdpa_with_intervention"
_sdpa: Callable[..., tuple[torch.Tensor, None]] = sdpa_attention_forward
_NUMBERS_AT_ONCE = 1 << 23  # of rows × heads × queries × keys: 32 MB in float32
_NO_CHANGE = ImageAttention()


@dataclass
class ScoreChange:
    """What an intervention adds to one layer's scores."""

    run: Callable[[], Run]
    """The current run, whose tokens the scores belong to."""
    image_attention: ImageAttention = _NO_CHANGE
    placebo: bool = False
    """Change the attention to random text tokens instead, by as much."""
    reads_last: bool = False
    """Add the attention of the prompt's last token to the run's."""
    was_used: bool = False

    @property
    def reads_scores(self) -> bool:
        """Whether the bias depends on the scores."""
        return self.placebo or self.image_attention.boost > 0

    def bias(
        self, scores: torch.Tensor | None, rows: slice, queries: torch.Tensor, keys: range, device: torch.device
    ) -> torch.Tensor:
        """What is added to the scores of `rows` of the batch; rows × (heads or 1) × (queries or 1) × keys, float32.

        `scores` is rows × heads × queries × keys, −inf where a state does not attend; needed only if `reads_scores`.
        `queries` has their columns, (rows or 1) × queries.
        """
        run, settings = self.run(), self.image_attention

        def per_key(tokens: torch.Tensor) -> torch.Tensor:
            return run.at(tokens, keys)[rows, None, None].to(device)

        image = per_key(run.image)
        bias = image * math.log(settings.factor)
        masked = None if run.masked is None else per_key(run.masked)
        if scores is not None and self.reads_scores:
            if masked is not None:
                scores = scores.masked_fill(masked, float("-inf"))
            if settings.boost:
                generated = (queries >= run.last[rows, None].to(queries.device)).to(device)[:, None, :, None]
                boosted = image & generated & scores.isfinite()
                bias = bias + torch.where(boosted, settings.boost * scores.abs(), 0)
            if self.placebo and run.text is not None:
                text = per_key(run.text)
                bias = text * matched_log_factor(scores, bias, image, text)
        return bias if masked is None else bias.masked_fill(masked, float("-inf"))


_changes: WeakKeyDictionary[nn.Module, ScoreChange] = WeakKeyDictionary()


def change_scores(changes: Mapping[nn.Module, ScoreChange]) -> Callable[[], None]:
    """Change the scores of these attention modules; the returned function stops this."""
    _changes.update(changes)

    def end() -> None:
        for module in changes:
            _changes.pop(module, None)

    return end


def change_of(module: nn.Module) -> ScoreChange | None:
    """The change that is installed for an attention module."""
    return _changes.get(module)


def matched_log_factor(
    scores: torch.Tensor, bias: torch.Tensor, image: torch.Tensor, text: torch.Tensor
) -> torch.Tensor:
    """The log of the factor on the tokens `text` that changes the attention to them as `bias` does that to `image`.

    With m the attention to image tokens of one query and head, and m′ with the bias, the attention p to the text tokens
    shall become p′ = p + m′ − m, within (0, 1). A factor g before renormalisation gives p′ = g p / (g p + 1 − p), so
    g = p′ (1 − p) / (p (1 − p′)), and log g = logit p′ − logit p; g is 1 where p is 0 or 1. Scores are … × keys (−inf:
    no attention), and bias and masks broadcast to them; the result is … × 1.
    """

    def attention(scores: torch.Tensor, tokens: torch.Tensor) -> torch.Tensor:
        return (scores.softmax(dim=-1) * tokens).sum(dim=-1, keepdim=True)

    p = attention(scores, text)
    tiny = torch.finfo(p.dtype).eps
    wanted = p + attention(scores + bias, image) - attention(scores, image)
    wanted = wanted.maximum(p.clamp(max=tiny)).minimum(p.clamp(min=1 - tiny))
    factor = wanted.logit() - p.logit()
    return torch.where(factor.isfinite(), factor, 0)


def scores_of(query: torch.Tensor, key: torch.Tensor, scaling: float) -> torch.Tensor:
    """Scaled query · key in float32: rows × heads × queries × keys; `key` may have one head for several of `query`."""
    rows, heads, queries, width = query.shape
    grouped = query.float().reshape(rows, key.shape[1], -1, width) @ key.float().transpose(2, 3)
    return grouped.view(rows, heads, queries, -1) * scaling


def attend(
    module: nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    scaling: float | None = None,
    **more: Any,
) -> tuple[torch.Tensor, None]:
    """What sdpa returns, with the scores of the module changed, if a change is installed."""
    change = _changes.get(module)
    if change is None:
        return _sdpa(module, query, key, value, attention_mask, scaling=scaling, **more)
    change.was_used = True
    layer = _Layer(change, query, key, attention_mask, query.shape[-1] ** -0.5 if scaling is None else scaling)
    if change.reads_last and layer.has_last:
        layer.read_last()
    found = []
    for some, with_scores in layer.parts():
        mask = layer.mask(some, with_scores).to(query.dtype)
        found.append(_sdpa(module, query[:, :, some], key, value, mask, scaling=scaling, **more)[0])
    return torch.cat(found, dim=1), None


@dataclass
class _Layer:
    """The inputs of one layer's attention in one pass."""

    change: ScoreChange
    query: torch.Tensor
    key: torch.Tensor
    attention_mask: torch.Tensor | None
    scaling: float

    @property
    def keys(self) -> range:
        """Their columns; a layer with a sliding window keeps the last ones."""
        end = self.change.run().end
        return range(end - self.key.shape[2], end)

    @property
    def queries(self) -> torch.Tensor:
        """Their columns, 1 × queries."""
        run = self.change.run()
        return torch.arange(run.end - self.query.shape[2], run.end, device=self.query.device)[None]

    @property
    def has_last(self) -> bool:
        """Whether the prompts end in this pass."""
        return self.change.run().begin == 0

    def parts(self) -> Iterator[tuple[slice, bool]]:
        """Queries that are processed at once, and whether the bias depends on their scores."""
        rows, heads, queries, _ = self.query.shape
        before = queries  # those ahead of the first whose scores are read
        if self.change.placebo:
            before = 0
        elif self.change.reads_scores:  # of generated tokens
            run = self.change.run()
            before = min(max(run.first_last - run.begin, 0), queries)
        for first, end, arrays in ((0, before, 1), (before, queries, heads)):
            at_once = max(1, _NUMBERS_AT_ONCE // (rows * self.key.shape[2] * arrays))
            for begin in range(first, end, at_once):
                yield slice(begin, min(begin + at_once, end)), first == before

    def mask(self, some: slice, with_scores: bool) -> torch.Tensor:
        """What is added to the scores of some queries: the usual mask and the change."""
        queries = self.queries[:, some]
        mask = self._causal(queries) if self.attention_mask is None else self.attention_mask[:, :, some]
        usual, scores = _as_bias(mask), None
        if with_scores:
            scores = scores_of(self.query[:, :, some], self.key, self.scaling) + usual
        return usual + self.change.bias(scores, slice(None), queries, self.keys, self.query.device)

    def read_last(self) -> None:
        """Add the attention of the prompts' last tokens, averaged over heads, to the run's."""
        run = self.change.run()
        each, last = torch.arange(len(self.query)), run.last.to(self.query.device)
        if self.attention_mask is None:
            mask = self._causal(last[:, None])
        else:
            mask = self.attention_mask.expand(len(each), -1, -1, -1)[each, :, last][:, :, None]
        scores = scores_of(self.query[each, :, last][:, :, None], self.key, self.scaling) + _as_bias(mask)
        scores += self.change.bias(scores, slice(None), last[:, None], self.keys, self.query.device)
        attention = torch.softmax(scores, dim=-1).mean(dim=1)[:, 0].to(run.last.device)
        run.last_attention = attention if run.last_attention is None else run.last_attention + attention

    def _causal(self, queries: torch.Tensor) -> torch.Tensor:
        """The causal mask of some queries (their columns, rows × queries): rows × 1 × queries × keys."""
        keys = torch.arange(self.keys.start, self.keys.stop, device=queries.device)
        return (keys <= queries[..., None])[:, None]


def _as_bias(mask: torch.Tensor) -> torch.Tensor:
    """A mask of attention, bool or additive, as what is added to the scores; float32."""
    if mask.dtype != torch.bool:
        return mask.float()
    return torch.zeros(mask.shape, device=mask.device).masked_fill(~mask, float("-inf"))


AttentionInterface.register(IMPLEMENTATION, attend)
# Without a mask function of this name, transformers makes no mask at all: neither causal nor for padding.
AttentionMaskInterface.register(IMPLEMENTATION, ALL_MASK_ATTENTION_FUNCTIONS["sdpa"])

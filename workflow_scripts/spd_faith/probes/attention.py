"""Attention of the answer states, averaged over heads and reduced inside the layer that makes it.

The decoder's attention runs through a function registered with transformers. It returns what sdpa returns, and also
recomputes the rows of the answer states alone, so a heads × tokens × tokens array never exists. Prompts that share a
row each attend to the shared tokens and their own.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from weakref import WeakKeyDictionary

import torch
from torch import nn
from transformers import AttentionInterface
from transformers.masking_utils import ALL_MASK_ATTENTION_FUNCTIONS, AttentionMaskInterface

from spd_faith.inference.attention_scores import ScoreChange, attend, change_of
from spd_faith.probes.passes import SEGMENTS
from spd_faith.probes.prepared import AnsweredPrompt

IMPLEMENTATION = "sdpa_with_probe"
_NUMBERS_AT_ONCE = 1 << 22  # of heads × rows × tokens: 16 MB in float32


@dataclass(frozen=True)
class AnswerAttention:
    """Attention of one prompt's answer states in one layer, averaged over heads; float32."""

    fractions: torch.Tensor
    """answer states × `SEGMENTS`: sums over the tokens of each segment; they add up to 1 per state."""
    image: torch.Tensor
    """answer states × image tokens."""
    answer: torch.Tensor
    """answer states × answer states; 0 for later ones."""


Take = Callable[[list[AnswerAttention]], None]
_readers: WeakKeyDictionary[nn.Module, tuple[list[AnsweredPrompt], Take]] = WeakKeyDictionary()


def read_attention(module: nn.Module, rows: list[AnsweredPrompt], take: Take) -> Callable[[], None]:
    """Pass the attention of the batch's prompts to `take` whenever `module` runs; the returned function stops this."""

    def end() -> None:
        _readers.pop(module, None)

    _readers[module] = (rows, take)
    return end


def _attend(
    module: nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    scaling: float | None = None,
    **more: Any,
) -> tuple[torch.Tensor, None]:
    if module not in _readers:
        return attend(module, query, key, value, attention_mask, scaling=scaling, **more)
    prompts, take = _readers[module]
    rows_are_shared = any(prompt.shared for prompt in prompts)
    scale = query.shape[-1] ** -0.5 if scaling is None else scaling
    found = []
    for prompt in prompts:
        mask = None
        if attention_mask is not None and not prompt.behind:
            mask = attention_mask[prompt.row, :, prompt.answer_states, : prompt.tokens]
        queries = query[prompt.row, :, prompt.answer_places]
        keys = _of_prompt(prompt, key[prompt.row])
        found.append(answer_attention(prompt, queries, keys, scale, mask, change_of(module)))
    take(found)
    if rows_are_shared:
        return _attend_by_prompt(module, query, key, value, attention_mask, prompts, scaling=scaling, **more), None
    return attend(module, query, key, value, attention_mask, scaling=scaling, **more)


def _of_prompt(prompt: AnsweredPrompt, states: torch.Tensor) -> torch.Tensor:
    """The states (… × tokens × width) in a row that belong to the prompt: its shared tokens, then its own."""
    if not prompt.behind:
        return states[..., : prompt.tokens, :]
    own = states[..., prompt.shared + prompt.behind : prompt.tokens + prompt.behind, :]
    return torch.cat([states[..., : prompt.shared, :], own], dim=-2)


def _attend_by_prompt(
    module: nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    prompts: list[AnsweredPrompt],
    **more: Any,
) -> torch.Tensor:
    """What sdpa would return (rows × tokens × heads × width) if each prompt had its own row; 0 at padding.

    The mask, if any, covers whole rows and is right for the first prompt of each. The prompts behind it, all text,
    attend to the shared tokens and, causally, to their own.
    """
    found = query.new_zeros(len(query), query.shape[2], query.shape[1], value.shape[-1])
    for prompt in prompts:
        keys, values = (_of_prompt(prompt, states[prompt.row])[None] for states in (key, value))
        begin = prompt.shared if prompt.behind else 0  # the first prompt of a row also computes the shared tokens
        places = slice(begin + prompt.behind, prompt.tokens + prompt.behind)
        queries = query[prompt.row, :, places][None]
        mask = None  # causal
        if begin:
            mask = query.new_ones((prompt.tokens - begin, prompt.tokens), dtype=torch.bool).tril(begin)[None, None]
        elif attention_mask is not None:
            mask = attention_mask[prompt.row, :, : prompt.tokens, : prompt.tokens][None]
        (found[prompt.row, places],), _ = attend(module, queries, keys, values, mask, **more)
    return found


AttentionInterface.register(IMPLEMENTATION, _attend)
# Without a mask function of this name, transformers makes no mask at all: neither causal nor for padding.
AttentionMaskInterface.register(IMPLEMENTATION, ALL_MASK_ATTENTION_FUNCTIONS["sdpa"])


def answer_attention(
    row: AnsweredPrompt,
    query: torch.Tensor,
    key: torch.Tensor,
    scaling: float,
    mask: torch.Tensor | None,
    change: ScoreChange | None = None,
) -> AnswerAttention:
    """The attention of a row's answer states.

    `query` is heads × answer states × width; `key` is heads (or groups of them) × the row's tokens × width. `mask` is
    1 or heads × answer states × tokens: true or 0 where a state attends, false or very negative elsewhere; None is
    causal. `change` is that of an intervention, whose row of the batch is the prompt's alone.
    """
    heads, states, _ = query.shape
    tokens = key.shape[1]
    segments = nn.functional.one_hot(row.segments, len(SEGMENTS)).to(key.device, torch.float32)
    images = row.image_positions.to(key.device)
    keys = key.float().transpose(1, 2)
    fractions, image, answer = [], [], []
    at_once = max(1, _NUMBERS_AT_ONCE // (heads * tokens))
    for first in range(0, states, at_once):
        some = query[:, first : first + at_once].float()
        count = some.shape[1]
        scores = (some.reshape(len(key), -1, some.shape[-1]) @ keys).view(heads, count, tokens).mul_(scaling)
        if mask is None:
            positions = torch.arange(tokens, device=key.device)
            scores.masked_fill_(positions > positions[tokens - states + first :][:count, None], float("-inf"))
        elif mask.dtype == torch.bool:
            scores.masked_fill_(~mask[:, first : first + count], float("-inf"))
        else:
            scores += mask[:, first : first + count]
        if change:
            places = row.answer_states.start + torch.arange(first, first + count, device=key.device)
            scores += change.bias(scores[None], slice(row.row, row.row + 1), places[None], range(tokens), key.device)[0]
        mean = torch.softmax(scores, dim=-1).mean(dim=0)
        fractions.append(mean @ segments)
        image.append(mean[:, images])
        answer.append(mean[:, tokens - states :])
    return AnswerAttention(torch.cat(fractions), torch.cat(image), torch.cat(answer))

"""Which tokens of a batch are of images, of the prompt or padding, and how far its forward passes have come."""

from dataclasses import dataclass, field, replace

import numpy as np
import torch
from torch.nn.functional import pad


@dataclass
class Run:
    """The forward passes over a batch: the first one over the prompts, and later ones over more tokens with its cache.

    A token's column counts from the start of its row, with padding, over all passes.
    """

    image: torch.Tensor
    """rows × columns: image tokens of the prompts."""
    prompt: torch.Tensor
    """rows × columns: tokens of the prompts, without padding and without an answer that follows."""
    positions: torch.Tensor
    """rows × columns: position of each token in its own row without padding."""
    last: torch.Tensor
    """rows: column of the prompt's last token."""
    first_last: int
    """The lowest of these."""
    text: torch.Tensor | None = None
    """rows × columns: the text tokens that a placebo takes for the image tokens."""
    masked: torch.Tensor | None = None
    """rows × columns: tokens that no state attends to."""
    begin: int = 0
    """First column of the current pass."""
    end: int = 0
    """Column behind the current pass."""
    damped_fractions: dict[int, torch.Tensor] = field(default_factory=dict)
    """rows: fraction of each prompt's positions at which a layer's network is damped, by layer."""
    last_attention: torch.Tensor | None = None
    """rows × columns: attention of the prompt's last token, averaged over heads, summed over layers."""

    @classmethod
    def over(
        cls, input_ids: torch.Tensor, attention_mask: torch.Tensor, image_token_id: int, last: torch.Tensor
    ) -> "Run":
        own = attention_mask.bool()
        before_answer = torch.arange(own.shape[1], device=own.device) <= last[:, None]
        prompt = own & before_answer
        positions = (own.cumsum(dim=1) - 1).clamp(min=0)
        return cls((input_ids == image_token_id) & prompt, prompt, positions, last, int(last.min()))

    def another(self, masked: torch.Tensor) -> "Run":
        """A run over the same prompts that has not begun, in which no state attends to the tokens `masked`."""
        return replace(self, masked=masked, begin=0, end=0, damped_fractions={}, last_attention=None)

    def advance(self, tokens: int) -> None:
        """A forward pass over the next `tokens` columns begins."""
        self.begin, self.end = self.end, self.end + tokens

    def at(self, tokens: torch.Tensor, columns: range) -> torch.Tensor:
        """The part of a mask of tokens (rows × the prompts' columns) at `columns`; later tokens are not in it."""
        found = tokens[:, columns.start : columns.stop]
        return pad(found, (0, len(columns) - found.shape[1])) if found.shape[1] < len(columns) else found

    def positions_at(self, columns: range) -> torch.Tensor:
        """rows × columns: the positions of tokens in their own rows; generated ones follow the prompts."""
        known = self.positions[:, columns.start : columns.stop]
        width = self.positions.shape[1]
        more = torch.arange(max(columns.start, width), columns.stop, device=known.device)
        return torch.cat([known, self.positions[:, -1:] + 1 + more - width], dim=1)


def draws(seed: tuple[int, ...], count: int) -> torch.Tensor:
    """A number in [0, 1) for each position from 0 to `count` − 1, the same whatever the count."""
    return torch.from_numpy(np.random.default_rng(seed).random(count))


def lowest(candidates: torch.Tensor, values: torch.Tensor, counts: torch.Tensor) -> torch.Tensor:
    """The candidates with the lowest values of each row, as many as `counts` (rows), or all; rows × columns.

    Of equal values the first count as lower.
    """
    ranks = values.masked_fill(~candidates, float("inf")).argsort(dim=1, stable=True).argsort(dim=1)
    return candidates & (ranks < counts[:, None])

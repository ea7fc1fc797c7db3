"""Damps what a layer's feed-forward network adds to the states, where it diverges from what the attention adds."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import nn

from spd_faith.inference.intervention import FfnScale
from spd_faith.inference.prompt_places import Run, draws, lowest
from spd_faith.inference.sublayers import divergence

_NUMBERS_AT_ONCE = 1 << 23  # of states × width: 32 MB in float32


@dataclass
class FfnDamping:
    """The hooks of one layer."""

    run: Callable[[], Run]
    """The current run, whose states the layer computes."""
    settings: FfnScale
    layer: int
    placebo_seed: int | None = None
    """Damp at as many random positions instead; None: no placebo."""
    was_used: bool = False
    _drawn: torch.Tensor = field(default_factory=lambda: torch.empty(0))

    def attach(self, layer: nn.Module) -> list[Callable[[], None]]:
        """Hook into the layer; the returned functions remove the hooks."""
        found: list[torch.Tensor] = []

        def keep(module: nn.Module, inputs: Any, output: Any) -> None:
            found[:] = [_states(output)]

        def damp(module: nn.Module, inputs: Any, output: Any) -> Any:
            self.was_used = True
            change = _states(output)
            positions = self.positions(_divergence(found.pop(), change))
            damped = torch.where(positions[..., None], change * self.settings.factor, change)
            return (damped, *output[1:]) if isinstance(output, tuple) else damped

        parts: Any = layer
        return [
            parts.self_attn.register_forward_hook(keep).remove,
            parts.mlp.register_forward_hook(damp).remove,
        ]

    def positions(self, diverges: torch.Tensor) -> torch.Tensor:
        """Where the network is damped, from the divergence of each state of the current pass; rows × states.

        The placebo damps each prompt at as many of its positions, drawn by seed, layer and position; then a generated
        token's state with a probability of their number over the prompt's length.
        """
        above = diverges > self.settings.kl_above
        if self.placebo_seed is None:
            return above
        run = self.run()
        columns = range(run.begin, run.end)
        values = self._values(run.end).to(above.device)[run.positions_at(columns).to(above.device)]
        if run.begin == 0:
            prompt = run.at(run.prompt, columns).to(above.device)
            counts = (above & prompt).sum(dim=1)
            run.damped_fractions[self.layer] = counts / prompt.sum(dim=1)
            chosen = lowest(prompt, values, counts)
        else:
            prompt = chosen = torch.zeros_like(above)
        likely = values < run.damped_fractions[self.layer].to(above.device)[:, None]
        return torch.where(prompt, chosen, likely)

    def _values(self, count: int) -> torch.Tensor:
        if len(self._drawn) < count:
            self._drawn = draws((self.placebo_seed or 0, self.layer), 2 * count)
        return self._drawn


def _states(output: Any) -> torch.Tensor:
    states: torch.Tensor = output[0] if isinstance(output, tuple) else output
    return states


def _divergence(attention: torch.Tensor, ffn: torch.Tensor) -> torch.Tensor:
    """rows × states, from changes in any number format; a few states at a time in float32."""
    at_once = max(1, _NUMBERS_AT_ONCE // (attention.shape[0] * attention.shape[2]))
    parts = zip(attention.split(at_once, dim=1), ffn.split(at_once, dim=1), strict=True)
    return torch.cat([divergence(a.float(), f.float()) for a, f in parts], dim=1)

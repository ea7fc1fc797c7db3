"""Probe `layer_changes`: how far each half of a layer moves the answer states."""

import torch
from torch.nn.functional import cosine_similarity, log_softmax

from spd_faith.core.schemas import PROBE_LAYER_CHANGES
from spd_faith.probes.layers import LayerStates
from spd_faith.probes.passes import Pass
from spd_faith.probes.tables import LayerProbe

MEASURES = (
    "attention_change",
    "ffn_change",
    "attention_relative",
    "ffn_relative",
    "attention_cosine",
    "ffn_cosine",
    "kl_attention_ffn",
)
_UNEXPLAINED = 0.01  # of the two changes' norms


def layer_changes(states: LayerStates) -> torch.Tensor:
    """`MEASURES` of a layer, each the mean over the answer states.

    With x the layer's input, x½ after attention and x₁ after the feed-forward network: L2 norm of the attention's
    change and of the network's; the same over the norms of x and of x½; cosine of x and x½, and of x½ and x₁; and
    KL(softmax of the attention's change ‖ softmax of the network's), as published, which depends on the basis that the
    states are written in.
    """
    before, attention, ffn = states.before, states.attention_change, states.ffn_change
    middle = before + attention
    attention_norm, ffn_norm = attention.norm(dim=-1), ffn.norm(dim=-1)
    p, q = log_softmax(attention, dim=-1), log_softmax(ffn, dim=-1)
    by_state = (
        attention_norm,
        ffn_norm,
        attention_norm / before.norm(dim=-1),
        ffn_norm / middle.norm(dim=-1),
        cosine_similarity(before, middle, dim=-1),
        cosine_similarity(middle, middle + ffn, dim=-1),
        (p.exp() * (p - q)).sum(dim=-1),
    )
    return torch.stack(by_state).mean(dim=-1)


def is_sum_of_parts(states: LayerStates, dtype: torch.dtype) -> torch.Tensor:
    """Whether x + attention + feed-forward network is x₁, but for the rounding of `dtype`; one truth value."""
    changes = states.attention_change.norm() + states.ffn_change.norm()
    unexplained = (states.before + states.attention_change + states.ffn_change - states.after).norm()
    rounding = 4 * torch.finfo(dtype).eps * (states.before.norm() + states.after.norm())
    return unexplained <= _UNEXPLAINED * changes + rounding


class LayerChanges(LayerProbe):
    name = "layer_changes"
    schema = PROBE_LAYER_CHANGES
    measures = MEASURES

    def values(self, outcome: Pass) -> torch.Tensor | None:
        return outcome.layer_changes

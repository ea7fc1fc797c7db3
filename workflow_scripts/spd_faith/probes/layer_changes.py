"""Probe `layer_changes`: how far each half of a layer moves the answer states."""

from typing import TYPE_CHECKING

from spd_faith.probes.probe import LayerProbe
from spd_faith.probes.summary import Summary, mean_of
from spd_faith.probes.tables import LAYER, TASK, measure_columns, probe_schema

if TYPE_CHECKING:
    import torch

    from spd_faith.probes.figures.declared import ProbeFigures
    from spd_faith.probes.layers import LayerStates

CONTRASTED = (
    *("attention_change", "ffn_change"),  # L2 norms
    *("attention_relative", "ffn_relative"),  # divided by the norm of the state before, state by state
    *("attention_cosine", "ffn_cosine"),  # of the states before and after
    "kl_attention_ffn",
)
MEASURES = (
    *CONTRASTED,
    # mean change divided by the mean norm, as released; a second form of a measure, so not contrasted
    *("attention_relative_of_means", "ffn_relative_of_means"),
)


def layer_changes(states: "LayerStates") -> "torch.Tensor":
    """`MEASURES` of a layer, each but the last two the mean over the answer states.

    x is the layer's input, x½ the state after attention and x₁ after the feed-forward network. The measures: L2 norm of
    the attention's change and of the network's; the same divided by the norms of x and of x½; cosine of x and x½, and
    of x½ and x₁; KL(softmax of the attention's change ‖ softmax of the network's), as published, which depends on the
    basis of the states; and, as released, the mean norms of the two changes divided by the mean norms of x and of x½.
    """
    import torch
    from torch.nn.functional import cosine_similarity

    from spd_faith.inference.sublayers import divergence

    before, attention, ffn = states.before, states.attention_change, states.ffn_change
    middle = before + attention
    attention_norm, ffn_norm = attention.norm(dim=-1), ffn.norm(dim=-1)
    before_norm, middle_norm = before.norm(dim=-1), middle.norm(dim=-1)
    by_state = (
        attention_norm,
        ffn_norm,
        attention_norm / before_norm,
        ffn_norm / middle_norm,
        cosine_similarity(before, middle, dim=-1),
        cosine_similarity(middle, middle + ffn, dim=-1),
        divergence(attention, ffn),
        before_norm,
        middle_norm,
    )
    means = torch.stack(by_state).mean(dim=-1)
    return torch.cat([means[:-2], means[:2] / means[-2:]])


class LayerChanges(LayerProbe):
    """Unsupported if a layer is not the sum of its input and its two parts."""

    name = "layer_changes"
    schema = probe_schema(TASK, LAYER, *measure_columns(*MEASURES))
    measures = MEASURES
    contrasted = CONTRASTED
    summaries = (
        Summary(
            "ffn_drift",
            "FFN drift",
            "norm of a feed-forward network’s change, divided by the norm of the state, mean over layers",
            is_fraction=False,
            columns=("ffn_relative",),
            parts=mean_of("ffn_relative"),
        ),
    )

    @staticmethod
    def of_layer(states: "LayerStates", dtype: "torch.dtype") -> "torch.Tensor | None":
        from spd_faith.inference.sublayers import is_sum_of_parts

        parts = states.before, states.attention_change, states.ffn_change, states.after
        return layer_changes(states) if is_sum_of_parts(*parts, dtype) else None

    @staticmethod
    def figures() -> "ProbeFigures":
        from spd_faith.probes.figures.layer_changes import FIGURES

        return FIGURES

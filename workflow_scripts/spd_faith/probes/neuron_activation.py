"""Probe `neuron_activation`: how many neurons of the feed-forward networks are active during the answer."""

from typing import TYPE_CHECKING

from spd_faith.probes.probe import LayerProbe
from spd_faith.probes.tables import LAYER, TASK, measure_columns, probe_schema

if TYPE_CHECKING:
    import torch

    from spd_faith.probes.figures.declared import ProbeFigures
    from spd_faith.probes.layers import LayerStates

MEASURES = ("active_share", "active_share_of_sum")


def neuron_activation(activations: "torch.Tensor") -> "torch.Tensor":
    """`MEASURES` of a layer from answer states × neurons, act_fn(gate_proj(input)).

    The fraction of neurons whose activation is above 0, by token, averaged; and, as published, the fraction of neurons
    whose sum of activations over the answer states is above 0.
    """
    import torch

    active = (activations > 0).float().mean()
    return torch.stack([active, (activations.sum(dim=0) > 0).float().mean()])


class NeuronActivation(LayerProbe):
    """Unsupported if a feed-forward network has no gate."""

    name = "neuron_activation"
    schema = probe_schema(TASK, LAYER, *measure_columns(*MEASURES))
    measures = contrasted = MEASURES

    @staticmethod
    def of_layer(states: "LayerStates", dtype: "torch.dtype") -> "torch.Tensor | None":
        return None if states.activations is None else neuron_activation(states.activations)

    @staticmethod
    def figures() -> "ProbeFigures":
        from spd_faith.probes.figures.neuron_activation import FIGURES

        return FIGURES

"""Probe `neuron_activation`: how many neurons of the feed-forward networks are active while the answer is made."""

import torch

from spd_faith.core.schemas import PROBE_NEURON_ACTIVATION
from spd_faith.probes.passes import Pass
from spd_faith.probes.tables import LayerProbe

MEASURES = ("active_share", "active_share_of_sum")


def neuron_activation(activations: torch.Tensor) -> torch.Tensor:
    """`MEASURES` of a layer from answer states × neurons, act_fn(gate_proj(input)).

    The share of neurons whose activation is above 0, by token, averaged; and, as published, the share of neurons whose
    sum of activations over the answer states is above 0.
    """
    active = (activations > 0).float().mean()
    return torch.stack([active, (activations.sum(dim=0) > 0).float().mean()])


class NeuronActivation(LayerProbe):
    name = "neuron_activation"
    schema = PROBE_NEURON_ACTIVATION
    measures = MEASURES

    def values(self, outcome: Pass) -> torch.Tensor | None:
        return outcome.neuron_activation

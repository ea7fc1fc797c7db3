"""All probes. To add one, add its class here and its section in docs/probes.md."""

from spd_faith.probes.causal_patching import CausalPatching
from spd_faith.probes.generation_attention import GenerationAttention
from spd_faith.probes.grounding import Grounding
from spd_faith.probes.hidden_similarity import HiddenSimilarity
from spd_faith.probes.layer_changes import LayerChanges
from spd_faith.probes.neuron_activation import NeuronActivation
from spd_faith.probes.probe import LayerProbe, Probe
from spd_faith.probes.summary import Summary
from spd_faith.probes.token_activation_map import TokenActivationMap

_ALL: tuple[type[Probe], ...] = (
    LayerChanges,
    GenerationAttention,
    NeuronActivation,
    HiddenSimilarity,
    TokenActivationMap,
    Grounding,
    CausalPatching,
)
_FIRST_ON_THE_LEADERBOARD: tuple[type[Probe], ...] = (GenerationAttention, Grounding)

PROBES: dict[str, type[Probe]] = {probe.name: probe for probe in _ALL}
"""By name, in the order of measuring, contrasting and drawing."""

LAYER_PROBES: dict[str, type[LayerProbe]] = {probe.name: probe for probe in _ALL if issubclass(probe, LayerProbe)}
"""Probes that measure one layer at a time, during the pass."""

SUMMARIES: tuple[Summary, ...] = tuple(
    summary for probe in dict.fromkeys((*_FIRST_ON_THE_LEADERBOARD, *_ALL)) for summary in probe.summaries
)
"""The probes' columns on the leaderboard, in order."""

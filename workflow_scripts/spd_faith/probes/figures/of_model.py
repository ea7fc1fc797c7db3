"""Which figures a model's probes have, and what draws each."""

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from matplotlib.figure import Figure

from spd_faith.core.errors import UserError
from spd_faith.probes.figures.attention import attention_by_layer, attention_by_step, attention_of_sample
from spd_faith.probes.figures.contact_sheet import write_contact_sheet
from spd_faith.probes.figures.drawing import save
from spd_faith.probes.figures.effects import effect_sizes
from spd_faith.probes.figures.grounding import grounding
from spd_faith.probes.figures.hidden_similarity import hidden_similarity, similarity_and_divergence
from spd_faith.probes.figures.layer_changes import layer_changes
from spd_faith.probes.figures.neuron_activation import neuron_activation
from spd_faith.probes.groups import CONTRASTS
from spd_faith.probes.sample_values import sample_values

TASK = "describe"  # whose attention is drawn
CONTACT_SHEET = "contact_sheet.png"


def all_drawings(
    model: str, probes: dict[str, pa.Table], contrasts: pd.DataFrame, groups: pd.DataFrame, sample_id: str | None
) -> dict[str, Callable[[], Figure]]:
    """What draws each figure of the probes whose tables are there, by the figure's name."""
    values = {name: sample_values(table) for name, table in probes.items()}
    drawings = {}
    if "generation_attention" in probes:
        attention = probes["generation_attention"]
        chosen = _chosen_sample(attention, sample_id)
        drawings["attention_by_step"] = partial(attention_by_step, {model: attention}, TASK)
        drawings["attention_by_layer"] = partial(attention_by_layer, model, attention, TASK)
        drawings["attention_of_sample"] = partial(attention_of_sample, model, attention, TASK, chosen)
    if "grounding" in probes:
        drawings["grounding"] = partial(grounding, model, values["grounding"], TASK)
    for contrast in CONTRASTS:
        of_groups = {
            "layer_changes": ("layer_changes", layer_changes),
            "neuron_activation": ("neuron_activation", partial(neuron_activation, contrasts=contrasts)),
            "hidden_similarity": ("hidden_similarity", hidden_similarity),
            "similarity_and_divergence": ("hidden_similarity", similarity_and_divergence),
        }
        for name, (probe, draw) in of_groups.items():
            if probe in probes:
                drawings[f"{name}_{contrast.name}"] = partial(draw, model, values[probe], groups, contrast)
        if probes:
            drawings[f"effect_sizes_{contrast.name}"] = partial(effect_sizes, model, contrasts, contrast)
    return drawings


def write_figures(
    drawings: Mapping[str, Callable[[], Figure]], folder: Path, advance: Callable[[int], Any]
) -> list[Figure]:
    """Write each figure as PDF and PNG under its name, and contact_sheet.png of all; `advance` is told of each."""
    figures = []
    for name, draw in drawings.items():
        figures.append(draw())
        save(figures[-1], folder / name)
        advance(1)
    write_contact_sheet([folder / f"{name}.png" for name in drawings], folder / CONTACT_SHEET)
    return figures


def _chosen_sample(attention: pa.Table, sample_id: str | None) -> str:
    """The named sample, or the first with a measured answer, or else the first."""
    if sample_id is not None:
        if not pc.is_in(pa.scalar(sample_id), attention["sample_id"].combine_chunks()).as_py():
            raise UserError(f"--sample-id {sample_id}: not among the probed samples")
        return sample_id
    measured = attention.filter(pc.is_valid(attention["layer"]))
    return pc.min((measured if len(measured) else attention)["sample_id"]).as_py()

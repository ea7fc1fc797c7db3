"""Figures of the probe `layer_changes`."""

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from spd_faith.probes.figures.by_group import NO_SAMPLES, Group, draw_by_layer, probed_groups, values_of
from spd_faith.probes.figures.declared import Draw, ProbeFigures, ProbeResults
from spd_faith.probes.figures.drawing import (
    COLUMN,
    INTERVAL,
    bar_with_interval,
    legend_below,
    say_empty,
    styled,
)
from spd_faith.probes.groups import Contrast
from spd_faith.probes.sample_values import mean_over_tasks

_PARTS = (("attention", "attention"), ("ffn", "feed-forward network (FFN)"))
_CHANGES = (("change", "L2 change"), ("relative", "relative L2 change"), ("cosine", "cosine"))


@styled
def layer_changes(values: pd.DataFrame, groups: pd.DataFrame, contrast: Contrast) -> Figure:
    """How far the two halves of each layer move the answer states, by group, and the KL divergence between the halves.

    `values` are `sample_values` of the probe, `groups` rows of PROBE_GROUPS.
    """
    measures = mean_over_tasks(values, contrast.tasks)
    both = probed_groups(groups, contrast, values.index)
    figure = Figure(figsize=(COLUMN, 5.6))
    panels = figure.subplots(4, 2, width_ratios=(5, 6))  # room for group names under the bars
    for column, (part, part_name) in enumerate(_PARTS):
        panels[0, column].set_title(part_name)
        for row, (change, change_name) in enumerate(_CHANGES):
            draw_by_layer(panels[row, column], measures.get(f"{part}_{change}"), both)
            panels[row, 0].set_ylabel(change_name)
    by_layer, of_means = panels[3]
    draw_by_layer(by_layer, measures.get("kl_attention_ffn"), both)
    by_layer.set_title("KL(attention ‖ FFN)")
    by_layer.set_ylabel("KL divergence, nats")
    _draw_mean_kl(of_means, measures.get("kl_attention_ffn"), both)
    legend_below(figure, panels.flat, columns=2, interval=INTERVAL)
    return figure


def _draw_mean_kl(axes: Axes, values: pd.DataFrame | None, groups: list[Group]) -> None:
    axes.set_title("KL, mean of layers")
    rows = {group: values_of(values, group) for group in groups}
    if not any(len(one) for one in rows.values()):
        say_empty(axes, NO_SAMPLES)
        return
    for place, (group, one) in enumerate(rows.items()):
        if len(one):
            bar_with_interval(axes, place, one.mean(axis=1), group.color, width=0.6)
    axes.set_xticks(range(len(groups)), [group.name for group in groups])
    axes.set_xlim(-0.6, len(groups) - 0.4)
    axes.grid(visible=False, axis="x")


def _of_contrast(results: ProbeResults, contrast: Contrast) -> dict[str, Draw]:
    return {"layer_changes": lambda: layer_changes(results.values, results.of.groups, contrast)}


FIGURES = ProbeFigures(
    of_contrast=_of_contrast,
    label="changes\nby layer",
    measures={
        "attention_change": "attention: L2 change",
        "ffn_change": "FFN: L2 change",
        "attention_relative": "attention: relative L2",
        "ffn_relative": "FFN: relative L2",
        "attention_cosine": "attention: cosine",
        "ffn_cosine": "FFN: cosine",
        "kl_attention_ffn": "KL(attention ‖ FFN)",
    },
)

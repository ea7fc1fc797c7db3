"""Figures of the probe `neuron_activation`."""

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from spd_faith.probes.contrast_table import DISCOVERY
from spd_faith.probes.figures.by_group import draw_by_layer, probed_groups
from spd_faith.probes.figures.declared import QUESTIONS, Draw, ProbeFigures, ProbeResults
from spd_faith.probes.figures.drawing import (
    COLUMN,
    INTERVAL,
    PURPLE,
    legend_below,
    say_empty,
    styled,
    whole_numbers,
)
from spd_faith.probes.groups import Contrast
from spd_faith.probes.sample_values import mean_over_tasks

_MEASURES = (("active_share", "active by token"), ("active_share_of_sum", "in sum, as published"))


@styled
def neuron_activation(
    values: pd.DataFrame, groups: pd.DataFrame, contrast: Contrast, contrasts: pd.DataFrame
) -> Figure:
    """Fraction of active neurons by layer and group, and the groups' difference within strata.

    `values` are `sample_values` of the probe, `groups` rows of PROBE_GROUPS, `contrasts` the probe's rows of
    PROBE_CONTRASTS.
    """
    measures = mean_over_tasks(values, contrast.tasks)
    both = probed_groups(groups, contrast, values.index)
    rows = contrasts[contrasts["contrast"] == contrast.name]
    figure = Figure(figsize=(COLUMN, 3.5))
    panels = figure.subplots(2, 2)
    for (left, right), (measure, name) in zip(panels, _MEASURES, strict=True):
        draw_by_layer(left, measures.get(measure), both)
        left.set_title(name)
        left.set_ylabel("fraction of neurons")
        _draw_difference(right, rows[(rows["measure"] == measure) & rows["difference"].notna()], contrast.tasks)
        right.set_title("difference within strata")
    note = (
        None
        if len(contrast.tasks) == 1
        else f"bars of a layer: {', '.join(QUESTIONS[task] for task in contrast.tasks)}"
    )
    legend_below(figure, panels.flat, columns=2, interval=INTERVAL, note=note)
    return figure


def _draw_difference(axes: Axes, rows: pd.DataFrame, tasks: tuple[str, ...]) -> None:
    """Bars by layer, one per answer; filled if the difference is a discovery."""
    if rows.empty:
        say_empty(axes, "no two groups\nto compare")
        return
    width = 0.8 / len(tasks)
    for number, task in enumerate(tasks):
        of_task = rows[rows["task"] == task]
        found = of_task["q_value"] <= DISCOVERY
        for which, label, color in (
            (~found, f"FDR > {DISCOVERY:.0%}, or not tested", "white"),
            (found, f"FDR ≤ {DISCOVERY:.0%}", PURPLE),
        ):
            some = of_task[which]
            places = some["layer"] + (number - (len(tasks) - 1) / 2) * width
            if len(some):  # without bars the legend would show another colour
                axes.bar(
                    places,
                    some["difference"],
                    width=width,
                    color=color,
                    edgecolor="black",
                    linewidth=0.6,
                    label=label,
                )
    axes.axhline(0, color="black", linewidth=0.6)
    whole_numbers(axes)
    axes.set_ylabel("difference")


def _of_contrast(results: ProbeResults, contrast: Contrast) -> dict[str, Draw]:
    of = results.of
    contrasts = of.contrasts[of.contrasts["probe"] == results.probe.name]
    return {"neuron_activation": lambda: neuron_activation(results.values, of.groups, contrast, contrasts)}


FIGURES = ProbeFigures(of_contrast=_of_contrast, label="active\nneurons", measures=dict(_MEASURES))

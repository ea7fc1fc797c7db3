"""Figures of the probe `grounding`."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from spd_faith.probes.figures.declared import TASK, Draw, ProbeFigures, ProbeResults
from spd_faith.probes.figures.drawing import (
    COLUMN,
    GREEN,
    GREY,
    INTERVAL,
    PURPLE,
    VERMILLION,
    band,
    bar_with_interval,
    legend_below,
    middle_and_band,
    say_empty,
    styled,
    whole_numbers,
)
from spd_faith.probes.sample_values import mean_over_tasks

_BOXES = {  # name, colour, line, name under a bar
    "true": ("true boxes (t)", VERMILLION, "-", "t"),
    "random": ("random boxes (r)", GREY, "--", "r"),
    "unchanged": ("unchanged objects (u)", GREEN, "-.", "u"),
    "other_sample": ("another sample's boxes (a)", PURPLE, ":", "a"),
}
_OF = (("attention", "attention"), ("tam", "TAM"))
NO_BOXES = "no samples with boxes"
NO_WORDS = "no content words"


@styled
def grounding(values: pd.DataFrame, task: str) -> Figure:
    """Density of attention on true and baseline boxes, their ratios, and the same for the token activation maps.

    `values` are `sample_values` of the probe. A density of 1 is the mean of all image tokens.
    """
    measures = mean_over_tasks(values, [task])
    figure = Figure(figsize=(COLUMN, 4))
    true = _known(measures, "attention_true")
    samples = 0 if true is None else len(true.dropna(how="all"))
    (densities, ratios), (maps, maxima) = figure.subplots(2, 2)
    densities.set_title("attention")
    densities.set_ylabel("density on boxes")
    ratios.set_title("true over baseline,\nmedian and middle half")
    ratios.set_ylabel("ratio of densities")
    maps.set_title("token activation\nmaps (TAM)")
    maps.set_ylabel("density on boxes")
    maxima.set_title("TAM: maximum\nin a true box")
    maxima.set_ylabel("fraction of tokens")
    _draw_densities(densities, measures)
    _draw_ratios(ratios, measures)
    _draw_maps(maps, measures)
    _draw_maxima(maxima, measures)
    legend_below(figure, (densities, ratios, maps), columns=2, interval=INTERVAL, note=f"{samples} answers")
    return figure


def _known(measures: dict[str, pd.DataFrame], name: str) -> pd.DataFrame | None:
    """samples × layers of a measure, without its empty layers; None if it has no numbers at all."""
    if name not in measures:
        return None
    values = measures[name].dropna(axis=1, how="all")
    return None if values.empty else values


def _draw_densities(axes: Axes, measures: dict[str, pd.DataFrame]) -> None:
    for boxes, (label, color, line, _) in _BOXES.items():
        values = _known(measures, f"attention_{boxes}")
        if values is not None:
            band(axes, values.columns.to_numpy(), values.to_numpy(float), color, label, line)
    _finish(axes)


def _draw_ratios(axes: Axes, measures: dict[str, pd.DataFrame]) -> None:
    for boxes, (_, color, line, _) in _BOXES.items():  # true boxes have no ratio to themselves
        values = _known(measures, f"attention_over_{boxes}")
        if values is not None:
            low, middle, high = np.nanquantile(values.to_numpy(float), (0.25, 0.5, 0.75), axis=0)
            middle_and_band(axes, values.columns.to_numpy(), middle, low, high, color, "", line)
    _finish(axes)


def _finish(axes: Axes) -> None:
    if not axes.lines:
        say_empty(axes, NO_BOXES)
        return
    axes.axhline(1, color="black", linewidth=0.6)
    axes.set_ylim(0, None)
    whole_numbers(axes)


def _draw_maps(axes: Axes, measures: dict[str, pd.DataFrame]) -> None:
    """Bars of the last layer, the only one with maps."""
    known = {
        boxes: values.iloc[:, -1].dropna().to_numpy(float)
        for boxes in _BOXES
        if (values := _known(measures, f"tam_{boxes}")) is not None
    }
    if not known:
        say_empty(axes, NO_BOXES)
        return
    for place, (boxes, of_last) in enumerate(known.items()):
        bar_with_interval(axes, place, of_last, _BOXES[boxes][1], width=0.65)
    axes.set_xticks(range(len(known)), [_BOXES[boxes][3] for boxes in known])
    axes.axhline(1, color="black", linewidth=0.6)
    axes.grid(visible=False, axis="x")


def _draw_maxima(axes: Axes, measures: dict[str, pd.DataFrame]) -> None:
    hit, chance = (_known(measures, f"tam_{name}") for name in ("hit", "chance"))
    if hit is None or chance is None:
        say_empty(axes, NO_WORDS if _known(measures, "tam_true") is not None else NO_BOXES)
        return
    for place, (found, color) in enumerate(((hit, VERMILLION), (chance, GREY))):
        bar_with_interval(axes, place, found.iloc[:, -1].dropna().to_numpy(float), color, width=0.65)
    axes.set_xticks((0, 1), ("maps", "by chance"))
    axes.set_xlim(-0.6, 1.6)
    axes.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    axes.grid(visible=False, axis="x")


def _of_model(results: ProbeResults) -> dict[str, Draw]:
    return {"grounding": lambda: grounding(results.values, TASK)}


_BASELINES = {"random": "random", "unchanged": "unchanged", "other_sample": "another's"}
_BRIEFLY = {"true": "true boxes"} | _BASELINES

FIGURES = ProbeFigures(
    of_model=_of_model,
    label="boxes",
    measures={
        **{f"{of}_{boxes}": f"{name}: {label}" for of, name in _OF for boxes, label in _BRIEFLY.items()},
        **{f"{of}_over_{boxes}": f"{name}: true / {label}" for of, name in _OF for boxes, label in _BASELINES.items()},
        "tam_hit": "TAM: maximum in box",
        "tam_chance": "TAM: the same by chance",
    },
)

"""Figures of the probe `generation_attention`."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from spd_faith.probes.figures.drawing import (
    BLUE,
    GREEN,
    GREY,
    ORANGE,
    PAGE,
    PURPLE,
    SKY,
    band,
    legend_below,
    say_empty,
    styled,
    whole_numbers,
)

SEGMENTS = {  # of the prompt and the answer so far; name, colour, line
    "picture_1": ("picture 1, or merged pair", BLUE, "-"),
    "picture_2": ("picture 2", SKY, "--"),
    "user": ("user's text", ORANGE, "-."),
    "answer": ("answer so far", GREEN, ":"),
    "system": ("system", PURPLE, (0, (4, 1, 1, 1, 1, 1))),
    "sink": ("first token", GREY, (0, (1, 2))),
}
_LEAST_REACHED = 0.25  # of the answers must reach a step that is drawn
_MOST_LAYERS = 12  # of one sample that have a panel
NO_ANSWERS = "no measured answers"


def _measured(table: pa.Table, task: str) -> pa.Table:
    return table.filter(pc.and_(pc.is_valid(table["layer"]), pc.equal(table["task"], task)))


def _by_step(table: pa.Table, task: str, keys: tuple[str, ...]) -> pd.DataFrame:
    """Mean shares of SEGMENTS by `keys`, for the steps that enough answers reach."""
    table = _measured(table, task)
    answers = pc.count_distinct(table["sample_id"]).as_py()
    reached = table.group_by(["token"]).aggregate([("sample_id", "count_distinct")])
    enough = reached.filter(pc.greater_equal(reached["sample_id_count_distinct"], _LEAST_REACHED * answers))["token"]
    table = table.filter(pc.is_in(table["token"], enough.combine_chunks()))
    means = table.group_by(list(keys)).aggregate([(name, "mean") for name in SEGMENTS])
    return means.rename_columns({f"{name}_mean": name for name in SEGMENTS}).to_pandas()


@styled
def attention_by_step(tables: Mapping[str, pa.Table], task: str) -> Figure:
    """Where each model looks at each token of its answers, averaged over layers: a panel per model.

    `tables` are rows of PROBE_GENERATION_ATTENTION by model. Steps that fewer than a quarter of the answers reach are
    left out.
    """
    columns = min(2, len(tables))
    rows = -(-len(tables) // columns)
    figure = Figure(figsize=(PAGE, 0.75 + 1.65 * rows))
    figure.suptitle("Attention by step of the answer, mean of layers and heads")
    panels = figure.subplots(rows, columns, squeeze=False, sharey=True)
    for axes, (model, table) in zip(panels.flat, tables.items(), strict=False):
        axes.set_title(model)
        _draw_steps(axes, _by_step(table, task, ("sample_id", "token")))
    for axes in panels.flat[len(tables) :]:
        axes.set_visible(False)
    for axes in panels[:, 0]:
        axes.set_ylabel("share of attention")
    panels[0, 0].set_ylim(bottom=0)  # of all panels, and only now: it ends their scaling
    legend_below(figure, panels.flat, columns=6)
    return figure


def _draw_steps(axes: Axes, means: pd.DataFrame) -> None:
    if means.empty:
        say_empty(axes, NO_ANSWERS)
        return
    for name, (label, color, line) in SEGMENTS.items():
        wide = means.pivot(index="sample_id", columns="token", values=name)
        if wide.notna().any(axis=None):
            band(axes, wide.columns.to_numpy(), wide.to_numpy(float), color, label, line)
    whole_numbers(axes, "step")


@styled
def attention_by_layer(model: str, table: pa.Table, task: str) -> Figure:
    """Heat maps of layer × step, one per part of the prompt and the answer, averaged over answers."""
    means = _by_step(table, task, ("layer", "token"))
    figure = Figure(figsize=(PAGE, 3.6))
    figure.suptitle(f"{model}: attention by layer and step, mean of answers")
    panels = figure.subplots(2, 3, sharex=True, sharey=True)
    images = []
    largest = means[list(SEGMENTS)].max(axis=None) if len(means) else 1
    for axes, (name, (label, _, _)) in zip(panels.flat, SEGMENTS.items(), strict=True):
        axes.set_title(label)
        axes.grid(visible=False)
        wide = means.pivot(index="layer", columns="token", values=name)
        if wide.notna().any(axis=None):
            extent = (wide.columns[0] - 0.5, wide.columns[-1] + 0.5, wide.index[0] - 0.5, wide.index[-1] + 0.5)
            colors = {"cmap": "viridis", "vmin": 0, "vmax": largest}
            images.append(axes.imshow(wide, **colors, extent=extent, origin="lower", aspect="auto"))
            axes.xaxis.set_major_locator(MaxNLocator(7, integer=True, min_n_ticks=1))
            axes.yaxis.set_major_locator(MaxNLocator(7, integer=True, min_n_ticks=1))
        else:
            why = NO_ANSWERS if means.empty else "merged with picture 1"
            axes.text(0.5, 0.5, why, transform=axes.transAxes, ha="center", va="center", color=GREY)
    for axes in panels[-1]:
        axes.set_xlabel("step")
    for axes in panels[:, 0]:
        axes.set_ylabel("layer")
    if images:
        figure.colorbar(images[0], ax=panels, label="share of attention", fraction=0.03)
    return figure


@styled
def attention_of_sample(model: str, table: pa.Table, task: str, sample_id: str) -> Figure:
    """Where one answer looks, step after step: a panel per layer, of up to twelve layers evenly spaced."""
    table = _measured(table, task)
    rows = table.filter(pc.equal(table["sample_id"], sample_id)).to_pandas()
    layers = np.sort(rows["layer"].unique()).astype(int)
    if len(layers) > _MOST_LAYERS:
        layers = layers[np.linspace(0, len(layers) - 1, _MOST_LAYERS).round().astype(int)]
    columns = min(4, max(1, len(layers)))
    lines = max(1, -(-len(layers) // columns))
    figure = Figure(figsize=(PAGE, 0.85 + 1.35 * lines))
    figure.suptitle(f"{model}: attention of one answer, {sample_id}")
    panels = figure.subplots(lines, columns, squeeze=False, sharex=True, sharey=True)
    if not len(layers):
        say_empty(panels[0, 0], NO_ANSWERS)
    for axes, layer in zip(panels.flat, layers, strict=False):
        of_layer = rows[rows["layer"] == layer].sort_values("token")
        segments = [name for name in SEGMENTS if of_layer[name].notna().any()]
        shares = of_layer[segments].to_numpy(float).T
        names, colors, _ = zip(*(SEGMENTS[name] for name in segments), strict=True)
        steps = np.arange(shares.shape[1] + 1) - 0.5  # each step is as wide as the others, a single one too
        axes.stackplot(
            steps, np.column_stack([shares, shares[:, -1]]), labels=names, colors=colors, step="post", linewidth=0
        )
        axes.set_title(f"layer {layer}")
        axes.set(xlim=(steps[0], steps[-1]), ylim=(0, 1))
        axes.grid(visible=False)
        axes.xaxis.set_major_locator(MaxNLocator(5, integer=True, min_n_ticks=1))
    for axes in panels.flat[max(1, len(layers)) :]:
        axes.set_visible(False)
    if len(layers):
        for axes in panels[-1]:
            axes.set_xlabel("step")
        for axes in panels[:, 0]:
            axes.set_ylabel("share of attention")
    legend_below(figure, panels.flat, columns=6)
    return figure

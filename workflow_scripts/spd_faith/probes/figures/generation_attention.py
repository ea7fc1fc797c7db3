"""Figures of the probe `generation_attention`."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import cast

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from spd_faith.core.errors import UserError
from spd_faith.core.files import read_table
from spd_faith.probes.figures.declared import TASK, Draw, ProbeFigures, ProbeResults
from spd_faith.probes.figures.drawing import (
    BLUE,
    COLUMN,
    GREEN,
    GREY,
    INTERVAL,
    ORANGE,
    PURPLE,
    SKY,
    LineStyle,
    band,
    in_column,
    legend_below,
    say_empty,
    styled,
    whole_numbers,
)

SEGMENTS: dict[str, tuple[str, str, LineStyle]] = {  # of the prompt and the answer so far; name, colour, line
    "picture_1": ("image 1, or merged", BLUE, "-"),
    "picture_2": ("image 2", SKY, "--"),
    "user": ("user's text", ORANGE, "-."),
    "answer": ("answer so far", GREEN, ":"),
    "system": ("system", PURPLE, (0, (4, 1, 1, 1, 1, 1))),
    "sink": ("first token", GREY, (0, (1, 2))),
}
_MIN_REACHED = 0.25  # of the answers must reach a step for it to be drawn
_MAX_LAYERS = 12  # panels per sample
_MAX_STEPS = 150  # per sample before neighbours are averaged
NO_ANSWERS = "no measured answers"
STEP = "step (token)"


def read_steps(path: Path, schema: pa.Schema, task: str) -> pa.Table:
    """The columns that these figures need from a table of the probe, at half the memory of all columns."""
    read_table(path, schema, columns=["layer"])  # checks the schema
    columns = ["sample_id", "task", "layer", "token", *SEGMENTS]
    return pq.read_table(path, columns=columns, filters=[("task", "==", task)])


def _measured(table: pa.Table, task: str) -> pa.Table:
    return table.filter(~pc.field("layer").is_null() & (pc.field("task") == task))


def _answers(table: pa.Table, task: str) -> int:
    return len(_measured(table, task)["sample_id"].unique())


def _by_step(table: pa.Table, task: str, keys: tuple[str, ...]) -> pd.DataFrame:
    """Mean fractions of SEGMENTS by `keys`, for the steps that enough answers reach."""
    answers, table = _answers(table, task), _measured(table, task)
    reached = table.group_by(["token"]).aggregate([("sample_id", "count_distinct")])
    enough = reached.filter(pc.field("sample_id_count_distinct") >= _MIN_REACHED * answers)["token"]
    table = table.filter(pc.is_in(table["token"], enough.combine_chunks()))
    means = table.group_by(list(keys)).aggregate([(name, "mean") for name in SEGMENTS])
    return means.rename_columns({f"{name}_mean": name for name in SEGMENTS}).to_pandas()


@styled
def attention_by_step(tables: Sequence[tuple[str, pa.Table]], task: str) -> Figure:
    """Where each model attends at each token of its answers, averaged over layers: a panel per model.

    `tables` has each model's label and the probe's table. The panel of a single model has no title. Steps that fewer
    than a quarter of the answers reach are left out.
    """
    figure = Figure(figsize=(COLUMN, 1.05 + 1.35 * len(tables)))
    panels = figure.subplots(len(tables), squeeze=False, sharey=True)[:, 0]
    answers = [_answers(table, task) for _, table in tables]
    for axes, (label, table), number in zip(panels, tables, answers, strict=True):
        if len(tables) > 1:
            axes.set_title(in_column(f"{label} ({number} answers)"))
        axes.set_ylabel("fraction of attention")
        _draw_steps(axes, _by_step(table, task, ("sample_id", "token")))
    panels[0].set_ylim(bottom=0)  # of all panels, and only now, because it ends autoscaling
    note = f"{answers[0]} answers" if len(tables) == 1 else None
    legend_below(figure, panels, columns=2, interval=INTERVAL, note=note)
    return figure


def _draw_steps(axes: Axes, means: pd.DataFrame) -> None:
    if means.empty:
        say_empty(axes, NO_ANSWERS)
        return
    for name, (label, color, line) in SEGMENTS.items():
        wide = means.pivot(index="sample_id", columns="token", values=name)
        if wide.notna().any(axis=None):
            band(axes, wide.columns.to_numpy(), wide.to_numpy(float), color, label, line)
    whole_numbers(axes, STEP)


@styled
def attention_by_layer(table: pa.Table, task: str) -> Figure:
    """Heat maps of layer × step, one per part of the prompt and the answer, averaged over answers."""
    means = _by_step(table, task, ("layer", "token"))
    figure = Figure(figsize=(COLUMN, 4.3))
    panels = figure.subplots(3, 2, sharex=True, sharey=True)
    images = []
    largest = means[list(SEGMENTS)].max(axis=None) if len(means) else 1
    for axes, (name, (label, _, _)) in zip(panels.flat, SEGMENTS.items(), strict=True):
        axes.set_title(label)
        axes.grid(visible=False)
        wide = means.pivot(index="layer", columns="token", values=name)
        if wide.notna().any(axis=None):
            steps, layers = wide.columns.to_numpy(float), wide.index.to_numpy(float)
            extent = (steps[0] - 0.5, steps[-1] + 0.5, layers[0] - 0.5, layers[-1] + 0.5)
            colors = {"cmap": "viridis", "vmin": 0, "vmax": largest}
            images.append(axes.imshow(wide, **colors, extent=extent, origin="lower", aspect="auto"))
            axes.xaxis.set_major_locator(MaxNLocator(5, integer=True, min_n_ticks=1))
            axes.yaxis.set_major_locator(MaxNLocator(7, integer=True, min_n_ticks=1))
        else:
            why = NO_ANSWERS if means.empty else "merged with image 1"
            axes.text(0.5, 0.5, why, transform=axes.transAxes, ha="center", va="center", color=GREY)
    for axes in panels[-1]:
        axes.set_xlabel(STEP)
    for axes in panels[:, 0]:
        axes.set_ylabel("layer")
    if images:
        label = f"fraction of attention, mean of {_answers(table, task)} answers"
        figure.colorbar(images[0], ax=panels, label=label, location="bottom", fraction=0.05, aspect=40)
    return figure


@styled
def attention_of_sample(table: pa.Table, task: str, sample_id: str) -> Figure:
    """Where one answer attends at each step: a panel per layer, for up to twelve evenly spaced layers."""
    table = _measured(table, task)
    rows = table.filter(pc.field("sample_id") == sample_id).to_pandas()
    layers = np.sort(rows["layer"].unique()).astype(int)
    if len(layers) > _MAX_LAYERS:
        layers = layers[np.linspace(0, len(layers) - 1, _MAX_LAYERS).round().astype(int)]
    columns = min(2 if len(layers) <= 4 else 3, max(1, len(layers)))
    lines = max(1, -(-len(layers) // columns))
    figure = Figure(figsize=(COLUMN, 0.9 + 1.1 * lines))
    panels = figure.subplots(lines, columns, squeeze=False, sharex=True, sharey=True)
    if not len(layers):
        say_empty(panels[0, 0], NO_ANSWERS)
    for axes, layer in zip(panels.flat, layers, strict=False):
        of_layer = rows[rows["layer"] == layer].sort_values("token")
        segments = [name for name in SEGMENTS if of_layer[name].notna().any()]
        fractions, together = _means_of_neighbours(of_layer[segments].to_numpy(float))
        names, colors, _ = zip(*(SEGMENTS[name] for name in segments), strict=True)
        # every step has the same width, even a single one
        steps = np.append(np.arange(len(fractions)) * together, len(of_layer)) - 0.5
        axes.stackplot(
            steps, np.vstack([fractions, fractions[-1]]).T, labels=names, colors=colors, step="post", linewidth=0
        )
        axes.set_title(f"layer {layer}")
        axes.set(xlim=(steps[0], steps[-1]), ylim=(0, 1))
        axes.grid(visible=False)
        axes.xaxis.set_major_locator(MaxNLocator(3, integer=True, min_n_ticks=1))
    for axes in panels.flat[max(1, len(layers)) :]:
        axes.set_visible(False)
    if len(layers):
        for axes in panels[-1]:
            axes.set_xlabel(STEP if together == 1 else f"step (means of {together})")
        for axes in panels[:, 0]:
            axes.set_ylabel("fraction of attention")
    legend_below(figure, panels.flat, columns=3, note=f"sample {sample_id}")
    return figure


def _means_of_neighbours(fractions: np.ndarray) -> tuple[np.ndarray, int]:
    """Means over neighbouring steps (steps × segments), so that each is visible, and the number of steps per mean."""
    together = -(-len(fractions) // _MAX_STEPS)
    starts = np.arange(0, len(fractions), together)
    counts = np.diff(np.append(starts, len(fractions)))
    return np.add.reduceat(fractions, starts) / counts[:, None], together


def _of_model(results: ProbeResults) -> dict[str, Draw]:
    table = results.table
    chosen = _chosen_sample(table, results.of.sample_id)
    return {
        "attention_by_step": partial(attention_by_step, [("", table)], TASK),
        "attention_by_layer": partial(attention_by_layer, table, TASK),
        "attention_of_sample": partial(attention_of_sample, table, TASK, chosen),
    }


def _chosen_sample(attention: pa.Table, sample_id: str | None) -> str:
    """The named sample, else the first with a measured answer, else the first."""
    if sample_id is not None:
        if sample_id not in attention["sample_id"].unique().to_pylist():
            raise UserError(f"--sample-id {sample_id}: this sample was not probed")
        return sample_id
    measured = attention.filter(~pc.field("layer").is_null())
    probed = (measured if len(measured) else attention)["sample_id"].unique()
    return min(cast(list[str], probed.to_pylist()))


FIGURES = ProbeFigures(
    of_model=_of_model,
    read=partial(read_steps, task=TASK),
    label="attention",
    measures={
        **{name: label for name, (label, _, _) in SEGMENTS.items()},
        "published_system": "system, as published",
        "published_visual": "images, as published",
        "published_user": "user's text, as published",
    },
)

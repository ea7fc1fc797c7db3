"""Figures of the probe `causal_patching`."""

from collections.abc import Iterable

import numpy as np
import pandas as pd
import pyarrow as pa
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from spd_faith.core.difference_types import DifferenceType
from spd_faith.core.files import read_table
from spd_faith.core.schemas import SAMPLES
from spd_faith.probes.figures.by_group import Group, probed_groups, values_of
from spd_faith.probes.figures.declared import Draw, ProbeFigures, ProbeResults
from spd_faith.probes.figures.drawing import (
    BLUE,
    COLUMN,
    GREEN,
    GREY,
    ORANGE,
    PURPLE,
    VERMILLION,
    LineStyle,
    bar_with_interval,
    legend_below,
    middle_and_band,
    say_empty,
    styled,
    whole_numbers,
)
from spd_faith.probes.groups import FAITHFULNESS
from spd_faith.probes.patching_shares import EFFECTS, HANDED_OVER, OF_DIFFERENCE, first_below, shares
from spd_faith.probes.sample_values import sample_values
from spd_faith.probes.tables import DIRECTIONS

_SAID = dict(zip(EFFECTS, ("claim", "count", "JSON copy", "other\nclaims", "verdict"), strict=True))
_COPIED: dict[str, tuple[str, str, LineStyle]] = {
    "difference": ("tokens of the difference", VERMILLION, "-"),
    "random": ("as many random tokens", GREY, "--"),
    "unchanged": ("an unchanged object", GREEN, "-."),
    "all": ("all tokens of the image", BLUE, ":"),
}
_TYPES: dict[str, tuple[str, LineStyle]] = dict(
    zip(DifferenceType, ((ORANGE, "-"), (PURPLE, "--"), (BLUE, "-.")), strict=True)
)
_INTO = dict(zip(DIRECTIONS, ("undone into changed", "changed into undone"), strict=True))
_INTERVAL = "95% interval (bootstrap)"
_WHISKERS = "whiskers: 95% interval of the mean"
NO_EFFECT = "no image effect\nwas measured"
NOT_MEASURABLE = "no share: the interval of\nthe image effect holds 0"


@styled
def image_effect(table: pa.Table, groups: pd.DataFrame) -> Figure:
    """The image effect of claims by group of samples, and the effects of the answer's other words.

    `table` is the probe's, `groups` has rows of PROBE_GROUPS.
    """
    effects = sample_values(table, EFFECTS, by_layer=False)
    effects.columns = effects.columns.get_level_values(1)
    figure = Figure(figsize=(COLUMN, 3.6))
    of_claims, of_words = figure.subplots(2, 1)
    of_claims.set_title("the claim that names the difference")
    of_words.set_title("words of the answer, all samples")
    _draw_groups(of_claims, effects, probed_groups(groups, FAITHFULNESS, effects.index))
    _draw_words(of_words, effects)
    for axes in (of_claims, of_words):
        axes.set_ylabel("effect, nats")
    figure.supxlabel(_WHISKERS, size=6.5)
    return figure


def _draw_groups(axes: Axes, effects: pd.DataFrame, groups: Iterable[Group]) -> None:
    claims = effects[["image_effect"]].dropna()
    bars = [("all", claims.to_numpy(float), GREY)]
    bars += [(group.name, values_of(claims, group), group.color) for group in groups]
    _draw_bars(axes, bars)


def _draw_words(axes: Axes, effects: pd.DataFrame) -> None:
    of_words = ((label, effects[[name]].dropna().to_numpy(float)) for name, label in _SAID.items())
    _draw_bars(axes, [(label, values, GREY) for label, values in of_words])


def _draw_bars(axes: Axes, bars: list[tuple[str, np.ndarray, str]]) -> None:
    """A bar per label of values (samples × 1), with the number of samples below it."""
    if not any(len(values) for _, values, _ in bars):
        say_empty(axes, NO_EFFECT)
        return
    for place, (_, values, color) in enumerate(bars):
        if len(values):
            bar_with_interval(axes, place, values[:, 0], color, width=0.6)
    axes.set_xticks(range(len(bars)), [f"{label}\nn = {len(values)}" for label, values, _ in bars])
    axes.set_xlim(-0.6, len(bars) - 0.4)
    axes.axhline(0, color="black", linewidth=0.6)
    axes.grid(visible=False, axis="x")


@styled
def patching_shares(table: pa.Table, samples: pa.Table) -> Figure:
    """Shares of the image effect by layer and copied tokens, in both directions.

    `table` is the probe's, `samples` has rows of SAMPLES.
    """
    found = shares(table, samples)
    figure = Figure(figsize=(COLUMN, 2.7))
    panels = figure.subplots(1, 2, sharey=True)
    for axes, (direction, title) in zip(panels, _INTO.items(), strict=True):
        axes.set_title(title)
        of_direction = found[found["direction"] == direction]
        for tokens, (label, color, line) in _COPIED.items():
            _draw_share(axes, of_direction[of_direction["tokens"] == tokens], color, label, line)
        _finish(axes, found)
    own = found[found["tokens"] == OF_DIFFERENCE]
    _mark_hand_over(panels[0], own[own["direction"] == DIRECTIONS[0]])
    panels[0].set_ylabel("share of the image effect")
    note = f"{0 if own.empty else int(own['n'].max())} differences; circle: hand-over layer"
    legend_below(figure, panels, columns=2, interval=_INTERVAL, note=note)
    return figure


@styled
def patching_by_type(table: pa.Table, samples: pa.Table) -> Figure:
    """Shares of the image effect at the difference's own tokens by layer and type of difference.

    `table` is the probe's, `samples` has rows of SAMPLES.
    """
    found = shares(table, samples, by=("direction", "layer", "tokens", "type"))
    own = found[(found["tokens"] == OF_DIFFERENCE) & (found["direction"] == DIRECTIONS[0])]
    figure = Figure(figsize=(COLUMN, 2.5))
    axes = figure.subplots()
    for kind, (color, line) in _TYPES.items():
        of_kind = own[own["type"] == kind]
        label = f"{kind} (n = {0 if of_kind.empty else int(of_kind['n'].max())})"
        _draw_share(axes, of_kind, color, label, line)
    _finish(axes, own)
    axes.set_ylabel("share of the image effect")
    legend_below(figure, [axes], columns=2, interval=_INTERVAL)
    return figure


def _draw_share(axes: Axes, rows: pd.DataFrame, color: str, label: str, line: LineStyle) -> None:
    rows = rows.dropna(subset="share").sort_values("layer")
    if len(rows):
        layers, share, low, high = (rows[name].to_numpy(float) for name in ("layer", "share", "low", "high"))
        middle_and_band(axes, layers, share, low, high, color, label, line)


def _finish(axes: Axes, found: pd.DataFrame) -> None:
    whole_numbers(axes, "after layer (−1: input)")
    if not axes.lines:
        say_empty(axes, NO_EFFECT if found.empty else NOT_MEASURABLE)
        return
    for level in (0, HANDED_OVER, 1):
        axes.axhline(level, color="black", linewidth=0.6, linestyle="-" if level != HANDED_OVER else (0, (1, 2)))


def _mark_hand_over(axes: Axes, rows: pd.DataFrame) -> None:
    rows = rows.sort_values("layer")
    layer = first_below(rows["share"].to_numpy(float), rows["layer"].to_numpy(float))
    at = rows[rows["layer"] == layer]
    axes.plot(at["layer"], at["share"], "o", color="black", markerfacecolor="none", markersize=6)


def _of_model(results: ProbeResults) -> dict[str, Draw]:
    def samples() -> pa.Table:
        return read_table(results.of.samples, SAMPLES, ["sample_id", "split", "image_id"])

    return {
        "image_effect": lambda: image_effect(results.table, results.of.groups),
        "patching_shares": lambda: patching_shares(results.table, samples()),
        "patching_by_type": lambda: patching_by_type(results.table, samples()),
    }


FIGURES = ProbeFigures(of_model=_of_model, label="patching", measures={"image_effect": "image effect"})

"""The figure of a model's interventions: what each changes in faithfulness, over what it costs."""

from itertools import cycle, product

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from spd_faith.core.variants import PLACEBO
from spd_faith.probes.figures.drawing import COLORS, COLUMN, GREY, MARKERS, in_column, say_empty, styled
from spd_faith.scoring.metrics import METRICS

_METRIC = "drf"
_LETTERS = 52  # in a line of the legend
_SIZE = 4  # points: smaller markers all look round
Look = tuple[str, str]  # marker and color


@styled
def benefit_and_cost(interventions: pd.DataFrame) -> Figure:
    """DRF of variants and placebos minus that of their base, over their seconds per answer relative to the base's.

    `interventions` has the rows of INTERVENTIONS_SCHEMA of one base; each judge has a panel.
    """
    rows = interventions[(interventions["metric"] == _METRIC) & (interventions["against"] == "base")]
    shown = rows[rows["difference"].notna() & rows["seconds_ratio"].notna()]
    judges = list(dict.fromkeys(rows["judge"]))
    models = list(dict.fromkeys(shown["model"]))
    looks = _looks(interventions)
    figure = Figure(figsize=(COLUMN, 1 + 2.1 * len(judges) + 0.17 * len(models)))
    panels = figure.subplots(len(judges), 1, squeeze=False)[:, 0]
    for axes, judge in zip(panels, judges, strict=True):
        of_judge = shown[shown["judge"] == judge]
        if len(judges) > 1:
            axes.set_title(in_column(f"judged by {rows.loc[rows['judge'] == judge, 'judge_label'].iloc[0]}"))
        if of_judge.empty:
            say_empty(axes, "no variant with scores and a known cost")
        else:
            _draw(axes, of_judge, looks)
    handles, labels = next((found for axes in panels if (found := axes.get_legend_handles_labels())[0]), ([], []))
    if handles:
        figure.legend(
            handles, labels, loc="outside lower center", title="hollow: placebo of the variant that looks the same"
        )
    return figure


def _looks(rows: pd.DataFrame) -> dict[str, Look]:
    """Of each model; a placebo has that of the first variant that is compared with it."""
    compared = rows[rows["against"] == PLACEBO].drop_duplicates("other_model")
    variant_of = dict(zip(compared["other_model"], compared["model"], strict=True))
    own = dict.fromkeys(model for model in rows["model"] if model not in variant_of)
    looks = dict(zip(own, cycle(product(MARKERS, COLORS)), strict=False))
    return looks | {placebo: looks[variant] for placebo, variant in variant_of.items()}


def _draw(axes: Axes, rows: pd.DataFrame, looks: dict[str, Look]) -> None:
    axes.axhline(0, color=GREY, linewidth=0.8)
    axes.plot(1, 0, "X", color=GREY, markersize=_SIZE, label="base model")
    for row in rows.to_dict("records"):
        x, (marker, color), is_placebo = row["seconds_ratio"], looks[row["model"]], row["role"] == PLACEBO
        value, low, high = (100 * row[name] for name in ("difference", "low", "high"))
        if np.isfinite([low, high]).all():
            axes.plot([x, x], [low, high], color=color, linewidth=1.2)
        face = "white" if is_placebo else color
        label = in_column(row["label"], _LETTERS)
        axes.plot(x, value, marker, color=color, markerfacecolor=face, markersize=_SIZE, label=label)
    axes.margins(x=0.15)
    axes.xaxis.set_major_locator(MaxNLocator(6))
    axes.set_xlabel("seconds per answer, relative to the base model")
    axes.set_ylabel(f"{METRICS[_METRIC].label} minus base (points)")

"""The figure of a model's interventions: what each changes in faithfulness, over what it costs."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from spd_faith.core.variants import PLACEBO, VARIANT
from spd_faith.probes.figures.drawing import COLORS, COLUMN, GREY, in_column, say_empty, styled
from spd_faith.scoring.metrics import METRICS

_METRIC = "drf"
_LETTERS = 52  # in a line of the legend


@styled
def benefit_and_cost(interventions: pd.DataFrame) -> Figure:
    """DRF of variants and placebos minus that of their base, over their seconds per answer relative to the base's.

    `interventions` has the rows of INTERVENTIONS_SCHEMA of one base; each judge has a panel.
    """
    rows = interventions[(interventions["metric"] == _METRIC) & (interventions["against"] == "base")]
    shown = rows[rows["difference"].notna() & rows["seconds_ratio"].notna()]
    judges = list(dict.fromkeys(rows["judge"]))
    models = list(dict.fromkeys(shown["model"]))
    colors = _colors(interventions)
    figure = Figure(figsize=(COLUMN, 1 + 2.1 * len(judges) + 0.17 * len(models)))
    panels = figure.subplots(len(judges), 1, squeeze=False)[:, 0]
    for axes, judge in zip(panels, judges, strict=True):
        of_judge = shown[shown["judge"] == judge]
        if len(judges) > 1:
            axes.set_title(in_column(f"judged by {rows.loc[rows['judge'] == judge, 'judge_label'].iloc[0]}"))
        if of_judge.empty:
            say_empty(axes, "no variant with scores and a known cost")
        else:
            _draw(axes, of_judge, colors)
    handles, labels = next((found for axes in panels if (found := axes.get_legend_handles_labels())[0]), ([], []))
    if handles:
        figure.legend(handles, labels, loc="outside lower center", title="hollow: placebo, in the color of its variant")
    return figure


def _colors(rows: pd.DataFrame) -> dict[str, str]:
    """Of each model; a placebo has that of the first variant that is compared with it."""
    variants = dict.fromkeys(rows.loc[rows["role"] == VARIANT, "model"])
    colors = {model: COLORS[number % len(COLORS)] for number, model in enumerate(variants)}
    for model, placebo in rows.loc[rows["against"] == PLACEBO, ["model", "other_model"]].itertuples(index=False):
        colors.setdefault(placebo, colors[model])
    return dict.fromkeys(rows["model"], GREY) | colors


def _draw(axes: Axes, rows: pd.DataFrame, colors: dict[str, str]) -> None:
    axes.axhline(0, color=GREY, linewidth=0.8)
    axes.plot(1, 0, "D", color=GREY, label="base model")
    for row in rows.to_dict("records"):
        x, color, is_placebo = row["seconds_ratio"], colors[row["model"]], row["role"] == PLACEBO
        value, low, high = (100 * row[name] for name in ("difference", "low", "high"))
        if np.isfinite([low, high]).all():
            axes.plot([x, x], [low, high], color=color, linewidth=1.2)
        face = "white" if is_placebo else color
        axes.plot(x, value, "o", color=color, markerfacecolor=face, label=in_column(row["label"], _LETTERS))
    axes.margins(x=0.15)
    axes.xaxis.set_major_locator(MaxNLocator(6))
    axes.set_xlabel("seconds per answer, relative to the base model")
    axes.set_ylabel(f"{METRICS[_METRIC].label} minus base (points)")

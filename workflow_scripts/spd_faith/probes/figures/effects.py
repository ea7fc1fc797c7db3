"""The figure of a contrast: the effect size of every measure by layer."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.image import AxesImage

from spd_faith.probes.contrast_table import ANSWER_LENGTH, DISCOVERY
from spd_faith.probes.figures.declared import QUESTIONS, ProbeFigures
from spd_faith.probes.figures.drawing import COLUMN, say_empty, styled, whole_numbers
from spd_faith.probes.groups import Contrast
from spd_faith.probes.registry import PROBES

_LARGEST = 2  # Hedges' g at the end of the colours
_ROW = 0.125  # inches
_NO_EFFECTS = "no effect sizes:\nno two groups to compare"
_MISSING = "#BBBBBB"


@styled
def effect_sizes(contrasts: pd.DataFrame, contrast: Contrast) -> Figure:
    """Hedges' g of each measure by layer as heat maps, with a dot for each discovery.

    `contrasts` has rows of PROBE_CONTRASTS. Each compared answer has a panel; a measure of two answers is in both.
    """
    rows = contrasts[(contrasts["contrast"] == contrast.name) & (contrasts["probe"] != ANSWER_LENGTH)]
    rows = rows[rows["layer"].notna() & rows["hedges_g"].notna()].fillna({"task": ""})
    lines = pd.MultiIndex.from_frame(rows[["probe", "measure"]].drop_duplicates())
    figure = Figure(figsize=(COLUMN, 1.4 + _ROW * max(len(lines), 4)))
    if rows.empty:
        say_empty(figure.subplots(), _NO_EFFECTS)
        return figure
    panels = figure.subplots(1, len(contrast.tasks), sharey=True, squeeze=False)[0]
    for axes, task in zip(panels, contrast.tasks, strict=True):
        image = _draw_effects(axes, rows[rows["task"].isin((task, ""))], lines)
        axes.set_title(QUESTIONS[task])
    labels = {probe: PROBES[probe].figures() or ProbeFigures() for probe in lines.unique("probe")}
    names = [labels[probe].measures[measure] for probe, measure in lines]
    panels[0].set_yticks(range(len(lines)), names, fontsize=6.5)
    for probe in lines.unique("probe"):
        (places,) = np.nonzero(lines.get_level_values("probe") == probe)
        for axes in panels:
            axes.axhline(places[-1] + 0.5, color="black", linewidth=0.8)
        beside = {"xycoords": ("axes fraction", "data"), "va": "center"}
        panels[-1].annotate(labels[probe].label, (1.02, places.mean()), **beside)
    bar = figure.colorbar(image, ax=panels, extend="both", location="bottom", fraction=0.04, pad=0.02, aspect=30)
    group, reference = rows["n_group"].max(), rows["n_reference"].max()
    compared = f"{contrast.group} (n = {group}) − {contrast.reference} (n = {reference})"
    tested = f"dot: FDR ≤ {DISCOVERY:.0%}" if rows["q_value"].notna().any() else "not tested: groups too small"
    figure.supxlabel(f"Hedges' g of {compared};\n{tested}; grey: no value", size=bar.ax.xaxis.label.get_fontsize())
    return figure


def _draw_effects(axes: Axes, rows: pd.DataFrame, lines: pd.MultiIndex) -> AxesImage:
    wide = rows.pivot(index=["probe", "measure"], columns="layer", values=["hedges_g", "q_value"]).reindex(lines)
    layers = wide["hedges_g"].columns.to_numpy(int)
    shown = wide["hedges_g"].to_numpy(float)
    extent = (layers[0] - 0.5, layers[-1] + 0.5, len(lines) - 0.5, -0.5)
    image = axes.imshow(
        shown, cmap="PuOr", vmin=-_LARGEST, vmax=_LARGEST, extent=extent, aspect="auto", interpolation="nearest"
    )
    row, column = np.nonzero(wide["q_value"].to_numpy(float) <= DISCOVERY)
    axes.plot(layers[column], row, "o", color="black", markersize=2.6, markeredgecolor="white", markeredgewidth=0.5)
    axes.grid(visible=False)
    axes.set_facecolor(_MISSING)
    whole_numbers(axes, bins=4)
    return image

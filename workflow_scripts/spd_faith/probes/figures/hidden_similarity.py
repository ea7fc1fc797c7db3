"""Figures of the probe `hidden_similarity`."""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, MaxNLocator, NullFormatter

from spd_faith.probes.figures.by_group import NO_SAMPLES, NO_VALUES, draw_by_layer, probed_groups
from spd_faith.probes.figures.drawing import GREY, PAGE, legend_below, say_empty, styled
from spd_faith.probes.groups import Contrast
from spd_faith.probes.sample_values import mean_over_tasks

_COSINES = {"cosine": "of mean answer states", "cosine_prompt": "of last prompt states", "cosine_centred": "centred"}
_FORMS = ("simple", "relative", "original")
_LACKING = dict.fromkeys(("icr_original", "icr_original_divergence"), "no values: answers\nof under 20 tokens")


@styled
def hidden_similarity(model: str, values: pd.DataFrame, groups: pd.DataFrame, contrast: Contrast) -> Figure:
    """Cosines of the states behind the two yes/no answers, their Information Contribution Rate and its divergence.

    `values` are `sample_values` of the probe, `groups` rows of PROBE_GROUPS.
    """
    measures = mean_over_tasks(values, contrast.tasks)
    both = probed_groups(groups, contrast, values.index)
    for form in _FORMS:
        if measures:
            measures[f"icr_{form}"] = (measures[f"icr_{form}_same"] + measures[f"icr_{form}_different"]) / 2
    rows = (
        ("cosine", _COSINES),
        ("ICR", {f"icr_{form}": f"ICR, {form}" for form in _FORMS}),
        ("divergence", {f"icr_{form}_divergence": f"ICR divergence, {form}" for form in _FORMS}),
    )
    figure = Figure(figsize=(PAGE, 5.2))
    figure.suptitle(f"{model}: “the same?” beside “different?”, {contrast.group} against {contrast.reference}")
    panels = figure.subplots(3, 3)
    for line, (what, named) in zip(panels, rows, strict=True):
        line[0].set_ylabel(what)
        for axes, (measure, title) in zip(line, named.items(), strict=True):
            draw_by_layer(axes, measures.get(measure), both, lacking=_LACKING.get(measure, NO_VALUES))
            axes.set_title(title)
    legend_below(figure, panels.flat, columns=2)
    return figure


@styled
def similarity_and_divergence(model: str, values: pd.DataFrame, groups: pd.DataFrame, contrast: Contrast) -> Figure:
    """Each sample's cosine against its ICR divergence (simple), means of layers, and the histogram of the score."""
    measures = mean_over_tasks(values, contrast.tasks)
    both = probed_groups(groups, contrast, values.index)
    figure = Figure(figsize=(PAGE, 2.9))
    figure.suptitle(f"{model}: similarity and divergence of the two answers, one point a sample")
    scatter, histogram = figure.subplots(1, 2, width_ratios=(3, 2))
    points = {
        group: pd.DataFrame({name: frame.mean(axis=1) for name, frame in measures.items()}).reindex(group.sample_ids)
        for group in both
        if measures
    }
    if not any(len(one) for one in points.values()):
        for axes in (scatter, histogram):
            say_empty(axes, NO_SAMPLES)
        return figure
    scores = np.concatenate([one["score"].dropna() for one in points.values()])
    bins = np.linspace(min(0, scores.min()), max(1, scores.max()), 21)
    for (group, one), marker in zip(points.items(), "o^", strict=True):
        scatter.scatter(
            one["icr_simple_divergence"], one["cosine"], s=13, marker=marker, color=group.color, alpha=0.6,
            linewidth=0, label=group.label,
        )  # fmt: skip
        histogram.hist(one["score"].dropna(), bins, color=group.color, histtype="step", linestyle=group.line)
        histogram.hist(one["score"].dropna(), bins, color=group.color, alpha=0.25)
    scatter.set_xscale("log")
    scatter.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5), numticks=9))
    scatter.xaxis.set_major_formatter("{x:g}")
    scatter.xaxis.set_minor_formatter(NullFormatter())
    scatter.axvline(
        1, color=GREY, linewidth=0.8, linestyle=":", label="divergence 1: from here on a layer's score is 0"
    )
    scatter.set(xlabel="ICR divergence (simple)", ylabel="cosine of mean answer states")
    histogram.yaxis.set_major_locator(MaxNLocator(7, integer=True, min_n_ticks=1))
    histogram.set(xlabel="score = cosine × (1 − min(divergence, 1))", ylabel="samples")
    legend_below(figure, [scatter], columns=3)
    return figure

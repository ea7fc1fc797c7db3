"""Figures of the probe `hidden_similarity`."""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, MaxNLocator, NullFormatter

from spd_faith.probes.figures.by_group import NO_SAMPLES, NO_VALUES, draw_by_layer, probed_groups
from spd_faith.probes.figures.declared import QUESTIONS, Draw, ProbeFigures, ProbeResults
from spd_faith.probes.figures.drawing import COLUMN, GREY, INTERVAL, legend_below, say_empty, styled
from spd_faith.probes.groups import Contrast
from spd_faith.probes.sample_values import mean_over_tasks

_PANELS = {  # title, label of the y axis
    "cosine": ("mean answer states", "cosine"),
    "cosine_prompt": ("last prompt states", "cosine"),
    "cosine_centred": ("mean answer states, centred", "cosine"),
    "score": ("score, as published", "score"),
}
_FORMS = {"simple": "", "relative": "", "original": ", nats"}
_EMPTY_TEXTS = dict.fromkeys(("icr_original", "icr_original_divergence"), "no values: answers\nof under 20 tokens")


@styled
def hidden_similarity(values: pd.DataFrame, groups: pd.DataFrame, contrast: Contrast) -> Figure:
    """Cosines of the states behind the two yes/no answers, their Information Contribution Rate and its divergence.

    `values` are `sample_values` of the probe, `groups` rows of PROBE_GROUPS.
    """
    measures = mean_over_tasks(values, contrast.tasks)
    both = probed_groups(groups, contrast, values.index)
    named = dict(_PANELS)
    for form, unit in _FORMS.items():
        named[f"icr_{form}"] = (f"ICR, {form}", f"ICR{unit}")
        named[f"icr_{form}_divergence"] = (f"ICR divergence, {form}", f"divergence{unit}")
        if measures:
            measures[f"icr_{form}"] = (measures[f"icr_{form}_same"] + measures[f"icr_{form}_different"]) / 2
    figure = Figure(figsize=(COLUMN, 6.3))
    panels = figure.subplots(5, 2)
    for axes, (measure, (name, label)) in zip(panels.flat, named.items(), strict=True):
        draw_by_layer(axes, measures.get(measure), both, empty_text=_EMPTY_TEXTS.get(measure, NO_VALUES))
        axes.set_title(name)
        axes.set_ylabel(label)
    legend_below(figure, panels.flat, columns=2, interval=INTERVAL)
    return figure


@styled
def similarity_and_divergence(values: pd.DataFrame, groups: pd.DataFrame, contrast: Contrast) -> Figure:
    """Each sample's cosine against its ICR divergence (simple), means of layers, and the histogram of the score."""
    measures = mean_over_tasks(values, contrast.tasks)
    both = probed_groups(groups, contrast, values.index)
    figure = Figure(figsize=(COLUMN, 4))
    scatter, histogram = figure.subplots(2, 1, height_ratios=(3, 2))
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
        if len(one):  # without samples it would be a line along 0
            histogram.hist(one["score"].dropna(), bins, color=group.color, histtype="step", linestyle=group.line)
            histogram.hist(one["score"].dropna(), bins, color=group.color, alpha=0.25)
    scatter.set_xscale("log")
    scatter.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5), numticks=9))
    scatter.xaxis.set_major_formatter("{x:g}")
    scatter.xaxis.set_minor_formatter(NullFormatter())
    scatter.axvline(1, color=GREY, linewidth=0.8, linestyle=":", label="divergence 1: beyond it a layer's score is 0")
    scatter.set(
        xlabel="ICR divergence (simple), mean of layers", ylabel="cosine of mean answer states,\nmean of layers"
    )
    histogram.yaxis.set_major_locator(MaxNLocator(7, integer=True, min_n_ticks=1))
    histogram.set(xlabel="score = cosine × (1 − min(divergence, 1))", ylabel="number of samples")
    legend_below(figure, [scatter], columns=1)
    return figure


def _of_contrast(results: ProbeResults, contrast: Contrast) -> dict[str, Draw]:
    of = results.of
    return {
        "hidden_similarity": lambda: hidden_similarity(results.values, of.groups, contrast),
        "similarity_and_divergence": lambda: similarity_and_divergence(results.values, of.groups, contrast),
    }


FIGURES = ProbeFigures(
    of_contrast=_of_contrast,
    label="similarity\nof answers",
    measures={
        "cosine": "cosine, answers",
        "cosine_prompt": "cosine, prompts",
        "cosine_centred": "cosine, centred",
        "score": "score, as published",
        **{
            f"icr_{form}_{of}": f"ICR {form}, {name}"
            for form in _FORMS
            for of, name in (*((task, QUESTIONS[task]) for task in ("same", "different")), ("divergence", "divergence"))
        },
    },
)

"""The charts of the page: Vega-Lite specifications with their data inline.

Colors of text and lines come from the page (`currentColor`), so one specification serves light and dark. A model, with
several judges one for each, keeps its mark in all charts. Each chart has a table in the page that says the same.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import cycle
from typing import Any

import pandas as pd

from spd_faith.core.variants import MODEL, PLACEBO
from spd_faith.leaderboard.row_cells import marked_label
from spd_faith.scoring.breakdowns import BREAKDOWNS
from spd_faith.scoring.metrics import HEADLINE_AND_OVERALL, METRICS

Spec = dict[str, Any]

# Okabe and Ito's palette without black and yellow, which are not visible on both backgrounds
_COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#8C6BB1", "#7F7F7F")
# Outlines within 1 of the middle, as SVG and Vega read them, for more models than colors
_SHAPES = (
    "M0-.9A.9 .9 0 1 1 0 .9A.9 .9 0 1 1 0-.9Z",  # circle
    "M-.8-.8H.8V.8H-.8Z",  # square
    "M0-1.15L1.15 0L0 1.15L-1.15 0Z",  # diamond
    "M0-1.1L1.1 .85H-1.1Z",  # triangle, up
    "M0 1.1L1.1-.85H-1.1Z",  # down
    "M1.1 0L-.85 1.1V-1.1Z",  # right
    "M-1.1 0L.85 1.1V-1.1Z",  # left
    "M0-1.2L.35-.35L1.2 0L.35 .35L0 1.2L-.35 .35L-1.2 0L-.35-.35Z",  # star
)
_CROSS = "M-.3-1H.3V-.3H1V.3H.3V1H-.3V.3H-1V-.3H-.3Z"  # what is no model of the run
_SIZE, _SMALL = 90, 30  # of a mark
_POINT = {"type": "point", "opacity": 1}
_CONSTANT, _PERMUTED, _BASE = "constant answer", "other pairs' truths (sees nothing)", "base"  # kinds of points
_SEEING = {"ds": "DS", "dqr": "DQR", "cff": "cff (undone differences)"}


@dataclass(frozen=True)
class Chart:
    """`name` is an identifier, `label` says what the chart shows; `spec` reacts to its parameter `chosen`."""

    name: str
    label: str
    spec: Spec


@dataclass(frozen=True)
class Mark:
    """How a model is drawn; `shape` is a path of SVG within 1.2 of the middle."""

    color: str
    shape: str


@dataclass(frozen=True)
class ChartSet:
    """Charts with one menu, whose `options` are values of the parameter `chosen` with their labels, and one `legend`:
    the mark of each model."""

    charts: Sequence[Chart]
    options: Sequence[tuple[str, str]] = ()
    legend: Mapping[str, Mark] = field(default_factory=dict)


def marks(names: Iterable[str]) -> dict[str, Mark]:
    """A mark for each name, different for the first 64: first the colors in one shape, then those in the next."""
    pairs = [Mark(color, shape) for shape in _SHAPES for color in _COLORS]
    return dict(zip(names, cycle(pairs), strict=False))


def entry_labels(live: pd.DataFrame) -> dict[tuple[str, str], str]:
    """The label of each (judge, model): the model's, a variant's with what it is, and the judge's if several."""
    several = live["judge"].nunique() > 1
    labels = dict(zip(live["model"], live["label"], strict=True))
    return {
        (row["judge"], row["model"]): marked_label(row, labels) + (f" · {row['judge_label']}" if several else "")
        for row in live.to_dict("records")
    }


# ---- seeing and reasoning --------------------------------------------------------------------------------------------


def seeing_and_reasoning(live: pd.DataFrame, constant: Sequence[Mapping[str, Any]]) -> ChartSet:
    """DRF over what a model sees, for each entry; `constant` has the metrics of constant answers by `answer`.

    Where `live` has them, each model's answers scored against other pairs' truths stand beside it.
    """
    labels = entry_labels(live)
    legend = marks(labels.values())
    points = [point for row in live.to_dict("records") for point in _points(row, labels[row["judge"], row["model"]])]
    points += [
        {"name": row["answer"], "kind": _CONSTANT} | {name: _percent(row.get(name)) for name in (*_SEEING, "drf")}
        for row in constant
    ]
    charts = [
        Chart(
            f"seeing_{name}",
            f"DRF over {title}: a point per model, constant answer and permuted truth",
            _scatter(name, title, [point for point in points if point[name] is not None], legend),
        )
        for name, title in _SEEING.items()
    ]
    return ChartSet([chart for chart in charts if chart.spec["data"]["values"]], legend=legend)


def _points(row: Mapping[Any, Any], label: str) -> Iterator[dict[str, Any]]:
    ends = ("", "_low", "_high")
    names = (*_SEEING, "drf")
    yield {"name": label, "kind": row["role"]} | {
        f"{name}{end}": _percent(row.get(f"{name}{end}")) for name in names for end in ends
    }
    if _percent(row.get("permuted_drf")) is not None:
        values = {name: _percent(row.get(f"permuted_{name}")) for name in names}
        yield {"name": label, "kind": _PERMUTED} | values


def _scatter(name: str, title: str, points: Sequence[Mapping[str, Any]], legend: Mapping[str, Mark]) -> Spec:
    x = {"field": name, "type": "quantitative", "title": f"{title} (%)", "scale": {"domain": [0, 100]}}
    y = {"field": "drf", "type": "quantitative", "title": "DRF (%)", "scale": {"domain": [0, 100]}}
    drawn = _drawn(legend, other_kind=_CONSTANT)
    size = {"condition": {"test": _is(_PERMUTED), "value": _SMALL}, "value": _SIZE}
    tooltip = [
        {"field": "name", "title": "Answers of"},
        {"field": "kind", "title": "Kind"},
        {"field": name, "title": title, "format": ".1f"},
        {"field": "drf", "title": "DRF", "format": ".1f"},
    ]
    rule: Spec = {"mark": {"type": "rule", "opacity": 0.5, "tooltip": None}}
    color = {"color": drawn["stroke"]}
    layers: list[Spec] = [
        rule | {"encoding": {"x": x | {"field": f"{name}_low"}, "x2": {"field": f"{name}_high"}, "y": y} | color},
        rule | {"encoding": {"y": y | {"field": "drf_low"}, "y2": {"field": "drf_high"}, "x": x} | color},
        {"mark": _POINT, "encoding": {"x": x, "y": y, "size": size, "tooltip": tooltip} | drawn},
    ]
    return _spec(points, 300) | {"layer": layers}


# ---- breakdowns ------------------------------------------------------------------------------------------------------


def breakdown_charts(breakdowns: pd.DataFrame, live: pd.DataFrame) -> ChartSet:
    """A chart per breakdown of BREAKDOWNS_SCHEMA's rows, with a menu of the metrics."""
    labels = entry_labels(live)
    legend = marks(labels.values())
    kinds = {(row["judge"], row["model"]): row["role"] for row in live.to_dict("records")}
    rows = breakdowns[breakdowns["metric"].isin(HEADLINE_AND_OVERALL)]
    charts = []
    for breakdown in BREAKDOWNS:
        points = [
            {
                "group": row["group"],
                "name": labels[row["judge"], row["model"]],
                "kind": kinds[row["judge"], row["model"]],
                "metric": row["metric"],
                "n": row["n"],
                **{name: _percent(row[name]) for name in ("value", "low", "high")},
            }
            for row in rows[rows["by"] == breakdown.name].to_dict("records")
            if (row["judge"], row["model"]) in labels and not pd.isna(row["value"])
        ]
        if points:
            charts.append(Chart(f"breakdown_{breakdown.name}", breakdown.title, _by_group(points, legend)))
    return ChartSet(charts, [(name, METRICS[name].label) for name in HEADLINE_AND_OVERALL], legend)


def _by_group(points: Sequence[Mapping[str, Any]], legend: Mapping[str, Mark]) -> Spec:
    groups = list(dict.fromkeys(str(point["group"]) for point in points))
    x = {"field": "value", "type": "quantitative", "title": "%", "scale": {"domain": [0, 100]}}
    y = {"field": "group", "type": "nominal", "title": None, "sort": groups, "axis": {"labelLimit": 120}}
    offset = {"field": "name", "sort": list(legend)}
    drawn = _drawn(legend)
    tooltip = [
        {"field": "name", "title": "Model"},
        {"field": "group", "title": "Group"},
        {"field": "n", "title": "Pairs"},
        *_value_in_tooltip("value", "Value", ".1f"),
    ]
    shared = {"y": y, "yOffset": offset, "tooltip": tooltip}
    ends = {"x": x | {"field": "low"}, "x2": {"field": "high"}, "color": drawn["stroke"]}
    layers: list[Spec] = [
        {"mark": {"type": "rule"}, "encoding": shared | ends},
        {"mark": _POINT | {"size": _SIZE / 2}, "encoding": shared | {"x": x} | drawn},
    ]
    height = len(groups) * max(36, 11 * len(legend) + 8)
    return _spec(points, height) | {
        "params": [{"name": "chosen", "value": HEADLINE_AND_OVERALL[0]}],
        "transform": [{"filter": "datum.metric === chosen"}],
        "layer": layers,
    }


# ---- comparisons -----------------------------------------------------------------------------------------------------


def comparison_charts(comparisons: pd.DataFrame, live: pd.DataFrame, significant_at: float) -> ChartSet:
    """A matrix per judge of the rows of `comparisons.parquet`, with a menu of the metrics."""
    charts = []
    for judge, rows in comparisons[comparisons["difference"].notna()].groupby("judge"):
        models = live[(live["judge"] == judge) & (live["role"] == MODEL)]
        labels = dict(zip(models["model"], models["label"], strict=True))
        cells = [cell for row in rows.to_dict("records") for cell in _both_ways(row, labels, significant_at)]
        if cells:
            title = f"Row minus column, judged by {models['judge_label'].iloc[0]}"
            charts.append(Chart(f"comparisons_{judge}", title, _matrix(cells, list(labels.values()))))
    metrics = [name for name in HEADLINE_AND_OVERALL if name in set(comparisons["metric"])]
    first = ["overall", *(name for name in metrics if name != "overall")]
    return ChartSet(charts, [(name, METRICS[name].label) for name in first if name in metrics])


def _both_ways(row: Mapping[Any, Any], labels: Mapping[str, str], significant_at: float) -> Iterator[dict[str, Any]]:
    tested = not pd.isna(row["p_holm"])
    for sign, one, other in ((1, "model", "other_model"), (-1, "other_model", "model")):
        low, high = (row["low"], row["high"]) if sign == 1 else (row["high"], row["low"])
        is_significant = tested and row["p_holm"] <= significant_at
        yield {
            "row": labels[row[one]],
            "column": labels[row[other]],
            "metric": row["metric"],
            "n": row["n"],
            "difference": _percent(sign * row["difference"]),
            "low": _percent(sign * low),
            "high": _percent(sign * high),
            "p": float(row["p_holm"]) if tested else None,
            "verdict": "significant" if is_significant else "not significant" if tested else "not tested",
        }


def _matrix(cells: Sequence[Mapping[str, Any]], models: Sequence[str]) -> Spec:
    top = {"orient": "top", "labelAngle": -40, "labelLimit": _LABEL}
    x = {"field": "column", "type": "nominal", "title": None, "sort": list(models), "axis": top}
    y = {"field": "row", "type": "nominal", "title": None, "sort": list(models), "axis": {"labelLimit": _LABEL}}
    tooltip = [
        {"field": "row", "title": "Model"},
        {"field": "column", "title": "minus"},
        *_value_in_tooltip("difference", "Difference (points)", "+.1f"),
        {"field": "p", "title": "p (Holm)", "format": ".2g"},
        {"field": "verdict", "title": "At Holm's level"},
        {"field": "n", "title": "Pairs scored for both"},
    ]
    color = {
        "field": "difference",
        "type": "quantitative",
        "scale": {"scheme": "blueorange", "domainMid": 0, "domain": [-50, 50], "clamp": True, "reverse": True},
        "legend": {"title": "Points", "orient": "bottom", "gradientLength": 200},
    }
    weight = {"expr": "datum.verdict === 'significant' ? 'bold' : 'normal'"}
    text: Spec = {
        "mark": {"type": "text", "fontSize": 11, "fontWeight": weight},
        "encoding": {
            "text": {"field": "difference", "type": "quantitative", "format": "+.1f"},
            "color": {"condition": {"test": "abs(datum.difference) > 30", "value": "#fff"}, "value": "#16181c"},
        },
    }
    rect: Spec = {"mark": "rect", "encoding": {"color": color, "tooltip": tooltip}}
    layers = [rect, text] if len(models) <= _LARGEST_WITH_NUMBERS else [rect]
    return _spec(cells, 34 * len(models)) | {
        "width": {"step": 60 if len(models) <= _LARGEST_WITH_NUMBERS else 24},
        "autosize": "pad",
        "padding": {"left": 4, "top": 4, "bottom": 4, "right": 0.75 * _LABEL},  # of the last label, which is slanted
        "params": [{"name": "chosen", "value": "overall"}],
        "transform": [{"filter": "datum.metric === chosen"}],
        "encoding": {"x": x, "y": y},
        "layer": layers,
    }


_LABEL = 260  # pixels of a model's label in a matrix: shorter ones may all begin the same
_LARGEST_WITH_NUMBERS = 14  # models; more have no room for numbers in a matrix

# ---- interventions ---------------------------------------------------------------------------------------------------


def intervention_charts(interventions: pd.DataFrame, live: pd.DataFrame) -> ChartSet:
    """Per judge, what the rows of `interventions.parquet` gain in DRF over the base, over their cost in time."""
    labels = dict(zip(live["model"], live["label"], strict=True))
    rows = interventions[(interventions["metric"] == "drf") & (interventions["against"] == "base")]
    rows = rows[rows["difference"].notna() & rows["seconds_ratio"].notna()]
    entries = entry_labels(live)
    of_entries, of_models = marks(entries.values()), dict[str, Mark]()
    for (_, model), entry in entries.items():
        of_models.setdefault(model, of_entries[entry])
    legend = {labels[base]: mark for base, mark in of_models.items() if base in set(rows["base"])}
    charts = []
    for judge, of_judge in rows.groupby("judge"):
        points = [
            {"name": labels[row["base"]], "label": row["label"], "kind": row["role"], "seconds": row["seconds_ratio"]}
            | {name: _percent(row[name]) for name in ("difference", "low", "high")}
            | {"p": None if pd.isna(row["p_holm"]) else float(row["p_holm"])}
            for row in of_judge.to_dict("records")
        ]
        points.append({"label": "base model", "kind": _BASE, "seconds": 1, "difference": 0})
        title = f"DRF minus the base model over the cost, judged by {of_judge['judge_label'].iloc[0]}"
        charts.append(Chart(f"interventions_{judge}", title, _benefit(points, legend)))
    return ChartSet(charts, legend=legend)


def _benefit(points: Sequence[Mapping[str, Any]], legend: Mapping[str, Mark]) -> Spec:
    costs = {"field": "seconds", "type": "quantitative", "title": "Seconds per answer, relative to the base model"}
    x = costs | {"scale": {"zero": False, "padding": 30}}
    y = {"field": "difference", "type": "quantitative", "title": "DRF minus base (points)", "scale": {"padding": 24}}
    tooltip = [
        {"field": "label", "title": "Model"},
        {"field": "kind", "title": "Kind"},
        {"field": "name", "title": "Base"},
        {"field": "seconds", "title": "Seconds per answer, relative to the base model", "format": ".2f"},
        *_value_in_tooltip("difference", "DRF minus base (points)", "+.1f"),
        {"field": "p", "title": "p (Holm)", "format": ".2g"},
    ]
    drawn = _drawn(legend, other_kind=_BASE)
    middle = (min(point["seconds"] for point in points) + max(point["seconds"] for point in points)) / 2
    is_right = f"datum.seconds > {middle}"  # its label is on the left, where there is room
    beside = {"align": {"expr": f"{is_right} ? 'right' : 'left'"}, "dx": {"expr": f"{is_right} ? -9 : 9"}}
    layers: list[Spec] = [
        {
            "mark": {"type": "rule", "opacity": 0.6, "tooltip": None},
            "encoding": {"x": x, "y": y | {"field": "low"}, "y2": {"field": "high"}, "color": drawn["stroke"]},
        },
        {"mark": _POINT | {"size": _SIZE}, "encoding": {"x": x, "y": y, "tooltip": tooltip} | drawn},
        {
            "mark": {
                "type": "text",
                "dy": {"expr": f"{_is(_BASE)} ? 16 : -8"},
                "limit": 220,
                "fill": "currentColor",
                **beside,
            },
            "encoding": {"x": x, "y": y, "text": {"field": "label"}},
        },
    ]
    return _spec(points, 280) | {"layer": layers}


# ---- shared ----------------------------------------------------------------------------------------------------------


def _spec(values: Sequence[Mapping[str, Any]], height: float) -> Spec:
    text = {"labelColor": "currentColor", "titleColor": "currentColor", "labelFontSize": 12, "titleFontSize": 12}
    lines = {"gridColor": "currentColor", "gridOpacity": 0.15, "domainColor": "currentColor"}
    axis = text | lines | {"tickColor": "currentColor", "titleFontWeight": "normal"}
    return {
        "$schema": "https://vega.github.io/schema/vega-lite/v6.json",
        "width": "container",
        "height": height,
        "background": None,
        "autosize": {"type": "fit-x", "contains": "padding"},
        "data": {"values": list(values)},
        "config": {"view": {"stroke": None}, "axis": axis, "legend": text},
    }


def _drawn(legend: Mapping[str, Mark], other_kind: str = "") -> Spec:
    """How points are drawn: in the mark of their `name`, hollow for a placebo; those of `other_kind` as crosses."""
    of_model = {"field": "name", "type": "nominal", "legend": None}
    colors = {"domain": list(legend), "range": [mark.color for mark in legend.values()]}
    shapes = {"domain": list(legend), "range": [mark.shape for mark in legend.values()]}
    color = of_model | {"scale": colors, "condition": {"test": _is(other_kind), "value": "currentColor"}}
    shape = of_model | {"scale": shapes, "condition": {"test": _is(other_kind), "value": _CROSS}}
    opacity = {"condition": {"test": _is(PLACEBO), "value": 0}, "value": 0.9}
    return {"stroke": color, "fill": color, "shape": shape, "fillOpacity": opacity}


def _is(kind: str) -> str:
    return f"datum.kind === {json.dumps(kind)}"


def _value_in_tooltip(name: str, title: str, digits: str) -> list[Spec]:
    """A value and its interval; `digits` is the format of d3."""
    shown = {name: title, "low": "95% interval from", "high": "to"}
    return [{"field": field, "title": title, "format": digits} for field, title in shown.items()]


def _percent(value: Any) -> float | None:
    return None if value is None or pd.isna(value) else round(100 * float(value), 2) + 0.0  # no −0.0

"""The charts: their numbers, and that Vega-Lite accepts them."""

import math
import re

import pandas as pd
import pytest
import vl_convert

from spd_faith.leaderboard.html.charts import (
    ChartSet,
    breakdown_charts,
    comparison_charts,
    entry_labels,
    intervention_charts,
    seeing_and_reasoning,
)

LIVE = pd.DataFrame(
    [
        {"judge": "rules", "model": "a", "label": "A <b>", "judge_label": "Rules", "role": "model"}
        | {"drf": 0.5, "drf_low": 0.4, "drf_high": 0.6, "ds": 0.25, "ds_low": 0.2, "ds_high": 0.3, "dqr": 1.0}
        | {"dqr_low": 1.0, "dqr_high": 1.0, "cff": math.nan, "permuted_drf": 0.1, "permuted_ds": 0.25},
        {
            "judge": "rules",
            "model": "b",
            "label": "B",
            "judge_label": "Rules",
            "role": "model",
            "drf": math.nan,
            "ds": 0.5,
        },
    ]
)


def values(charts: ChartSet, name: str) -> list[dict]:
    return next(chart for chart in charts.charts if chart.name == name).spec["data"]["values"]


def check(charts: ChartSet) -> None:
    """Vega-Lite compiles each chart and draws it."""
    assert charts.charts
    for chart in charts.charts:
        assert "<svg" in vl_convert.vegalite_to_svg(chart.spec | {"width": 300})


def test_seeing_and_reasoning():
    charts = seeing_and_reasoning(LIVE, [{"answer": "“No.”", "drf": 0.0, "ds": 0.5, "dqr": 0.0}])
    assert [chart.name for chart in charts.charts] == ["seeing_ds", "seeing_dqr"]  # nobody has a cff
    a, blind, b, no = values(charts, "seeing_ds")
    assert (a["name"], a["kind"], a["ds"], a["drf"], a["drf_low"], a["drf_high"]) == ("A <b>", "model", 25, 50, 40, 60)
    assert (blind["ds"], blind["drf"]) == (25, 10) and "other pairs" in blind["kind"]
    assert (b["name"], b["ds"], b["drf"]) == ("B", 50, None)
    assert (no["name"], no["kind"], no["ds"], no["drf"]) == ("“No.”", "constant answer", 50, 0)
    check(charts)


def test_labels_name_the_judge_where_there_are_several():
    both = pd.concat([LIVE, LIVE.assign(judge="panel", judge_label="Panel")])
    assert entry_labels(LIVE) == {("rules", "a"): "A <b>", ("rules", "b"): "B"}
    assert entry_labels(both)["panel", "b"] == "B · Panel"


def test_breakdowns():
    row = {"judge": "rules", "model": "a", "by": "split", "group": "easy", "n": 4, "metric": "drf"}
    rows = [
        row | {"value": 0.5, "low": 0.25, "high": 0.75},
        row | {"group": "hard", "value": 1.0, "low": math.nan, "high": math.nan},
        row | {"group": "none", "value": math.nan, "low": math.nan, "high": math.nan},
        row | {"metric": "describe_model", "value": 3.0, "low": math.nan, "high": math.nan},
    ]
    charts = breakdown_charts(pd.DataFrame(rows), LIVE)
    assert [(p["group"], p["value"], p["low"]) for p in values(charts, "breakdown_split")] == [
        ("easy", 50, 25),
        ("hard", 100, None),
    ]
    check(charts)


@pytest.mark.parametrize(
    ("p_holm", "verdict"), [(0.05, "significant"), (0.06, "not significant"), (None, "not tested")]
)
def test_comparisons_stand_in_both_directions(p_holm, verdict):
    row = {"judge": "rules", "metric": "overall", "model": "b", "other_model": "a", "n": 9, "difference": 0.2}
    charts = comparison_charts(pd.DataFrame([row | {"low": 0.1, "high": 0.4, "p_holm": p_holm}]), LIVE, 0.05)
    one, other = values(charts, "comparisons_rules")
    assert (one["row"], one["column"], one["difference"], one["low"], one["high"]) == ("B", "A <b>", 20, 10, 40)
    assert (other["row"], other["column"], other["difference"]) == ("A <b>", "B", -20)
    assert (other["low"], other["high"]) == (-40, -10)
    assert one["verdict"] == other["verdict"] == verdict
    check(charts)


def test_a_matrix_shows_labels_that_begin_the_same_and_no_negative_zero():
    labels = ["Qwen2.5-VL-72B-Instruct (AWQ)", "Qwen2.5-VL-72B-Instruct (full)"]
    row = {"judge": "rules", "metric": "overall", "model": "b", "other_model": "a", "n": 9, "difference": 0.0}
    rows = pd.DataFrame([row | {"low": -0.1, "high": 0.1, "p_holm": 1.0}])
    (chart,) = comparison_charts(rows, LIVE.assign(label=labels), 0.05).charts
    texts = re.findall(r"<text[^>]*>([^<]*)</text>", vl_convert.vegalite_to_svg(chart.spec))
    assert [texts.count(label) for label in labels] == [2, 2] and texts.count("+0.0") == 2


def test_a_judge_with_one_model_has_no_matrix():
    columns = ["judge", "metric", "model", "other_model", "n", "difference", "low", "high", "p_holm"]
    assert comparison_charts(pd.DataFrame(columns=columns), LIVE, 0.05).charts == []


def test_benefit_against_cost_of_interventions():
    row = {"judge": "rules", "judge_label": "Rules", "base": "a", "other_model": "a", "against": "base"}
    row |= {"metric": "drf", "low": 0.01, "high": 0.3, "p_holm": 0.02, "seconds_ratio": 1.5}
    rows = pd.DataFrame(
        [
            row | {"model": "v", "label": "V <b>", "role": "variant", "difference": 0.2},
            row | {"model": "p", "label": "P", "role": "placebo", "difference": -0.05, "p_holm": math.nan},
            row | {"model": "v", "label": "V", "role": "variant", "difference": 0.1, "against": "placebo"},
            row | {"model": "v", "label": "V", "role": "variant", "difference": 0.1, "metric": "ds"},
            row | {"model": "w", "label": "W", "role": "variant", "difference": 0.1, "seconds_ratio": math.nan},
        ]
    )
    charts = intervention_charts(rows, LIVE)
    points = values(charts, "interventions_rules")
    found = [(one["label"], one["kind"], one["seconds"], one["difference"]) for one in points]
    assert found == [("V <b>", "variant", 1.5, 20), ("P", "placebo", 1.5, -5), ("base model", "base", 1, 0)]
    assert list(charts.legend) == ["A <b>"]
    check(charts)
    assert intervention_charts(rows.iloc[:0], LIVE).charts == []


def test_variants_are_marked_in_the_scatter_charts():
    charts = seeing_and_reasoning(LIVE.assign(role=["model", "variant"], variant_of=[None, "a"]), [])
    assert {one["name"]: one["kind"] for one in values(charts, "seeing_ds") if "pairs" not in one["kind"]} == {
        "A <b>": "model",
        "B (variant of A <b>)": "variant",
    }
    check(charts)


# ---- marks -----------------------------------------------------------------------------------------------------------


def many(number: int) -> pd.DataFrame:
    """Models that all differ in DS and are equal in DRF."""
    rows = [
        {"judge": "rules", "model": f"m{one}", "label": f"M{one}", "judge_label": "Rules", "role": "model"}
        | {"drf": 0.5, "ds": one / number}
        for one in range(number)
    ]
    return pd.DataFrame(rows)


def test_thirty_models_of_two_judges_have_different_marks():
    live = pd.concat([many(30), many(30).assign(judge="panel", judge_label="Panel")])
    legend = seeing_and_reasoning(live, []).legend
    assert len(legend) == 60 and len({(mark.color, mark.shape) for mark in legend.values()}) == 60
    first = [legend[f"M{one} · Rules"] for one in range(8)]
    assert len({mark.color for mark in first}) == 8 and len({mark.shape for mark in first}) == 1


def test_vega_draws_the_marks_of_the_legend():
    (chart,) = seeing_and_reasoning(many(30), []).charts
    svg = vl_convert.vegalite_to_svg(chart.spec | {"width": 600})
    points = re.findall(r'<path [^>]*aria-roledescription="point"[^>]*', svg)
    looks = [tuple(re.search(rf' {name}="([^"]*)"', point)[1] for name in ("stroke", "d")) for point in points]
    assert len(looks) == 30 and len(set(looks)) == 30

"""Controls on the leaderboard: columns, cells and notes."""

from typing import Any

import pandas as pd
import pyarrow as pa
import pytest

from spd_faith.leaderboard.controls_section import (
    baselines_section,
    control_columns,
    control_fractions,
    controls_section,
)
from spd_faith.leaderboard.model import Interval, Missing, Note, Section, Table, Text, Value
from spd_faith.scoring.control_metrics import CONTROL_METRICS
from spd_faith.scoring.control_values import CONTROL_METRICS_SCHEMA
from spd_faith.scoring.metrics import HEADLINE_AND_OVERALL

MADE = {"null_paste": {"made": 32, "left_out": {}}, "undone": {"made": 5, "left_out": {"overlap": 2, "no_boxes": 1}}}


def live_of(**by_model: dict[str, tuple[int, float | None, float | None, float | None]]) -> pd.DataFrame:
    """Rows with (n, value, low, high) of some control metrics; the others have none."""
    rows = [
        {"judge": "hand", "model": model, "metric": name}
        | dict(zip(("n", "value", "low", "high"), given.get(name, (0, None, None, None)), strict=True))
        for model, given in by_model.items()
        for name in CONTROL_METRICS
    ]
    frame = control_columns(pa.Table.from_pylist(rows, schema=CONTROL_METRICS_SCHEMA))
    return frame.assign(label=frame["model"].str.title(), judge_label="By hand", n=40)


GOOD = {
    "false_alarms": (32, 0.25, 0.1, 0.4),
    "d_prime": (32, 1.5, 1.0, 2.0),
    "d_prime_ceiling": (32, 4.85, None, None),
    "cff": (21, 0.5, 0.4, 0.6),
    "order_ds": (8, -0.125, None, None),
    **{f"permuted_{name}": (38, 0.5, 0.4, 0.6) for name in HEADLINE_AND_OVERALL},
}


def tables(section: Section) -> dict[str, Table]:
    nested = [part for part in section.parts if isinstance(part, Section)]
    return {part.name: part for one in (section, *nested) for part in one.parts if isinstance(part, Table)}


def row_of(table: Table, number: int = 0) -> dict[str, Any]:
    return {column.title: cell for column, cell in zip(table.columns, table.rows[number], strict=True)}


def text_of(section: Section) -> str:
    return " ".join(
        span if isinstance(span, str) else span.text
        for part in section.parts
        if isinstance(part, Note)
        for span in part.spans
    )


def test_columns_have_intervals_where_the_metric_has_one() -> None:
    live = live_of(good=GOOD)
    (row,) = live.to_dict("records")
    assert [row[f"false_alarms{end}"] for end in ("", "_low", "_high", "_n")] == [0.25, 0.1, 0.4, 32]
    assert row["d_prime_ceiling"] == 4.85 and "d_prime_ceiling_low" not in row
    assert {"cff_by_category_high", "necessity_n", "permuted_overall_low", "blind_unclear"} <= set(live.columns)
    assert {"false_alarms_low", "order_cr", "cff"} <= set(control_fractions()) <= set(live.columns)
    assert not {"d_prime", "d_prime_low", "false_claims", "false_alarms_n"} & set(control_fractions())


def test_cells() -> None:
    shown = tables(controls_section(live_of(bare={}, good=GOOD).to_dict("records"), MADE))
    assert list(shown) == ["detection", "counterfactual", "by_category", "order", "blind"]
    detection = row_of(shown["detection"], 1)
    assert detection["Model"] == Text("Good", "good") and detection["Identical pairs"] == Value(32)
    assert detection["False alarms"] == Interval(0.25, 0.1, 0.4) and detection["d′"] == Interval(1.5, 1, 2)
    assert detection["Largest d′"] == Value(4.85) and detection["DS net"] == Missing()
    counterfactual = row_of(shown["counterfactual"], 1)
    assert (counterfactual["Named"], counterfactual["cff"]) == (Value(21), Interval(0.5, 0.4, 0.6))
    assert row_of(shown["order"], 1)["Order effect on DS"] == Value(-0.125)  # too few images for an interval
    bare = row_of(shown["detection"])
    assert bare["Identical pairs"] == Value(0) and bare["False alarms"] == bare["d′"] == bare["Largest d′"] == Missing()


def test_controls_are_counted_with_those_left_out_by_reason() -> None:
    text = text_of(controls_section(live_of(good=GOOD).to_dict("records"), MADE))
    assert "32 null paste; 5 undone (left out: 1 no boxes, 2 overlap)." in text


def test_a_dataset_without_controls_says_so() -> None:
    section = controls_section(live_of(good={}).to_dict("records"), {})
    assert tables(section) == {} and "no controls" in text_of(section)


def test_baselines_without_the_images() -> None:
    floors = pd.DataFrame(
        [{"answer": "No.", "metric": name, "value": 0.1 * at} for at, name in enumerate(HEADLINE_AND_OVERALL)]
    )
    section = baselines_section(
        floors, live_of(bare={}, good=GOOD).to_dict("records"), {"dqr": "recall", "ds": "detection"}
    )
    (table,) = tables(section).values()
    assert [row[0] for row in table.rows] == [Text("“No.”"), Text("Good", "good")]  # without other truths no row
    constant, permuted = row_of(table), row_of(table, 1)
    assert constant["Judge"] == Text("rules") and constant["Overall"] == Value(pytest.approx(0.6))
    assert permuted["DRF"] == permuted["Overall"] == Value(0.5)
    assert "Good, judged by By hand: 2 of 40 pairs" in text_of(section)

"""The judge's error on the page and in the rows."""

from typing import Any

import pandas as pd
import pytest

from spd_faith.leaderboard.corrections import correction_note, correction_section, with_corrections
from spd_faith.leaderboard.model import Interval, Missing, Note, Table, Text, Value
from spd_faith.leaderboard.renderers.md import table_text
from spd_faith.leaderboard.rows import fractions
from spd_faith.scoring.correction import LEFT_OUT

LIVE = pd.DataFrame(
    {"judge": ["rules", "rules"], "model": ["a", "b"], "label": ["A", "B"], "judge_label": ["Rules", "Rules"]}
    | {f"{metric}{end}": [value, value] for metric in ("drf", "cr")
       for end, value in (("", 0.5), ("_low", 0.4), ("_high", 0.6))}
)  # fmt: skip
NOTHING = {"value": None, "low": None, "high": None, "judge_weight": None, "labelled": 0, "status": "no_labels"}
FOUND = {"value": 0.62, "low": 0.5, "high": 0.71, "judge_weight": 0.8, "labelled": 40, "status": "corrected"}


def table(**changed: dict[str, Any]) -> pd.DataFrame:
    """Corrections of both models and metrics; `changed` has values by model_metric."""
    rows = [
        {"judge": "rules", "model": model, "metric": metric} | dict.fromkeys(LEFT_OUT, 0) | NOTHING
        | changed.get(f"{model}_{metric}", {})
        for model in ("a", "b") for metric in ("drf", "cr")
    ]  # fmt: skip
    return pd.DataFrame(rows)


def parts(corrections: pd.DataFrame) -> tuple[str, Table]:
    about, shown = correction_section(LIVE, corrections).parts
    assert isinstance(about, Note) and isinstance(shown, Table)
    return str(about.spans[0]), shown


def test_without_labels_it_says_not_corrected_there_and_near_the_headline() -> None:
    corrections = table()
    assert "not corrected" in str(correction_note(corrections).spans[0])
    about, shown = parts(corrections)
    assert about.startswith("Not corrected: the config names no human labels.")
    assert [row[4] for row in shown.rows] == [Missing()] * 4
    assert [row[8] for row in shown.rows] == [Text("not corrected")] * 4
    assert shown.rows[0][3] == Interval(0.5, 0.4, 0.6)


def test_raw_corrected_and_interval_stand_side_by_side() -> None:
    few = {"status": "too_few_labels", "labelled": 12, "other_answer": 3, "no_label_score": 1}
    split = {"status": "too_few_labels_in:easy, hard", "labelled": 33}
    corrections = table(a_drf=FOUND, b_drf=few, b_cr=split)
    assert "The judge's error" in str(correction_note(corrections).spans[0])
    about, shown = parts(corrections)
    assert "never of other models" in about and "30 labels alone" in about
    first, _, third, fourth = shown.rows
    assert first == (
        *(Text("A", "a"), Text("Rules", "rules"), Text("DRF"), Interval(0.5, 0.4, 0.6), Interval(0.62, 0.5, 0.71)),
        *(Value(40), Value(0.8), Missing(), Text("corrected")),
    )
    assert third[4:] == (
        *(Missing(), Value(12), Missing(), Text("3 of another answer, 1 without a score")),
        Text("not corrected: under 30 labelled answers"),
    )
    assert fourth[8] == Text("not corrected: under 5 labelled image ids in easy, hard")
    assert "| 62.0 [50.0, 71.0] |" in table_text(shown)


def test_labels_that_count_nowhere_are_named() -> None:
    others = [
        {"judge": judge, "model": "renamed", "metric": metric}
        | dict.fromkeys(LEFT_OUT, 0)
        | {"status": "not_in_run", "other_model": count}
        for judge in ("rules", "another")
        for metric, count in (("drf", 20), ("cr", 19))
    ]
    few = {"status": "too_few_labels", "other_pair": 1, "control": 2, "other_split": 3}
    equal = {"status": "equal_labels", "labelled": 33}
    corrections = pd.concat([table(a_drf=few, b_cr=equal), pd.DataFrame(others)], ignore_index=True)
    _, named, shown = correction_section(LIVE, corrections).parts
    assert isinstance(named, Note) and isinstance(shown, Table)
    assert "Left out: 39 labels of models that are not in the run: renamed (39)." in str(named.spans[0])
    assert shown.rows[0][7] == Text("1 of a pair that is not in the run, 2 of a control, 3 of another split")
    assert shown.rows[3][8] == Text("not corrected: in each split all labels are equal")
    assert len(with_corrections(LIVE, corrections)) == 2


def test_the_rows_have_the_numbers() -> None:
    rows = with_corrections(LIVE, table(a_drf=FOUND)).set_index("model")
    ends = ("_corrected", "_corrected_low", "_corrected_high", "_labelled", "_correction")
    assert [rows.loc["a", f"drf{end}"] for end in ends] == [0.62, 0.5, 0.71, 40, "corrected"]
    assert [rows.loc["b", f"cr{end}"] for end in ("_labelled", "_correction")] == [0, "no_labels"]
    assert rows.loc[["a", "b"], "cr_corrected"].isna().all()
    assert {"drf_corrected", "cr_corrected_high"} <= set(fractions())


def test_a_row_without_its_correction_is_an_error() -> None:
    with pytest.raises(KeyError):
        correction_section(LIVE, table().iloc[:2])

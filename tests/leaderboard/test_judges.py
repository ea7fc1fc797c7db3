"""Cost and failures of a run's judges, on hand-computed rows."""

import pandas as pd
import pyarrow as pa
import pytest
from scoring.tables import judged

from spd_faith.core.schemas import JUDGEMENTS
from spd_faith.leaderboard.judges import judge_costs, judge_failures, judge_totals


def rows(*changes):
    """The two rows of a sample each, drf and cr; `changes` has the fields of each row in turn."""
    made = [row for number in range(len(changes) // 2) for row in judged(f"easy/{number:05d}_1")]
    return pa.Table.from_pylist([row | more for row, more in zip(made, changes, strict=True)], schema=JUDGEMENTS)


def asked(sha, usd=0.01, seconds=2.0, calls=1, model="snapshot", **more):
    return {"question_sha": sha, "usd": usd, "seconds": seconds, "calls": calls, "judge_model": model, **more}


FREE = {"judge_model": "rules-1"}
TABLES = {
    ("paid", "one"): rows(
        asked("a", usd=0.03, calls=2, seconds=5.0), asked("b", model="small"), asked("c"), asked("d", model="small")
    ),
    # the same answer about the second pair, none that speak about the first
    ("paid", "two"): rows(FREE, FREE, asked("c"), asked("d", model="small")),
    ("unpriced", "one"): rows(*[asked(name, usd=None) for name in "abcd"]),
    ("rules", "one"): rows(FREE, FREE, FREE, FREE),
}


def test_identical_questions_are_paid_once():
    costs = judge_costs(TABLES).set_index(["judge", "metric", "judge_model"])
    drf, cr = costs.loc["paid", "drf", "snapshot"], costs.loc["paid", "cr", "small"]
    assert (drf["judgements"], drf["calls"], drf["usd"], drf["seconds"]) == (3, 3, pytest.approx(0.04), 7 / 3)
    assert (cr["judgements"], cr["calls"], cr["usd"], cr["seconds"]) == (3, 2, pytest.approx(0.02), 2.0)
    free = costs.loc["paid", "drf", "rules-1"]
    assert (free["judgements"], free["calls"]) == (1, 0) and pd.isna(free["usd"]) and pd.isna(free["seconds"])


def test_two_judges_pay_for_their_own():
    costs = judge_costs(TABLES).groupby("judge")["calls"].sum()
    assert costs.to_dict() == {"paid": 5, "unpriced": 4, "rules": 0}


def test_totals_of_a_judge():
    totals = judge_totals(judge_costs(TABLES))
    paid = totals.loc["paid"]
    assert (paid["judge_models"], paid["judge_calls"]) == ("rules-1, small, snapshot", 5)
    assert (paid["judge_usd"], paid["judge_seconds"]) == (pytest.approx(0.06), pytest.approx(11 / 5))
    assert pd.isna(totals.loc["unpriced", "judge_usd"]) and totals.loc["unpriced", "judge_seconds"] == 2
    assert totals.loc["rules", "judge_calls"] == 0 and pd.isna(totals.loc["rules", "judge_seconds"])


def test_failures_by_model():
    unscored = {"score": None, "status": "unscored:schema"}
    tables = {
        ("paid", "one"): rows(
            asked("a", judge_score=0.4, n_invented=2),  # the labels give 1/2
            asked("b", judge_score=0.25),  # as the labels give
            asked("c", judge_score=0.5049),  # rounded
            asked("d", cut_characters=80),
        ),
        ("paid", "two"): rows(unscored, unscored, {"score": None, "status": "unscored:timeout"}, {"n_invented": 1}),
    }
    found = judge_failures(tables)
    assert found.to_dict("records") == [
        {"judge": "paid", "model": "one", "invented": 2, "differing": 1, "cut": 1}
        | {"unscored:schema": 0, "unscored:timeout": 0},
        {"judge": "paid", "model": "two", "invented": 1, "differing": 0, "cut": 0}
        | {"unscored:schema": 2, "unscored:timeout": 1},
    ]


def test_a_judge_that_never_fails_has_no_reasons():
    assert list(judge_failures({("rules", "one"): TABLES["rules", "one"]}).columns) == [
        "judge", "model", "invented", "differing", "cut",
    ]  # fmt: skip

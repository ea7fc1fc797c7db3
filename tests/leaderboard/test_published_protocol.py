"""The published protocol's table, worked by hand."""

from pathlib import Path

import pandas as pd
import pytest
from scoring.tables import BEDROOM, judged, judgements_table, parsed, parsed_table, sample, samples_table

from spd_faith.leaderboard.model import Missing, Note, Table, Text, Value
from spd_faith.leaderboard.published_protocol import by_published_protocol, protocol_section
from spd_faith.leaderboard.rows import published_rows
from spd_faith.scoring.samples import score_table

ROOT = Path(__file__).resolve().parents[2]
CAR_DOG = [("color", "car"), ("remove", "dog")]
IDS = [*(f"multi_diff/{row:05d}_{row}" for row in range(5)), "easy/00000_9"]
SAMPLES = samples_table(
    *(sample(name, true=BEDROOM if name == IDS[0] else CAR_DOG, image_id=name[-1],
             control="identical" if name == IDS[4] else "none") for name in IDS)
)  # fmt: skip
ANSWERS = parsed_table(
    parsed(IDS[0]),  # bedspread color and chair position
    parsed(IDS[1], [("color", "car"), ("color", "car"), ("color", "car")], verdicts=("same", "differs")),
    parsed(IDS[2], [], status="free_text", verdicts=("same", "same")),  # no list: dropped
    parsed(IDS[3], CAR_DOG),
    parsed(IDS[4], [("color", "car")] * 9),
    parsed(IDS[5], [("color", "car")] * 9),
)
JUDGEMENTS = judgements_table(
    judged(IDS[0], drf=(3, 3, 0), cr=(1, 0, 3)),  # content: 0 of 3
    judged(IDS[1], drf=(1, 0, 0), cr=(2, 1, 0)),  # 2 of 2: the contradictory one is about the verdicts
    judged(IDS[2], drf=(0, 1, 0), cr=(1, 0, 0)),  # no claim about the contents
    judged(IDS[3], drf=None, cr=(2, 1, 0)),  # 1 of 2
    judged(IDS[4], drf=(0, 1, 0)),
    judged(IDS[5], drf=(0, 1, 0)),
)


def row() -> pd.Series:
    scores = score_table(SAMPLES, ANSWERS, JUDGEMENTS)
    (found,) = by_published_protocol(SAMPLES, {"m": ANSWERS}, {("j", "m"): scores}).iloc
    assert (found["judge"], found["model"]) == ("j", "m")
    return found


def test_each_number_by_hand() -> None:
    found = row()
    assert [found[f"protocol_{name}"] for name in ("pairs", "dropped", "without_content", "unscored")] == [4, 1, 1, 1]
    assert found["protocol_dqr"] == pytest.approx((2 / 3 + 3 / 2 + 2 / 2) / 3)  # uncapped, without the dropped one
    # types: true 3 + 2 + 2, predicted 2 + 3 + 2, matched 1 + 1 + 2
    assert found["protocol_tf1"] == pytest.approx(2 * 4 / (7 + 7))
    # categories: matched 1 + 3 (the car each time) + 2
    assert found["protocol_cf1"] == pytest.approx(2 * 6 / (7 + 7))
    assert found["protocol_ds"] == pytest.approx((1 + 0.5 + 0 + 1) / 4)  # over all four
    assert found["protocol_drf"] == pytest.approx((1 / 2 + 1 + 0) / 3)
    assert found["protocol_cr_content"] == pytest.approx((0 + 1 + 1 / 2) / 3)
    parts = ("drf", "tf1", "cf1", "dqr", "ds", "cr_content")
    assert found["protocol_overall"] == pytest.approx(sum(found[f"protocol_{name}"] for name in parts) / 6)


def test_if_every_answer_is_dropped_the_released_metrics_are_null() -> None:
    answers = parsed_table(*(parsed(name, [], status="free_text") for name in IDS))
    scores = score_table(SAMPLES, answers, JUDGEMENTS)
    (found,) = by_published_protocol(SAMPLES, {"m": answers}, {("j", "m"): scores}).iloc
    assert (found["protocol_pairs"], found["protocol_dropped"]) == (4, 4)
    assert found[["protocol_dqr", "protocol_tf1", "protocol_cf1", "protocol_overall"]].isna().all()
    assert found["protocol_ds"] == 1


def published() -> pd.DataFrame:
    return published_rows(pd.read_csv(ROOT / "resources/published_results.csv"))


def test_the_published_rows_stand_below_the_runs() -> None:
    live = pd.DataFrame([row()]).assign(label="Mine", judge_label="Rules", origin="run")
    about, table = protocol_section(live, published()).parts
    assert isinstance(about, Note) and "probable, not proven" in str(about.spans[0])
    assert isinstance(table, Table) and len(table.rows) == 7
    mine, theirs = table.rows[0], table.rows[1]
    assert mine[:2] == (Text("Mine"), Text("Rules")) and mine[-4:] == (Value(4), Value(1), Value(1), Value(1))
    assert theirs[:2] == (Text("GLM-4.5V (published)"), Text("as published"))
    assert [cell.value for cell in theirs[2:9] if isinstance(cell, Value)] == pytest.approx(
        [0.583, 0.694, 0.696, 0.670, 0.925, 0.877, 0.741]
    )
    assert theirs[9:] == (Missing(),) * 4


def test_without_the_split_the_published_rows_have_a_note() -> None:
    samples = samples_table(sample(IDS[5]))
    answers, judgements = parsed_table(parsed(IDS[5])), judgements_table(judged(IDS[5]))
    scores = score_table(samples, answers, judgements)
    found = by_published_protocol(samples, {"m": answers}, {("j", "m"): scores})
    assert found.drop(columns=["judge", "model"]).isna().all(axis=None)
    live = found.assign(label="Mine", judge_label="Rules", origin="run")
    _, missing, table = protocol_section(live, published()).parts
    assert isinstance(missing, Note) and "no split multi_diff" in str(missing.spans[0])
    assert isinstance(table, Table) and len(table.rows) == 6


def test_the_page_about_it_says_what_is_known() -> None:
    page = (ROOT / "docs/published_protocol.md").read_text(encoding="utf-8")
    assert "probable, not proven" in page

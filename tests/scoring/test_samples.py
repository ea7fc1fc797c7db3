"""Scores of single samples: the worked example of the published figure, and every edge case of docs/metrics.md."""

import pyarrow as pa
import pytest
from scoring.tables import (
    BEDROOM,
    BEDROOM_ANSWER,
    judged,
    judgements_table,
    parsed,
    parsed_table,
    sample,
    samples_table,
)

from spd_faith.core.errors import UserError
from spd_faith.core.files import read_table, write_table
from spd_faith.core.schemas import RESPONSES
from spd_faith.judging.rules import judge_samples
from spd_faith.parsing.table import parse_response
from spd_faith.scoring.samples import score_table
from spd_faith.scoring.tables import SCORES

ID = "easy/00000_1"


def score(true=BEDROOM, predicted=BEDROOM_ANSWER, drf=(3, 3, 0), cr=(1, 0, 3), control="none", **answer):
    table = score_table(
        samples_table(sample(true=true, control=control)),
        parsed_table(parsed(predicted=predicted, **answer)),
        judgements_table(judged(drf=drf, cr=cr)),
    )
    return table.to_pylist()[0]


def test_worked_example_of_the_published_figure():
    """Truth: bedspread color, clock remove, TV remove. Answer: two differences, bedspread color and chair position."""
    row = score(stated=2)
    expected = {
        "dqr": 2 / 3,
        "ds": 1,
        "tf1": 2 / 5,
        "cf1": 2 / 5,
        "tf1_figure": 4 / 7,
        "cf1_figure": 4 / 7,
        "drf": 3 / 6,
        "cr": 1 / 4,
        "pf1": 2 / 5,
        "dqr_exact": 0,
        "ds_count": 2 / 3,
        "cr_verdict": 1,
        "cr_signed": (1 + 3 * 0.5) / 4,
        "overall": (2 / 3 + 1 + 2 / 5 + 2 / 5 + 1 / 2 + 1 / 4) / 6,
    }
    assert {name: row[name] for name in expected} == pytest.approx(expected)
    assert (row["n_gt"], row["n_pred"], row["n_listed"], row["type_matched"]) == (3, 2, 2, 1)
    assert [row[f"color_{n}"] for n in ("matched", "predicted", "true")] == [1, 1, 1]
    assert [row[f"remove_{n}"] for n in ("matched", "predicted", "true")] == [0, 0, 2]
    assert [row[f"position_{n}"] for n in ("matched", "predicted", "true")] == [0, 1, 0]


@pytest.mark.parametrize(
    ("verdicts", "cr", "content"),
    [
        (("differs", "differs"), (1, 0, 3), 0 / 3),  # the consistent claim is the one about the verdicts
        (("differs", "differs"), (3, 1, 1), 2 / 4),
        (("same", "differs"), (2, 2, 0), 2 / 3),  # it is one of the contradictory ones
        (("unclear", "same"), (1, 0, 2), 1 / 2),  # … of the ambiguous ones
        (("same", "same"), (1, 0, 0), None),  # no other claim
        ((None, "differs"), (1, 1, 0), 1 / 2),  # of a verdict that is not read there is no claim
        (("same", "same"), None, None),  # the judge failed
    ],
)
def test_cr_content_leaves_out_the_claim_about_the_verdicts(verdicts, cr, content):
    assert score(verdicts=verdicts, cr=cr)["cr_content"] == content


@pytest.mark.parametrize(
    ("same", "different"),
    [
        ("No. The dog is gone. The car moved.", "Yes. The dog was removed. The car is red in the first image."),
        ("Yes. The dog is in both.", "Yes. The dog was removed."),
        ("Well, the dog was removed.", "Yes. The cat was removed."),
        ("No.", "Yes."),
    ],
)
def test_cr_content_is_the_judgement_without_its_first_claim(same, different):
    """The claim that scoring leaves out by its count is the one that the rules put first."""
    texts = {"describe": "", "same": same, "different": different}
    answers = [parse_response(task, text, failed=False) | {"sample_id": ID} for task, text in texts.items()]
    responses = [{"sample_id": ID, "task": task, "response_text": text} for task, text in texts.items()]
    empty = {"prompt_sha": "", "finish_reason": "stop", "seconds": 0.0, "attempts": 1}
    tables = (
        samples_table(sample(ID)),
        pa.Table.from_pylist([empty | row for row in responses], schema=RESPONSES),
        parsed_table(answers),
    )
    judged_rows = judge_samples(*tables)
    (row,) = score_table(tables[0], tables[2], judgements_table(judged_rows)).to_pylist()
    claims = next(one for one in judged_rows if one["metric"] == "cr")["claims"][1:]
    labels = [claim["label"] for claim in claims]
    expected = labels.count("consistent") / len(labels) if labels else None
    assert row["cr_content"] == expected


@pytest.mark.parametrize(
    ("predicted", "tf1", "cf1", "pf1"),
    [
        ([("color", "bedspread"), ("replaced", "clock")], 2 / 5, 4 / 5, 2 / 5),  # unknown type
        ([("color", "bedspread"), (None, "clock")], 2 / 5, 4 / 5, 2 / 5),  # missing type
        ([("color", None), ("remove", "clock")], 4 / 5, 2 / 5, 2 / 5),  # missing category
        ([("color", ""), ("remove", "clock")], 4 / 5, 2 / 5, 2 / 5),  # empty category
        ([("color", "lamp"), ("remove", "clock")], 4 / 5, 2 / 5, 2 / 5),  # a name that is not true
    ],
)
def test_unknown_or_missing_counts_in_p_and_matches_nothing(predicted, tf1, cf1, pf1):
    row = score(predicted=predicted)
    assert row["n_listed"] == 2
    assert (row["tf1"], row["cf1"], row["pf1"]) == pytest.approx((tf1, cf1, pf1))


def test_nothing_predicted_scores_0():
    row = score(predicted=[], stated=0)
    zero = ("tf1", "cf1", "pf1", "cf1_alias", "tf1_figure", "cf1_figure", "dqr", "dqr_exact", "ds_count")
    assert {name: row[name] for name in zero} == dict.fromkeys(zero, 0)


def test_nothing_predicted_where_nothing_is_true_is_null_but_the_counts_agree():
    row = score(true=[], predicted=[], stated=0, control="identical", verdicts=("same", "same"))
    null = ("tf1", "cf1", "pf1", "cf1_alias", "tf1_figure", "cf1_figure", "dqr", "overall")
    assert {name: row[name] for name in null} == dict.fromkeys(null)
    assert (row["dqr_exact"], row["ds_count"], row["ds"]) == (1, 1, 0)


def test_something_predicted_where_nothing_is_true():
    row = score(true=[], control="identical")
    assert (row["tf1"], row["cf1_figure"], row["dqr_exact"], row["ds_count"], row["ds"]) == (0, 0, 0, 0, 1)
    assert row["dqr"] is None


def test_an_impossible_count_is_the_length_of_the_list():
    assert score(stated=None)["n_pred"] == 2


def test_a_stated_count_wins_over_the_list():
    row = score(stated=3)
    assert (row["n_pred"], row["n_listed"], row["dqr"], row["tf1"]) == (3, 2, 1, pytest.approx(2 / 5))


@pytest.mark.parametrize(
    ("verdicts", "ds", "unclear", "agree"),
    [
        (("differs", "differs"), 1, 0, 1),
        (("same", "same"), 0, 0, 1),
        (("differs", "same"), 0.5, 0, 0),  # "No." twice
        (("same", "differs"), 0.5, 0, 0),
        (("differs", "unclear"), 0.5, 1, 0),
        (("unclear", "unclear"), 0, 2, 0),  # two unclear verdicts do not agree
        ((None, "differs"), None, 0, None),  # in a language that the parser cannot read
        (("unclear", None), None, 1, None),
    ],
)
def test_verdicts(verdicts, ds, unclear, agree):
    row = score(verdicts=verdicts)
    assert (row["ds"], row["n_unclear"], row["cr_verdict"]) == (ds, unclear, agree)


@pytest.mark.parametrize("status", ["no_response", "empty", "failed"])
def test_a_models_failure_scores_0(status):
    unclear = ("unclear", "unclear")
    row = score(predicted=[], status=status, verdicts=unclear, drf=(0, 0, 0), cr=(0, 0, 1))
    assert row["drf_status"] == "no_claims"
    assert [row[name] for name in ("drf", "tf1", "cf1", "dqr", "ds", "cr", "overall")] == [0] * 7
    control = score(true=[], predicted=[], status=status, verdicts=unclear, control="identical")
    assert (control["dqr_exact"], control["ds_count"], control["ds"]) == (0, 0, 0)


def test_a_judges_failure_is_null():
    row = score(drf=None, cr=None)
    assert [row[name] for name in ("drf", "cr", "cr_signed", "overall")] == [None] * 4
    assert row["drf_status"] == "unscored:timeout"
    assert (row["tf1"], row["cr_verdict"]) == (pytest.approx(2 / 5), 1)


def test_ambiguous_is_not_consistent():
    assert score(cr=(0, 0, 2))["cr"] == 0


def test_unverifiable_claims_are_outside_the_denominator_and_counted():
    row = score(drf=(1, 1, 8))
    assert (row["drf"], row["n_unverifiable"]) == (0.5, 8)


def test_a_right_difference_said_twice_gains_nothing():
    once, twice = score(predicted=[("color", "bedspread")]), score(predicted=[("color", "bedspread")] * 2)
    assert once["cf1"] == pytest.approx(2 / 4)
    assert twice["cf1"] == twice["tf1"] == twice["pf1"] == pytest.approx(2 / 5)


def test_over_counting_is_seen_by_f1_and_not_by_recall():
    row = score(predicted=BEDROOM * 3)
    assert (row["dqr"], row["tf1"], row["cf1"], row["dqr_exact"]) == (
        1,
        pytest.approx(6 / 12),
        pytest.approx(6 / 12),
        0,
    )


def test_swapped_pairings_pass_tf1_and_cf1_but_not_pf1():
    row = score(true=[("color", "car"), ("remove", "dog")], predicted=[("color", "dog"), ("remove", "car")])
    assert (row["tf1"], row["cf1"], row["pf1"]) == (1, 1, 0)


def test_categories_by_exact_lower_case_name_and_by_alias():
    true = [("color", "Person"), ("remove", "dining  table"), ("remove", "Gargoyle")]
    row = score(true=true, predicted=[("color", "man"), ("remove", "Dining table"), ("remove", "gargoyle")])
    assert row["cf1"] == pytest.approx(2 * 2 / 6)
    assert row["cf1_alias"] == pytest.approx(1)


def test_a_truth_without_a_name_is_matched_by_nothing():
    row = score(true=[("color", "")], predicted=[("color", None)])
    assert (row["tf1"], row["cf1"], row["cf1_alias"], row["pf1"]) == (1, 0, 0, 0)


def test_rows_keep_the_order_and_are_in_the_schema(tmp_path):
    ids = ["easy/00001_7", "easy/00000_7"]
    table = score_table(
        samples_table(*(sample(i) for i in ids)),
        parsed_table(*(parsed(i) for i in ids[::-1])),
        judgements_table(*(judged(i) for i in ids[::-1])),
    )
    write_table(tmp_path / "scores.parquet", table, SCORES)
    assert read_table(tmp_path / "scores.parquet", SCORES)["sample_id"].to_pylist() == ids


def test_no_samples_give_an_empty_table():
    assert score_table(samples_table(), parsed_table(), judgements_table()).num_rows == 0


@pytest.mark.parametrize(
    ("answers", "judgements", "named"),
    [
        (parsed()[1:], judged(), "parsed answers.*\n.*describe"),
        (parsed() * 2, judged(), "parsed answers.*\n.*repeated"),
        (parsed(), judged()[:1], "judgements.*\n.*cr"),
        (parsed(), judged() + judged("easy/9_9"), "judgements.*\n.*unexpected.*easy/9_9"),
    ],
)
def test_a_missing_or_doubled_row_is_refused(answers, judgements, named):
    with pytest.raises(UserError, match=named):
        score_table(samples_table(sample()), parsed_table(answers), judgements_table(judgements))

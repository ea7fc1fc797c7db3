"""Questions without an answer: from the table of responses to ranks, coverage, bounds and counts."""

from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest
from scoring.tables import sample, samples_table

from spd_faith.core.failures import without_forced
from spd_faith.core.paths import ResultPaths
from spd_faith.core.schemas import JUDGEMENTS, RESPONSES, TASKS
from spd_faith.inference.answers import not_asked, outcome_columns
from spd_faith.judging.rules import judge_samples
from spd_faith.leaderboard.answer_signs import answer_signs
from spd_faith.leaderboard.failed_answers import (
    failed_answers,
    failures_by_group,
    with_failures,
)
from spd_faith.leaderboard.failures_section import failures_section
from spd_faith.leaderboard.model import Text, Value
from spd_faith.leaderboard.renderers.md import table_text
from spd_faith.leaderboard.rows import Provenance, live_rows
from spd_faith.parsing.table import parse_table
from spd_faith.scoring.aggregate import Aggregate, aggregate
from spd_faith.scoring.metrics import HEADLINE_AND_OVERALL
from spd_faith.scoring.samples import score_table

IDS = [f"{split}/{row:05d}_{row}" for split in ("easy", "hard") for row in range(6)]
TRUE = [("color", "car"), ("remove", "dog")]
SAMPLES = samples_table(*(sample(name, TRUE, image_id=name[-1]) for name in IDS))
PERFECT = {
    "describe": "There are two differences. The color of the car changed, and the dog was removed.\n"
    '{"predicted_num": 2, "structured_output": [{"type": "color", "category": "car"}, '
    '{"type": "remove", "category": "dog"}]}',
    "same": "No, the color of the car changed.",
    "different": "Yes, the color of the car changed.",
}
Ending = tuple[str, str]  # text, finish_reason
NOT_ASKED: Ending = ("", "not asked")


def responses(endings: dict[tuple[str, str], Ending]) -> pa.Table:
    """A perfect model's responses, but for the given (sample, task)."""
    rows: list[dict[str, Any]] = []
    for name in IDS:
        for task in TASKS:
            text, reason = endings.get((name, task), (PERFECT[task], "stop"))
            row = {"sample_id": name, "task": task, "prompt_sha": "", "response_text": text, "finish_reason": reason}
            unasked = not_asked("no answer in the file") if reason == NOT_ASKED[1] else {}
            rows.append(outcome_columns(row | {"seconds": 0.0, "attempts": 1}) | unasked)
    return pa.Table.from_pylist(rows, schema=RESPONSES)


def evaluated(table: pa.Table) -> tuple[Aggregate, pd.Series]:
    """The aggregate of one model, and its row on the leaderboard."""
    parsed = parse_table(table)
    judgements = pa.Table.from_pylist(judge_samples(SAMPLES, table, parsed), schema=JUDGEMENTS)
    key = ("rules", "m")
    result = aggregate(SAMPLES, {key: score_table(SAMPLES, parsed, judgements)}, {key: judgements}, 100)
    origin = Provenance("M", "Rules", "m", "1", None, None, "demo", "1", "rules", 0, 0.0, None)
    return result, live_rows(result, {key: origin}).iloc[0]


def all_of(task: str, ending: Ending) -> dict[tuple[str, str], Ending]:
    return {(name, task): ending for name in IDS}


def with_counts(table: pa.Table) -> dict[Any, Any]:
    """The row of one model with what counts its failures."""
    _, row = evaluated(table)
    counts = failed_answers(SAMPLES, {"m": table}, ResultPaths(Path("results/demo")), {}).iloc[0]
    return dict(row) | dict(counts) | dict(answer_signs(SAMPLES, {"m": parse_table(table)}).iloc[0])


def test_a_model_that_answers_everything_is_covered_and_ranked() -> None:
    _, row = evaluated(responses({}))
    assert (row["rank"], row["overall"], row["overall_coverage"]) == (1, 1.0, 1.0)


@pytest.mark.parametrize("ending", [("", "error"), ("", "timeout"), NOT_ASKED])
def test_questions_that_nobody_answered_are_null(ending: Ending) -> None:
    _, row = evaluated(responses(all_of("same", ending)))
    assert pd.isna(row["ds"]) and pd.isna(row["cr"]) and pd.isna(row["rank"]) and pd.isna(row["overall"])
    assert (row["ds_coverage"], row["cr_coverage"], row["drf_coverage"], row["tf1_coverage"]) == (0, 0, 1, 1)
    assert (row["ds_bound_low"], row["ds_bound_high"], row["drf"], row["tf1"]) == (0, 1, 1, 1)
    assert pd.isna([row[name] for name in ("cr_verdict", "cr_signed", "cr_content", "unclear", "cr_claims")]).all()
    assert row["cr_verdict_coverage"] == row["unclear_coverage"] == 0
    assert (row["ds_count"], row["dqr_exact"], row["pf1"], row["ds_count_coverage"]) == (1, 1, 1, 1)


def test_descriptions_that_nobody_gave_are_null() -> None:
    _, row = evaluated(responses(all_of("describe", ("", "error"))))
    of_describe = ("drf", "tf1", "cf1", "dqr", "dqr_exact", "ds_count", "pf1", "cf1_alias", "tf1_figure", "cf1_figure")
    assert pd.isna([row[name] for name in (*of_describe, "drf_claims", "overall", "rank")]).all()
    assert [row[f"{name}_coverage"] for name in of_describe] == [0] * len(of_describe)
    assert (row["ds"], row["cr"], row["ds_coverage"], row["cr_coverage"]) == (1, 1, 1, 1)
    assert [row[f"{name}_bound_{end}"] for name in ("tf1", "dqr", "drf") for end in ("low", "high")] == [0, 1] * 3
    assert (row["overall_bound_low"], row["overall_bound_high"]) == (pytest.approx(2 / 6), 1)


def test_empty_answers_to_one_question_are_the_models() -> None:
    _, row = evaluated(responses(all_of("same", ("", "stop"))))
    assert (row["ds"], row["cr"], row["ds_coverage"], row["cr_coverage"], row["rank"]) == (0.5, 0.0, 1, 1, 1)


@pytest.mark.parametrize(
    "ending", [("", "length"), ("", "content_filter"), (PERFECT["describe"], "content_filter"),
               ("I can't help with that.", "refusal"), (PERFECT["describe"], "refusal"), (" \n", "unknown:odd")]
)  # fmt: skip
def test_what_is_withheld_scores_0(ending: Ending) -> None:
    _, row = evaluated(responses(all_of("describe", ending)))
    assert [row[name] for name in ("drf", "tf1", "cf1", "dqr")] == [0, 0, 0, 0]
    assert row["drf_coverage"] == row["tf1_coverage"] == 1


@pytest.mark.parametrize("reason", ["content_filter", "refusal"])
def test_a_withheld_verdict_is_unclear(reason: str) -> None:
    _, row = evaluated(responses(all_of("same", (PERFECT["same"], reason))))
    assert (row["ds"], row["cr"], row["unclear"], row["ds_coverage"], row["cr_coverage"]) == (0.5, 0, 0.5, 1, 1)


def test_what_was_said_before_the_limit_counts() -> None:
    _, row = evaluated(responses(all_of("describe", (PERFECT["describe"], "length"))))
    assert (row["drf"], row["tf1"], row["drf_coverage"]) == (1, 1, 1)


@pytest.mark.parametrize(
    ("text", "reason", "failure", "error"),
    [
        ("Yes.", "stop", None, None),
        ("Yes", "length", None, None),
        ("Yes", "unknown:odd", None, None),
        ("I cannot tell.", "stop", None, None),  # a refusal in words is a text
        ("", "stop", "model", None),
        ("", "length", "model", None),
        ("", "content_filter", "model", None),
        ("One is", "content_filter", "model", "withheld: One is"),
        ("No!", "refusal", "model", "withheld: No!"),
        ("", "error", "transport", None),
        ("", "timeout", "transport", None),
    ],
)
def test_whose_failure_it_is(text: str, reason: str, failure: str | None, error: str | None) -> None:
    found = outcome_columns({"response_text": text, "finish_reason": reason, "error": None})
    kept = "" if failure else text
    assert found == {"response_text": kept, "finish_reason": reason, "error": error, "failure": failure}


def test_15_of_36_failed_calls_give_no_rank() -> None:
    failed = [(name, task) for name in IDS[:5] for task in TASKS]  # five whole pairs of twelve
    _, row = evaluated(responses(dict.fromkeys(failed, ("", "timeout"))))
    assert pd.isna(row["rank"])
    assert [row[f"{name}_coverage"] for name in ("drf", "tf1", "cf1", "dqr", "ds", "cr", "overall")] == [7 / 12] * 7
    # F1: 7 pairs with M = |P| = |G| = 2; the other 5 with M = |P| = 0, or with M = |P| = 2
    assert row["tf1_bound_low"] == pytest.approx(2 * 14 / (14 + 24))
    assert row["tf1_bound_high"] == 1
    assert row["dqr_bound_low"] == pytest.approx(7 / 12)
    assert row["overall_bound_low"] == pytest.approx((2 * 28 / 38 + 4 * 7 / 12) / 6)


def test_a_breakdown_shows_where_calls_failed() -> None:
    failed = {(name, "describe"): ("", "error") for name in IDS if name.startswith("hard")}
    result, row = evaluated(responses(failed))
    splits = {
        (part["group"], part["metric"]): (part["value"], part["coverage"])
        for part in result.breakdowns.to_pylist()
        if part["by"] == "split"
    }
    assert splits["hard", "tf1"] == (None, 0) and splits["hard", "ds"] == (1, 1)
    assert splits["easy", "tf1"] == (1, 1)
    assert (row["tf1"], row["tf1_coverage"]) == (1, 0.5)  # the failed pairs leave the sums, their n_gt too


def test_a_breakdown_counts_failures_by_group_and_question() -> None:
    same = {IDS[0]: ("", "timeout"), IDS[1]: ("", "stop"), IDS[7]: ("", "error"), IDS[8]: ("", "length")}
    table = responses({(name, "same"): ending for name, ending in same.items()})
    failed = failures_by_group(SAMPLES, {"m": table})
    result, _ = evaluated(table)
    breakdowns = with_failures(result.breakdowns.to_pandas(), failed)
    counts = breakdowns[breakdowns["metric"].str.startswith(TASKS) & (breakdowns["value"] > 0)]
    assert set(counts["judge"]) == {"rules"} and set(counts["model"]) == {"m"}
    found = {(row.by, row.group, row.n, row.metric): row.value for row in counts.itertuples()}
    both = {"same_transport": 2, "same_timeout": 1, "same_model": 2, "same_cut": 1}
    assert found == {
        ("split", "easy", 6, "same_transport"): 1,
        ("split", "easy", 6, "same_timeout"): 1,
        ("split", "easy", 6, "same_model"): 1,
        ("split", "hard", 6, "same_transport"): 1,
        ("split", "hard", 6, "same_model"): 1,
        ("split", "hard", 6, "same_cut"): 1,
        **{("type", kind, 12, name): n for kind in ("color", "remove") for name, n in both.items()},
        **{("num_differences", "2", 12, name): n for name, n in both.items()},
        **{("box_area", "unknown", 12, name): n for name, n in both.items()},
    }
    _, _, _, by_split = failures_section([with_counts(table)], failed).parts
    lines = [line.split() for line in table_text(by_split).splitlines()[2:]]
    assert [[word for word in line if word != "|"] for line in lines] == [
        ["M", "easy", "same", "1", "0", "1", "1", "0"],
        ["M", "hard", "same", "1", "1", "1", "0", "0"],
    ]


def test_scores_hold_whose_failure_it_is() -> None:
    endings = {(IDS[0], "same"): ("", "timeout"), (IDS[1], "describe"): ("", "stop")}
    parsed = parse_table(table := responses(endings))
    judgements = pa.Table.from_pylist(judge_samples(SAMPLES, table, parsed), schema=JUDGEMENTS)
    scores = score_table(SAMPLES, parsed, judgements).select(["describe_failure", "same_failure", "different_failure"])
    nothing = dict.fromkeys(scores.column_names)
    expected = [nothing | {"same_failure": "transport"}, nothing | {"describe_failure": "model"}]
    assert scores.to_pylist() == [*expected, *[nothing] * 10]


def test_failures_are_counted_by_question() -> None:
    endings = {(IDS[0], "same"): ("", "timeout"), (IDS[1], "same"): ("", "error"), (IDS[2], "describe"): ("", "stop")}
    table = responses(endings | {(IDS[3], "describe"): (PERFECT["describe"], "length")})
    paths = ResultPaths(Path("results/demo"))
    frame = failed_answers(SAMPLES, {"m": table}, paths, {})
    found = frame.iloc[0]
    counted = {name: found[name] for name in frame.columns if name.startswith(TASKS) and found[name]}
    assert counted == {"same_transport": 2, "same_timeout": 1, "describe_model": 1, "describe_cut": 1}
    _, totals, shown, _ = failures_section([with_counts(table)], failures_by_group(SAMPLES, {"m": table})).parts
    assert "describe" in table_text(shown) and "different" not in table_text(shown)
    titles = [column.title for column in totals.columns]
    assert dict(zip(titles, totals.rows[0], strict=True)) == {
        "Model": Text("M", "m"),
        "Questions": Value(36),
        "No answer by the model": Value(1),
        "Cut at the limit": Value(1),
        "No reply": Value(2),
        "Timed out": Value(1),
        "Not asked": Value(0),
        "Descriptions empty": Value(1),
        "Descriptions not parsed": Value(0),
        "Verdicts unclear": Value(0),
        "Unread language": Value(0),
    }


def test_a_model_that_was_not_asked_has_no_rank_and_says_why() -> None:
    rows = [row | not_asked("unsupported: ffn_scale: no sum") for row in responses({}).to_pylist()]
    table = pa.Table.from_pylist(rows, schema=RESPONSES)
    row = with_counts(table)
    assert [row[f"{metric}_coverage"] for metric in HEADLINE_AND_OVERALL] == [0] * 7 and pd.isna(row["rank"])
    assert row["unsupported"] == "ffn_scale: no sum" and pd.isna(row["ask_again"])
    assert [row[f"{task}_not_asked"] for task in TASKS] == [12] * 3
    partly = [NOT_ASKED if number % 2 else ("", "error") for number in range(len(IDS))]
    without_reason = responses({(name, "same"): ending for name, ending in zip(IDS, partly, strict=True)})
    assert pd.isna(with_counts(without_reason)["unsupported"])


def test_the_command_names_the_jobs_that_asked() -> None:
    paths = ResultPaths(Path("results/demo"))
    table = responses({(IDS[0], "same"): ("", "error")})
    again = failed_answers(SAMPLES, {"m": table, "s": table, "ok": responses({})}, paths, {"s": 2})["ask_again"]
    assert again.fillna("").tolist() == [
        "--forcerun results/demo/responses/m.parquet",
        "--forcerun results/demo/shards/s/0.parquet results/demo/shards/s/1.parquet",
        "",
    ]
    forced = ["-F", "--cores", "2", "--forcerun", "a", "b", "--configfile", "c.yaml", "--forcerun=d", "all", "-R", "e"]
    assert without_forced([*forced, "-Rf", "--forceall"]) == ["--cores", "2", "--configfile", "c.yaml", "all"]

"""The warnings above the table: each has a cause, names the models that have it, and is one for all of them."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pandas as pd
import pytest
from scoring.tables import sample, samples_table

from spd_faith.core.run_config import leaderboard_labels
from spd_faith.core.schemas import TASKS
from spd_faith.core.statistics import LEAST_CLUSTERS
from spd_faith.leaderboard.failed_answers import FAILURE_KINDS
from spd_faith.leaderboard.model import Code, Note
from spd_faith.leaderboard.rows import LOWEST_RANKED_COVERAGE
from spd_faith.leaderboard.run_warnings import MOST, MOST_UNREAD, run_warnings

SIZES = {"easy": 4, "hard": 12}
SAMPLES = samples_table(
    *(sample(f"{split}/{row:05d}_{row}", image_id=f"{split}{row}") for split, n in SIZES.items() for row in range(n))
)
WELL: dict[str, Any] = {
    "judge": "rules",
    "judge_label": "Rules",
    "n": 100,
    "transport_failures": 0,
    "ask_again": None,
    "unsupported": None,
    **{f"{task}_{kind}": 0 for task in TASKS for kind in FAILURE_KINDS},
    "n_failed": 0,
    "n_unclear": 0,
    "n_unread": 0,
    "unread_languages": "",
    "drf_json_only": 0.0,
}


def row(model: str = "a", **changes: Any) -> dict[str, Any]:
    return WELL | {"model": model, "label": model.upper()} | changes


def warnings(*rows: dict[str, Any], clusters: int = 16, merged: Any = (), **unscored: list[int]) -> list[str]:
    """Their texts; `unscored` has a count per row, by reason."""
    keys = pd.DataFrame([{"judge": one["judge"], "model": one["model"]} for one in rows])
    failures = keys.assign(**{f"unscored:{reason}": counts for reason, counts in unscored.items()})
    aggregate: Any = SimpleNamespace(num_clusters=clusters, merged_splits=merged)
    found = list(run_warnings(rows, failures, aggregate, SAMPLES))
    assert all(one.is_warning for one in found)
    return [text_of(one) for one in found]


def text_of(note: Note) -> str:
    return "".join(f"`{span.text}`" if isinstance(span, Code) else str(span) for span in note.spans)


def test_a_run_without_a_cause_has_none() -> None:
    assert warnings(row(), row("b")) == []


# just at the threshold, and above it; of 100 pairs: 100 descriptions, 200 verdicts, 300 questions
@pytest.mark.parametrize(
    ("still", "too_many", "said"),
    [
        ({"n_failed": 5}, {"n_failed": 6}, "A: 6%, 6 of 100"),
        ({"n_unclear": 10}, {"n_unclear": 11}, "A: 6%, 11 of 200"),
        ({"describe_model": 10, "same_model": 5}, {"describe_model": 10, "same_model": 6}, "A: 5%, 16 of 300"),
        ({"describe_cut": 15}, {"describe_cut": 30}, "A: 10%, 30 of 300"),
        ({"n_unread": 1}, {"n_unread": 6, "unread_languages": "zh, de"}, "A in zh, de: 2%, 6 of 300"),
        ({"drf_json_only": 0.05}, {"drf_json_only": 0.25}, "A: 25%"),
        ({"drf_json_only": float("nan")}, {"drf_json_only": 1.0}, "A: 100%"),
    ],
)
def test_a_rate_above_its_threshold_is_a_warning(still: dict[str, Any], too_many: dict[str, Any], said: str) -> None:
    assert warnings(row(**still)) == []
    [text] = warnings(row(**too_many), row("b", **still))
    assert f"({said})." in text


def test_the_documentation_has_the_thresholds() -> None:
    page = (Path(__file__).resolve().parents[2] / "docs/metrics.md").read_text(encoding="utf-8")
    table = page.split("## Warnings")[1].split("## ")[0]
    assert table.count(f"over {MOST:.0%}") == 5 and table.count(f"over {MOST_UNREAD:.1%}") == 1
    assert table.count(f"under {LEAST_CLUSTERS} image ids") == 2


def test_an_unread_language_is_a_warning_before_it_costs_the_rank() -> None:
    """Each of these answers may be about another pair."""
    assert len(TASKS) * MOST_UNREAD < 1 - LOWEST_RANKED_COVERAGE


def test_questions_without_a_reply() -> None:
    again = {"transport_failures": 2, "ask_again": "--forcerun results/demo/responses/a.parquet"}
    [text] = warnings(row(**again), row(judge="other", **again), row("b"))
    assert "(A: 2)" in text and "`--forcerun results/demo/responses/a.parquet`." in text


def test_a_model_that_was_not_asked_says_why_and_not_how_to_ask_again() -> None:
    (text,) = warnings(row("a"), row("b", unsupported="ffn_scale: no sum"))
    assert "in its model (B: ffn_scale: no sum). Its questions were not asked" in text
    assert "forcerun" not in text


def test_few_images_in_all() -> None:
    [text] = warnings(row(), clusters=1)
    assert text.startswith("The run has only 1 image id: ")
    [text] = warnings(row(), clusters=4, merged=(("easy", "hard"),))
    assert text.startswith("The run has only 4 image ids: ")


def test_small_splits_are_named_with_their_size() -> None:
    [text] = warnings(row(), merged=(("easy", "hard"),))
    assert "easy + hard." in text and "(easy: 4)" in text


def test_judgements_without_a_score() -> None:
    rows = [row(), row("b"), row("c")]
    [text] = warnings(*rows, schema=[1, 0, 0], timeout=[2, 0, 3])
    assert (
        "(A, judged by Rules: 1 unscored:schema + 2 unscored:timeout, C, judged by Rules: 3 unscored:timeout)" in text
    )


@pytest.mark.parametrize(
    "problem",
    [
        {"n_failed": 50},
        {"n_unclear": 50},
        {"describe_model": 50},
        {"same_cut": 50},
        {"n_unread": 50, "unread_languages": "zh"},
        {"drf_json_only": 0.5},
        {"transport_failures": 5, "ask_again": "--forcerun x"},
    ],
)
def test_a_hundred_models_give_one_short_warning(problem: dict[str, Any]) -> None:
    [text] = warnings(*(row(f"model-{number}", **problem) for number in range(100)))
    assert "and 97 more" in text and len(text) < 500


def test_the_worst_come_first() -> None:
    rows = [row(name, n_unclear=n) for name, n in (("a", 20), ("b", 80), ("c", 40), ("d", 60), ("e", 30))]
    [text] = warnings(*rows)
    assert "(B: 40%, 80 of 200, D: 30%, 60 of 200, C: 20%, 40 of 200, and 2 more)" in text


def test_models_with_one_label_are_told_apart_once() -> None:
    labels = leaderboard_labels({"imp": {"label": "Imp"}, "elf": {"label": "Imp"}})
    [text] = warnings(row("imp", label=labels["imp"], n_unclear=80), row("elf", label=labels["elf"], n_unclear=20))
    assert "(Imp (imp): 40%, 80 of 200, Imp (elf): 10%, 20 of 200)" in text


def test_two_judges_are_kept_apart_where_it_matters() -> None:
    both = [row(n_unclear=50, drf_json_only=1.0), row(judge="llm", judge_label="LLM", n_unclear=50)]
    unclear, json_only = warnings(*both)
    assert unclear.count("A: ") == 1 and "LLM" not in json_only and "A, judged by Rules: 100%" in json_only

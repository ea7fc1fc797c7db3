"""What the judges cost, and where they failed."""

from collections.abc import Sequence

import pandas as pd

from spd_faith.leaderboard.judges import UNSCORED
from spd_faith.leaderboard.model import (
    COUNT,
    DOLLARS,
    NUMBER,
    Column,
    Group,
    Section,
    Table,
    Text,
    Value,
    note,
    value_cell,
)
from spd_faith.leaderboard.row_cells import MODEL_AND_JUDGE, Row, model_and_judge
from spd_faith.scoring.metrics import METRICS

_COSTS = (
    *(Column("Judge"), Column("Metric"), Column("Judge model", definition="As the judge's endpoint reports it.")),
    Column("Judgements", COUNT, "Judged answers, or pairs of answers, of all models, controls included."),
    Column("Calls", COUNT, "Replies of the judge. 0: it runs offline."),
    Column("US$", DOLLARS, "What the calls cost. “–” without a price or without calls."),
    Column("Seconds per call", NUMBER, "The mean time of a reply, without waiting. “–” without calls."),
)
_FAILURES = {
    "invented": Column(
        "Invented claims",
        COUNT,
        "Claims that the judge quotes in words that are not in the answer. They count in no score. Lower is better.",
    ),
    "differing": Column(
        "Printed scores that differ",
        COUNT,
        "Judgements whose printed score is not the one that their labels give. The printed one is never used. Lower is "
        "better.",
    ),
    "cut": Column(
        "Truncated answers", COUNT, "Judgements of an answer that the judge was not shown to its end. Lower is better."
    ),
}


def judges_section(costs: pd.DataFrame, failures: pd.DataFrame, live: Sequence[Row]) -> Section:
    """`costs` and `failures` are those of `judge_costs` and `judge_failures`."""
    return Section(
        "Judges",
        (
            note(
                "Calls, dollars and seconds count a question once, even if answers of several models led to it. "
                "An invented claim quotes words that are not in the answer; it does not count in any score. The score "
                "that a judge prints is never used."
            ),
            _costs_table(costs, live),
            _failures_table(failures, live),
        ),
    )


def _costs_table(costs: pd.DataFrame, live: Sequence[Row]) -> Table:
    labels = {row["judge"]: row["judge_label"] for row in live}
    rows = (
        (
            *(Text(labels[row["judge"]]), Text(METRICS[row["metric"]].label), Text(row["judge_model"])),
            *(Value(row["judgements"]), Value(row["calls"])),
            *(value_cell(row["usd"]), value_cell(row["seconds"])),
        )
        for row in costs.to_dict("records")
    )
    return Table("judge_costs", _COSTS, tuple(rows))


def _failures_table(failures: pd.DataFrame, live: Sequence[Row]) -> Table:
    counts = [name for name in failures.columns if name not in ("judge", "model")]
    found = {(row["judge"], row["model"]): row for row in failures.to_dict("records")}
    rows = (
        (*model_and_judge(row), *(Value(found[row["judge"], row["model"]][name]) for name in counts)) for row in live
    )
    columns = (*MODEL_AND_JUDGE, *(_FAILURES.get(name) or _unscored(name) for name in counts))
    return Table("judge_failures", columns, tuple(rows), Group.FAILURES)


def _unscored(status: str) -> Column:
    reason = status.removeprefix(UNSCORED).replace("_", " ")
    return Column(f"Unscored: {reason}", COUNT, f"Judgements without a score; reason: {reason}. Lower is better.")

"""The tables of metrics: headline, secondary, and broken down by groups of pairs."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pandas as pd

from spd_faith.core.statistics import LEAST_CLUSTERS
from spd_faith.leaderboard.comparisons_section import RANKS
from spd_faith.leaderboard.metric_columns import COVERAGE, Chosen, headline_columns, metric_column
from spd_faith.leaderboard.model import (
    COUNT,
    Bounded,
    Cell,
    Column,
    Group,
    Interval,
    Missing,
    Ranks,
    Section,
    Table,
    Text,
    Unranked,
    Value,
    note,
    value_cell,
)
from spd_faith.leaderboard.row_cells import MODEL_AND_JUDGE, Row, marked_label, model_and_judge
from spd_faith.leaderboard.rows import LOWEST_RANKED_COVERAGE, least_coverage
from spd_faith.scoring.aggregate import Aggregate
from spd_faith.scoring.breakdowns import BREAKDOWNS, Breakdown
from spd_faith.scoring.metrics import DESCRIPTIVE, HEADLINE, HEADLINE_AND_OVERALL, SECONDARY

_RANK = Column(
    "Rank",
    COUNT,
    f"Ranks by Overall among the rows of one judge; {RANKS}. Lower is better. “–” "
    f"below {LOWEST_RANKED_COVERAGE:.0%} coverage, and for variants of a model and their placebos.",
)
_WITHOUT_INTERVALS = note(f"Splits with under {LEAST_CLUSTERS} image ids have no interval.")


def headline_table(live: pd.DataFrame, chosen: Chosen) -> Table:
    """Rank, model, judge, headline metrics in the published order with intervals, and the lowest of their coverages."""
    labels = dict(zip(live["model"], live["label"], strict=True))
    columns = (_RANK, *MODEL_AND_JUDGE, *headline_columns(chosen), COVERAGE)
    rows = (
        (
            Unranked() if pd.isna(row["rank"]) else Ranks(row["rank_low"], row["rank_high"]),
            Text(marked_label(row, labels), row["model"]),
            Text(row["judge_label"], row["judge"]),
            *(_estimate(row, metric) for metric in HEADLINE_AND_OVERALL),
            Value(coverage),
        )
        for row, coverage in zip(live.to_dict("records"), least_coverage(live), strict=True)
    )
    return Table("headline", columns, tuple(rows), Group.HEADLINE)


def _estimate(row: Row, metric: str) -> Cell:
    if pd.isna(row[metric]):
        return Missing()
    ends = (row[metric], row[f"{metric}_low"], row[f"{metric}_high"])
    coverage = row[f"{metric}_coverage"]
    if coverage < 1:
        return Bounded(*ends, row[f"{metric}_bound_low"], row[f"{metric}_bound_high"], coverage, row[f"{metric}_best"])
    return Interval(*ends, is_best=row[f"{metric}_best"])


def secondary_section(live: Sequence[Row], chosen: Chosen) -> Section:
    """The metrics beside the headline, and those that say how a model answers."""
    names = (*SECONDARY, *DESCRIPTIVE)
    columns = (*MODEL_AND_JUDGE, *(metric_column(name, chosen) for name in names))
    rows = ((*model_and_judge(row), *(value_cell(row[name]) for name in names)) for row in live)
    return Section("Secondary metrics", (Table("secondary", columns, tuple(rows), Group.SECONDARY),))


# ---- by groups of pairs ----------------------------------------------------------------------------------------------


def breakdowns_section(aggregate: Aggregate, live: Sequence[Row], chosen: Chosen) -> Section:
    """The headline metrics by each of BREAKDOWNS."""
    return Section("Breakdowns", tuple(_breakdowns(aggregate, live, chosen)), "breakdowns")


def _breakdowns(aggregate: Aggregate, live: Sequence[Row], chosen: Chosen) -> Iterator[Section]:
    parts: dict[
        tuple[str, str, str], dict[tuple[str, int], dict[str, Mapping[str, Any]]]
    ] = {}  # by judge, model and breakdown; by group; by metric
    for part in aggregate.breakdowns.to_pylist():
        groups = parts.setdefault((part["judge"], part["model"], part["by"]), {})
        groups.setdefault((part["group"], part["n"]), {})[part["metric"]] = part
    for breakdown in BREAKDOWNS:
        rows = (
            (
                *(*model_and_judge(row), Text(group), Value(n)),
                *(_group_cell(found[name]) for name in HEADLINE_AND_OVERALL),
                Value(min(found[name]["coverage"] for name in HEADLINE)),
            )
            for row in live
            for (group, n), found in parts.get((row["judge"], row["model"], breakdown.name), {}).items()
        )
        notes = (_WITHOUT_INTERVALS,) if breakdown.has_intervals else ()
        yield Section(breakdown.title, (*notes, _breakdown_table(breakdown, tuple(rows), chosen)))


def _group_cell(row: Mapping[str, Any]) -> Cell:
    """The cell of a row of BREAKDOWNS_SCHEMA."""
    if row["value"] is None or row["low"] is None:
        return value_cell(row["value"])
    return Interval(row["value"], row["low"], row["high"])


def _breakdown_table(breakdown: Breakdown, rows: tuple[tuple[Cell, ...], ...], chosen: Chosen) -> Table:
    groups = (*MODEL_AND_JUDGE, Column("Group"), Column("Pairs", COUNT, "The pairs of the group, without controls."))
    return Table(breakdown.name, (*groups, *headline_columns(chosen), COVERAGE), rows)

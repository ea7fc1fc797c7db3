"""The page of the leaderboard: headline, what ignoring the images gets, comparisons, controls, judge's error, published
protocol, secondary metrics, breakdowns, failures, reasoning errors, probes, judges, provenance."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd
import pyarrow as pa

from spd_faith.core.schemas import PARSE_STATUSES
from spd_faith.core.statistics import LEAST_CLUSTERS
from spd_faith.leaderboard.audit_section import audit_section, audit_warning
from spd_faith.leaderboard.comparisons_section import comparisons_section
from spd_faith.leaderboard.controls_section import controls_section, ignoring_the_images
from spd_faith.leaderboard.corrections import correction_note, correction_section
from spd_faith.leaderboard.failed_answers import failed_section, transport_warnings
from spd_faith.leaderboard.judges import UNSCORED
from spd_faith.leaderboard.model import (
    COUNT,
    DOLLARS,
    NUMBER,
    PERCENT,
    PERCENT_SIGN,
    Bounded,
    Cell,
    Code,
    Column,
    Group,
    Interval,
    Missing,
    Note,
    Ranks,
    Section,
    Table,
    Text,
    Unranked,
    Value,
    note,
    value_cell,
)
from spd_faith.leaderboard.probe_section import probe_section
from spd_faith.leaderboard.published_protocol import protocol_section
from spd_faith.leaderboard.row_cells import MODEL_AND_JUDGE, Row, model_and_judge
from spd_faith.leaderboard.rows import LOWEST_RANKED_COVERAGE, least_coverage
from spd_faith.scoring.aggregate import Aggregate
from spd_faith.scoring.breakdowns import BREAKDOWNS, Breakdown
from spd_faith.scoring.metrics import DESCRIPTIVE, HEADLINE, HEADLINE_AND_OVERALL, METRICS, SECONDARY
from spd_faith.scoring.tallies import DRF_LEVELS

_WITHOUT_INTERVALS = note(f"Splits with under {LEAST_CLUSTERS} image ids have no interval.")
_PROVENANCE = {
    "label": "Model",
    "model_id": "Checkpoint",
    "model_revision": "Revision",
    "dtype": "dtype",
    "judge_label": "Judge",
    "dataset": "Dataset",
    "dataset_revision": "Dataset revision",
}


@dataclass(frozen=True)
class Findings:
    """The data of the page: rows of the run's models and of published ones, and further tables.

    `live` comes from `with_standings` with the columns of further tables, `comparisons` from `compare_models`, `floors`
    from `constant_answers`. `controls` has the counts of controls that the dataset's provenance records.
    `failed` has the failed answers by group (`failures_by_group`).
    `costs` and `failures` are about the judges (`judge_costs`, `judge_failures`), `unmeasured` about the probes
    (`not_measured`); `audit` is the truth audit (AUDIT), `corrections` from `scoring.correction`.
    """

    live: pd.DataFrame
    published: pd.DataFrame
    aggregate: Aggregate
    comparisons: pa.Table
    corrections: pd.DataFrame
    floors: pd.DataFrame
    controls: Mapping[str, Any]
    failed: pd.DataFrame
    costs: pd.DataFrame
    failures: pd.DataFrame
    unmeasured: pd.DataFrame
    audit: pa.Table


def leaderboard_page(dataset: str, found: Findings) -> Section:
    """The complete page; `dataset` is the label of the dataset."""
    live = found.live.to_dict("records")
    return Section(
        f"SPD-Faith leaderboard: {dataset}",
        (
            note(
                f"Percentages over {live[0]['n']} pairs; in brackets 95% intervals (bootstrap of images within split). "
                "If questions got no reply or judgements failed, ",
                Code("bounds"),
                " say how low and how high the value could be with them. Rows below "
                f"{LOWEST_RANKED_COVERAGE:.0%} coverage have no rank.",
            ),
            *transport_warnings(live),
            *_merged_strata(found.aggregate),
            *_unscored(found.failures, live),
            *audit_warning(found.audit),
            headline_table(found.live),
            correction_note(found.corrections),
            ignoring_the_images(found.floors, live),
            *comparisons_section(found.live, found.comparisons),
            controls_section(live, found.controls),
            correction_section(found.live, found.corrections),
            protocol_section(found.live, found.published),
            Section("Secondary metrics", (_secondary_table(live),)),
            Section("Breakdowns", tuple(_breakdowns(found.aggregate, live)), "breakdowns"),
            failed_section(live, found.failed),
            Section("Parsing of the answers", (_statuses_table(live),)),
            Section("Reasoning errors", (_drf_table(found.aggregate, live),)),
            *probe_section(found.live, found.unmeasured),
            audit_section(found.audit, live),
            _judges(found, live),
            Section("Provenance", (_provenance_table(live),), "provenance"),
        ),
    )


def _merged_strata(aggregate: Aggregate) -> Iterator[Note]:
    """Notes beside the intervals if there are few image ids."""
    if aggregate.merged_splits:
        listed = "; ".join(" + ".join(splits) for splits in aggregate.merged_splits)
        yield note(f"Splits with under {LEAST_CLUSTERS} image ids are merged for the intervals: {listed}.")
    if (n := aggregate.num_clusters) < LEAST_CLUSTERS:
        yield note(f"There are only {n} image ids in all: the intervals are too narrow, and models are not tested.")


def _unscored(failures: pd.DataFrame, live: Sequence[Row]) -> Iterator[Note]:
    """A warning that counts the judgements without a score by reason, for the models that have some."""
    reasons = [name for name in failures.columns if name.startswith(UNSCORED)]
    found = {(row["judge"], row["model"]): row for row in failures.to_dict("records")}
    for row in live:
        counts = {name: found[row["judge"], row["model"]][name] for name in reasons}
        if any(counts.values()):
            listed = ", ".join(f"{n} {name}" for name, n in counts.items() if n)
            yield note(f"{row['label']}, judged by {row['judge_label']}: {listed} (DRF and CR together).")


def headline_table(live: pd.DataFrame) -> Table:
    """Rank, model, judge, headline metrics in the published order with intervals, and the lowest of their coverages."""
    metrics = (Column(METRICS[metric].label, PERCENT) for metric in HEADLINE_AND_OVERALL)
    columns = (Column("Rank", COUNT), *MODEL_AND_JUDGE, *metrics, Column("Coverage", PERCENT_SIGN))
    rows = (
        (
            Unranked() if pd.isna(row["rank"]) else Ranks(row["rank_low"], row["rank_high"]),
            *model_and_judge(row),
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


def _secondary_table(live: Sequence[Row]) -> Table:
    metrics = [METRICS[name] for name in (*SECONDARY, *DESCRIPTIVE)]
    columns = (Column(metric.label, PERCENT if metric.is_fraction else NUMBER) for metric in metrics)
    rows = ((*model_and_judge(row), *(value_cell(row[metric.name]) for metric in metrics)) for row in live)
    return Table("secondary", (*MODEL_AND_JUDGE, *columns), tuple(rows), Group.SECONDARY)


def _breakdowns(aggregate: Aggregate, live: Sequence[Row]) -> Iterator[Section]:
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
        yield Section(breakdown.title, (*notes, _breakdown_table(breakdown, tuple(rows))))


def _group_cell(row: Mapping[str, Any]) -> Cell:
    """The cell of a row of BREAKDOWNS_SCHEMA."""
    if row["value"] is None or row["low"] is None:
        return value_cell(row["value"])
    return Interval(row["value"], row["low"], row["high"])


def _breakdown_table(breakdown: Breakdown, rows: tuple[tuple[Cell, ...], ...]) -> Table:
    metrics = (Column(METRICS[name].label, PERCENT) for name in HEADLINE_AND_OVERALL)
    groups = (*MODEL_AND_JUDGE, Column("Group"), Column("Pairs", COUNT))
    return Table(breakdown.name, (*groups, *metrics, Column("Coverage", PERCENT_SIGN)), rows)


def _statuses_table(live: Sequence[Row]) -> Table:
    columns = (*MODEL_AND_JUDGE, *(Column(status, COUNT) for status in PARSE_STATUSES))
    rows = ((*model_and_judge(row), *(Value(row[f"n_{status}"]) for status in PARSE_STATUSES)) for row in live)
    return Table("parsing", columns, tuple(rows))


def _drf_table(aggregate: Aggregate, live: Sequence[Row]) -> Table:
    shown = [(kind, level) for kind, levels in DRF_LEVELS.items() for level in levels if level != "unstated"]
    titles = (f"DRF {level}" if kind == "score" else level for kind, level in shown)
    found = {
        (row["judge"], row["model"], row["kind"], row["level"]): row["n"] for row in aggregate.drf_errors.to_pylist()
    }
    rows = (
        (*model_and_judge(row), *(Value(found[row["judge"], row["model"], kind, level]) for kind, level in shown))
        for row in live
    )
    return Table("reasoning_errors", (*MODEL_AND_JUDGE, *(Column(title, COUNT) for title in titles)), tuple(rows))


def _judges(found: Findings, live: Sequence[Row]) -> Section:
    return Section(
        "Judges",
        (
            note(
                "Calls, dollars and seconds count a question once, even if answers of several models led to it. "
                "An invented claim quotes words that are not in the answer; it does not count in any score. The score "
                "that a judge prints is never used."
            ),
            _costs_table(found.costs, live),
            _failures_table(found.failures, live),
        ),
    )


def _costs_table(costs: pd.DataFrame, live: Sequence[Row]) -> Table:
    labels = {row["judge"]: row["judge_label"] for row in live}
    columns = (
        *(Column("Judge"), Column("Metric"), Column("Judge model")),
        *(Column("Judgements", COUNT), Column("Calls", COUNT)),
        *(Column("US$", DOLLARS), Column("Seconds per call", NUMBER)),
    )
    rows = (
        (
            *(Text(labels[row["judge"]]), Text(METRICS[row["metric"]].label), Text(row["judge_model"])),
            *(Value(row["judgements"]), Value(row["calls"])),
            *(value_cell(row["usd"]), value_cell(row["seconds"])),
        )
        for row in costs.to_dict("records")
    )
    return Table("judge_costs", columns, tuple(rows))


def _failures_table(failures: pd.DataFrame, live: Sequence[Row]) -> Table:
    titles = {"invented": "Invented claims", "differing": "Printed scores that differ", "cut": "Truncated answers"}
    counts = [name for name in failures.columns if name not in ("judge", "model")]
    found = {(row["judge"], row["model"]): row for row in failures.to_dict("records")}
    rows = (
        (*model_and_judge(row), *(Value(found[row["judge"], row["model"]][name]) for name in counts)) for row in live
    )
    columns = (*MODEL_AND_JUDGE, *(Column(titles.get(name, name), COUNT) for name in counts))
    return Table("judge_failures", columns, tuple(rows))


def _provenance_table(live: Sequence[Row]) -> Table:
    rows = (tuple(Missing() if pd.isna(row[name]) else Text(row[name]) for name in _PROVENANCE) for row in live)
    return Table("provenance", tuple(map(Column, _PROVENANCE.values())), tuple(rows))

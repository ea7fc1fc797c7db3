"""Rows of the leaderboard: one per model and judge, and the published results."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass

import pandas as pd

from spd_faith.core.variants import MODEL
from spd_faith.leaderboard import answer_signs, corrections, published_protocol
from spd_faith.leaderboard.controls_section import control_fractions
from spd_faith.probes.registry import SUMMARIES
from spd_faith.scoring.aggregate import Aggregate
from spd_faith.scoring.metrics import DESCRIPTIVE, HEADLINE, HEADLINE_AND_OVERALL, METRICS, SECONDARY
from spd_faith.scoring.tallies import Entry

LOWEST_RANKED_COVERAGE = 0.98
_ESTIMATES = {"value": "", "low": "_low", "high": "_high", "coverage": "_coverage"}
_BOUNDS = {"bound_low": "_bound_low", "bound_high": "_bound_high"}


@dataclass(frozen=True)
class Provenance:
    """The provenance of a row: model, dataset and judge."""

    label: str
    judge_label: str
    model_id: str
    model_revision: str
    dtype: str | None  # null if this workflow loaded no weights
    hardware: str | None  # that made the answers
    dataset: str
    dataset_revision: str
    judge_models: str  # as the endpoint reports them
    judge_calls: int  # of the judge, over all models of the run
    judge_usd: float | None
    judge_seconds: float | None  # per call
    role: str = MODEL  # one of ROLES
    variant_of: str | None = None  # the model that a variant or placebo is a changed one of, if the run has it


def live_rows(aggregate: Aggregate, provenance: Mapping[Entry, Provenance]) -> pd.DataFrame:
    """One row per (judge, model), by judge and best first, variants after the others; `provenance` has the same keys.

    Columns: rank (among the judge's models that are no variants; null if a headline metric covers under 98% of the
    samples), judge, model, n
    (samples); each metric with its 95% interval (_low, _high), _coverage and, for headline metrics, its bounds if the
    unscored samples were scored (_bound_low, _bound_high); n_{status} of the describe answers; provenance; origin.
    """
    estimates = aggregate.metrics.to_pandas()
    wide = estimates.pivot(index=["judge", "model"], columns="metric", values=[*_ESTIMATES, *_BOUNDS])
    columns = {"n": estimates.groupby(["judge", "model"])["n"].first()}
    columns |= {column: wide[estimate, metric] for metric, estimate, column in _metric_columns()}
    described = pd.DataFrame.from_dict({key: asdict(value) for key, value in provenance.items()}, orient="index")
    described = described.rename_axis(["judge", "model"])
    rows = pd.DataFrame(columns).join(_answers_by_status(aggregate)).join(described).assign(origin="run")
    rows = rows.reset_index().assign(is_variant=lambda of: of["role"] != MODEL)
    rows = rows.sort_values(
        ["judge", "is_variant", "overall", "model"], ascending=[True, True, False, True], ignore_index=True
    )
    rows["variant_of"] = rows["variant_of"].astype("string")  # also where all are null
    is_variant = rows.pop("is_variant")
    ranks = rows["overall"].where((least_coverage(rows) >= LOWEST_RANKED_COVERAGE) & ~is_variant)
    ranks = ranks.groupby(rows["judge"]).rank(ascending=False, method="min")
    rows.insert(0, "rank", ranks.astype("Int64"))
    return rows


def least_coverage(rows: pd.DataFrame) -> pd.Series:
    """The lowest coverage among the headline metrics, by row."""
    return rows[[f"{metric}_coverage" for metric in HEADLINE]].min(axis=1)


def published_rows(published: pd.DataFrame) -> pd.DataFrame:
    """The rows of `resources/published_results.csv` as fractions, with origin `published` and no rank."""
    rows = published.rename(columns={"source": "dataset_revision"})
    rows[list(HEADLINE_AND_OVERALL)] /= 100
    return rows.assign(label=rows["model"], judge_label="as published", origin="published", role=MODEL)


def fractions() -> tuple[str, ...]:
    """The columns that hold fractions."""
    of_metrics = (
        column
        for metric, estimate, column in _metric_columns()
        if METRICS[metric].is_fraction or estimate == "coverage"
    )
    of_probes = (f"{one.name}{end}" for one in SUMMARIES if one.is_fraction for end in ("", "_low", "_high"))
    return (
        *(*of_metrics, *answer_signs.FRACTIONS, *corrections.FRACTIONS, *published_protocol.FRACTIONS),
        *(*of_probes, *control_fractions()),
    )


def _metric_columns() -> Iterator[tuple[str, str, str]]:
    """(metric, column of METRICS_SCHEMA, column of the rows), in the order of the columns."""
    for metric in (*HEADLINE_AND_OVERALL, *SECONDARY, *DESCRIPTIVE):
        suffixes = _ESTIMATES | _BOUNDS if metric in HEADLINE_AND_OVERALL else _ESTIMATES
        yield from ((metric, estimate, f"{metric}{suffix}") for estimate, suffix in suffixes.items())


def _answers_by_status(aggregate: Aggregate) -> pd.DataFrame:
    statuses = aggregate.statuses.to_pandas()
    statuses = statuses[statuses["kind"] == "parse_status"]
    return statuses.pivot(index=["judge", "model"], columns="level", values="n").add_prefix("n_").astype("int64")

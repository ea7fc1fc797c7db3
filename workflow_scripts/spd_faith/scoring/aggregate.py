"""The scores of all models over a dataset: values, intervals, coverage, bounds, breakdowns and tallies.

Controls are excluded everywhere in this module. An *entry* is a (judge, model). No metric is handled by name: its
declaration (metrics.py) defines its summands, coverage and bounds.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from spd_faith.core.controls import without_controls
from spd_faith.core.errors import UserError
from spd_faith.core.files import check_keys
from spd_faith.core.statistics import (
    LEAST_CLUSTERS,
    Clusters,
    Resampling,
    make_clusters,
    percentile_interval,
    resample_sums,
)
from spd_faith.scoring.breakdowns import BREAKDOWNS
from spd_faith.scoring.formulas import Array
from spd_faith.scoring.metric_types import Columns
from spd_faith.scoring.metrics import AGGREGATED, HEADLINE_AND_OVERALL, METRICS
from spd_faith.scoring.tables import NUMERIC, schema_of
from spd_faith.scoring.tallies import Entry, drf_errors, statuses, tallies_table

METRICS_SCHEMA = schema_of(
    judge=pa.string(),
    model=pa.string(),
    metric=pa.string(),  # one of AGGREGATED
    n=pa.int64(),  # samples without controls
    value=pa.float64(),  # null if not defined or nothing is scored
    low=pa.float64(),  # 95% interval
    high=pa.float64(),
    coverage=pa.float64(),  # fraction of the samples that is scored
    bound_low=pa.float64(),  # with each unscored sample at the metric's lowest value
    bound_high=pa.float64(),  # … at its highest; null if it has none
)
BREAKDOWNS_SCHEMA = schema_of(
    judge=pa.string(),
    model=pa.string(),
    by=pa.string(),  # name of a breakdown
    group=pa.string(),
    n=pa.int64(),  # samples of the group
    metric=pa.string(),  # one of HEADLINE_AND_OVERALL
    value=pa.float64(),
    low=pa.float64(),  # 95% interval; null for breakdowns without intervals and groups with few clusters
    high=pa.float64(),
    coverage=pa.float64(),
)


@dataclass(frozen=True)
class Aggregate:
    """Tidy tables, with entries in the given order.

    `metrics` (METRICS_SCHEMA): a row per entry and metric of AGGREGATED.
    `breakdowns` (BREAKDOWNS_SCHEMA): a row per entry, group and headline metric (and overall). Groups of `split`,
    `num_differences` and `box_area` are disjoint; a sample is in the group of each of its `type`s.
    `statuses` (TALLIES_SCHEMA): samples by `parse_status` (of the describe answer; `no_response` is a failed response),
    `drf_status` and `cr_status`.
    `drf_errors` (TALLIES_SCHEMA): unfaithful claims by `error_type` and `severity`, samples by `score` (bins of DRF).
    `num_clusters` and `merged_splits`: the clusters that the intervals of `metrics` resample, and the splits that form
    one stratum, for each stratum made of several.
    """

    metrics: pa.Table
    breakdowns: pa.Table
    statuses: pa.Table
    drf_errors: pa.Table
    num_clusters: int
    merged_splits: tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class Summands:
    """The numbers that are summed over samples: `values` (samples, entries, names)."""

    names: tuple[str, ...]
    values: Array

    @classmethod
    def of_tables(cls, tables: list[pa.Table]) -> "Summands":
        """From one SCORES table per entry, with the same samples."""
        by_entry = [_summands(table) for table in tables]
        values = np.stack([np.stack(list(summands.values()), axis=1) for summands in by_entry], axis=1)
        return cls(tuple(by_entry[0]), values)

    def named(self, sums: Array) -> dict[str, Array]:
        """Sums (…, names) by name."""
        return dict(zip(self.names, np.moveaxis(sums, -1, 0), strict=True))

    def of(self, inside: NDArray[np.bool_]) -> "Summands":
        """The summands of the samples of a mask (samples,)."""
        return Summands(self.names, self.values[inside])


def aggregate(
    samples: pa.Table,
    scores: Mapping[Entry, pa.Table],
    judgements: Mapping[Entry, pa.Table],
    resamples: int = 10_000,
    seed: int = 0,
) -> Aggregate:
    """Aggregate the SCORES of every entry over the rows of `samples`, without controls.

    Intervals are clustered over `image_id` within split, with the same `resamples` for all entries. `judgements` has
    the same keys as `scores`. Raises UserError if an entry does not have one score per sample, or if no sample is left.
    """
    real, aligned = real_scores(samples, scores)
    summands, clusters = Summands.of_tables(list(aligned.values())), clusters_of(real)
    return Aggregate(
        metrics=_metrics_table(list(scores), summands, Resampling(clusters, resamples, seed)),
        breakdowns=_breakdowns_table(list(scores), real, summands, resamples, seed),
        statuses=tallies_table(aligned, lambda entry: statuses(aligned[entry])),
        drf_errors=tallies_table(aligned, lambda entry: drf_errors(aligned[entry], judgements[entry])),
        num_clusters=len(clusters),
        merged_splits=clusters.merged,
    )


def estimates(table: pa.Table) -> dict[str, float]:
    """Every metric of AGGREGATED over all rows of one SCORES table; NaN if not defined."""
    summands = Summands.of_tables([table])
    values = _values(summands.named(summands.values.sum(axis=0)))
    return dict(zip(AGGREGATED, values[0].tolist(), strict=True))


def real_scores(samples: pa.Table, scores: Mapping[Entry, pa.Table]) -> tuple[pa.Table, dict[Entry, pa.Table]]:
    """The rows of `samples` and of every entry's SCORES without controls, in the order of `samples`.

    Raises UserError if an entry does not have one score per sample, or if no sample is left.
    """
    real = without_controls(samples)
    if not real.num_rows:
        raise UserError("all samples are controls: there is nothing to aggregate")
    return real, {entry: _aligned(entry, samples, real, table) for entry, table in scores.items()}


def clusters_of(samples: pa.Table) -> Clusters:
    """The samples clustered by `image_id` within split."""
    return make_clusters(*(list(map(str, samples[name].to_pylist())) for name in ("split", "image_id")))


def coverages(table: pa.Table) -> dict[str, float]:
    """The fraction of the rows of one SCORES table that each metric of AGGREGATED scores."""
    summands = Summands.of_tables([table])
    values = _coverage(summands.named(summands.values.sum(axis=0)), table.num_rows)
    return dict(zip(AGGREGATED, values[0].tolist(), strict=True))


def _aligned(entry: Entry, samples: pa.Table, real: pa.Table, table: pa.Table) -> pa.Table:
    check_keys(f"scores of {entry[1]} by {entry[0]}", table["sample_id"].to_pylist(), samples["sample_id"].to_pylist())
    return table.take(pc.index_in(real["sample_id"], table["sample_id"].combine_chunks()))


# ---- values ----------------------------------------------------------------------------------------------------------


def columns_of(table: pa.Table) -> dict[str, Array]:
    """The counts and the value of every metric for each sample of one SCORES table, by name, each (samples,)."""
    columns: dict[str, Array] = {name: table[name].to_numpy().astype(float) for name in NUMERIC}
    for name, metric in METRICS.items():
        if name not in columns:
            columns[name] = metric.of_samples(columns)
    return columns


def _summands(table: pa.Table) -> dict[str, Array]:
    """The contribution of each sample of one SCORES table to the metrics' sums, by name, each (samples,)."""
    columns = columns_of(table)
    summands: dict[str, Array] = {}
    for metric in METRICS.values():
        summands |= metric.summands(columns)
    return summands


def _values(sums: Columns) -> Array:
    """The metrics (…, AGGREGATED) from sums over samples."""
    columns = dict(sums)
    for name, metric in METRICS.items():
        columns[name] = metric.of_sums(columns)
    return np.stack([columns[name] for name in AGGREGATED], axis=-1)


def _coverage(sums: Columns, samples: int) -> Array:
    """The fraction of `samples` scored by each metric (…, AGGREGATED)."""
    return np.stack([METRICS[name].coverage(sums, samples) for name in AGGREGATED], axis=-1)


def _bounds(sums: Columns, samples: int) -> Array:
    """The lowest and highest possible values if the unscored samples were scored, (2, …, AGGREGATED)."""
    values: dict[str, Array] = dict(sums)
    bounds: dict[str, Array] = {}
    for name, metric in METRICS.items():
        values[name] = metric.of_sums(values)
        bounds[name] = metric.bounds(values[name], metric.coverage(sums, samples), sums, bounds)
    ends = np.stack([bounds[name] for name in AGGREGATED], axis=-1)
    return np.where(np.isinf(ends), np.nan, ends)


def _intervals(summands: Summands, value: Array, resampling: Resampling) -> tuple[Array, Array]:
    """The ends (entries, AGGREGATED) of the 95% intervals around the metrics' `value`."""
    per_sample = summands.values
    flat = per_sample.reshape(len(per_sample), -1)
    drawn = resample_sums(resampling.clusters, flat, resampling.resamples, resampling.seed)
    return percentile_interval(_values(summands.named(drawn.reshape(-1, *per_sample.shape[1:]))), value)


def _metrics_table(entries: list[Entry], summands: Summands, resampling: Resampling) -> pa.Table:
    n = len(summands.values)
    sums = summands.named(summands.values.sum(axis=0))
    value, coverage = _values(sums), _coverage(sums, n)  # (entries, AGGREGATED)
    bound_low, bound_high = _bounds(sums, n)
    low, high = _intervals(summands, value, resampling)
    columns = {"value": value, "low": low, "high": high, "coverage": coverage}
    columns |= {"bound_low": bound_low, "bound_high": bound_high}
    keys = [(*entry, metric, n) for entry in entries for metric in AGGREGATED]
    return _table(METRICS_SCHEMA, ("judge", "model", "metric", "n"), keys, columns)


def _breakdowns_table(entries: list[Entry], real: pa.Table, summands: Summands, resamples: int, seed: int) -> pa.Table:
    rows = real.to_pylist()
    groups = [(one, group, inside) for one in BREAKDOWNS for group, inside in one.groups(rows)]
    sizes = [int(inside.sum()) for _, _, inside in groups]
    places = [AGGREGATED.index(name) for name in HEADLINE_AND_OVERALL]
    numbers: dict[str, list[Array]] = {"value": [], "low": [], "high": [], "coverage": []}
    for (one, _, inside), n in zip(groups, sizes, strict=True):
        part = summands.of(inside)
        sums = part.named(part.values.sum(axis=0))
        value, low, high = _values(sums), *np.full((2, len(entries), len(AGGREGATED)), np.nan)
        if one.has_intervals and len(clusters := clusters_of(real.filter(pa.array(inside)))) >= LEAST_CLUSTERS:
            low, high = _intervals(part, value, Resampling(clusters, resamples, seed))
        for name, found in zip(numbers, (value, low, high, _coverage(sums, n)), strict=True):
            numbers[name].append(found[:, places])
    keys = [
        (*entry, one.name, group, n, metric)
        for entry in entries
        for (one, group, _), n in zip(groups, sizes, strict=True)
        for metric in HEADLINE_AND_OVERALL
    ]
    names = ("judge", "model", "by", "group", "n", "metric")
    columns = {name: np.stack(found, axis=1) for name, found in numbers.items()}  # entries, groups, metrics
    return _table(BREAKDOWNS_SCHEMA, names, keys, columns)


def _table(
    schema: pa.Schema, names: tuple[str, ...], keys: list[tuple[Any, ...]], numbers: Mapping[str, Array]
) -> pa.Table:
    """A table in `schema` from the columns `names`, given row by row, and `numbers`, with NaN as null."""
    columns: dict[str, Any] = dict(zip(names, map(list, zip(*keys, strict=True)), strict=True))
    columns |= {name: array.ravel() for name, array in numbers.items()}
    return pa.Table.from_arrays(
        [pa.array(columns[field.name], field.type, from_pandas=True) for field in schema], schema=schema
    )

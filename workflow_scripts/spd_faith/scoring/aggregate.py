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

from spd_faith.core.controls import without_controls
from spd_faith.core.errors import UserError
from spd_faith.core.files import check_keys
from spd_faith.core.statistics import make_clusters, percentile_interval, resample_sums
from spd_faith.scoring.breakdowns import BREAKDOWNS
from spd_faith.scoring.formulas import Array
from spd_faith.scoring.metric_types import Columns
from spd_faith.scoring.metrics import AGGREGATED, HEADLINE_AND_OVERALL, METRICS
from spd_faith.scoring.tables import SCORES, schema_of
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
    """

    metrics: pa.Table
    breakdowns: pa.Table
    statuses: pa.Table
    drf_errors: pa.Table


@dataclass(frozen=True)
class Summands:
    """The numbers that are summed over samples: `values` (samples, entries, names)."""

    names: tuple[str, ...]
    values: Array

    @classmethod
    def of(cls, tables: list[pa.Table]) -> "Summands":
        """From one SCORES table per entry, with the same samples."""
        by_entry = [_summands(table) for table in tables]
        values = np.stack([np.stack(list(summands.values()), axis=1) for summands in by_entry], axis=1)
        return cls(tuple(by_entry[0]), values)

    def named(self, sums: Array) -> dict[str, Array]:
        """Sums (…, names) by name."""
        return dict(zip(self.names, np.moveaxis(sums, -1, 0), strict=True))


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
    real = without_controls(samples)
    if not real.num_rows:
        raise UserError("all samples are controls: there is nothing to aggregate")
    aligned = {entry: _aligned(entry, samples, real, table) for entry, table in scores.items()}
    summands = Summands.of(list(aligned.values()))
    return Aggregate(
        metrics=_metrics_table(list(scores), real, summands, resamples, seed),
        breakdowns=_breakdowns_table(list(scores), real, summands),
        statuses=tallies_table(aligned, lambda entry: statuses(aligned[entry])),
        drf_errors=tallies_table(aligned, lambda entry: drf_errors(aligned[entry], judgements[entry])),
    )


def estimates(table: pa.Table) -> dict[str, float]:
    """Every metric of AGGREGATED over all rows of one SCORES table; NaN if not defined."""
    summands = Summands.of([table])
    values = _values(summands.named(summands.values.sum(axis=0)))
    return dict(zip(AGGREGATED, values[0].tolist(), strict=True))


def coverages(table: pa.Table) -> dict[str, float]:
    """The fraction of the rows of one SCORES table that each metric of AGGREGATED scores."""
    summands = Summands.of([table])
    values = _coverage(summands.named(summands.values.sum(axis=0)), table.num_rows)
    return dict(zip(AGGREGATED, values[0].tolist(), strict=True))


def _aligned(entry: Entry, samples: pa.Table, real: pa.Table, table: pa.Table) -> pa.Table:
    check_keys(f"scores of {entry[1]} by {entry[0]}", table["sample_id"].to_pylist(), samples["sample_id"].to_pylist())
    return table.take(pc.index_in(real["sample_id"], table["sample_id"].combine_chunks()))


# ---- values ----------------------------------------------------------------------------------------------------------


def _summands(table: pa.Table) -> dict[str, Array]:
    """The contribution of each sample of one SCORES table to the metrics' sums, by name, each (samples,)."""
    numeric = [field.name for field in SCORES if not pa.types.is_string(field.type)]
    columns: dict[str, Array] = {name: table[name].to_numpy().astype(float) for name in numeric}
    summands: dict[str, Array] = {}
    for name, metric in METRICS.items():
        if name not in columns:
            columns[name] = metric.of_samples(columns)
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


def _metrics_table(entries: list[Entry], real: pa.Table, summands: Summands, resamples: int, seed: int) -> pa.Table:
    per_sample = summands.values
    sums = summands.named(per_sample.sum(axis=0))
    value, coverage = _values(sums), _coverage(sums, len(per_sample))  # (entries, AGGREGATED)
    bound_low, bound_high = _bounds(sums, len(per_sample))
    clusters = make_clusters(*(list(map(str, real[name].to_pylist())) for name in ("split", "image_id")))
    drawn = resample_sums(clusters, per_sample.reshape(len(per_sample), -1), resamples, seed)
    low, high = percentile_interval(_values(summands.named(drawn.reshape(resamples, *per_sample.shape[1:]))), value)
    columns = {"value": value, "low": low, "high": high, "coverage": coverage}
    columns |= {"bound_low": bound_low, "bound_high": bound_high}
    keys = [(*entry, metric, len(per_sample)) for entry in entries for metric in AGGREGATED]
    return _table(METRICS_SCHEMA, ("judge", "model", "metric", "n"), keys, columns)


def _breakdowns_table(entries: list[Entry], real: pa.Table, summands: Summands) -> pa.Table:
    rows = real.to_pylist()
    groups = [(one.name, group, inside) for one in BREAKDOWNS for group, inside in one.groups(rows)]
    places = [AGGREGATED.index(name) for name in HEADLINE_AND_OVERALL]
    sums = [summands.named(summands.values[inside].sum(axis=0)) for _, _, inside in groups]
    sizes = [int(inside.sum()) for _, _, inside in groups]
    value = np.stack([_values(part)[:, places] for part in sums], axis=1)  # entries, groups, metrics
    coverage = np.stack([_coverage(part, n)[:, places] for part, n in zip(sums, sizes, strict=True)], axis=1)
    keys = [
        (*entry, by, group, n, metric)
        for entry in entries
        for (by, group, _), n in zip(groups, sizes, strict=True)
        for metric in HEADLINE_AND_OVERALL
    ]
    names = ("judge", "model", "by", "group", "n", "metric")
    return _table(BREAKDOWNS_SCHEMA, names, keys, {"value": value, "coverage": coverage})


def _table(
    schema: pa.Schema, names: tuple[str, ...], keys: list[tuple[Any, ...]], numbers: Mapping[str, Array]
) -> pa.Table:
    """A table in `schema` from the columns `names`, given row by row, and `numbers`, with NaN as null."""
    columns: dict[str, Any] = dict(zip(names, map(list, zip(*keys, strict=True)), strict=True))
    columns |= {name: array.ravel() for name, array in numbers.items()}
    return pa.Table.from_arrays(
        [pa.array(columns[field.name], field.type, from_pandas=True) for field in schema], schema=schema
    )

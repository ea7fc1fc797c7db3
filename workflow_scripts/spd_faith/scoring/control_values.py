"""The control metrics of all models over a dataset, with intervals."""

from collections.abc import Mapping

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from spd_faith.core.files import check_keys
from spd_faith.core.statistics import LEAST_CLUSTERS, percentile_interval, resample_sums
from spd_faith.scoring.aggregate import clusters_of
from spd_faith.scoring.control_metrics import CONTROL_METRICS, ControlMetric
from spd_faith.scoring.control_pairs import base_pairs, contributions
from spd_faith.scoring.metric_types import Columns
from spd_faith.scoring.tables import schema_of
from spd_faith.scoring.tallies import Entry

CONTROL_METRICS_SCHEMA = schema_of(
    judge=pa.string(),
    model=pa.string(),
    metric=pa.string(),  # one of CONTROL_METRICS
    n=pa.int64(),  # what the value is over: pairs, answers or named differences
    value=pa.float64(),  # null if not defined or if there is nothing to compute it from
    low=pa.float64(),  # 95% interval; null for metrics without and if there are few clusters
    high=pa.float64(),
)
Estimate = tuple[int, float, float, float]  # n, value, low, high


def control_metrics(
    samples: pa.Table, scores: Mapping[Entry, pa.Table], resamples: int = 10_000, seed: int = 0
) -> pa.Table:
    """A row of CONTROL_METRICS_SCHEMA per entry and metric of CONTROL_METRICS, from SAMPLES and each entry's SCORES.

    Intervals are clustered over the `image_id` of the base pairs within split; all entries share the resamples, and so
    do the metrics of the same kinds of controls. Raises UserError if an entry does not have one score per sample.
    """
    for (judge, model), table in scores.items():
        check_keys(f"scores of {model} by {judge}", table["sample_id"].to_pylist(), samples["sample_id"].to_pylist())
    found: dict[str, list[Estimate]] = {}
    for kinds in dict.fromkeys(metric.kinds for metric in CONTROL_METRICS.values()):
        found |= _of_kinds(kinds, samples, list(scores.values()), resamples, seed)
    keys = [(judge, model, name) for judge, model in scores for name in CONTROL_METRICS]
    estimates = [found[name][entry] for entry in range(len(scores)) for name in CONTROL_METRICS]
    columns = zip(*(key + estimate for key, estimate in zip(keys, estimates, strict=True)), strict=True)
    types = CONTROL_METRICS_SCHEMA.types
    arrays = [pa.array(column, kind, from_pandas=True) for column, kind in zip(columns, types, strict=True)]
    return pa.Table.from_arrays(arrays, schema=CONTROL_METRICS_SCHEMA)


def _of_kinds(
    kinds: tuple[str, ...], samples: pa.Table, tables: list[pa.Table], resamples: int, seed: int
) -> dict[str, list[Estimate]]:
    """For each metric of these kinds the estimates of the tables of scores."""
    metrics = [metric for metric in CONTROL_METRICS.values() if metric.kinds == kinds]
    rows = samples.filter(pc.is_in(samples["control"], pa.array(kinds)))
    if not rows.num_rows:
        return {metric.name: [(0, np.nan, np.nan, np.nan)] * len(tables) for metric in metrics}
    base = base_pairs(rows, samples)
    by_table = [contributions(kinds, rows, base, table) for table in tables]
    values = np.stack([np.stack(list(one.values()), axis=1) for one in by_table], axis=1)  # rows, tables, sums
    clusters = clusters_of(base)
    drawn = resample_sums(clusters, values.reshape(len(values), -1), resamples, seed)
    of, of_draws = (
        dict(zip(by_table[0], np.moveaxis(sums, -1, 0), strict=True))
        for sums in (values.sum(axis=0), drawn.reshape(resamples, *values.shape[1:]))
    )
    have_intervals = len(clusters) >= LEAST_CLUSTERS
    return {metric.name: _estimates(metric, of, of_draws if have_intervals else None) for metric in metrics}


def _estimates(metric: ControlMetric, of: Columns, of_draws: Columns | None) -> list[Estimate]:
    """Of each table of scores, from the sums and those of the resamples; None if there is no interval."""
    n = of[metric.n]
    value = np.where(n >= metric.least_n, metric.formula(of), np.nan)
    ends = np.full(value.shape, np.nan), np.full(value.shape, np.nan)
    if of_draws is not None and metric.has_interval:
        ends = percentile_interval(metric.formula(of_draws), value)
    columns = (n.astype(int), value, *ends)
    return list(zip(*(column.tolist() for column in columns), strict=True))

"""Pairs of models of a judge, compared metric by metric on shared bootstrap resamples.

A pair is compared on the samples that a metric scores for both. Its sums follow from those of each model: what a model
sums up over its own samples, less its sums over the samples that the other model has unscored. So models scored on the
same samples need one matrix product in all, and a model with unscored samples one more over the clusters of those.
The tests and their correction: docs/statistics.md.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, combinations

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from spd_faith.core.statistics import (
    LEAST_CLUSTERS,
    Clusters,
    Resampling,
    cluster_sums,
    clustered_standard_error,
    count_extreme,
    holm,
    p_value,
    percentile_interval,
)
from spd_faith.scoring.aggregate import clusters_of, columns_of, real_scores
from spd_faith.scoring.formulas import Array
from spd_faith.scoring.metric_types import Columns, Metric
from spd_faith.scoring.metrics import HEADLINE_AND_OVERALL, METRICS
from spd_faith.scoring.tables import schema_of
from spd_faith.scoring.tallies import Entry

COMPARISONS_SCHEMA = schema_of(
    judge=pa.string(),
    metric=pa.string(),
    model=pa.string(),
    other_model=pa.string(),
    n=pa.int64(),  # samples that the metric scores for both
    difference=pa.float64(),  # model − other model, over those; null if not defined
    low=pa.float64(),  # 95% interval; with p null if fewer than LEAST_CLUSTERS clusters are scored for both
    high=pa.float64(),
    p=pa.float64(),  # of "there is no difference"
    p_holm=pa.float64(),  # adjusted for all pairs of the judge and metric
)
SIGNIFICANT_AT = 0.05
RESAMPLES_PER_PAIR = 100  # Holm's smallest level is SIGNIFICANT_AT / pairs, so it is 5 resamples wide
_STEP = 1e-3  # of a cluster's weight; the formulas are ratios, so its error is 1e-6 of a residual
_CLUSTERS_PER_BLOCK = 500
_BYTES_PER_BLOCK = 1_200_000_000  # of the differences in all resamples, held for their quantiles


@dataclass(frozen=True)
class ModelScores:
    """The scores of models on the same samples, by metric.

    `columns`: (metric, summand) of each column. `summands` (samples, columns, models): 0 for a sample that the metric
    does not score. `scored` (samples, metrics, models).
    """

    metrics: tuple[Metric, ...]
    columns: tuple[tuple[str, str], ...]
    summands: Array
    scored: NDArray[np.bool_]

    @classmethod
    def of(cls, metrics: tuple[Metric, ...], models: Sequence[Columns]) -> "ModelScores":
        """From the columns of each model's samples, as in `Metric.summands`."""
        scored = np.stack([[metric.scored(of) > 0 for metric in metrics] for of in models])  # models, metrics, samples
        columns: dict[tuple[str, str], list[Array]] = {}
        for model, of in enumerate(models):
            for number, metric in enumerate(metrics):
                for name, values in metric.summands(of).items():
                    columns.setdefault((metric.name, name), []).append(np.where(scored[model, number], values, 0.0))
        summands = np.stack([np.stack(of_models) for of_models in columns.values()])  # columns, models, samples
        return cls(metrics, tuple(columns), np.moveaxis(summands, -1, 0), scored.T)

    def values(self, sums: Array) -> Array:
        """The metrics (metrics, models, …) from sums of the summands (columns, models, …)."""
        values: dict[str, Array] = {}
        for metric in self.metrics:
            own = {name: sums[place] for place, (of, name) in enumerate(self.columns) if of == metric.name}
            values[metric.name] = metric.of_sums(values | own)
        return np.stack(list(values.values()))

    def unscored_for(self, model: int) -> Array:
        """The summands (samples, columns, models) of the samples that are unscored for `model`, else 0."""
        metric_of = [[metric.name for metric in self.metrics].index(of) for of, _ in self.columns]
        return np.where(self.scored[:, metric_of, model, None], 0.0, self.summands)


@dataclass(frozen=True)
class Pairwise:
    """Differences of pairs of models. `pairs` (2, pairs): numbers of the models; all else is (metrics, pairs)."""

    pairs: NDArray[np.intp]
    n: NDArray[np.intp]
    difference: Array
    low: Array
    high: Array
    p: Array
    p_holm: Array


def compare_models(samples: pa.Table, scores: Mapping[Entry, pa.Table], resamples: int, seed: int) -> pa.Table:
    """All pairs of the models of each judge (COMPARISONS_SCHEMA), without controls, in the order of `scores`.

    Resamples, shared by all pairs of a judge: `resamples`, or RESAMPLES_PER_PAIR per pair if that is more. Raises
    UserError as `aggregate` does.
    """
    models = dict.fromkeys(model for _, model in scores)
    return compare_pairs(samples, scores, list(combinations(models, 2)), HEADLINE_AND_OVERALL, resamples, seed)


def compare_pairs(
    samples: pa.Table,
    scores: Mapping[Entry, pa.Table],
    pairs: Sequence[tuple[str, str]],
    names: Sequence[str],
    resamples: int,
    seed: int,
) -> pa.Table:
    """These pairs of models of each judge (COMPARISONS_SCHEMA) by the metrics `names`, without controls.

    Each judge and metric is a family of Holm's correction, of the pairs that the judge judged. Resamples as above.
    Raises UserError as `aggregate` does.
    """
    real, aligned = real_scores(samples, scores)
    clusters = clusters_of(real)
    metrics = tuple(METRICS[name] for name in names)
    tables = [COMPARISONS_SCHEMA.empty_table()]
    for judge in dict.fromkeys(judge for judge, _ in aligned):
        judged = [(one, other) for one, other in pairs if {(judge, one), (judge, other)} <= aligned.keys()]
        if judged:
            models = [model for of, model in aligned if of == judge and model in set(chain(*judged))]
            numbers = np.array([[models.index(model) for model in pair] for pair in judged], dtype=np.intp).T
            resampling = Resampling(clusters, max(resamples, RESAMPLES_PER_PAIR * len(judged)), seed)
            columns = [columns_of(aligned[judge, model]) for model in models]
            found = pairwise(ModelScores.of(metrics, columns), resampling, numbers)
            tables.append(_table(judge, models, metrics, found))
    return pa.concat_tables(tables)


def standard_errors(samples: pa.Table, scores: Mapping[Entry, pa.Table]) -> dict[str, Array]:
    """Standard errors of the difference of all pairs of models of each judge, by metric of HEADLINE_AND_OVERALL.

    Clustered as the resamples of `compare_models`, but by linearisation, which takes no resamples. NaN if not
    defined or if under LEAST_CLUSTERS clusters have samples that the metric scores for both.
    Raises UserError as `aggregate` does.
    """
    real, aligned = real_scores(samples, scores)
    clusters = clusters_of(real)
    metrics = tuple(METRICS[name] for name in HEADLINE_AND_OVERALL)
    found = [np.empty((len(metrics), 0))]
    for judge in dict.fromkeys(judge for judge, _ in aligned):
        columns = [columns_of(table) for (of, _), table in aligned.items() if of == judge]
        if len(columns) > 1:
            of_models, pairs = ModelScores.of(metrics, columns), pairs_of(len(columns))
            errors = clustered_standard_error(clusters, _ClusterSums.of(of_models, clusters).residuals(pairs))
            enough = _clusters_for_both(of_models, clusters, pairs) >= LEAST_CLUSTERS
            found.append(np.where(enough, errors, np.nan))
    return dict(zip(HEADLINE_AND_OVERALL, np.concatenate(found, axis=1), strict=True))


def pairs_of(models: int) -> NDArray[np.intp]:
    """The numbers (2, pairs) of the models of all pairs."""
    return np.array(list(combinations(range(models), 2)), dtype=np.intp).T


def pairwise(scores: ModelScores, resampling: Resampling, pairs: NDArray[np.intp]) -> Pairwise:
    """Compare `pairs` (2, pairs), numbers of models, on the resamples; they are one family of Holm's correction."""
    both = np.einsum("sma,smb->mab", scores.scored.astype(float), scores.scored.astype(float)).astype(np.intp)
    sums = _ClusterSums.of(scores, resampling.clusters)
    difference = sums.differences(np.ones((1, len(resampling.clusters))), pairs)[..., 0]
    bytes_per_pair = len(scores.metrics) * resampling.resamples * np.dtype(float).itemsize
    blocks = np.array_split(np.arange(pairs.shape[1]), -(-pairs.shape[1] * bytes_per_pair // _BYTES_PER_BLOCK))
    found = [_resampled(sums, resampling, pairs[:, block], difference[:, block]) for block in blocks]
    tested = _clusters_for_both(scores, resampling.clusters, pairs) >= LEAST_CLUSTERS
    low, high, p = (np.where(tested, np.concatenate(parts, axis=1), np.nan) for parts in zip(*found, strict=True))
    return Pairwise(pairs, both[:, *pairs], difference, low, high, p, np.stack([holm(of_metric) for of_metric in p]))


def _clusters_for_both(scores: ModelScores, clusters: Clusters, pairs: NDArray[np.intp]) -> NDArray[np.intp]:
    """The number of clusters (metrics, pairs) with a sample that the metric scores for both models."""
    both = scores.scored[:, :, pairs[0]] & scores.scored[:, :, pairs[1]]
    if both.all():
        return np.full(both.shape[1:], len(clusters))
    counts: NDArray[np.intp] = np.count_nonzero(cluster_sums(clusters, both.reshape(len(both), -1)), axis=0)
    return counts.reshape(both.shape[1:])


def significantly_better(comparisons: pa.Table, metric: str) -> set[tuple[str, str, str]]:
    """(judge, better model, worse model) of the pairs of COMPARISONS_SCHEMA that differ significantly (Holm)."""
    return {
        (row["judge"], *((row["model"], row["other_model"])[:: 1 if row["difference"] > 0 else -1]))
        for row in comparisons.to_pylist()
        if row["metric"] == metric and row["p_holm"] is not None and row["p_holm"] <= SIGNIFICANT_AT
    }


def rank_interval(entry: Entry, ranked: Collection[Entry], better: Collection[tuple[str, str, str]]) -> tuple[int, int]:
    """The lowest and highest rank of a model among those `ranked` by its judge; `better`: `significantly_better`."""
    judge, model = entry
    above = sum((judge, other, model) in better for _, other in ranked)
    below = sum((judge, model, other) in better for _, other in ranked)
    return 1 + above, len(ranked) - below


# ---- resamples -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _ClusterSums:
    """Sums of the summands over each cluster; `own` (columns · models, clusters).

    `unscored`: for each model the clusters with summands of samples that are unscored for it, and the sums over those
    samples (columns · models, such clusters).
    """

    scores: ModelScores
    own: Array
    unscored: tuple[tuple[NDArray[np.intp], Array], ...]

    @classmethod
    def of(cls, scores: ModelScores, clusters: Clusters) -> "_ClusterSums":
        def sums(summands: Array) -> Array:
            return np.ascontiguousarray(cluster_sums(clusters, summands.reshape(len(summands), -1)).T)

        unscored = []
        for model in range(scores.summands.shape[-1]):
            of_model = sums(scores.unscored_for(model))
            places = np.flatnonzero(of_model.any(axis=0))
            unscored.append((places, np.ascontiguousarray(of_model[:, places])))
        return cls(scores, sums(scores.summands), tuple(unscored))

    def differences(self, weights: Array, pairs: NDArray[np.intp]) -> Array:
        """The differences (metrics, pairs, resamples) given `weights` (resamples, clusters); NaN if not defined."""
        differences = np.zeros((len(self.scores.metrics), pairs.shape[1], len(weights)))
        for model, values in self._values_beside(weights, np.unique(pairs)):
            second, first = pairs[1] == model, pairs[0] == model
            differences[:, second] += values[:, pairs[0, second]]
            differences[:, first] -= values[:, pairs[1, first]]
        return differences

    def residuals(self, pairs: NDArray[np.intp]) -> Array:
        """The linearised residuals (metrics, pairs, clusters) of the differences: their derivatives by each weight."""
        number = self.own.shape[1]
        found = np.empty((len(self.scores.metrics), pairs.shape[1], number))
        for block in np.array_split(np.arange(number), -(-number // _CLUSTERS_PER_BLOCK)):
            above, below = np.ones((2, len(block), number))
            above[np.arange(len(block)), block] += _STEP
            below[np.arange(len(block)), block] -= _STEP
            found[..., block] = (self.differences(above, pairs) - self.differences(below, pairs)) / (2 * _STEP)
        return found

    def _values_beside(self, weights: Array, models: NDArray[np.intp]) -> Iterator[tuple[int, Array]]:
        """Each of `models`, with the metrics (metrics, models, resamples) of all over the samples scored for it too."""
        shape = (len(self.scores.columns), -1, len(weights))
        transposed = weights.T
        if any(len(places) for places, _ in self.unscored):
            transposed = np.ascontiguousarray(transposed)  # its rows are picked below
        sums = self.own @ transposed
        of_own = self.scores.values(sums.reshape(shape))
        for model in models.tolist():
            places, unscored = self.unscored[model]
            if len(places):
                yield model, self.scores.values((sums - unscored @ transposed[places]).reshape(shape))
            else:
                yield model, of_own


def _resampled(
    sums: _ClusterSums, resampling: Resampling, pairs: NDArray[np.intp], difference: Array
) -> tuple[Array, Array, Array]:
    """(low, high, p) of the differences (metrics, pairs)."""
    draws = np.empty((*difference.shape, resampling.resamples))
    extreme = np.zeros(difference.shape, dtype=int)
    done = 0
    for weights in resampling.weights():
        drawn = draws[..., done : done + len(weights)]
        drawn[:] = sums.differences(weights, pairs)
        extreme += count_extreme(np.moveaxis(drawn, -1, 0), difference)
        done += len(weights)
    low, high = np.stack(
        [percentile_interval(of_metric.T, estimate) for of_metric, estimate in zip(draws, difference, strict=True)],
        axis=1,
    )
    return low, high, np.where(np.isnan(difference), np.nan, p_value(extreme, resampling.resamples))


def _table(judge: str, models: list[str], metrics: tuple[Metric, ...], found: Pairwise) -> pa.Table:
    shape = found.difference.shape
    first, second = (np.broadcast_to(np.array(models, dtype=object)[numbers], shape) for numbers in found.pairs)
    columns = {
        "judge": np.full(shape, judge, dtype=object),
        "metric": np.broadcast_to(np.array([[metric.name] for metric in metrics], dtype=object), shape),
        "model": first,
        "other_model": second,
        **{name: getattr(found, name) for name in ("n", "difference", "low", "high", "p", "p_holm")},
    }
    arrays = [pa.array(columns[field.name].ravel(), field.type, from_pandas=True) for field in COMPARISONS_SCHEMA]
    return pa.Table.from_arrays(arrays, schema=COMPARISONS_SCHEMA)

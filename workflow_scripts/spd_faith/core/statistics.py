"""Clustered bootstrap: resamples whole clusters within their stratum, for all statistics at once.

A statistic is a function of sums over samples (a mean, a micro F1, a mean of several such). One matrix product of the
resampling weights (resamples × clusters) with the sums of each cluster (clusters × columns) gives every sum of every
resample. All models share the same resamples, and no resample is ever materialized.
Percentile intervals after Efron and Tibshirani, An Introduction to the Bootstrap (1993), chapter 13.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

CELLS_PER_CHUNK = 4_000_000  # weights held at once: 32 MB in float64
_ROUNDING = 1e-12  # float sums in a different order differ by less


@dataclass(frozen=True)
class Clusters:
    """Which samples are drawn together, and from which clusters each draw is made.

    `of_sample` (samples,) is each sample's cluster number. The clusters of a stratum are numbered consecutively:
    the stratum of cluster c holds the clusters `first[c]` to `stop[c]` - 1; both are (clusters,).
    """

    of_sample: np.ndarray
    first: np.ndarray
    stop: np.ndarray

    def __len__(self) -> int:
        return len(self.first)


def make_clusters(strata: Sequence[str], units: Sequence[str]) -> Clusters:
    """Cluster the samples by stratum and unit; both sequences have one entry per sample."""
    stratum = np.unique(np.asarray(strata), return_inverse=True)[1]
    unit_names, unit = np.unique(np.asarray(units), return_inverse=True)
    keys, of_sample = np.unique(stratum * len(unit_names) + unit, return_inverse=True)
    stratum_of_cluster = keys // len(unit_names)
    return Clusters(
        of_sample,
        np.searchsorted(stratum_of_cluster, stratum_of_cluster, side="left"),
        np.searchsorted(stratum_of_cluster, stratum_of_cluster, side="right"),
    )


def draw_clusters(clusters: Clusters, resamples: int, seed: int) -> Iterator[np.ndarray]:
    """Yield the drawn cluster numbers in chunks of shape (some resamples, clusters), `resamples` rows in total.

    Each stratum keeps its number of clusters. The draws depend only on the seed, not on the chunk size.
    """
    generator = np.random.default_rng(seed)
    rows = max(1, CELLS_PER_CHUNK // len(clusters))
    for start in range(0, resamples, rows):
        shape = (min(rows, resamples - start), len(clusters))
        yield generator.integers(clusters.first, clusters.stop, size=shape)


def resample_sums(clusters: Clusters, values: np.ndarray, resamples: int, seed: int) -> np.ndarray:
    """Sums of `values` (samples, columns) in each resample: (resamples, columns)."""
    order = np.argsort(clusters.of_sample, kind="stable")
    starts = np.searchsorted(clusters.of_sample[order], np.arange(len(clusters)))
    cluster_sums = np.add.reduceat(values[order].astype(np.float64), starts, axis=0)
    sums = np.empty((resamples, values.shape[1]))
    done = 0
    for drawn in draw_clusters(clusters, resamples, seed):
        cells = drawn + len(clusters) * np.arange(len(drawn))[:, None]
        weights = np.bincount(cells.ravel(), minlength=drawn.size).reshape(drawn.shape)
        np.matmul(weights.astype(np.float64), cluster_sums, out=sums[done : done + len(drawn)])
        done += len(drawn)
    return sums


def percentile_interval(draws: np.ndarray, value: np.ndarray, level: float = 0.95) -> tuple[np.ndarray, np.ndarray]:
    """(low, high): the central `level` of `draws` (resamples, …) of a statistic with the estimate `value` (…).

    NaN means undefined: undefined draws are ignored, and an undefined estimate has no interval. Ends that differ from
    the estimate only by rounding are set to it, so a constant has zero width.
    """
    ends = np.full((2, *np.shape(value)), np.nan)
    known = ~(np.isnan(value) | np.isnan(draws).all(axis=0))
    tail = (1 - level) / 2
    if known.any():
        ends[:, known] = np.nanquantile(draws[:, known], (tail, 1 - tail), axis=0)
    low, high = np.where(np.isclose(ends, value, rtol=0, atol=_ROUNDING), value, ends)
    return low, high


def correlations(x: np.ndarray, y: np.ndarray, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Pearson's and Spearman's correlation of x and y (points,) for each row of `weights` (rows, points).

    A weight is how often a point counts; Spearman's uses mean ranks. NaN if x or y is constant.
    """
    pearson, spearman = np.empty(len(weights)), np.empty(len(weights))
    rows = max(1, CELLS_PER_CHUNK // len(x))
    for start in range(0, len(weights), rows):
        chunk = slice(start, start + rows)
        pearson[chunk] = _pearson(x, y, weights[chunk])
        x_ranks, y_ranks = (_mean_ranks(values, weights[chunk]) for values in (x, y))
        spearman[chunk] = _pearson(x_ranks, y_ranks, weights[chunk])
    return pearson, spearman


def _mean_ranks(values: np.ndarray, weights: np.ndarray) -> np.ndarray:
    distinct, number = np.unique(values, return_inverse=True)
    tied = weights @ np.eye(len(distinct))[number]
    return (np.cumsum(tied, axis=1) - tied / 2)[:, number]


def _pearson(x: np.ndarray, y: np.ndarray, weights: np.ndarray) -> np.ndarray:
    total = weights.sum(axis=1, keepdims=True)
    with np.errstate(invalid="ignore", divide="ignore"):  # no points, or constant values
        x, y = (values - (weights * values).sum(axis=1, keepdims=True) / total for values in (x, y))
        spread = np.sqrt((weights * x**2).sum(axis=1) * (weights * y**2).sum(axis=1))
        return np.where(spread > _ROUNDING, (weights * x * y).sum(axis=1) / spread, np.nan)

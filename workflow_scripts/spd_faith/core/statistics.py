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
LEAST_CLUSTERS = 10  # in a stratum: the interval of a mean over 2 or 3 clusters covers 85%
_ROUNDING = 1e-12  # float sums in a different order differ by less


@dataclass(frozen=True)
class Clusters:
    """Which samples are drawn together, and from which clusters each draw is made.

    `of_sample` (samples,) is each sample's cluster number. The clusters of a stratum are numbered consecutively:
    the stratum of cluster c holds the clusters `first[c]` to `stop[c]` - 1; both are (clusters,). `merged` has the
    names of the given strata that form one stratum, for each stratum made of several.
    """

    of_sample: np.ndarray
    first: np.ndarray
    stop: np.ndarray
    merged: tuple[tuple[str, ...], ...] = ()

    def __len__(self) -> int:
        return len(self.first)


def make_clusters(strata: Sequence[str], units: Sequence[str]) -> Clusters:
    """Cluster the samples by stratum and unit; both sequences have one entry per sample.

    Strata with under LEAST_CLUSTERS clusters are merged with the next smallest until each has that many or one is left.
    The clusters stay the same: a unit in two strata is two clusters.
    """
    stratum_names, stratum = np.unique(np.asarray(strata), return_inverse=True)
    unit_names, unit = np.unique(np.asarray(units), return_inverse=True)
    keys, cluster = np.unique(stratum * len(unit_names) + unit, return_inverse=True)
    given = keys // len(unit_names)  # the stratum of each cluster
    groups = _merge_small(np.bincount(given))
    joined = np.empty(len(stratum_names), dtype=int)
    for number, group in enumerate(groups):
        joined[group] = number
    order = np.argsort(joined[given], kind="stable")
    stratum_of_cluster = joined[given][order]
    return Clusters(
        np.argsort(order)[cluster],
        np.searchsorted(stratum_of_cluster, stratum_of_cluster, side="left"),
        np.searchsorted(stratum_of_cluster, stratum_of_cluster, side="right"),
        tuple(tuple(map(str, stratum_names[group])) for group in groups if len(group) > 1),
    )


def _merge_small(sizes: np.ndarray) -> list[list[int]]:
    """The numbers of the strata, grouped so that each group has LEAST_CLUSTERS clusters or there is only one."""
    groups = [[number] for number in range(len(sizes))]
    while len(groups) > 1:
        smallest, next_smallest = sorted(groups, key=lambda group: int(sizes[group].sum()))[:2]
        if sizes[smallest].sum() >= LEAST_CLUSTERS:
            break
        groups.remove(smallest)
        next_smallest += smallest
    return sorted(sorted(group) for group in groups)


def draw_clusters(clusters: Clusters, resamples: int, seed: int) -> Iterator[np.ndarray]:
    """Yield the drawn cluster numbers in chunks of shape (some resamples, clusters), `resamples` rows in total.

    Each stratum keeps its number of clusters. The draws depend only on the seed, not on the chunk size.
    """
    generator = np.random.default_rng(seed)
    rows = max(1, CELLS_PER_CHUNK // len(clusters))
    for start in range(0, resamples, rows):
        shape = (min(rows, resamples - start), len(clusters))
        yield generator.integers(clusters.first, clusters.stop, size=shape)


@dataclass(frozen=True)
class Resampling:
    """The resamples of a bootstrap. They depend only on its fields, so all who use equal ones share their resamples."""

    clusters: Clusters
    resamples: int
    seed: int

    def weights(self) -> Iterator[np.ndarray]:
        """How often each cluster is drawn, in chunks of shape (some resamples, clusters), float64."""
        for drawn in draw_clusters(self.clusters, self.resamples, self.seed):
            cells = drawn + len(self.clusters) * np.arange(len(drawn))[:, None]
            yield np.bincount(cells.ravel(), minlength=drawn.size).reshape(drawn.shape).astype(np.float64)


def cluster_sums(clusters: Clusters, values: np.ndarray) -> np.ndarray:
    """Sums of `values` (samples, columns) over the samples of each cluster: (clusters, columns)."""
    order = np.argsort(clusters.of_sample, kind="stable")
    starts = np.searchsorted(clusters.of_sample[order], np.arange(len(clusters)))
    sums: np.ndarray = np.add.reduceat(values[order].astype(np.float64), starts, axis=0)
    return sums


def resample_sums(clusters: Clusters, values: np.ndarray, resamples: int, seed: int) -> np.ndarray:
    """Sums of `values` (samples, columns) in each resample: (resamples, columns)."""
    of_clusters = cluster_sums(clusters, values)
    sums = np.empty((resamples, values.shape[1]))
    done = 0
    for weights in Resampling(clusters, resamples, seed).weights():
        np.matmul(weights, of_clusters, out=sums[done : done + len(weights)])
        done += len(weights)
    return sums


def clustered_standard_error(clusters: Clusters, residuals: np.ndarray) -> np.ndarray:
    """Standard error (…) of statistics with the linearised `residuals` (…, clusters), summed over each cluster.

    The variance is Σ over strata of c / (c − 1) · Σ (residual − mean residual)², with c clusters in the stratum:
    Binder, On the variances of asymptotically normal estimators from complex surveys (1983); for ratios Woodruff
    (1971). NaN if a stratum has one cluster.
    """
    starts, stratum = np.unique(clusters.first, return_inverse=True)
    sizes = np.diff(np.append(starts, len(clusters)))
    means = np.add.reduceat(residuals, starts, axis=-1) / sizes
    squares = np.add.reduceat((residuals - means[..., stratum]) ** 2, starts, axis=-1)
    factors = np.divide(sizes, sizes - 1, out=np.full(len(sizes), np.nan), where=sizes > 1)
    error: np.ndarray = np.sqrt((factors * squares).sum(axis=-1))
    return error


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


def count_extreme(draws: np.ndarray, value: np.ndarray) -> np.ndarray:
    """How many of the `draws` (resamples, …) are at least as far from the estimate `value` (…) as 0 is.

    Ties up to rounding count, and so do undefined draws (NaN).
    """
    counts: np.ndarray = np.sum(~(np.abs(draws - value) < np.abs(value) - _ROUNDING), axis=0)
    return counts


def p_value(extreme: np.ndarray, resamples: int) -> np.ndarray:
    """Two-sided p-value of "the true value is 0" from the counts of `count_extreme`: (b + 1) / (B + 1).

    The draws around their estimate stand for the estimate around the truth: Efron and Tibshirani (1993), chapter 16.
    The 1 counts the estimate itself (Davison and Hinkley, Bootstrap Methods and their Application, 1997, section 4.2),
    so p is never 0.
    """
    return (np.asarray(extreme) + 1) / (resamples + 1)


def holm(p: np.ndarray) -> np.ndarray:
    """p-values (tests,) adjusted for their number, after Holm (1979), A simple sequentially rejective procedure.

    Rejecting where the result is at most α keeps the probability of any false rejection at α or below, whatever the
    dependence of the tests. NaN means that there was no test; it stays NaN and does not count.
    """
    adjusted = np.full(np.shape(p), np.nan)
    order = np.argsort(p, kind="stable")[: np.count_nonzero(~np.isnan(p))]  # NaN is sorted last
    factors = len(order) - np.arange(len(order))
    adjusted[order] = np.minimum(np.maximum.accumulate(factors * p[order]), 1)
    return adjusted


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

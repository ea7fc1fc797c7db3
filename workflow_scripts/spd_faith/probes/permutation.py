"""Compare two groups within strata, for many measures at once.

The difference of a measure is the difference of the groups' means within a stratum, averaged over the strata with the
weights n₁n₂ / (n₁ + n₂): the coefficient of the group in a linear model with an intercept per stratum. Under the null,
group labels are exchangeable within a stratum, so they are permuted there; the p-value is the two-sided
(b + 1) / (B + 1) of Phipson and Smyth (2010). The effect size is Hedges' g (1981): the difference divided by the
residual standard deviation of that model, times 1 − 3 / (4·df − 1). One stratum gives the ordinary two-sample case.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

_PERMUTATIONS_AT_ONCE = 1000  # in memory; a constant, so that the draws depend only on the samples and the seed
_ROUNDING = 1e-9  # relative to a measure's largest value: smaller differences count as equal


@dataclass(frozen=True)
class Comparison:
    """One number per measure; nan if not defined."""

    n_group: np.ndarray
    """Samples of the group that have the measure."""
    n_reference: np.ndarray
    n_compared: np.ndarray
    """Samples of both groups, in the strata that have both."""
    mean_group: np.ndarray
    mean_reference: np.ndarray
    difference: np.ndarray
    hedges_g: np.ndarray
    p_value: np.ndarray
    """nan if no stratum has both groups."""


def compare_groups(
    values: np.ndarray, in_group: np.ndarray, strata: np.ndarray, permutations: int, seed: int
) -> Comparison:
    """Compare `values` (samples × measures, nan if missing) between samples `in_group` (samples, bool) and the rest.

    `strata` (samples,) numbers each sample's stratum. Measures with the same samples share their permutations; a
    measure's results do not depend on the other measures.
    """
    measures = values.shape[1]
    found = Comparison(*(np.zeros(measures, int) for _ in range(3)), *(np.full(measures, np.nan) for _ in range(5)))
    present = ~np.isnan(values)
    patterns, pattern_of = np.unique(present, axis=1, return_inverse=True)
    for number, rows in enumerate(patterns.T):
        columns = np.flatnonzero(pattern_of == number)
        if rows.any():
            _compare(values[np.ix_(rows, columns)], in_group[rows], strata[rows], permutations, seed, columns, found)
    return found


def _compare(
    values: np.ndarray,
    in_group: np.ndarray,
    strata: np.ndarray,
    permutations: int,
    seed: int,
    columns: np.ndarray,
    found: Comparison,
) -> None:
    """Fill in `found` at `columns` from complete values."""
    member = np.unique(strata)[:, None] == strata  # strata × samples
    size = member.sum(axis=1)
    size_group = member @ in_group.astype(int)
    weights = size_group * (size - size_group) / size
    holds_both = weights > 0
    compared = size[holds_both].sum()
    found.n_group[columns], found.n_reference[columns] = in_group.sum(), (~in_group).sum()
    found.n_compared[columns] = compared
    if in_group.any():
        found.mean_group[columns] = values[in_group].mean(axis=0)
    if not in_group.all():
        found.mean_reference[columns] = values[~in_group].mean(axis=0)
    if not holds_both.any():
        return

    rounding = _ROUNDING * np.abs(values).max(axis=0)
    own = values - ((member @ values) / size[:, None])[member.argmax(axis=0)]  # minus the mean of the stratum
    # a group's sum of these is the sum over strata of weight × difference of the means
    total = in_group @ own
    found.difference[columns] = total / weights.sum()
    freedom = compared - holds_both.sum() - 1
    if freedom > 0:
        squares = (own[holds_both[member.argmax(axis=0)]] ** 2).sum(axis=0) - total**2 / weights.sum()
        deviation = np.sqrt(np.maximum(squares, 0) / freedom)
        varies = deviation > rounding
        g = found.difference[columns[varies]] / deviation[varies] * (1 - 3 / (4 * freedom - 1))
        found.hedges_g[columns[varies]] = g

    as_far = np.zeros(len(columns), int)
    for labels in _permuted(in_group, member, permutations, seed):
        as_far += (np.abs(labels @ own) >= np.abs(total) - rounding).sum(axis=0)
    found.p_value[columns] = (as_far + 1) / (permutations + 1)


def _permuted(in_group: np.ndarray, member: np.ndarray, permutations: int, seed: int) -> Iterator[np.ndarray]:
    """Yield labels permuted within strata, in blocks of permutations × samples, 0 or 1; `permutations` rows in all."""
    generator = np.random.default_rng(seed)
    for start in range(0, permutations, _PERMUTATIONS_AT_ONCE):
        labels = np.empty((min(_PERMUTATIONS_AT_ONCE, permutations - start), len(in_group)))
        for samples in member:
            labels[:, samples] = in_group[samples]
            labels[:, samples] = generator.permuted(labels[:, samples], axis=1)
        yield labels

"""The formulas of the metrics, as functions of multisets and counts (docs/metrics.md).

All but `matches` work elementwise on numbers or arrays of one shape, so the same formula gives a sample's score from
its counts and a dataset's from their sums. Scores are in [0, 1] unless stated otherwise; NaN means that the metric is
not defined.
"""

from collections import Counter
from collections.abc import Hashable, Iterable

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]


def matches(predicted: Iterable[Hashable | None], true: Iterable[Hashable | None]) -> int:
    """One-to-one matches between two multisets. None is an unknown name and does not match anything, not even None."""
    shared = Counter(predicted) & Counter(true)
    del shared[None]
    return shared.total()


def named(predicted: Iterable[Hashable | None], true: Iterable[Hashable | None]) -> list[bool]:
    """For each of `true`, whether `predicted` has it; of equal ones as many as `predicted` has, from the first on.

    None is not named by anything.
    """
    left = Counter(predicted)
    found = []
    for one in true:
        found.append(one is not None and left[one] > 0)
        left[one] -= 1
    return found


def ratio(part: ArrayLike, whole: ArrayLike) -> Array:
    """part / whole; NaN if the whole is 0."""
    part, whole = np.broadcast_arrays(np.asarray(part, float), np.asarray(whole, float))
    quotient: Array = np.divide(part, whole, out=np.full(part.shape, np.nan), where=whole != 0)
    return quotient


def f1(matched: ArrayLike, predicted: ArrayLike, true: ArrayLike) -> Array:
    """2M / (|P| + |G|): 0 if one side is empty, NaN if both are."""
    return ratio(2 * np.asarray(matched, float), np.add(predicted, true))


def figure_f1(matched: ArrayLike, predicted: ArrayLike, quantity_recall: ArrayLike) -> Array:
    """Harmonic mean of the precision M / |P| and the quantity recall, as in the benchmark's figure.

    0 if nothing is predicted, NaN if the truth is empty as well (the quantity recall is then NaN).
    """
    precision = ratio(matched, predicted)
    recall = np.asarray(quantity_recall, float)
    both = np.nan_to_num(precision) + np.nan_to_num(recall)
    harmonic = np.nan_to_num(ratio(2 * np.nan_to_num(precision) * np.nan_to_num(recall), both))
    return np.where(np.isnan(precision) & np.isnan(recall), np.nan, harmonic)


def quantity_recall(n_pred: ArrayLike, n_gt: ArrayLike) -> Array:
    """DQR: min(n_pred, n_gt) / n_gt; NaN if there is nothing to find."""
    return ratio(np.minimum(n_pred, n_gt), n_gt)


def quantity_exact(n_pred: ArrayLike, n_gt: ArrayLike, answered: ArrayLike = True) -> Array:
    """DQR-exact: 1 if the counts are equal (also if both are 0). A failed answer has no count and gets 0."""
    return np.where(answered, np.equal(n_pred, n_gt), False).astype(float)


def count_sensitivity(n_pred: ArrayLike, n_gt: ArrayLike, answered: ArrayLike = True) -> Array:
    """DS-count: 1 − |n_pred − n_gt| / max(n_pred, n_gt); 1 if both are 0, 0 for a failed answer."""
    larger = np.maximum(n_pred, n_gt)
    deviation = np.abs(np.subtract(n_pred, n_gt)) / np.maximum(larger, 1)
    return np.asarray(np.where(answered, 1 - deviation, 0.0))


def detection(n_differs: ArrayLike) -> Array:
    """DS: the fraction of the two yes/no questions whose verdict says that the pair differs."""
    return np.asarray(n_differs, float) / 2


def signed_consistency(consistent: ArrayLike, contradictory: ArrayLike, ambiguous: ArrayLike) -> Array:
    """CR-signed, in [−1, 1]: the mean of +1, −1 and +0.5 over the claims; 0 if there are none."""
    claims = np.add(np.add(consistent, contradictory), ambiguous)
    signed = np.subtract(consistent, contradictory) + 0.5 * np.asarray(ambiguous, float)
    return np.asarray(signed / np.maximum(claims, 1), float)


def harmonic_mean(one: ArrayLike, other: ArrayLike) -> Array:
    """2ab / (a + b) of two numbers ≥ 0: 0 if either is 0, NaN if either is NaN."""
    one, other = np.broadcast_arrays(np.asarray(one, float), np.asarray(other, float))
    harmonic = ratio(2 * one * other, one + other)
    return np.where((one == 0) & (other == 0), 0.0, harmonic)


def overall(headline: ArrayLike) -> Array:
    """Unweighted mean of the six headline metrics on the last axis; NaN if any of them is."""
    return np.asarray(np.mean(np.asarray(headline, float), axis=-1))

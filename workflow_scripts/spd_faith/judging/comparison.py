"""Compares two judgements of the same answers, with clustered bootstrap intervals.

The first judge's claims are compared with the second's; human labels are treated like those of any judge.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Self

import numpy as np

from spd_faith.core.schemas import CLAIM_LABELS
from spd_faith.core.statistics import correlations, make_clusters, percentile_interval, resample_sums
from spd_faith.judging.claims import Claim
from spd_faith.judging.matching import match_claims, quotes_of

RESAMPLES = 10_000
_OF_SCORES = ("score_error", "score_difference")  # sums that are no counts
SEED = 0


@dataclass(frozen=True)
class SampleJudgement:
    """One judge's claims about a sample and its score; None if the sample is unscored."""

    claims: tuple[Claim, ...]
    score: float | None


@dataclass(frozen=True)
class ComparedJudgements:
    """Two judgements of one sample for one metric; `pairs` are the indices of matching claims."""

    key: str
    cluster: tuple[str, str]  # for the bootstrap: (stratum, unit that is resampled within it)
    metric: str
    first: SampleJudgement
    second: SampleJudgement
    pairs: tuple[tuple[int, int], ...]

    @property
    def scored(self) -> bool:
        """Whether both judges scored the sample."""
        return self.first.score is not None and self.second.score is not None

    def labels(self) -> list[tuple[str, str]]:
        """(first judge's label, second judge's label) of each pair of claims."""
        return [(self.first.claims[i].label, self.second.claims[j].label) for i, j in self.pairs]


class Estimate(NamedTuple):
    """A statistic with its 95% interval; NaN if undefined."""

    value: float
    low: float
    high: float

    @classmethod
    def of_draws(cls, draws: np.ndarray) -> Self:
        """The estimate from the statistic's value, which comes first, and its resamples."""
        low, high = percentile_interval(draws[1:, None], draws[:1])
        return cls(float(draws[0]), float(low[0]), float(high[0]))

    def as_json(self) -> dict[str, float | None]:
        """value, low and high, null if undefined."""
        return {end: None if value != value else value for end, value in self._asdict().items()}


def compare(
    key: str,
    cluster: tuple[str, str],
    metric: str,
    first: SampleJudgement,
    second: SampleJudgement,
    answers: Sequence[str],
) -> ComparedJudgements:
    """Match the claims of two judgements; `answers`: the judged text (drf) or both (cr), or none if unavailable."""
    ours, theirs = (quotes_of(metric, judgement.claims, answers) for judgement in (first, second))
    return ComparedJudgements(key, cluster, metric, first, second, tuple(match_claims(ours, theirs, answers)))


Sums = Mapping[str, np.ndarray]
Statistic = Callable[[Sums], np.ndarray]


def _fraction(part: str, *whole: str) -> Statistic:
    def statistic(sums: Sums) -> np.ndarray:
        return _divided(sums[part], _total(sums[name] for name in whole))

    return statistic


def _total(columns: Iterable[np.ndarray]) -> np.ndarray:
    return np.asarray(np.sum(list(columns), axis=0))


def _divided(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(whole > 0, part / whole, np.nan)


def _kappa(observed: np.ndarray, expected: np.ndarray) -> np.ndarray:
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(expected < 1, (observed - expected) / (1 - expected), np.nan)


def _kappa_of(metric: str, label: str | None) -> Statistic:
    """Cohen's kappa over the matched claims: for all labels, or for one label against the rest."""

    def statistic(sums: Sums) -> np.ndarray:
        labels = CLAIM_LABELS[metric]
        firsts = {one: _divided(_total(sums[f"{one}|{other}"] for other in labels), sums["matched"]) for one in labels}
        seconds = {one: _divided(_total(sums[f"{other}|{one}"] for other in labels), sums["matched"]) for one in labels}
        agreed = {one: _divided(sums[f"{one}|{one}"], sums["matched"]) for one in labels}
        if label is None:
            return _kappa(_total(agreed.values()), _total(firsts[one] * seconds[one] for one in labels))
        first, second, both = firsts[label], seconds[label], agreed[label]
        neither = 1 - first - second + both
        return _kappa(both + neither, first * second + (1 - first) * (1 - second))

    return statistic


def statistics_of(metric: str) -> dict[str, Statistic]:
    """The statistics that `estimate` computes from sums over claims, labels and scores."""
    return {
        "precision": _fraction("matched", "first"),
        "recall": _fraction("matched", "second"),
        "f1": _fraction("twice_matched", "first", "second"),
        "label_accuracy": _fraction("same_label", "matched"),
        "outcome_accuracy": _fraction("same_outcome", "matched"),
        "kappa": _kappa_of(metric, None),
        **{f"kappa_{label}": _kappa_of(metric, label) for label in CLAIM_LABELS[metric]},
        "score_error": _fraction("score_error", "scored"),
        "bias": _fraction("score_difference", "scored"),
    }


def _columns(comparisons: Sequence[ComparedJudgements], metric: str) -> dict[str, np.ndarray]:
    rows = [_counts(comparison, metric) for comparison in comparisons]
    return {name: np.array([row[name] for row in rows], dtype=float) for name in rows[0]}


def _counts(comparison: ComparedJudgements, metric: str) -> dict[str, float]:
    """The summands of the statistics; all 0 for a sample that either judge left unscored."""
    first, second, pairs = comparison.first, comparison.second, comparison.pairs
    difference = 0.0
    if first.score is None or second.score is None:
        first = second = SampleJudgement((), None)
        pairs = ()
    else:
        difference = first.score - second.score
    outcomes = [(first.claims[i], second.claims[j]) for i, j in pairs]
    labels = [(one.label, other.label) for one, other in outcomes]
    return {
        "first": len(first.claims),
        "second": len(second.claims),
        "matched": len(labels),
        "twice_matched": 2 * len(labels),
        "same_label": sum(one == other for one, other in labels),
        "same_outcome": sum((a.label, a.error_type) == (b.label, b.error_type) for a, b in outcomes),
        "scored": comparison.scored,
        "score_error": abs(difference),
        "score_difference": difference,
        **{
            f"{one}|{other}": labels.count((one, other))
            for one in CLAIM_LABELS[metric]
            for other in CLAIM_LABELS[metric]
        },
    }


def estimate(
    comparisons: Sequence[ComparedJudgements], resamples: int = RESAMPLES, seed: int = SEED
) -> tuple[dict[str, Estimate], dict[str, int]]:
    """All statistics of comparisons of one metric, and the sums behind them.

    Statistics: `statistics_of`, plus `pearson` and `spearman` of the scores. Precision and recall compare the first
    judge's claims with the second's; `outcome_accuracy` also requires the same error type; `bias` is the mean of the
    first score minus the second. Samples that either judge left unscored are excluded. Raises `ValueError` if there is
    nothing to compare or more than one metric.
    """
    (metric,) = {comparison.metric for comparison in comparisons}
    columns = _columns(comparisons, metric)
    scores = np.array([(c.first.score, c.second.score) for c in comparisons], dtype=float)
    scored = columns["scored"] > 0
    points, number = np.unique(scores[scored], axis=0, return_inverse=True)
    at_point = np.zeros((len(comparisons), len(points)))
    at_point[np.flatnonzero(scored), number] = 1

    values = np.column_stack([*columns.values(), at_point])
    clusters = make_clusters(*zip(*(comparison.cluster for comparison in comparisons), strict=True))
    drawn = resample_sums(clusters, values, resamples, seed)
    all_sums = np.vstack([values.sum(axis=0), drawn])  # the first row is the estimate, the others are resamples
    sums = dict(zip(columns, all_sums.T, strict=False))
    found = {name: statistic(sums) for name, statistic in statistics_of(metric).items()}
    if len(points):
        of_first, of_second = points.T
        correlated = correlations(of_first, of_second, all_sums[:, len(columns) :])
        found |= zip(("pearson", "spearman"), correlated, strict=True)
    else:
        found |= dict.fromkeys(("pearson", "spearman"), np.full(resamples + 1, np.nan))
    estimates = {name: Estimate.of_draws(draws) for name, draws in found.items()}
    return estimates, {name: round(float(column.sum())) for name, column in columns.items() if name not in _OF_SCORES}

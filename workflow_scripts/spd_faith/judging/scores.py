"""Computes the counts and score of a judgement from its labels."""

from collections import Counter
from collections.abc import Iterable

from spd_faith.core.schemas import CLAIM_LABELS
from spd_faith.judging.claims import Claim

GOOD = {"drf": "faithful", "cr": "consistent"}
UNREAD = "unscored:language"
"""Status of an answer in a language that the rules cannot read: a failure of the judge, not of the model."""
OUTSIDE = {"drf": {"unverifiable"}, "cr": set()}  # labels excluded from the denominator


def count_labels(metric: str, labels: Iterable[str]) -> dict[str, int]:
    """Claims per label as `n_{label}` for the labels of both metrics, 0 for those of the other metric.

    Raises `ValueError` for a label that `metric` does not have.
    """
    counts = Counter(labels)
    if unknown := set(counts) - set(CLAIM_LABELS[metric]):
        raise ValueError(f"{metric} has no label {sorted(unknown)}; it has {', '.join(CLAIM_LABELS[metric])}")
    return {f"n_{label}": counts[label] for of_metric in CLAIM_LABELS.values() for label in of_metric}


def score_claims(metric: str, claims: Iterable[Claim] | None) -> tuple[float | None, str, dict[str, int]]:
    """(score, status, claims per label) of a judgement; (None, `unscored:language`, zeros) if there is none."""
    counts = count_labels(metric, (claim.label for claim in claims or ()))
    return (None, UNREAD, counts) if claims is None else (*score_counts(metric, counts), counts)


def score_counts(metric: str, counts: dict[str, int]) -> tuple[float, str]:
    """(score in [0, 1], status): good claims over counted claims; (0, `no_claims`) if no claim counts."""
    counted = sum(counts[f"n_{label}"] for label in CLAIM_LABELS[metric] if label not in OUTSIDE[metric])
    if not counted:
        return 0.0, "no_claims"
    return counts[f"n_{GOOD[metric]}"] / counted, "ok"

"""A judgement's counts and score, always recomputed from the labels."""

from collections import Counter
from collections.abc import Iterable

from spd_faith.core.schemas import CLAIM_LABELS

GOOD = {"drf": "faithful", "cr": "consistent"}
OUTSIDE = {"drf": {"unverifiable"}, "cr": set()}  # labels that stay out of the denominator


def count_labels(metric: str, labels: Iterable[str]) -> dict[str, int]:
    """Claims per label, `n_{label}` for the labels of both metrics, 0 for those of the other.

    Raises `ValueError` for a label that `metric` does not have.
    """
    counts = Counter(labels)
    if unknown := set(counts) - set(CLAIM_LABELS[metric]):
        raise ValueError(f"{metric} has no label {sorted(unknown)}; it has {', '.join(CLAIM_LABELS[metric])}")
    return {f"n_{label}": counts[label] for of_metric in CLAIM_LABELS.values() for label in of_metric}


def score_counts(metric: str, counts: dict[str, int]) -> tuple[float, str]:
    """Score in [0, 1] and status: the good claims over all that count, or 0 and `no_claims` where none does."""
    counted = sum(counts[f"n_{label}"] for label in CLAIM_LABELS[metric] if label not in OUTSIDE[metric])
    if not counted:
        return 0.0, "no_claims"
    return counts[f"n_{GOOD[metric]}"] / counted, "ok"

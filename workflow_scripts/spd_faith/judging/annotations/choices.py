"""The labels that people can give, one choice each: an error type stands for `unfaithful`."""

from typing import NamedTuple

from spd_faith.core.schemas import CLAIM_LABELS, ERROR_TYPES, JUDGED_METRICS


class Choice(NamedTuple):
    name: str
    label: str
    error_type: str | None = None


def _choices(metric: str) -> dict[str, Choice]:
    found = []
    for label in CLAIM_LABELS[metric]:
        if label == "unfaithful":
            found += [Choice(error_type, label, error_type) for error_type in ERROR_TYPES]
        else:
            found.append(Choice(label, label))
    return {choice.name: choice for choice in found}


CHOICES = {metric: _choices(metric) for metric in JUDGED_METRICS}
"""By metric and name."""

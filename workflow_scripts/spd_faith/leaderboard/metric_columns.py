"""The columns of metrics, with their definitions in words."""

from collections.abc import Iterator, Mapping

from spd_faith.leaderboard.model import NUMBER, PERCENT, PERCENT_SIGN, Column, Unit
from spd_faith.scoring.metric_types import Metric
from spd_faith.scoring.metrics import HEADLINE_AND_OVERALL, METRICS

Chosen = Mapping[str, str]
"""The variant of each headline metric that has several, by its name: `scoring` of the config."""

COVERAGE = Column(
    "Coverage",
    PERCENT_SIGN,
    "The lowest percentage of pairs that a headline metric could score. A failed call and a failed judgement score no "
    "pair. Higher is better.",
)


def metric_column(name: str, chosen: Chosen) -> Column:
    """The column of one of METRICS that is on the leaderboard."""
    metric = METRICS[name]
    variant = metric.variants[chosen[name]] if metric.variants else metric
    title = f"{metric.title}. " if metric.title else ""
    definition = (
        f"{title}{variant.meaning} Formula: {variant.definition}; {metric.over_dataset}. {metric.better} "
        "“–” if no pair is scored."
    )
    return Column(metric.label, _unit(metric), definition)


def headline_columns(chosen: Chosen) -> Iterator[Column]:
    """The columns of the headline metrics and Overall, in the published order."""
    return (metric_column(name, chosen) for name in HEADLINE_AND_OVERALL)


def _unit(metric: Metric) -> Unit:
    return PERCENT if metric.is_fraction else NUMBER


def sentence(phrase: str) -> str:
    """The phrase as a sentence of its own."""
    return f"{phrase[:1].upper()}{phrase[1:]}."

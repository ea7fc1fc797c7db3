"""The columns of metrics, with their definitions in words."""

from collections.abc import Iterator, Mapping

from spd_faith.leaderboard.model import NUMBER, PERCENT, PERCENT_SIGN, Column, Unit
from spd_faith.scoring.metric_types import Metric, Variant
from spd_faith.scoring.metrics import HEADLINE_AND_OVERALL, METRICS

Chosen = Mapping[str, str]
"""The variant of each headline metric that has several, by its name: `scoring` of the config."""

COVERAGE = Column(
    "Coverage",
    PERCENT_SIGN,
    "The lowest percentage of pairs that a headline metric could score. Failed calls and failed judgements leave "
    "pairs unscored. Higher is better.",
)


def metric_column(name: str, chosen: Chosen) -> Column:
    """The column of one of METRICS that is on the leaderboard."""
    metric = METRICS[name]
    definition = (
        f"{metric_meaning(name, chosen)} Formula: {_variant(name, chosen).definition}; over the pairs: "
        f"{metric.over_dataset}. {metric.better} “–” if no pair is scored."
    )
    return Column(metric.label, _unit(metric), definition)


def metric_meaning(name: str, chosen: Chosen) -> str:
    """The full name of one of METRICS, and what it is in words."""
    title = METRICS[name].title
    return (f"{title}. " if title else "") + _variant(name, chosen).meaning


def _variant(name: str, chosen: Chosen) -> Metric | Variant:
    metric = METRICS[name]
    return metric.variants[chosen[name]] if metric.variants else metric


def headline_columns(chosen: Chosen) -> Iterator[Column]:
    """The columns of the headline metrics and Overall, in the published order."""
    return (metric_column(name, chosen) for name in HEADLINE_AND_OVERALL)


def _unit(metric: Metric) -> Unit:
    return PERCENT if metric.is_fraction else NUMBER


def sentence(phrase: str) -> str:
    """The phrase as a sentence of its own."""
    return f"{phrase[:1].upper()}{phrase[1:]}."

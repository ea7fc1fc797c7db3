"""The tables and sentences about power that the plan prints."""

import math
from collections.abc import Sequence

from rich.table import Table

from spd_faith.core.statistics import LEAST_CLUSTERS
from spd_faith.planning.power import (
    ASSUMED_CORRELATION,
    ASSUMED_RATE,
    MARGINS,
    PairedError,
    Power,
    holm_alpha,
)
from spd_faith.scoring.comparisons import SIGNIFICANT_AT
from spd_faith.scoring.metrics import METRICS

_ANY = "each metric"
_UNKNOWN = "?"


def power_tables(power: Power, models: int) -> list[Table]:
    """The differences that a run of `models` models can detect, at α and at Holm's α, a table each."""
    levels = {SIGNIFICANT_AT: "two models alone"}
    pairs = math.comb(models, 2)
    if pairs > 1:
        levels[holm_alpha(models)] = f"Holm's strictest level for all {pairs:,} comparisons of {models} models"
    return [_table(power.errors, alpha, what) for alpha, what in levels.items()]


def where_from(power: Power) -> list[str]:
    """Where the standard errors are from, and what they rest on, in sentences."""
    if power.compared:
        count = f"{power.compared:,} pair{'s' if power.compared > 1 else ''} of models"
        sentences = [
            f"Standard error of a difference: median over those that differ of {count}, "
            f"scored: {', '.join(power.models)}."
        ]
        if unknown := [_label(one) for one in power.errors if math.isnan(one.standard_error)]:
            sentences.append(
                f"{_UNKNOWN} for {', '.join(unknown)}: no two models that are scored on {LEAST_CLUSTERS} "
                "images or more differ in it."
            )
    else:
        sentences = [
            f"ASSUMED, as no two models that are scored on {LEAST_CLUSTERS} images or more differ: "
            f"both are right on {ASSUMED_RATE:.0%} of the pairs, "
            f"their scores correlate by {ASSUMED_CORRELATION:g}, and all pairs are independent."
        ]
    return sentences + [f"Scores not used: {line}" for line in power.left_out]


def detectable_in_words(power: Power, pairs: int, models: int) -> str:
    """What a run over that many pairs, instead of all, can detect, at the levels of `power_tables`."""
    levels = sorted({SIGNIFICANT_AT, holm_alpha(models)}, reverse=True)
    return "; ".join(
        f"at α = {alpha:.2g}: "
        + ", ".join(f"{_label(one)} {_points(one.over(pairs).detectable(alpha))}" for one in power.errors)
        for alpha in levels
    )


def _label(error: PairedError) -> str:
    return _ANY if error.metric is None else METRICS[error.metric].label


def _table(errors: Sequence[PairedError], alpha: float, what: str) -> Table:
    title = f"Detectable difference over {errors[0].pairs:,} pairs at 80% power,\nα = {alpha:.2g}: {what}"
    table = Table(title=title)
    table.add_column("Metric")
    table.add_column("standard\nerror", justify="right")
    table.add_column("detectable\npoints", justify="right")
    for margin in MARGINS:
        points = round(100 * margin)
        table.add_column(f"pairs for\n{points} point{'s' if points > 1 else ''}", justify="right")
    for error in errors:
        needed = (error.pairs_for(margin, alpha) for margin in MARGINS)
        table.add_row(
            _label(error),
            _points(error.standard_error),
            _points(error.detectable(alpha)),
            *(_UNKNOWN if pairs is None else f"{pairs:,}" for pairs in needed),
        )
    return table


def _points(fraction: float) -> str:
    return f"{100 * fraction:.1f}" if math.isfinite(fraction) else _UNKNOWN

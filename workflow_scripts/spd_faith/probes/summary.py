"""A probe's columns on the leaderboard: one number per model, computed from two numbers per sample.

All summaries are about the answers to `TASK`. A summary is a ratio of two sums over samples, so one bootstrap covers
all of them: a mean is the sum of the values divided by the number of samples that have one.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

TASK = "describe"

Parts = tuple["pd.Series[float]", "pd.Series[float]"]
"""By sample_id, numerator and denominator, which are summed over samples; nan if there is none."""


@dataclass(frozen=True)
class Summary:
    name: str
    """The column of the leaderboard; its interval (_low, _high) and number of samples (_n) are next to it."""
    label: str
    """Its heading on the page."""
    definition: str
    """Its definition, a phrase that the page prints after the label."""
    is_fraction: bool
    """Whether it is shown times 100, as a percentage or in percentage points."""
    columns: tuple[str, ...]
    """The columns of the probe's table that it needs."""
    parts: Callable[["pd.DataFrame"], Parts]
    """Computes each sample's part from the rows of the answers to `TASK`: `columns` in float64, indexed by sample_id;
    nan in the row of an answer without measurements."""


def mean_of(column: str) -> Callable[["pd.DataFrame"], Parts]:
    """The mean over samples of each sample's mean over its rows."""
    return lambda rows: averaged(_means(rows)[column])


def ratio_of(above: str, below: str) -> Callable[["pd.DataFrame"], Parts]:
    """The ratio of two such means. A mean of ratios would be unbounded if a sample's `below` is near 0."""

    def parts(rows: "pd.DataFrame") -> Parts:
        means = _means(rows)
        return means[above], means[below]

    return parts


def averaged(values: "pd.Series[float]") -> Parts:
    """The parts of the mean of one value per sample."""
    return values, values.notna().astype(float)


def _means(rows: "pd.DataFrame") -> "pd.DataFrame":
    return rows.groupby(level="sample_id").mean()

"""What the leaderboard shows of a probe: one number per model, made of two numbers per sample.

Everything is of the answers to `TASK`. A summary is a ratio of two sums over samples, so that one bootstrap serves all:
a mean is the sum of the samples' values over the number of samples that have one.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

TASK = "describe"

Parts = tuple["pd.Series[float]", "pd.Series[float]"]
"""By sample_id the two numbers that are summed over samples, above and below the line; nan where there is none."""


@dataclass(frozen=True)
class Summary:
    name: str
    """The column of the leaderboard; beside it stand its interval (_low, _high) and how many samples it is of (_n)."""
    label: str
    """Its heading on the page."""
    definition: str
    """What it is, as a phrase that the page prints beside the label."""
    is_fraction: bool
    """Whether it is shown times 100: a percentage, or percentage points."""
    columns: tuple[str, ...]
    """Of the probe's table, that it is computed from."""
    parts: Callable[["pd.DataFrame"], Parts]
    """Makes a sample's part of it from the rows of the answers to `TASK`: `columns` in float64, indexed by sample_id;
    nan in the row of an answer without measurements."""


def mean_of(column: str) -> Callable[["pd.DataFrame"], Parts]:
    """The mean over samples of each one's mean over its rows."""
    return lambda rows: averaged(_means(rows)[column])


def ratio_of(above: str, below: str) -> Callable[["pd.DataFrame"], Parts]:
    """The ratio of two such means: a ratio by sample would have no bound where a sample's `below` is near 0."""

    def parts(rows: "pd.DataFrame") -> Parts:
        means = _means(rows)
        return means[above], means[below]

    return parts


def averaged(values: "pd.Series[float]") -> Parts:
    """The parts of the mean of one value per sample."""
    return values, values.notna().astype(float)


def _means(rows: "pd.DataFrame") -> "pd.DataFrame":
    return rows.groupby(level="sample_id").mean()

"""A probe's columns on the leaderboard: one number per model, computed from two numbers per sample.

All summaries are about the answers to `TASK`. A summary is a ratio of two sums over samples, so one bootstrap covers
all of them: a mean is the sum of the values divided by the number of samples that have one. A curve has such a ratio in
each layer, and is reduced to one number.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from spd_faith.core.statistics import percentile_interval
from spd_faith.scoring.formulas import ratio

if TYPE_CHECKING:
    import pandas as pd

TASK = "describe"

Parts = tuple["pd.Series[float] | pd.DataFrame", "pd.Series[float] | pd.DataFrame"]
"""By sample_id, numerator and denominator, which are summed over samples; nan if there is none. Of a curve, a column
per layer."""


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
    """Computes each sample's part from the rows of the answers to `TASK`: `columns`, numbers in float64, indexed by
    sample_id; nan in the row of an answer without measurements."""
    of_curve: Callable[[np.ndarray, np.ndarray], np.ndarray] | None = None
    """Reduces the `effect_ratios` of a curve (…, layers), and its layers (layers,), to one number (…); None: no
    curve."""
    is_null: str = "nothing was measured"
    """When it has no value, a phrase that the page prints after “if”."""

    def of_sums(self, sums: np.ndarray, drawn: np.ndarray, layers: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Its value, and its value in each resample (resamples,).

        `sums` (layers, 2) and `drawn` (resamples, layers, 2) are sums of its parts over samples; no curve is one layer.
        """
        if self.of_curve is None:
            return ratio(*sums[0]), ratio(*np.moveaxis(drawn[:, 0], -1, 0))
        of_sums, of_drawn = effect_ratios(sums, drawn)
        return self.of_curve(of_sums, layers), self.of_curve(of_drawn, layers)


def mean_of(column: str) -> Callable[["pd.DataFrame"], Parts]:
    """The mean over samples of each sample's mean over its rows."""
    return lambda rows: averaged(_means(rows)[column])


def ratio_of(above: str, below: str) -> Callable[["pd.DataFrame"], Parts]:
    """The ratio of two such means. A mean of ratios would be unbounded if a sample's `below` is near 0."""

    def parts(rows: "pd.DataFrame") -> Parts:
        means = _means(rows)
        return means[above], means[below]

    return parts


def effect_ratios(sums: np.ndarray, drawn: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Ratios to an effect, (points,) and (resamples, points), of sums (points, 2) and those of resamples (resamples,
    points, 2).

    nan where the 95% interval of the denominator holds 0: a part of no measurable effect is not defined. Resamples
    without any of the samples that have an effect do not count.
    """
    low, high = percentile_interval(np.where(drawn[..., 1] == 0, np.nan, drawn[..., 1]), sums[..., 1])
    is_measurable = (low > 0) | (high < 0)
    of_sums, of_drawn = (ratio(*np.moveaxis(one, -1, 0)) for one in (sums, drawn))
    return np.where(is_measurable, of_sums, np.nan), np.where(is_measurable, of_drawn, np.nan)


def averaged(values: "pd.Series[float]") -> Parts:
    """The parts of the mean of one value per sample."""
    return values, values.notna().astype(float)


def _means(rows: "pd.DataFrame") -> "pd.DataFrame":
    return rows.groupby(level="sample_id").mean()

"""How small a difference between two models a run can detect, and how many pairs of images a difference takes.

The minimum detectable difference is (z₁₋α⸝₂ + 0.84) · SE, where SE is the standard error of the paired difference: a
true difference of that size is significant at α in 80% of such runs. SE is the median over the pairs of models that are
scored already and differ, or follows from stated assumptions. docs/statistics.md, "Power".
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from statistics import NormalDist

import numpy as np
import pyarrow as pa

from spd_faith.core.controls import without_controls
from spd_faith.core.errors import UserError
from spd_faith.core.files import check_keys, read_table
from spd_faith.core.paths import ResultPaths
from spd_faith.core.schemas import SAMPLES
from spd_faith.core.statistics import LEAST_CLUSTERS
from spd_faith.scoring.aggregate import clusters_of
from spd_faith.scoring.comparisons import SIGNIFICANT_AT, standard_errors
from spd_faith.scoring.tables import SCORES
from spd_faith.scoring.tallies import Entry

Z_OF_POWER = 0.84  # of 80%
MARGINS = (0.01, 0.02, 0.05)
ASSUMED_RATE = 0.5
ASSUMED_CORRELATION = 0.5
_ROUNDING = 1e-9  # a standard error below is 0


@dataclass(frozen=True)
class PairedError:
    """The standard error of the difference between two models in a metric over `pairs` pairs of images.

    It is a fraction, and NaN if no two models that the metric scores on LEAST_CLUSTERS images or more differ in it.
    `metric` is a name of METRICS, or None for any.
    """

    metric: str | None
    standard_error: float
    pairs: int

    def over(self, pairs: int) -> "PairedError":
        """The same over another number of pairs, in clusters of the same kind: it shrinks with their square root."""
        scale = math.sqrt(self.pairs / pairs) if pairs else math.inf
        return replace(self, standard_error=self.standard_error * scale, pairs=pairs)

    def detectable(self, alpha: float) -> float:
        """The minimum detectable difference at 80% power, a fraction; NaN if the error is."""
        return (NormalDist().inv_cdf(1 - alpha / 2) + Z_OF_POWER) * self.standard_error

    def pairs_for(self, margin: float, alpha: float) -> int | None:
        """The number of pairs of images from which on `margin` is detectable; None if the error is NaN."""
        pairs = self.pairs * (self.detectable(alpha) / margin) ** 2
        return None if math.isnan(pairs) else math.ceil(round(pairs, 6))


@dataclass(frozen=True)
class Power:
    """The paired errors of a run's metrics, over its pairs, and where they are from.

    `compared` counts the (judge, pair of models) behind each median, 0 for assumptions; `models` those models;
    `left_out` says which scores do not count, and why.
    """

    errors: tuple[PairedError, ...]
    models: tuple[str, ...] = ()
    compared: int = 0
    left_out: tuple[str, ...] = ()


def holm_alpha(models: int) -> float:
    """The strictest level of Holm's procedure over all pairs of models."""
    return SIGNIFICANT_AT / max(1, math.comb(models, 2))


def assumed_error(pairs: int) -> PairedError:
    """The standard error if both models are right at ASSUMED_RATE, correlate, and each pair is its own cluster."""
    variance = 2 * ASSUMED_RATE * (1 - ASSUMED_RATE) * (1 - ASSUMED_CORRELATION)
    return PairedError(None, math.sqrt(variance), 1).over(pairs)


def power_of(judges: Sequence[str], models: Sequence[str], paths: ResultPaths, pairs: int) -> Power:
    """The power of a run over `pairs` pairs: by the scores of its models, if any two differ, else as assumed."""
    scores, left_out = _scores(judges, models, paths)
    compared = sum(len(list(combinations(group, 2))) for group in _by_judge(scores))
    if not compared:
        return Power((assumed_error(pairs),), left_out=left_out)
    samples = read_table(paths.samples, SAMPLES)
    real = without_controls(samples)
    if (found := len(clusters_of(real))) < LEAST_CLUSTERS:
        few = f"all scores: they are of {found} images, and under {LEAST_CLUSTERS} say too little"
        return Power((assumed_error(pairs),), left_out=(*left_out, few))
    number = real.num_rows
    errors = tuple(
        PairedError(metric, _median(found), number).over(pairs)
        for metric, found in standard_errors(samples, scores).items()
    )
    if all(math.isnan(error.standard_error) for error in errors):
        return Power((assumed_error(pairs),), left_out=left_out)
    used = {model for group in _by_judge(scores) if len(group) > 1 for model in group}
    return Power(errors, tuple(sorted(used)), compared, left_out)


def _median(values: np.ndarray) -> float:
    """Of the pairs of models that differ: two that are both always right tell nothing about others."""
    differing = values[values > _ROUNDING]  # False for NaN
    return float(np.median(differing)) if len(differing) else math.nan


def _by_judge(scores: Mapping[Entry, pa.Table]) -> list[list[str]]:
    """The scored models of each judge."""
    return [[model for of, model in scores if of == judge] for judge in dict.fromkeys(judge for judge, _ in scores)]


def _scores(
    judges: Sequence[str], models: Sequence[str], paths: ResultPaths
) -> tuple[dict[Entry, pa.Table], tuple[str, ...]]:
    """The existing scores of the run, and which of them do not match the samples, and why."""
    scores: dict[Entry, pa.Table] = {}
    left_out: list[str] = []
    if not paths.samples.is_file():
        return scores, ()
    expected = read_table(paths.samples, SAMPLES, columns=["sample_id"])["sample_id"].to_pylist()
    for judge in judges:
        for model in models:
            path = paths.scores(judge, model)
            try:
                if path.is_file():
                    table = read_table(path, SCORES)
                    check_keys(str(path), table["sample_id"].to_pylist(), expected)
                    scores[judge, model] = table
            except UserError as error:
                left_out.append(f"{model} by {judge}: {str(error).splitlines()[0]}")
    return scores, tuple(left_out)

"""The types of metrics: how each aggregates from samples to a dataset.

A metric has a formula over named columns: counts of single samples or their sums, and the values of metrics declared
before it. Its value over a dataset depends only on sums over samples of its *summands*. So one matrix product gives the
values for all bootstrap resamples, and subsets of the samples need no extra code.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

import numpy as np

from spd_faith.scoring.formulas import Array, overall, ratio

Columns = Mapping[str, Array]  # by name, all of one shape
Formula = Callable[[Columns], Array]


def if_described(columns: Columns, values: Array) -> Array:
    """The values, without those of samples that nobody described: a call failed, or the question was not asked."""
    return np.where(columns["not_described"] > 0, np.nan, values)


class Role(StrEnum):
    """Where a metric is shown."""

    PART = "part"  # nowhere; only used by later formulas
    HEADLINE = "headline"
    OVERALL = "overall"  # beside the headline
    SECONDARY = "secondary"
    DESCRIPTIVE = "descriptive"  # says how a model answers, not how well
    BY_TYPE = "by_type"  # of one type of difference


class Better(StrEnum):
    """Which values of a column are good ones, as a sentence."""

    HIGH = "Higher is better."
    LOW = "Lower is better."
    ZERO = "Closer to 0 is better."
    NEITHER = "Describes the model; no direction is better."


@dataclass(frozen=True, kw_only=True)
class Variant:
    """A definition of a headline metric that a config can choose."""

    definition: str  # as in `Metric`, as the next
    meaning: str
    formula: Formula


@dataclass(frozen=True, kw_only=True)
class Metric(ABC):
    """The declaration of a metric, used by every table, page and document that shows it."""

    name: str  # its column in tables
    label: str  # on the leaderboard
    definition: str  # for one sample; Markdown
    role: Role
    meaning: str = ""  # the definition in plain words, whole sentences; "" if it is not on the leaderboard
    better: Better = Better.HIGH
    title: str = ""  # what the label is short for
    is_fraction: bool = True  # shown as a percentage
    needs_judge: bool = False
    tasks: tuple[str, ...] = ("describe",)  # the TASKS whose answers it uses
    stored: bool = True  # has a column in SCORES
    over_dataset: str = ""  # how it aggregates
    variants: Mapping[str, Variant] = field(default_factory=dict)  # a config chooses one, by default the first

    @abstractmethod
    def of_samples(self, columns: Columns) -> Array:
        """The values (samples,) of single samples; NaN if not defined or if a judge failed."""

    @abstractmethod
    def scored(self, columns: Columns) -> Array:
        """1.0 for each scored sample, else 0.0; `columns` also has the samples' values."""

    @abstractmethod
    def summands(self, columns: Columns) -> dict[str, Array]:
        """The numbers to sum over samples, by name; `columns` also has the samples' values."""

    @abstractmethod
    def of_sums(self, sums: Columns) -> Array:
        """The value over a dataset, of any shape; NaN if not defined or if nothing is scored."""

    @abstractmethod
    def coverage(self, sums: Columns, samples: int) -> Array:
        """The fraction of scored samples; `samples` is the number of samples in each of `sums`."""

    @abstractmethod
    def bounds(self, value: Array, coverage: Array, sums: Columns, before: Columns) -> Array:
        """The lowest and highest possible values (2, …) if the unscored samples were scored.

        `sums` are those of its summands, `before` has the bounds of the metrics declared before this one.
        """


@dataclass(frozen=True, kw_only=True)
class Mean(Metric):
    """The mean of the samples' values, over the samples that have one."""

    formula: Formula
    low: float = 0.0
    high: float = 1.0
    over_dataset: str = "mean"

    def of_samples(self, columns: Columns) -> Array:
        return self.formula(columns)

    def scored(self, columns: Columns) -> Array:
        return (~np.isnan(columns[self.name])).astype(float)

    def summands(self, columns: Columns) -> dict[str, Array]:
        return {f"sum_{self.name}": np.nan_to_num(columns[self.name]), f"scored_{self.name}": self.scored(columns)}

    def of_sums(self, sums: Columns) -> Array:
        return ratio(sums[f"sum_{self.name}"], sums[f"scored_{self.name}"])

    def coverage(self, sums: Columns, samples: int) -> Array:
        return sums[f"scored_{self.name}"] / samples

    def bounds(self, value: Array, coverage: Array, sums: Columns, before: Columns) -> Array:
        reach = np.array([self.low, self.high]).reshape(2, *(1,) * value.ndim)
        known = np.where(coverage > 0, value, 0.0) * coverage
        with np.errstate(invalid="ignore"):  # 0 × ∞ if nothing is missing
            return np.where(coverage < 1, known + (1 - coverage) * reach, value)


@dataclass(frozen=True, kw_only=True)
class Pooled(Metric):
    """The formula applied to summed counts (a micro average) of matched, predicted and true differences.

    A sample that nobody described leaves the sums. Its bounds set it to nothing predicted and to all matched.
    """

    formula: Formula
    matched: str  # names of counts
    predicted: str
    true: str
    over_dataset: str = "micro: counts summed first"

    def of_samples(self, columns: Columns) -> Array:
        return if_described(columns, self.formula(columns))

    def scored(self, columns: Columns) -> Array:
        return 1.0 - columns["not_described"]

    def summands(self, columns: Columns) -> dict[str, Array]:
        scored = self.scored(columns)
        counts = {count: columns[count] * scored for count in (self.matched, self.predicted, self.true)}
        return counts | {"described": scored, f"missing_{self.true}": columns[self.true] * (1 - scored)}

    def of_sums(self, sums: Columns) -> Array:
        return np.where(sums["described"] > 0, self.formula(sums), np.nan)

    def coverage(self, sums: Columns, samples: int) -> Array:
        return sums["described"] / samples

    def bounds(self, value: Array, coverage: Array, sums: Columns, before: Columns) -> Array:
        missing = sums[f"missing_{self.true}"]
        lowest, highest = ({name: ends[end] for name, ends in before.items()} for end in (0, 1))
        lowest = {**sums, **lowest, self.true: sums[self.true] + missing}
        highest = {**sums, **highest, self.true: sums[self.true] + missing}
        highest |= {count: sums[count] + missing for count in (self.matched, self.predicted)}
        return np.where(coverage < 1, np.stack([self.formula(lowest), self.formula(highest)]), value)


@dataclass(frozen=True, kw_only=True)
class MeanOf(Metric):
    """The unweighted mean of other metrics; a sample is scored if all of them score it."""

    parts: tuple[Metric, ...]
    over_dataset: str = "unweighted mean of their values"

    def of_samples(self, columns: Columns) -> Array:
        return self._mean(columns)

    def scored(self, columns: Columns) -> Array:
        return np.asarray(np.prod([part.scored(columns) for part in self.parts], axis=0))

    def summands(self, columns: Columns) -> dict[str, Array]:
        return {f"scored_{self.name}": self.scored(columns)}

    def of_sums(self, sums: Columns) -> Array:
        return self._mean(sums)

    def coverage(self, sums: Columns, samples: int) -> Array:
        return sums[f"scored_{self.name}"] / samples

    def bounds(self, value: Array, coverage: Array, sums: Columns, before: Columns) -> Array:
        return self._mean(before)

    def _mean(self, columns: Columns) -> Array:
        return overall(np.stack([columns[part.name] for part in self.parts], axis=-1))

"""The leaderboard as data, independent of the file format. Renderers turn it into files.

A page consists of sections with notes and tables. A table has columns, each with the unit of its numbers, and typed
cells: a value, a value with its interval, a value with bounds if a judge left samples unscored, or a missing value.
Texts may come from a config or an endpoint, so renderers must escape them.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

import pandas as pd


@dataclass(frozen=True)
class Unit:
    """How a number is shown: multiplied by `scale`, with `digits` decimals and followed by `sign`."""

    scale: int = 1
    digits: int = 0
    sign: str = ""

    def text(self, number: float) -> str:
        """With a true minus in front of negative numbers; what is rounded to 0 has no sign."""
        if math.isnan(number):
            return MISSING
        digits = f"{abs(self.scale * number):.{self.digits}f}"
        return f"{'−' if number < 0 < float(digits) else ''}{digits}{self.sign}"


MISSING = "–"
_LEAST_P = 0.001  # that is written out
PERCENT = Unit(scale=100, digits=1)  # of a fraction; the page says that numbers are percentages
PERCENT_SIGN = Unit(scale=100, digits=1, sign="%")
NUMBER = Unit(digits=2)
COUNT = Unit()
DOLLARS = Unit(digits=4)
WORDS = Unit()


# ---- cells -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Text:
    """`key` is the identifier of what is named, if it has one: the key of a model or a judge in the config."""

    text: str
    key: str = ""


@dataclass(frozen=True)
class Value:
    value: float


@dataclass(frozen=True)
class Interval:
    """A value with its 95% interval; `pairs` is its number of pairs, if different from the row's.

    `is_best`: the best value of the column, or not significantly worse than it.
    """

    value: float
    low: float
    high: float
    pairs: int | None = None
    is_best: bool = False

    def of_pairs(self) -> str:
        """What follows the interval: the number of pairs, if it is shown."""
        return "" if self.pairs is None else f", {counted(self.pairs, 'pair')}"


@dataclass(frozen=True)
class Bounded:
    """A value with its 95% interval over the scored samples, and its bounds if all samples were scored."""

    value: float
    low: float
    high: float
    bound_low: float
    bound_high: float
    coverage: float
    is_best: bool = False


@dataclass(frozen=True)
class Difference:
    """A value of one model minus that of another; where they are shown, with its 95% interval and corrected p."""

    value: float
    is_significant: bool
    low: float | None = None
    high: float | None = None
    p: float | None = None

    def details(self, unit: Unit) -> tuple[str, ...]:
        """The interval and p; nothing where they are not shown."""
        if self.low is None or self.high is None or self.p is None:
            return ()
        p = "p < 0.001" if self.p < _LEAST_P else f"p = {self.p:.3f}"
        return f"[{signed_text(self.low, unit)}, {signed_text(self.high, unit)}]", p


@dataclass(frozen=True)
class Ranks:
    """The ranks that a model may have."""

    low: int
    high: int


@dataclass(frozen=True)
class Unranked:
    """Shown instead of a rank: too few samples are scored, or the model is a variant of another."""


@dataclass(frozen=True)
class Missing:
    """Not defined, not measured or unknown."""


Cell = Text | Value | Interval | Bounded | Difference | Ranks | Unranked | Missing


def rank_text(low: int, high: int) -> str:
    return str(low) if low == high else f"{low}–{high}"


def signed_text(number: float, unit: Unit) -> str:
    """With the sign in front, also a plus."""
    return ("+" if number > 0 else "") + unit.text(number)


def counted(number: float, noun: str) -> str:
    """The number and the noun, in the plural unless there is one."""
    return f"{number:,.0f} {noun}{'' if number == 1 else 's'}"


def value_cell(number: float | None) -> Value | Missing:
    return Missing() if number is None or math.isnan(number) else Value(number)


# ---- tables, notes and sections --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Column:
    """`definition` says in a sentence or two what the numbers are."""

    title: str
    unit: Unit = WORDS
    definition: str = ""


class Group(StrEnum):
    """The groups of columns in the wide table of the page, in their order."""

    HEADLINE = "Headline"
    SECONDARY = "Secondary"
    CONTROLS = "Controls"
    COUNTERFACTUAL = "Counterfactual"
    MECHANISM = "Mechanism"
    FAILURES = "Failures"
    COST = "Cost"


@dataclass(frozen=True)
class Table:
    """Each of `rows` has one cell per column; `name` is an identifier.

    A table with a `group` has a row per model and judge, or per model, whose `Text` cells have a key. Its columns are
    in that group of the page's wide table.
    """

    name: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]
    group: Group | None = None

    def __post_init__(self) -> None:
        if any(len(row) != len(self.columns) for row in self.rows):
            raise ValueError(f"table {self.name}: a row does not have one cell per column")


@dataclass(frozen=True)
class Term:
    """A word that a note explains."""

    text: str


@dataclass(frozen=True)
class Code:
    text: str


@dataclass(frozen=True)
class Strong:
    text: str


@dataclass(frozen=True)
class Note:
    """A paragraph. A warning is about the run's numbers, not about what they mean in general."""

    spans: tuple[str | Term | Code | Strong, ...]
    is_warning: bool = False


def note(*spans: str | Term | Code | Strong) -> Note:
    return Note(spans)


def warning(*spans: str | Term | Code | Strong) -> Note:
    return Note(spans, is_warning=True)


@dataclass(frozen=True)
class Section:
    """`name` identifies a section to which a format adds more, such as charts."""

    title: str
    parts: tuple["Note | Table | Section", ...]
    name: str = ""


@dataclass(frozen=True)
class Leaderboard:
    """The complete leaderboard.

    `page` is the top section. `rows` has one row per model and judge, published models last, with unscaled numbers; its
    columns `fractions` are fractions, to be shown as percentages.
    """

    page: Section
    rows: pd.DataFrame
    fractions: tuple[str, ...]

    def tables(self) -> Iterator[Table]:
        """All tables, in the order of the page."""
        yield from tables_in(self.page)


def tables_in(section: Section) -> Iterator[Table]:
    """All tables of a section, in their order."""
    for part in section.parts:
        if isinstance(part, Section):
            yield from tables_in(part)
        elif isinstance(part, Table):
            yield part

"""Sections, tables and cells of the leaderboard as the templates show them."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from spd_faith.leaderboard import model
from spd_faith.leaderboard.model import MISSING, PERCENT, PERCENT_SIGN, Cell, Column, Note, Section, Table, Unit


@dataclass(frozen=True)
class Bar:
    """An interval between 0 and 100; `value` is where the estimate is."""

    low: float
    value: float
    high: float


@dataclass(frozen=True)
class CellView:
    """`text` is the value, `detail` its interval and what else belongs to it; `order` is what sorting compares.

    `tone` is between −1 and 1, the color of a difference.
    """

    text: str
    order: float | str
    detail: str = ""
    is_bold: bool = False
    is_number: bool = True
    bar: Bar | None = None
    tone: float | None = None
    key: str = ""


@dataclass(frozen=True)
class TableView:
    name: str
    columns: Sequence[Column]
    rows: Sequence[Sequence[CellView]]


@dataclass(frozen=True)
class NoteView:
    """Texts, each with the HTML element that it is in: none, dfn, code or strong."""

    spans: Sequence[tuple[str, str]]
    is_warning: bool


@dataclass(frozen=True)
class PartView:
    """A note, a table or a section, as its `kind` says."""

    kind: Literal["note", "table", "section"]
    note: NoteView | None = None
    table: TableView | None = None
    section: "SectionView | None" = None


@dataclass(frozen=True)
class SectionView:
    """`anchor` is unique in a page."""

    title: str
    anchor: str
    name: str
    parts: Sequence[PartView]


def section_view(section: Section, before: str = "") -> SectionView:
    """`before` is the anchor of the section that this one is in."""
    anchor = "-".join(filter(None, (before, re.sub(r"\W+", "-", section.title.lower()).strip("-"))))
    return SectionView(section.title, anchor, section.name, [_part(part, anchor) for part in section.parts])


def _part(part: Note | Table | Section, anchor: str) -> PartView:
    match part:
        case Note():
            return PartView("note", note=note_view(part))
        case Table():
            return PartView("table", table=table_view(part))
        case Section():
            return PartView("section", section=section_view(part, anchor))


def note_view(note: Note) -> NoteView:
    return NoteView([_span(span) for span in note.spans], note.is_warning)


def _span(span: str | model.Term | model.Code | model.Strong) -> tuple[str, str]:
    match span:
        case model.Term(text):
            return "dfn", text
        case model.Code(text):
            return "code", text
        case model.Strong(text):
            return "strong", text
        case str():
            return "", span


def table_view(table: Table) -> TableView:
    columns = [
        column_view([row[place] for row in table.rows], column.unit) for place, column in enumerate(table.columns)
    ]
    return TableView(table.name, table.columns, list(zip(*columns, strict=True)))


def column_view(cells: Sequence[Cell], unit: Unit) -> list[CellView]:
    """The cells of a column; bars are drawn only if all of its intervals are within 0 and 1, so on one scale."""
    views = [cell_view(cell, unit) for cell in cells]
    with_intervals = [view for view in views if view.detail]
    has_scale = all(view.bar for view in with_intervals)
    return views if has_scale else [replace(view, bar=None) for view in views]


def cell_view(cell: Cell, unit: Unit) -> CellView:
    match cell:
        case model.Text(text, key):
            return CellView(text, text, is_number=False, key=key)
        case model.Value(value):
            return CellView(unit.text(value), _order(value))
        case model.Interval(value, low, high, _, is_best):
            detail = _interval(low, high, unit) + cell.of_pairs()
            return CellView(unit.text(value), _order(value), detail, is_best, bar=_bar(low, value, high, unit))
        case model.Bounded(value, low, high, bound_low, bound_high, coverage, is_best):
            bounds = (
                f"bounds {unit.text(bound_low)} to {unit.text(bound_high)} at {PERCENT_SIGN.text(coverage)} coverage"
            )
            detail = f"{_interval(low, high, unit)}, {bounds}"
            return CellView(unit.text(value), _order(value), detail, is_best, bar=_bar(low, value, high, unit))
        case model.Difference(value, is_significant):
            text = model.signed_text(value, unit)
            return CellView(text, _order(value), ", ".join(cell.details(unit)), is_significant, tone=_tone(value, unit))
        case model.Ranks(low, high):
            return CellView(model.rank_text(low, high), low + high / 1e6)
        case model.Unranked() | model.Missing():
            return CellView(MISSING, "")


def _order(value: float) -> float | str:
    """What an undefined number has sorts last."""
    return "" if value != value else float(value)


def _interval(low: float, high: float, unit: Unit) -> str:
    return f"[{unit.text(low)}, {unit.text(high)}]"


def _bar(low: float, value: float, high: float, unit: Unit) -> Bar | None:
    """Of a fraction; other numbers have no scale in common."""
    ends = (low, value, high)
    if unit not in (PERCENT, PERCENT_SIGN) or any(not 0 <= end <= 1 for end in ends):
        return None
    return Bar(*(round(100 * end, 2) for end in ends))


def _tone(value: float, unit: Unit) -> float | None:
    """The color of a difference of fractions, strongest from 50 points on."""
    return max(-1.0, min(1.0, 2 * value)) if unit == PERCENT else None

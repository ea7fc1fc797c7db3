"""The page of the leaderboard as Markdown."""

from collections.abc import Iterator

import pandas as pd

from spd_faith.core.text import printable
from spd_faith.leaderboard import model
from spd_faith.leaderboard.model import Cell, Leaderboard, Note, Section, Table, Unit

_ESCAPED = str.maketrans({char: f"\\{char}" for char in "\\|*`<~"})


def render(leaderboard: Leaderboard) -> str:
    return "\n\n".join(_blocks(leaderboard.page, level=1)) + "\n"


def _blocks(section: Section, level: int) -> Iterator[str]:
    yield f"{'#' * level} {_plain(section.title)}"
    for part in section.parts:
        if isinstance(part, Section):
            yield from _blocks(part, level + 1)
        else:
            yield table_text(part) if isinstance(part, Table) else _note(part)


def _note(note: Note) -> str:
    return "".join(map(_span, note.spans))


def _span(span: str | model.Term | model.Code | model.Strong) -> str:
    match span:
        case model.Term(text):
            return f"*{_plain(text)}*"
        case model.Strong(text):
            return f"**{_plain(text)}**"
        case model.Code(text):
            return f"`{text}`"
        case str():
            return span.translate(_ESCAPED)


def table_text(table: Table) -> str:
    """The table, with Markdown in its texts escaped."""
    units = [column.unit for column in table.columns]
    rows = [[_cell(cell, unit) for cell, unit in zip(row, units, strict=True)] for row in table.rows]
    frame = pd.DataFrame(rows, columns=[column.title for column in table.columns])
    return frame.to_markdown(index=False, disable_numparse=True)


def _cell(cell: Cell, unit: Unit) -> str:
    match cell:
        case model.Text(text):
            return _plain(text)
        case model.Value(value):
            return unit.text(value)
        case model.Interval(value, low, high, pairs, is_best):
            text = f"{_bold(unit.text(value), is_best)} [{unit.text(low)}, {unit.text(high)}]"
            return text if pairs is None else f"{text}, {pairs} pairs"
        case model.Bounded(value, low, high, bound_low, bound_high, coverage, is_best):
            bounds = (
                f"{unit.text(bound_low)} to {unit.text(bound_high)} at {model.PERCENT_SIGN.text(coverage)} coverage"
            )
            return f"{_bold(unit.text(value), is_best)} [{unit.text(low)}, {unit.text(high)}], bounds {bounds}"
        case model.Difference(value, is_significant):
            sign = "+" if value > 0 else "−" if value < 0 else ""
            return _bold(sign + unit.text(abs(value)), is_significant)
        case model.Ranks(low, high):
            return model.rank_text(low, high)
        case model.Unranked() | model.Missing():
            return model.MISSING


def _bold(text: str, is_bold: bool) -> str:
    return f"**{text}**" if is_bold else text


def _plain(text: str) -> str:
    return printable(" ".join(text.split())).translate(_ESCAPED)

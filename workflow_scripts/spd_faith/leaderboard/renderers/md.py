"""The page of the leaderboard as Markdown, for GitHub: no text of a config or an endpoint is read as Markdown there."""

import re
from collections.abc import Iterator

import pandas as pd

from spd_faith.core.text import printable
from spd_faith.leaderboard import model
from spd_faith.leaderboard.model import Cell, Leaderboard, Note, Section, Table, Unit

_SPECIAL = re.compile(
    # Links to people, pages and issues, emoji and formulas: GitHub finds some of them behind a backslash, too
    r"(?P<linked>@|:(?=//|[\w+-]+:)|(?i:(?<=www)\.)|#(?=\d)|\$)"
    # Markdown. `_` emphasizes nothing inside a word, `#` is at the end of a heading, `&` begins a character reference
    r"|[\\|*`<~]|\](?=[(\[:]|$)|(?<![^\W_])_|_(?![^\W_])|#(?=#*\s*$)|&(?=#?\w+;)"
)
_LIST_OR_HEADING = re.compile(r"^(\d*)(?=[-+#>.)])")


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
    return _LIST_OR_HEADING.sub(r"\1\\", "".join(map(_span, note.spans)).lstrip())


def _span(span: str | model.Term | model.Code | model.Strong) -> str:
    match span:
        case model.Term(text):
            return f"*{_plain(text)}*"
        case model.Strong(text):
            return f"**{_plain(text)}**"
        case model.Code(text):
            return _code(text)
        case str():
            return _escaped(re.sub(r"\s+", " ", span))


def _code(text: str) -> str:
    """Between more backticks than the text has in a row; spaces keep its own away from them."""
    line = printable(" ".join(text.split()))
    marks = "`" * (1 + max(map(len, re.findall("`+", line)), default=0))
    space = " " if len(marks) > 1 else ""
    return f"{marks}{space}{line}{space}{marks}"


def table_text(table: Table) -> str:
    """The table, with Markdown in its texts escaped."""
    units = [column.unit for column in table.columns]
    rows = [[_cell(cell, unit) for cell, unit in zip(row, units, strict=True)] for row in table.rows]
    frame = pd.DataFrame(rows, columns=[_plain(column.title) for column in table.columns])
    return frame.to_markdown(index=False, disable_numparse=True)


def _cell(cell: Cell, unit: Unit) -> str:
    match cell:
        case model.Text(text):
            return _plain(text)
        case model.Value(value):
            return unit.text(value)
        case model.Interval(value, low, high, _, is_best):
            return f"{_bold(unit.text(value), is_best)} [{unit.text(low)}, {unit.text(high)}]{cell.of_pairs()}"
        case model.Bounded(value, low, high, bound_low, bound_high, coverage, is_best):
            bounds = (
                f"{unit.text(bound_low)} to {unit.text(bound_high)} at {model.PERCENT_SIGN.text(coverage)} coverage"
            )
            return f"{_bold(unit.text(value), is_best)} [{unit.text(low)}, {unit.text(high)}], bounds {bounds}"
        case model.Difference(value, is_significant):
            text = _bold(model.signed_text(value, unit), is_significant)
            return " ".join((text, ", ".join(cell.details(unit)))).rstrip()
        case model.Ranks(low, high):
            return model.rank_text(low, high)
        case model.Unranked() | model.Missing():
            return model.MISSING


def _bold(text: str, is_bold: bool) -> str:
    return f"**{text}**" if is_bold else text


def _plain(text: str) -> str:
    return _escaped(" ".join(text.split()))


def _escaped(text: str) -> str:
    return _SPECIAL.sub(_as_text, printable(text))


def _as_text(found: re.Match[str]) -> str:
    return f"<span>{found[0]}</span>" if found["linked"] else f"\\{found[0]}"

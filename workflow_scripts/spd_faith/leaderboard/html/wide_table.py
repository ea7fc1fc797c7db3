"""The wide table of the page: the tables with a group, joined by model and judge."""

from collections.abc import Sequence
from dataclasses import dataclass

from spd_faith.leaderboard.html.views import CellView, cell_view, column_view
from spd_faith.leaderboard.model import Column, Group, Missing, Section, Table, Text, tables_in

_RANK = "Rank"
_Key = tuple[str, ...]  # keys of model and judge, or of the model alone


@dataclass(frozen=True)
class WideGroup:
    """`columns` of one group; `name` is its identifier."""

    name: str
    title: str
    columns: Sequence[Column]


@dataclass(frozen=True)
class WideRow:
    """`cells` has a cell for each column of each group."""

    rank: CellView
    model: CellView
    judge: CellView
    cells: Sequence[CellView]


@dataclass(frozen=True)
class WideTable:
    rank: Column
    groups: Sequence[WideGroup]
    rows: Sequence[WideRow]
    has_judges: bool  # more than one


def wide_table(page: Section) -> WideTable:
    """The rows are those of the headline table, in its order. Raises `ValueError` without one."""
    grouped = [table for table in tables_in(page) if table.group is not None and table.rows]
    headline = next((table for table in grouped if table.group is Group.HEADLINE), None)
    if headline is None:
        raise ValueError("the leaderboard has no headline table")
    keys = [_key(row) for row in headline.rows]
    found = {group: [_joined(table, keys) for table in grouped if table.group is group] for group in Group}
    groups = [
        WideGroup(group.name.lower(), group.value, [column for columns, _ in parts for column in columns])
        for group, parts in found.items()
        if parts
    ]
    all_parts = [part for parts in found.values() for part in parts]
    rank = [column.title for column in headline.columns].index(_RANK)
    rows = [
        WideRow(
            cell_view(row[rank], headline.columns[rank].unit),
            *_names(row),
            [cell for _, cells in all_parts for cell in cells[number]],
        )
        for number, row in enumerate(headline.rows)
    ]
    return WideTable(headline.columns[rank], groups, rows, len({row.judge.key for row in rows}) > 1)


def _joined(table: Table, keys: Sequence[_Key]) -> tuple[Sequence[Column], Sequence[Sequence[CellView]]]:
    """The columns of a table that name nothing, and its cells by key."""
    named = _named(table)
    places = [place for place, column in enumerate(table.columns) if place not in named and column.title != _RANK]
    rows = {_key(row): row for row in table.rows}
    found = [rows.get(key) or rows.get(key[:1]) for key in keys]
    columns = [
        column_view([row[place] if row else Missing() for row in found], table.columns[place].unit) for place in places
    ]
    return [table.columns[place] for place in places], list(zip(*columns, strict=True))


def _named(table: Table) -> list[int]:
    """The places of the cells that name a model or a judge."""
    return [place for place, cell in enumerate(table.rows[0]) if isinstance(cell, Text) and cell.key]


def _key(row: Sequence[object]) -> _Key:
    return tuple(cell.key for cell in row if isinstance(cell, Text) and cell.key)


def _names(row: Sequence[object]) -> tuple[CellView, CellView]:
    model, judge = (cell_view(cell, Column("").unit) for cell in row if isinstance(cell, Text) and cell.key)
    return model, judge

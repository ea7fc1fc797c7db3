"""Reads the leaderboard that make_leaderboard.py wrote, for the commands that show it."""

import json
from collections.abc import Collection
from pathlib import Path

import pandas as pd

from spd_faith.core.errors import UserError
from spd_faith.core.files import read_undeclared
from spd_faith.leaderboard.json_format import section_from_json
from spd_faith.leaderboard.model import Group, Section, tables_in

_REMEDY = "Remove it and run the workflow again: the rule make_leaderboard makes it in seconds."


def read_run_rows(path: Path, columns: Collection[str]) -> pd.DataFrame:
    """The run's rows of leaderboard.parquet. Raises `UserError` if there are none, and like `read_rows`."""
    rows = read_rows(path, columns).query("origin == 'run'")
    if rows.empty:
        raise UserError(f"{path}: no row of a model of the run.\n  {_REMEDY}")
    return rows


def read_rows(path: Path, columns: Collection[str]) -> pd.DataFrame:
    """The rows of a table. Raises `UserError` if it cannot be read or lacks one of the columns."""
    return read_undeclared(path, columns, _REMEDY).to_pandas()


def read_page(path: Path) -> Section:
    """The content of leaderboard.json. Raises `UserError` if it is anything else or has no headline table."""
    try:
        page = section_from_json(json.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError as error:
        raise UserError(f"{path}: no such file.\n  {_REMEDY}") from error
    except ValueError as error:
        raise UserError(f"{path}: cannot be read.\n  {_REMEDY}\n  {error}") from error
    if not any(table.group is Group.HEADLINE and table.rows for table in tables_in(page)):
        raise UserError(f"{path}: it has no headline table.\n  {_REMEDY}")
    return page

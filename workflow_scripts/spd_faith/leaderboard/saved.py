"""Reads the leaderboard that make_leaderboard.py wrote, for the commands that show it."""

import json
from collections.abc import Collection
from pathlib import Path

import pandas as pd

from spd_faith.core.errors import UserError
from spd_faith.core.files import read_undeclared
from spd_faith.core.run_config import MAKE_AGAIN
from spd_faith.leaderboard.json_format import section_from_json
from spd_faith.leaderboard.model import Group, Section, tables_in


def read_run_rows(path: Path, columns: Collection[str]) -> pd.DataFrame:
    """The run's rows of leaderboard.parquet. Raises `UserError` if there are none, and like `read_rows`."""
    rows = read_rows(path, columns).query("origin == 'run'")
    if rows.empty:
        raise UserError(f"{path}: no row of a model of the run.\n  {MAKE_AGAIN}")
    return rows


def read_rows(path: Path, columns: Collection[str]) -> pd.DataFrame:
    """The rows of a table. Raises `UserError` if it cannot be read or lacks one of the columns."""
    return read_undeclared(path, columns, MAKE_AGAIN).to_pandas()


def read_page(path: Path) -> Section:
    """The content of leaderboard.json. Raises `UserError` if it is anything else or has no headline table."""
    try:
        page = section_from_json(json.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError as error:
        raise UserError(f"{path}: no such file.\n  {MAKE_AGAIN}") from error
    except ValueError as error:
        raise UserError(f"{path}: cannot be read.\n  {MAKE_AGAIN}\n  {error}") from error
    if not any(table.group is Group.HEADLINE and table.rows for table in tables_in(page)):
        raise UserError(f"{path}: it has no headline table.\n  {MAKE_AGAIN}")
    return page

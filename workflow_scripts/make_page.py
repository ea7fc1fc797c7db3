"""Write the leaderboard of a finished run as one HTML page that opens from disk."""

import argparse
import json
import os
from pathlib import Path

import pandas as pd
import pyarrow as pa

from spd_faith.core.errors import UserError, run_command
from spd_faith.core.files import write_text
from spd_faith.core.html import files_of_page
from spd_faith.core.paths import ResultPaths
from spd_faith.core.run_config import read_recorded_run
from spd_faith.leaderboard.html.page import PageTables, figures_of, leaderboard_html
from spd_faith.leaderboard.html.samples import room_for_samples, samples_section
from spd_faith.leaderboard.json_format import section_from_json
from spd_faith.leaderboard.model import Section


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--results", type=Path, required=True, help="folder of the dataset's results")
    parser.add_argument("--config", type=Path, required=True, help="the run's merged config, written by Snakemake")
    parser.add_argument("--output", type=Path, help="the page; default: leaderboard.html in the results")
    arguments = parser.parse_args()
    paths = ResultPaths(arguments.results)
    run = read_recorded_run(arguments.config)

    output = arguments.output or paths.leaderboard("html")
    files = files_of_page(output)

    page = _read_leaderboard(paths.leaderboard("json"))
    live = read_rows(paths.leaderboard("parquet")).query("origin == 'run'")
    tables = PageTables(live, read_rows(paths.breakdowns), read_rows(paths.comparisons), read_rows(paths.interventions))
    figures = figures_of(run, live["model"].unique(), os.path.relpath(paths.folder / "figures", output.parent))

    room = room_for_samples(leaderboard_html(page, tables, figures))
    models, judges = ({key: entry.label for key, entry in entries.items()} for entries in (run.models, run.judges))
    samples = samples_section(paths, models, judges, files, room)
    write_text(output, leaderboard_html(page, tables, figures, samples))


def read_rows(path: Path) -> pd.DataFrame:
    """The rows of a table that make_leaderboard.py wrote. Raises `UserError` if it cannot be read."""
    try:
        return pd.read_parquet(path)
    except (OSError, pa.ArrowException) as error:
        reason = "not a Parquet file" if path.is_file() else "no such file"
        raise UserError(f"{path}: {reason}. Run the workflow again; it makes the file in seconds.") from error


def _read_leaderboard(path: Path) -> Section:
    try:
        return section_from_json(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError) as error:
        raise UserError(f"{path}: {error}. Run the workflow again; it makes the file in seconds.") from error


if __name__ == "__main__":
    run_command(main)

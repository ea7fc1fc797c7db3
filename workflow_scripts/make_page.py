"""Write the leaderboard of a finished run as one HTML page that opens from disk."""

import argparse
import os
from pathlib import Path

from spd_faith.core.errors import run_command
from spd_faith.core.files import write_text
from spd_faith.core.html import files_of_page
from spd_faith.core.paths import ResultPaths
from spd_faith.core.run_config import read_recorded_run
from spd_faith.leaderboard.columns import (
    BREAKDOWN_COLUMNS,
    COMPARISON_COLUMNS,
    INTERVENTION_COLUMNS,
    Described,
    expanded,
    leaderboard_columns,
)
from spd_faith.leaderboard.html.page import PageTables, figures_of, leaderboard_html
from spd_faith.leaderboard.html.samples import room_for_samples, samples_section
from spd_faith.leaderboard.saved import read_page, read_rows, read_run_rows


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

    page = read_page(paths.leaderboard("json"))
    live = read_run_rows(paths.leaderboard("parquet"), _names(leaderboard_columns()))
    tables = PageTables(
        live,
        read_rows(paths.breakdowns, _names(BREAKDOWN_COLUMNS)),
        read_rows(paths.comparisons, _names(COMPARISON_COLUMNS)),
        read_rows(paths.interventions, _names(INTERVENTION_COLUMNS)),
    )
    figures = figures_of(run, live["model"].unique(), os.path.relpath(paths.folder / "figures", output.parent))

    room = room_for_samples(leaderboard_html(page, tables, figures))
    models, judges = ({key: entry.label for key, entry in entries.items()} for entries in (run.models, run.judges))
    samples = samples_section(paths, models, judges, files, room)
    write_text(output, leaderboard_html(page, tables, figures, samples))


def _names(columns: tuple[Described, ...]) -> list[str]:
    return [one.name for one in expanded(columns)]


if __name__ == "__main__":
    run_command(main)

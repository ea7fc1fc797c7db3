"""Write the leaderboard of a finished run as one HTML page that opens from disk."""

import argparse
import json
from pathlib import Path

import pandas as pd

from spd_faith.core.errors import UserError, run_command
from spd_faith.core.files import write_text
from spd_faith.core.paths import ResultPaths
from spd_faith.core.run_config import read_recorded_run
from spd_faith.leaderboard.html.page import PageTables, figures_of, leaderboard_html
from spd_faith.leaderboard.html.samples import MAX_BYTES, samples_section
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

    page = _read_leaderboard(paths.leaderboard("json"))
    live = pd.read_parquet(paths.leaderboard("parquet")).query("origin == 'run'")
    tables = PageTables(live, pd.read_parquet(paths.breakdowns), pd.read_parquet(paths.comparisons))
    figures = figures_of(run, live["model"].unique())
    output = arguments.output or paths.leaderboard("html")

    room = MAX_BYTES - len(leaderboard_html(page, tables, figures).encode())
    models, judges = ({key: entry.label for key, entry in entries.items()} for entries in (run.models, run.judges))
    samples = samples_section(paths, models, judges, output.with_name(f"{output.stem}_files"), room)
    write_text(output, leaderboard_html(page, tables, figures, samples))


def _read_leaderboard(path: Path) -> Section:
    try:
        return section_from_json(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError) as error:
        raise UserError(f"{path}: {error}. Run the workflow again; it makes the file in seconds.") from error


if __name__ == "__main__":
    run_command(main)

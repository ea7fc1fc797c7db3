"""Print the leaderboard of a finished run, where its files are, and what to run next."""

import argparse
from collections.abc import Hashable, Mapping
from pathlib import Path
from typing import Any

import pandas as pd
from rich.table import Table

from spd_faith.core.console import cell, make_console, print_table
from spd_faith.core.errors import run_command
from spd_faith.core.finished_runs import not_finished
from spd_faith.core.statistics import LEAST_CLUSTERS
from spd_faith.leaderboard.model import counted, rank_text
from spd_faith.leaderboard.row_cells import marked_label
from spd_faith.leaderboard.saved import read_run_rows
from spd_faith.scoring.metrics import HEADLINE_AND_OVERALL, METRICS

FULL_BENCHMARK = "snakemake --cores all --configfile config/spd_faith_bench.yaml"
_FORMATS = ("md", "csv", "tex")  # for people; programs read the Parquet file, too
_ENDS = ("", "_low", "_high")
_NUMBERS = [f"{metric}{end}" for metric in HEADLINE_AND_OVERALL for end in _ENDS]
_BEST = [f"{metric}_best" for metric in HEADLINE_AND_OVERALL]
_FAILED = ["transport_failures", "ask_again", "unsupported"]
_NAMES = ["origin", "role", "variant_of", "n", "rank_low", "rank_high", "model", "label", "judge", "judge_label"]
_COLUMNS = [*_NAMES, *_FAILED, *_NUMBERS, *_BEST]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--results", type=Path, required=True, help="results folder of the dataset")
    parser.add_argument(
        "--command", default="snakemake --cores all", help="the command that made it; default: %(default)s"
    )
    parser.add_argument("--is-default", action="store_true", help="it was the default run: say what to run next")
    arguments = parser.parse_args()
    rows = read_leaderboard(arguments.results)
    judges = rows["judge"].nunique()

    name = cell(arguments.results.resolve().name)
    table = Table(title=f"SPD-Faith on {name} (percent, 95% interval below)")
    table.add_column("#")
    table.add_column("Model", overflow="fold")
    if judges > 1:
        table.add_column("Judge", overflow="fold")
    for metric in HEADLINE_AND_OVERALL:
        table.add_column(METRICS[metric].label, justify="right", no_wrap=True)
    labels = dict(zip(rows["model"], rows["label"], strict=True))
    for row in rows.to_dict("records"):
        rank = "–" if pd.isna(row["rank_low"]) else rank_text(row["rank_low"], row["rank_high"])
        names = [marked_label(row, labels), row["judge_label"]][: 1 + (judges > 1)]
        table.add_row(cell(rank), *map(cell, names), *(_value(row, metric) for metric in HEADLINE_AND_OVERALL))
    print_table(make_console(without_terminal=110), table)
    print("#: ranks that the comparisons allow; *: the best, or not significantly worse")
    if (pairs := rows["n"].min()) < LEAST_CLUSTERS:
        print(f"WARNING: only {counted(pairs, 'image pair')}: the intervals are too narrow, and models are not tested.")
    _warn(rows, arguments.command)
    formats = ", ".join(f".{suffix}" for suffix in (*_FORMATS, "parquet"))
    print(f"Leaderboard, to open in a browser: {arguments.results}/leaderboard.html (also {formats})")
    print(f"Answers, claims and scores, sample by sample: {arguments.results}/ (map: results/README.md)")
    if arguments.is_default:
        print(f"Next, on a machine with a GPU: {FULL_BENCHMARK}")


def _warn(rows: pd.DataFrame, command: str) -> None:
    """Report the questions without a reply, with the command that asks only those again, and models not asked."""
    failed = rows[rows["ask_again"].notna()].drop_duplicates("model")
    if len(failed):
        counts = ", ".join(f"{row['label']} {row['transport_failures']:.0f}" for row in failed.to_dict("records"))
        targets = " ".join(failed["ask_again"].str.removeprefix("--forcerun "))
        print(f"WARNING: questions without a reply, which are not scored: {counts}")
        print(f"To ask only these again: {command} --forcerun {targets}")
    for row in rows[rows["unsupported"].notna()].drop_duplicates("model").to_dict("records"):
        print(f"WARNING: {row['label']} was not asked; unsupported: {row['unsupported']}")


def read_leaderboard(results: Path) -> pd.DataFrame:
    """The run's rows of the leaderboard in a results folder. Raises `UserError` if there are none."""
    path = results / "leaderboard.parquet"
    if not path.is_file():
        raise not_finished(results, "leaderboard")
    return read_run_rows(path, _COLUMNS)


def _value(row: Mapping[Hashable, Any], metric: str) -> str:
    if pd.isna(row[metric]):
        return cell("–")
    value, low, high = (100 * row[f"{metric}{end}"] for end in _ENDS)
    best = "*" if row[f"{metric}_best"] else ""
    return f"{value:.1f}{best}\n{cell(f'{low:.0f}–{high:.0f}')}"


if __name__ == "__main__":
    run_command(main)

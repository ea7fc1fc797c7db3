"""Print what a run would do: generations, judge calls, tokens, cost and GPU hours, completed and remaining work.

Also prints the differences between models that the run can detect.
Makes no calls and needs no network. Tokens, cost and hours are estimates; a ? marks unknown values.
"""

import argparse
import math
import os
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

from spd_faith.core.console import cell, fits, make_console, print_table
from spd_faith.core.errors import run_command
from spd_faith.core.gpus import visible_gpus
from spd_faith.core.paths import ResultPaths
from spd_faith.core.run_config import read_run
from spd_faith.core.variants import missing_comparisons
from spd_faith.inference.prompts import load_prompts
from spd_faith.planning.engines import engine_runs, how_engines_are_estimated
from spd_faith.planning.estimates import how_estimated, how_judging_is_estimated
from spd_faith.planning.judging import JudgeWork, work_of_judges
from spd_faith.planning.needs import disk_bytes, missing_needs
from spd_faith.planning.power import Power, power_of
from spd_faith.planning.power_table import detectable_in_words, power_tables, where_from
from spd_faith.planning.spending import Limited, limited_entries
from spd_faith.planning.work import ModelWork, num_controls, num_pairs, work_of_models
from spd_faith.registry import REGISTRY

_UNKNOWN = "?"
_WHERE_NOT_COUNTED = 1000  # pairs
_COLUMNS = {
    "questions": ("Generations", "{:,}".format),
    "calls": ("Calls", "{:,}".format),
    "done": ("done", "{:,}".format),
    "left": ("left", "{:,}".format),
    "prompt_tokens": ("~ prompt\ntokens", "{:,.0f}".format),
    "generated_tokens": ("~ answer\ntokens", "{:,.0f}".format),
    "usd": ("~ US$", "{:,.2f}".format),
    "gpu_hours": ("~ GPU\nhours", "{:,.2f}".format),
}
_OF_MODELS = (("questions", "done", "left"), ("prompt_tokens", "generated_tokens", "usd", "gpu_hours"))
_OF_JUDGES = (("calls", "done", "left"), ("prompt_tokens", "generated_tokens", "usd"))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--config", type=Path, required=True, help="merged config of the run, written by Snakemake")
    parser.add_argument("--results", type=Path, required=True, help="results folder of the dataset")
    parser.add_argument(
        "--prompts", type=Path, default=Path("resources/prompts"), help="prompts folder; default: %(default)s"
    )
    arguments = parser.parse_args()

    run = read_run(arguments.config, REGISTRY)
    paths = ResultPaths(arguments.results)
    counted = num_pairs(run, paths)
    pairs = _WHERE_NOT_COUNTED if counted is None else counted
    controls = num_controls(run, paths)
    rows = pairs + sum(controls.values())
    prompts = load_prompts(arguments.prompts)
    work = work_of_models(run, paths, prompts, pairs, controls)
    free = shutil.disk_usage(arguments.results if arguments.results.exists() else Path.cwd()).free
    judging = work_of_judges(run, paths, arguments.prompts, pairs, controls)
    needs = missing_needs(run, work, rows, os.environ, len(visible_gpus()), free, judging)

    console = make_console(without_terminal=160)
    title = f"{pairs:,} pairs of {run.config.dataset}, three questions about each; ~ marks estimates"
    if counted is None:
        title = f"The number of pairs of {run.config.dataset} is unknown: figures assume {pairs:,}. ~ marks estimates"
    if controls:
        title += "\n" + _controls_in_words(controls)
    _print(console, title, {"Model": "model", "Backend": "backend"}, _OF_MODELS, work)
    if judging:
        names = {"Judge": "judge", "Metric": "metric", "Asks": "model"}
        _print(console, "Calls of the judges, over all models", names, _OF_JUDGES, judging)
    for judge in sorted(set(run.judges) - {one.judge for one in judging}):
        print(f"Judge calls of {judge}: 0 (free and offline)")
    engines = engine_runs(run, work, judging)
    if engines:
        print("Engines that jobs start and stop (estimates, not measured):")
    for engine in engines:
        print(f"- {engine.in_words()}")
    ranked = sorted(run.models.keys() - run.variants().keys())
    power = power_of(list(run.judges), ranked, paths, pairs)
    for table in power_tables(power, len(ranked)):
        print_table(console, table)
    for sentence in where_from(power):
        print(sentence)
    for one in limited_entries(work, judging, paths, pairs, len(prompts)):
        _print_limit(one, power, pairs, len(ranked))
    for name, missing in missing_comparisons(run.variants()):
        print(f"{name}: {missing}")
    taken = disk_bytes(rows, sum(one.left for one in work))
    print(f"Disk for the tables: ~{taken / 1e9:.1f} GB, without weights; free: {free / 1e9:.0f} GB")
    print(how_estimated())
    if judging:
        print(how_judging_is_estimated())
    if engines:
        print(how_engines_are_estimated())
    print("Missing:" if needs else "Missing: nothing")
    for need in needs:
        print(f"- {need}")


def _controls_in_words(controls: Mapping[str, int]) -> str:
    kinds = ", ".join(f"{number:,} {kind.replace('_', ' ')}" for kind, number in controls.items())
    return f"and about {sum(controls.values()):,} controls ({kinds}), which are asked some of the questions"


def _print_limit(one: Limited, power: Power, pairs: int, models: int) -> None:
    """Print how far an entry's max_usd goes, and a warning if not far enough."""
    start = f"{one.name}: max_usd {_usd(one.max_usd)}, of which {_usd(one.spent_usd)} is spent, pays for"
    if not one.stops:
        print(f"{start} about all {one.left:,} remaining {one.what}")
        return
    payable = f"about {one.payable:,}" if one.payable else "none"
    covered = f"about {one.pairs:,}" if one.pairs else "none"
    print(f"WARNING: {start} {payable} of the {one.left:,} remaining {one.what}.")
    print(f"  Then the job stops, with {covered} of {pairs:,} pairs covered. Detectable with these, in points:")
    print(f"  {detectable_in_words(power, one.pairs, models) if one.pairs else 'nothing'}")
    print(f"  For all pairs set max_usd to about {math.ceil(100 * one.needed_usd) / 100:.2f}, or set `limit` in the")
    print("  dataset's entry to fewer pairs (docs/scale.md).")


def _usd(amount: float) -> str:
    """With two decimals, or two digits if smaller."""
    return f"{amount:.2g}" if 0 < amount < 0.01 else f"{amount:.2f}"


def _print(
    console: Console,
    title: str,
    names: dict[str, str],
    columns: tuple[tuple[str, ...], tuple[str, ...]],
    work: Sequence[ModelWork | JudgeWork],
) -> None:
    """Print the columns in one table, or in one table per group if it does not fit."""
    whole = _table(title, names, sum(columns, ()), work)
    if fits(console, whole):
        print_table(console, whole)
        return
    print_table(console, _table(title, names, columns[0], work))
    *first_names, _ = names.items()  # the last is a detail that the first table already shows
    print_table(console, _table("", dict(first_names), columns[1], work))


def _table(title: str, names: dict[str, str], columns: Sequence[str], work: Sequence[ModelWork | JudgeWork]) -> Table:
    table = Table(title=title, show_footer=True)
    for number, column in enumerate(names):
        table.add_column(column, "" if number else "all", overflow="fold")
    for name in columns:
        column, shown = _COLUMNS[name]
        values = [getattr(one, name) for one in work]
        total = shown(sum(value for value in values if value is not None))
        table.add_column(column, f"{total} + {_UNKNOWN}" if None in values else total, justify="right", no_wrap=True)
    table.add_column("measured\non", justify="right")
    for one in work:
        values = [(getattr(one, name), _COLUMNS[name][1]) for name in columns]
        measured = f"{one.usage.answers} answers" if one.usage.answers else "–"
        cells = (_UNKNOWN if value is None else shown(value) for value, shown in values)
        table.add_row(*(cell(getattr(one, name)) for name in names.values()), *cells, cell(measured))
    return table


if __name__ == "__main__":
    run_command(main)

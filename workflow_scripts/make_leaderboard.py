"""Aggregate the scores of a run into the leaderboard, its breakdowns and the record of the run."""

import argparse
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from spd_faith.core.errors import run_command
from spd_faith.core.files import whole_file, write_text
from spd_faith.core.paths import ResultPaths
from spd_faith.core.run_config import RecordedRun, read_recorded_run
from spd_faith.core.variants import Variant, bases_of
from spd_faith.inference.prompts import load_prompts
from spd_faith.leaderboard.answer_signs import answer_signs, reasoning_signs
from spd_faith.leaderboard.audit_section import UNFLAGGED_FRACTIONS, unflagged_rows
from spd_faith.leaderboard.columns import (
    BREAKDOWN_COLUMNS,
    COMPARISON_COLUMNS,
    INTERVENTION_COLUMNS,
    Described,
    leaderboard_columns,
    with_descriptions,
    with_whole_counts,
)
from spd_faith.leaderboard.comparisons_section import with_standings
from spd_faith.leaderboard.controls_section import control_columns
from spd_faith.leaderboard.corrections import with_corrections
from spd_faith.leaderboard.costs import judging_costs, model_costs
from spd_faith.leaderboard.failed_answers import failed_answers, failures_by_group, with_failures
from spd_faith.leaderboard.interventions import interventions
from spd_faith.leaderboard.judges import judge_costs, judge_failures, judge_totals
from spd_faith.leaderboard.model import Leaderboard
from spd_faith.leaderboard.page import Findings, leaderboard_page
from spd_faith.leaderboard.probe_summary import not_measured, probe_summaries
from spd_faith.leaderboard.published_protocol import by_published_protocol
from spd_faith.leaderboard.record import answers_record, probing_seconds, run_record
from spd_faith.leaderboard.renderers import SUFFIXES, render
from spd_faith.leaderboard.results import Results, read_results
from spd_faith.leaderboard.rows import Provenance, fractions, live_rows, published_rows
from spd_faith.scoring.aggregate import aggregate
from spd_faith.scoring.comparisons import compare_models
from spd_faith.scoring.control_values import control_metrics
from spd_faith.scoring.correction import corrections
from spd_faith.scoring.floors import constant_answers


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--results", type=Path, required=True, help="folder of the dataset's results (input and output)"
    )
    parser.add_argument("--config", type=Path, required=True, help="the run's merged config, written by Snakemake")
    parser.add_argument(
        "--prompts", type=Path, default=Path("resources/prompts"), help="folder of the prompts (default: %(default)s)"
    )
    parser.add_argument(
        "--published",
        type=Path,
        default=Path("resources/published_results.csv"),
        help="published results, shown in their own table (default: %(default)s)",
    )
    arguments = parser.parse_args()
    run, paths = read_recorded_run(arguments.config), ResultPaths(arguments.results)

    results = read_results(paths, run)
    costs = judge_costs(results.judgements)
    record = run_record(run, results, paths, load_prompts(arguments.prompts), costs)
    probing = probing_seconds([*run.variants, *bases_of(run.variants.values())], paths)
    found = find(run, results, record, probing, costs, pd.read_csv(arguments.published))
    rows = with_whole_counts(pd.concat([found.live, found.published], ignore_index=True))
    leaderboard = Leaderboard(leaderboard_page(run.dataset.label, found), rows, (*fractions(), *UNFLAGGED_FRACTIONS))

    write_text(paths.record, json.dumps(record | {"answers": answers_record(found.live)}, indent=2) + "\n")
    write_text(paths.run_config, json.dumps(run.merged["config"], indent=2) + "\n")
    for suffix in SUFFIXES:
        write_text(paths.leaderboard(suffix), render(suffix, leaderboard))
    breakdowns = with_failures(found.aggregate.breakdowns.to_pandas(), found.failed)
    _write_parquet(paths.breakdowns, breakdowns, BREAKDOWN_COLUMNS)
    _write_parquet(paths.comparisons, found.comparisons.to_pandas(), COMPARISON_COLUMNS)
    _write_table(paths.interventions, found.interventions, INTERVENTION_COLUMNS)
    _write_parquet(paths.leaderboard("parquet"), rows, leaderboard_columns())


def find(
    run: RecordedRun,
    results: Results,
    record: Mapping[str, Any],
    probing: Mapping[str, float],
    costs: pd.DataFrame,
    published: pd.DataFrame,
) -> Findings:
    """Aggregate the results of a run.

    `record` is from `run_record`, `probing` from `probing_seconds`, `costs` are the judges', `published` is
    resources/published_results.csv.
    """
    statistics, scoring = run.config.statistics, run.config.scoring
    bootstrap = (statistics.resamples, statistics.seed)
    aggregated = aggregate(results.samples, results.scores, results.judgements, *bootstrap)
    unchanged = {entry: table for entry, table in results.scores.items() if entry[1] not in run.variants}
    compared = compare_models(results.samples, unchanged, *bootstrap)
    live = with_standings(live_rows(aggregated, _provenance(run, results, costs)), compared)
    failed = failed_answers(
        results.samples, results.answers, ResultPaths.of(run.dataset.name), run.config.inference.shards
    )
    signs = answer_signs(results.samples, results.parsed)
    spent = model_costs(results.images, results.answers)
    for of_model in (failed, signs, spent):
        live = live.merge(of_model, on="model", how="left", validate="many_to_one")
    reasoned = reasoning_signs(results.samples, results.parsed, results.judgements)
    for of_row in (reasoned, judging_costs(results.judgements)):
        live = live.merge(of_row, on=["judge", "model"], how="left", validate="one_to_one")
    corrected = corrections(results.samples, results.scores, results.labels, *bootstrap).to_pandas()
    live = with_corrections(live, corrected)
    protocol = by_published_protocol(results.samples, results.parsed, results.scores)
    live = live.merge(protocol, on=["judge", "model"], how="left", validate="one_to_one")
    controls = control_columns(control_metrics(results.samples, results.scores, *bootstrap))
    live = live.merge(controls, on=["judge", "model"], how="left", validate="one_to_one")
    summaries = probe_summaries(results.samples, results.probes, *bootstrap)
    live = live.merge(summaries, on="model", how="left", validate="many_to_one")
    unflagged = unflagged_rows(results.audit, results.scores)
    live = live.merge(unflagged, on=["judge", "model"], how="left", validate="one_to_one")
    return Findings(
        live=live,
        published=published_rows(published),
        aggregate=aggregated,
        comparisons=compared,
        interventions=interventions(results.samples, results.scores, live, run.variants, probing, *bootstrap),
        variants=run.variants,
        corrections=corrected,
        floors=constant_answers(results.samples, scoring.dqr, scoring.ds).to_pandas(),
        controls=results.dataset.recorded.get("controls", {}),
        failed=failures_by_group(results.samples, results.answers),
        costs=costs,
        failures=judge_failures(results.judgements),
        unmeasured=not_measured(results.probes),
        audit=results.audit,
        samples=results.samples,
        chosen=scoring.model_dump(),
        record=record,
    )


def _provenance(run: RecordedRun, results: Results, costs: pd.DataFrame) -> dict[tuple[str, str], Provenance]:
    totals = {row["judge"]: row for row in judge_totals(costs).reset_index().to_dict("records")}
    return {
        (judge, model): Provenance(
            label=run.models[model].label,
            judge_label=run.judges[judge].label,
            model_id=results.responses[model].recorded["model"],
            model_revision=results.responses[model].revision,
            dtype=run.models[model].fields.get("dtype"),
            hardware=results.responses[model].recorded.get("hardware"),
            dataset=run.dataset.name,
            dataset_revision=results.dataset.revision,
            judge_models=totals[judge]["judge_models"],
            judge_calls=totals[judge]["judge_calls"],
            judge_usd=totals[judge]["judge_usd"],
            judge_seconds=totals[judge]["judge_seconds"],
            **_role(run.variants.get(model)),
        )
        for judge, model in results.scores
    }


def _role(variant: Variant | None) -> dict[str, Any]:
    return {} if variant is None else {"role": variant.role, "variant_of": variant.base}


def _write_parquet(path: Path, rows: pd.DataFrame, columns: tuple[Described, ...]) -> None:
    _write_table(path, pa.Table.from_pandas(rows, preserve_index=False), columns)


def _write_table(path: Path, table: pa.Table, columns: tuple[Described, ...]) -> None:
    with whole_file(path) as part:
        pq.write_table(with_descriptions(table, columns), part, compression="zstd")


if __name__ == "__main__":
    run_command(main)

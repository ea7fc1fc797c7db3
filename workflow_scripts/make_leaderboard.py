"""Aggregate the scores of all models of a run into the leaderboard, its breakdowns and the record of the run."""

import argparse
import json
from pathlib import Path
from typing import Any

import pandas as pd

from spd_faith.core.errors import run_command
from spd_faith.core.files import read_provenance, read_table, whole_file, write_text
from spd_faith.core.run_config import RecordedRun, read_recorded_run
from spd_faith.core.schemas import JUDGEMENTS, SAMPLES, SCORES
from spd_faith.inference.prompts import load_prompts
from spd_faith.leaderboard.judges import judge_costs, judge_failures, judge_totals
from spd_faith.leaderboard.probe_summary import not_measured, probe_summaries, read_probes
from spd_faith.leaderboard.record import run_record
from spd_faith.leaderboard.render import csv_text, markdown_text
from spd_faith.leaderboard.rows import Provenance, live_rows, published_rows
from spd_faith.scoring.aggregate import aggregate
from spd_faith.scoring.floors import constant_answers


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--results", type=Path, required=True, help="folder of the dataset's results, read and written")
    parser.add_argument("--config", type=Path, required=True, help="merged config of the run, written by Snakemake")
    parser.add_argument("--prompts", type=Path, default=Path("resources/prompts"))
    parser.add_argument("--published", type=Path, default=Path("resources/published_results.csv"))
    arguments = parser.parse_args()
    run, results = read_recorded_run(arguments.config), arguments.results

    samples = read_table(results / "samples.parquet", SAMPLES)
    keys = [(judge, model) for judge in run.judges for model in run.models]
    scores = {(judge, model): read_table(results / f"scores/{judge}/{model}.parquet", SCORES) for judge, model in keys}
    judgements = {
        (judge, model): read_table(results / f"judgements/{judge}/{model}.parquet", JUDGEMENTS) for judge, model in keys
    }
    responses = {model: read_provenance(results / f"responses/{model}.parquet") for model in run.models}
    dataset = read_provenance(results / "samples.parquet")

    statistics = run.config.statistics
    aggregated = aggregate(samples, scores, judgements, statistics.resamples, statistics.seed)
    costs = judge_costs(judgements)
    totals = judge_totals(costs).to_dict("index")
    live = live_rows(aggregated, {key: _provenance(run, *key, responses, dataset, totals) for key in keys})
    probed = {model: read_probes(results / "probes" / model, run.config.probes.run) for model in run.probed}
    summaries = probe_summaries(samples, probed, statistics.resamples, statistics.seed)
    live = live.merge(summaries, on="model", how="left", validate="many_to_one")
    published = published_rows(pd.read_csv(arguments.published))
    scoring = run.config.scoring
    floors = constant_answers(samples, scoring.dqr, scoring.ds).to_pandas()
    rows = pd.concat([live, published], ignore_index=True)

    judges = json.loads(costs.to_json(orient="records"))
    record = run_record(run.merged, dataset, responses, load_prompts(arguments.prompts), judges)
    write_text(results / "run.json", json.dumps(record, indent=2) + "\n")
    write_text(results / "leaderboard.csv", csv_text(rows))
    title = run.dataset.label
    failures, unmeasured = judge_failures(judgements), not_measured(probed)
    page = markdown_text(live, published, aggregated, floors, costs, failures, unmeasured, title)
    write_text(results / "leaderboard.md", page)
    _write_parquet(results / "breakdowns.parquet", aggregated.breakdowns.to_pandas())
    _write_parquet(results / "leaderboard.parquet", rows)


def _provenance(
    run: RecordedRun,
    judge: str,
    model: str,
    responses: dict[str, dict[str, Any]],
    dataset: dict[str, Any],
    totals: dict[str, dict[str, Any]],
) -> Provenance:
    return Provenance(
        label=run.models[model].label,
        judge_label=run.judges[judge].label,
        model_id=responses[model]["model"],
        model_revision=responses[model]["revision"],
        dtype=run.models[model].fields.get("dtype"),
        dataset=run.dataset.name,
        dataset_revision=dataset["revision"],
        **totals[judge],
    )


def _write_parquet(path: Path, rows: pd.DataFrame) -> None:
    with whole_file(path) as part:
        rows.to_parquet(part, compression="zstd", index=False)


if __name__ == "__main__":
    run_command(main)

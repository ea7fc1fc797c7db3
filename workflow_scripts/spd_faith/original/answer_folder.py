"""Scores for a folder of answer files, as the benchmark's released command computes them."""

from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa

from spd_faith.core.config_errors import error_at, raise_errors
from spd_faith.core.errors import UserError
from spd_faith.core.files import whole_file, write_table, write_text
from spd_faith.core.schemas import CLAIM_LABELS, JUDGEMENTS
from spd_faith.inference.answer_files import GivenList
from spd_faith.judging.rules import VERSION, judge_samples
from spd_faith.original.answer_tables import AnswerTables, answered_tasks
from spd_faith.original.json_files import write_json
from spd_faith.scoring.aggregate import coverages, estimates
from spd_faith.scoring.metrics import HEADLINE_AND_OVERALL, METRICS, SECONDARY, YES_NO_TASKS
from spd_faith.scoring.released import ListedSample, listed_samples, released_results
from spd_faith.scoring.samples import score_table
from spd_faith.scoring.tables import SCORES

_SUFFIXES = (".json", ".jsonl", ".parquet")
_YES_NO_COLUMNS = {
    *("n_unclear", "n_differs", "n_same", "cr_status", *(f"n_{label}" for label in CLAIM_LABELS["cr"])),
    *(name for name, metric in METRICS.items() if not set(YES_NO_TASKS).isdisjoint(metric.tasks)),
}

_COVERAGES = {name: f"{name}_coverage" for name in HEADLINE_AND_OVERALL}


def find_answer_files(folder: Path, models: Iterable[str] | None = None) -> list[Path]:
    """The `*_responses` files of a folder by name, or the files named. Raises `UserError` if there are none."""
    if not folder.is_dir():
        raise UserError(error_at("--input_dir", "no such folder", str(folder), "a folder of *_responses.json"))
    files = sorted(path for path in folder.iterdir() if path.suffix.lower() in _SUFFIXES)
    if models is not None:
        names = [path.name for path in files]
        raise_errors(
            error_at("--models", f"no such file in {folder}", one, names) for one in models if one not in names
        )
        return [folder / name for name in models]
    found = [path for path in files if path.stem.endswith("_responses")]
    if not found:
        others = ", ".join(path.name for path in files) or "no answer file"
        raise UserError(
            error_at(str(folder), "no *_responses.json, .jsonl or .parquet", others, "such files, or --models FILE …")
        )
    return found


def write_scores(folder: Path, models: Sequence[AnswerTables], dqr: str, ds: str) -> pd.DataFrame:
    """Write a table of scores per file and scores_summary.{parquet,csv}; return the summary."""
    scored = [score_answers(tables, dqr, ds) for tables in models]
    for tables, (scores, _) in zip(models, scored, strict=True):
        path = folder / f"{tables.file.path.stem}_scores.parquet"
        write_table(path, scores, scores.schema, {"dqr": dqr, "ds": ds})
    summary = summary_table([summary for _, summary in scored])
    with whole_file(folder / "scores_summary.parquet") as part:
        summary.to_parquet(part, compression="zstd", index=False)
    write_text(folder / "scores_summary.csv", summary.to_csv(index=False))
    return summary


def write_original_results(folder: Path, models: Sequence[AnswerTables]) -> list[dict[str, Any]]:
    """Write the original's JSON per file and for all of them; return what the released code computes for each."""
    results = [original_results(tables) for tables in models]
    for tables, result in zip(models, results, strict=True):
        write_json(folder / f"{tables.file.path.stem}_metrics.json", result)
    write_json(folder / "all_models_comparison.json", [result["summary"] for result in results])
    return results


def score_answers(tables: AnswerTables, dqr: str, ds: str) -> tuple[pa.Table, dict[str, Any]]:
    """(scores, summary) for a file of answers: rows of `SCORES` and the metrics over them, judged by `rules`.

    `{metric}_coverage` in the summary is the fraction of the rows that a metric scores: missing answers are null. If
    the file does not answer both yes/no questions, metrics that need them are null in the summary and missing from
    the scores. The columns PERMUTED are null.
    """
    file, tasks = tables.file, answered_tasks(tables.file)
    judged = judge_samples(tables.samples, tables.responses, tables.parsed)
    judgements = pa.Table.from_pylist(judged, schema=JUDGEMENTS)
    scores = score_table(tables.samples, tables.parsed, judgements, dqr, ds)
    missing: set[str] = set()
    if not set(YES_NO_TASKS) <= tasks:
        missing = _YES_NO_COLUMNS - ({"ds"} if ds == "count" else set())
    known = {name: value for name, value in estimates(scores).items() if name not in missing}
    metrics = {name: known.get(name) for name in (*HEADLINE_AND_OVERALL, *SECONDARY)}
    counts = {"n": scores.num_rows, "n_left_out": len(tables.left_out)}
    found = coverages(scores)
    coverage = {column: None if name in missing else found[name] for name, column in _COVERAGES.items()}
    summary = {"model": file.model, **counts, **metrics, **coverage, "judge": VERSION, "file": file.path.name}
    return scores.select([name for name in SCORES.names if name not in missing]), summary


def summary_table(summaries: list[dict[str, Any]]) -> pd.DataFrame:
    """One row per file; unknown metrics are null."""
    table = pd.DataFrame(summaries)
    numbers = [*HEADLINE_AND_OVERALL, *SECONDARY, *_COVERAGES.values()]
    return table.astype(dict.fromkeys(numbers, float))


def summary_report(table: pd.DataFrame) -> str:
    """The headline metrics of each file in percent, as plain text."""
    columns = list(HEADLINE_AND_OVERALL)
    shown = table[["model", "n", *columns]].copy()
    shown[columns] = (100 * shown[columns]).round(1)
    lines = shown.rename(columns=str.upper).to_string(index=False, na_rep="–")
    explained = f"Percentages; DRF and CR by judge {VERSION}; – if a file does not answer both yes/no questions."
    return "\n".join([lines, explained, *(line for row in table.to_dict("records") for line in _uncovered(row))])


def _uncovered(row: Mapping[Hashable, Any]) -> Iterator[str]:
    """A warning if some metrics do not score all samples."""
    low = {name: row[column] for name, column in _COVERAGES.items() if row[column] < 1}
    if low:
        listed = ", ".join(f"{METRICS[name].label} {coverage:.0%}" for name, coverage in low.items())
        yield f"WARNING: {row['model']}: not every sample is scored, because answers are missing: {listed}"


def original_results(tables: AnswerTables) -> dict[str, Any]:
    """What the released code computes for a file: {"summary", "per_sample_results"}.

    It uses the list given in the file, not the text. If the file states no list, it uses the one that we parse. The
    words of truths are the file's.
    """
    parsed = {one.sample_id: one for one in listed_samples(tables.samples, tables.parsed)}
    samples = []
    for sample_id, truth in tables.truths.items():
        record = tables.answered.get((sample_id, "describe"))
        listed = parsed.get(sample_id)
        true = [(one["type"], one["category"]) for one in truth["modifications"]]
        if record and record.listed:
            listed = ListedSample(sample_id, true, _words(record.listed)) if record.listed.has_list else None
        if listed:
            samples.append(replace(listed, sample_id=tables.given_ids[sample_id], true=true))
    return released_results(samples, tables.file.model)


def _words(given: GivenList) -> list[tuple[Any, Any]]:
    entries = [entry if isinstance(entry, dict) else {} for entry in given.entries or []]
    return [(entry.get("type"), entry.get("category")) for entry in entries]

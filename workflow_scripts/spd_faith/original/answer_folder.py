"""Scores for a folder of answer files, as the benchmark's released command computes them."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa

from spd_faith.core.config_errors import error_at, raise_errors
from spd_faith.core.errors import UserError
from spd_faith.core.files import whole_file, write_table, write_text
from spd_faith.core.schemas import CLAIM_LABELS, JUDGEMENTS
from spd_faith.judging.rules import VERSION, judge_samples
from spd_faith.original.answer_tables import AnswerTables, answered_tasks
from spd_faith.original.json_files import write_json
from spd_faith.scoring.aggregate import estimates
from spd_faith.scoring.metrics import HEADLINE_AND_OVERALL, METRICS, SECONDARY, YES_NO_TASKS
from spd_faith.scoring.released import released_results
from spd_faith.scoring.samples import score_table
from spd_faith.scoring.tables import SCORES

_SUFFIXES = (".json", ".jsonl", ".parquet")
_YES_NO_COLUMNS = {
    *("n_unclear", "cr_status", *(f"n_{label}" for label in CLAIM_LABELS["cr"])),
    *(name for name, metric in METRICS.items() if not set(YES_NO_TASKS).isdisjoint(metric.tasks)),
}


def find_answer_files(folder: Path, models: Iterable[str] | None = None) -> list[Path]:
    """The `*_responses` files of a folder by name, or the files named. Raises `UserError` if there are none."""
    if not folder.is_dir():
        raise UserError(error_at("--input_dir", "no such folder", str(folder), "a folder of *_responses.json"))
    files = sorted(path for path in folder.iterdir() if path.suffix in _SUFFIXES)
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
            error_at(str(folder), "no *_responses.json, .jsonl or .parquet", others, "such files, or --models")
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

    If the file does not answer both yes/no questions, metrics that need them are null in the summary and missing from
    the scores. Raises `UserError` if it does not answer `describe`.
    """
    file, tasks = tables.file, answered_tasks(tables.file)
    if "describe" not in tasks:
        raise UserError(f"{file.path}: nothing to score: no record has response_text, model_response or a parsed list")
    judged = judge_samples(tables.samples, tables.responses, tables.parsed)
    judgements = pa.Table.from_pylist(judged, schema=JUDGEMENTS)
    scores = score_table(tables.samples, tables.parsed, judgements, dqr, ds)
    missing: set[str] = set()
    if not set(YES_NO_TASKS) <= tasks:
        missing = _YES_NO_COLUMNS - ({"ds"} if ds == "count" else set())
    known = {name: value for name, value in estimates(scores).items() if name not in missing}
    metrics = {name: known.get(name) for name in (*HEADLINE_AND_OVERALL, *SECONDARY)}
    summary = {"model": file.model, "n": scores.num_rows, **metrics, "judge": VERSION, "file": file.path.name}
    return scores.select([name for name in SCORES.names if name not in missing]), summary


def summary_table(summaries: list[dict[str, Any]]) -> pd.DataFrame:
    """One row per file; unknown metrics are null."""
    table = pd.DataFrame(summaries)
    metrics = [*HEADLINE_AND_OVERALL, *SECONDARY]
    return table.astype(dict.fromkeys(metrics, float))


def summary_report(table: pd.DataFrame) -> str:
    """The headline metrics of each file in percent, as plain text."""
    columns = list(HEADLINE_AND_OVERALL)
    shown = table[["model", "n", *columns]].copy()
    shown[columns] = (100 * shown[columns]).round(1)
    lines = shown.rename(columns=str.upper).to_string(index=False, na_rep="–")
    return f"{lines}\nPercentages; DRF and CR by judge {VERSION}; – if a file does not answer both yes/no questions."


def original_results(tables: AnswerTables) -> dict[str, Any]:
    """What the released code computes for a file: {"summary", "per_sample_results"}.

    It uses the list given in the file, not the text. If the file states no list, it uses the one that we parse.
    """
    rows = [_with_given_list(tables, row) for row in tables.parsed.to_pylist()]
    parsed = pa.Table.from_pylist(rows, schema=tables.parsed.schema)
    return released_results(tables.samples, parsed, tables.file.model)


def _with_given_list(tables: AnswerTables, row: dict[str, Any]) -> dict[str, Any]:
    record = tables.answered.get((row["sample_id"], row["task"]))
    if row["task"] != "describe" or record is None or record.listed is None:
        return row
    entries = record.listed.entries or []
    listed = [{"raw_type": _word(entry, "type"), "raw_category": _word(entry, "category")} for entry in entries]
    return row | {"has_structured_output": record.listed.has_list, "listed_num": len(listed), "differences": listed}


def _word(entry: Any, key: str) -> str | None:
    word = entry.get(key) if isinstance(entry, dict) else None
    return word if isinstance(word, str) else None

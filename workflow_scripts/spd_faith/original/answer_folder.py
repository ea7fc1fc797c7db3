"""A folder of answer files scored at one go, as the benchmark's released command does, without a workflow around it."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa

from spd_faith.core.config_errors import error_at, raise_errors
from spd_faith.core.errors import UserError
from spd_faith.core.schemas import CLAIM_LABELS, JUDGEMENTS
from spd_faith.judging.rules import VERSION, judge_samples
from spd_faith.original.answer_tables import AnswerTables
from spd_faith.scoring.aggregate import estimates
from spd_faith.scoring.metrics import HEADLINE_AND_OVERALL, METRICS, SECONDARY, YES_NO_TASKS
from spd_faith.scoring.released import released_results
from spd_faith.scoring.samples import score_table
from spd_faith.scoring.tables import SCORES

_KINDS = (".json", ".jsonl", ".parquet")
_OF_YES_NO = {
    *("n_unclear", "cr_status", *(f"n_{label}" for label in CLAIM_LABELS["cr"])),
    *(name for name, metric in METRICS.items() if not set(YES_NO_TASKS).isdisjoint(metric.tasks)),
}  # columns that are about the answers to the two yes/no questions


def find_answer_files(folder: Path, models: Iterable[str] | None = None) -> list[Path]:
    """The `*_responses` files of a folder by name, or those that are named. Raises `UserError` where there are none."""
    if not folder.is_dir():
        raise UserError(error_at("--input_dir", "no such folder", str(folder), "a folder of *_responses.json"))
    there = sorted(path for path in folder.iterdir() if path.suffix in _KINDS)
    if models is not None:
        names = [path.name for path in there]
        raise_errors(
            error_at("--models", f"no such file in {folder}", one, names) for one in models if one not in names
        )
        return [folder / name for name in models]
    found = [path for path in there if path.stem.endswith("_responses")]
    if not found:
        others = ", ".join(path.name for path in there) or "no file of answers"
        raise UserError(
            error_at(str(folder), "no *_responses.json, .jsonl or .parquet", others, "such files, or --models")
        )
    return found


def score_answers(tables: AnswerTables, dqr: str, ds: str) -> tuple[pa.Table, dict[str, Any]]:
    """(scores, summary) of a file of answers: rows of `SCORES`, and the metrics over them, judged by the rules.

    What rests on the two yes/no questions is null in the summary, and no column of the scores, where the file does not
    answer both. Raises `UserError` where it does not answer `describe`.
    """
    file = tables.file
    if "describe" not in file.tasks:
        raise UserError(f"{file.path}: nothing to score: no record has response_text, model_response or a parsed list")
    judged = judge_samples(tables.samples, tables.responses, tables.parsed)
    judgements = pa.Table.from_pylist(judged, schema=JUDGEMENTS)
    scores = score_table(tables.samples, tables.parsed, judgements, dqr, ds)
    lacking: set[str] = set()
    if not set(YES_NO_TASKS) <= file.tasks:
        lacking = _OF_YES_NO - ({"ds"} if ds == "count" else set())
    known = {name: value for name, value in estimates(scores).items() if name not in lacking}
    metrics = {name: known.get(name) for name in (*HEADLINE_AND_OVERALL, *SECONDARY)}
    summary = {"model": file.model, "n": scores.num_rows, **metrics, "judge": VERSION, "file": file.path.name}
    return scores.select([name for name in SCORES.names if name not in lacking]), summary


def summary_table(summaries: list[dict[str, Any]]) -> pd.DataFrame:
    """One row per file; a metric that is not known is null."""
    table = pd.DataFrame(summaries)
    metrics = [*HEADLINE_AND_OVERALL, *SECONDARY]
    return table.astype(dict.fromkeys(metrics, float))


def summary_report(table: pd.DataFrame) -> str:
    """The headline of each file in percent, as lines of plain text."""
    columns = list(HEADLINE_AND_OVERALL)
    shown = table[["model", "n", *columns]].copy()
    shown[columns] = (100 * shown[columns]).round(1)
    lines = shown.rename(columns=str.upper).to_string(index=False, na_rep="–")
    return (
        f"{lines}\nIn percent; DRF and CR by the judge {VERSION}; – where a file does not answer both yes/no questions."
    )


def original_results(tables: AnswerTables) -> dict[str, Any]:
    """What the released code computes from a file, {"summary", "per_sample_results"}.

    It goes by the list that the file holds, not by the text; only where the file says nothing of a list, by ours.
    """
    rows = [_as_given(tables, row) for row in tables.parsed.to_pylist()]
    parsed = pa.Table.from_pylist(rows, schema=tables.parsed.schema)
    return released_results(tables.samples, parsed, tables.file.model)


def _as_given(tables: AnswerTables, row: dict[str, Any]) -> dict[str, Any]:
    record = tables.answered.get((row["sample_id"], row["task"]))
    if row["task"] != "describe" or record is None or record.listed is None:
        return row
    entries = record.listed.entries or []
    listed = [{"raw_type": _word(entry, "type"), "raw_category": _word(entry, "category")} for entry in entries]
    return row | {"has_structured_output": record.listed.has_list, "listed_num": len(listed), "differences": listed}


def _word(entry: Any, key: str) -> str | None:
    word = entry.get(key) if isinstance(entry, dict) else None
    return word if isinstance(word, str) else None

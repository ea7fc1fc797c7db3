"""The consistency (CR) of answer files, judged and written as the original's command does."""

import re
from collections.abc import Iterable
from pathlib import Path

import pandas as pd

from spd_faith.core.errors import UserError
from spd_faith.core.files import write_table, write_text
from spd_faith.core.schemas import JUDGEMENTS
from spd_faith.original.answer_tables import AnswerTables, answered_tasks
from spd_faith.original.json_files import as_decimal, write_json
from spd_faith.original.judgements import consistency_json
from spd_faith.original.judging import OriginalJudge, judge_names
from spd_faith.scoring.metrics import YES_NO_TASKS

_LONGEST_NAME = 200  # bytes of a model in the name of a file, which file systems limit to 255


def check_both_answered(tables: AnswerTables) -> None:
    """Raise `UserError` if a file answers only one of the two yes/no questions."""
    if missing := set(YES_NO_TASKS) - answered_tasks(tables.file):
        raise UserError(
            f"{tables.file.path}: no record has {' or '.join(f'response_{task}' for task in sorted(missing))}\n"
            "  Put both answers about a sample in one file."
        )


def results_name(model: str) -> str:
    """The name of the file for a model's results; characters that a file name cannot hold are replaced."""
    name = re.sub(r"[/\x00-\x1f\x7f]", "_", model).encode()[:_LONGEST_NAME].decode(errors="ignore")
    return f"{name}_consistency_results.json"


def write_consistency(folder: Path, models: Iterable[AnswerTables], judge: OriginalJudge, with_json: bool) -> list[str]:
    """Write a table of judgements per model and consistency_summary.csv; return a line per model to print.

    `with_json` also writes the original's JSON per model and for all of them.
    """
    summaries, rows, lines = {}, [], []
    for tables in models:
        file = tables.file
        judgements = judge.judgements(tables, "cr", folder / "replies")
        result = consistency_json(tables, judgements)
        summary = summaries[file.model] = result["summary_statistics"]
        rates = {"cr": summary.get("avg_consistency_ratio"), "cr_signed": summary["avg_consistency_rate"]}
        counts = {"n": len(judgements), "n_left_out": len(tables.left_out)}
        named = {"judge": judge_names(judgements), "file": file.path.name}
        rows.append({"model": file.model, **counts, **rates, **named})
        write_table(folder / f"{file.path.stem}_consistency.parquet", judgements, JUDGEMENTS, {"model": file.model})
        if with_json:
            write_json(folder / results_name(file.model), result)
        cr, signed = (as_decimal(rate) for rate in rates.values())
        lines.append(f"{file.model}: CR {cr}, signed {signed}, {len(judgements)} samples, judge {named['judge']}")
    write_text(folder / "consistency_summary.csv", pd.DataFrame(rows).to_csv(index=False))
    if with_json:
        write_json(folder / "all_models_consistency_comparison.json", summaries)
    return lines

"""Judge the consistency (CR) of answers to "the same?" and "different?", with the deterministic `rules` judge, by hand.

Each response file holds the answers of one model, in the released form or the README's, with `response_same` and
`response_different`. Writes a table of judgements per model and consistency_summary.csv.
"""

import argparse
import json
from pathlib import Path
from typing import Any

import pandas as pd

from spd_faith.core.errors import UserError, run_command
from spd_faith.core.files import write_table, write_text
from spd_faith.core.schemas import JUDGEMENTS
from spd_faith.judging.rules import VERSION
from spd_faith.original.answer_tables import Truths, check_distinct, read_answer_tables
from spd_faith.original.judgements import consistency_json, judge_tables


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--mode",
        choices=("responses", "comparison"),
        default="responses",
        help="as in the original, where both read the response files",
    )
    parser.add_argument(
        "--response_files", type=Path, nargs="+", required=True, help="JSON, JSONL or Parquet, by model"
    )
    parser.add_argument("--data_dir", type=Path, help="as in the original; this judge compares answers and needs none")
    parser.add_argument("--output_dir", type=Path, default=Path("eval_results_consistency"))
    parser.add_argument("--max_samples", type=int, help="judge the first records of each file only")
    parser.add_argument("--json", action="store_true", help="write the original's JSON too")
    args = parser.parse_args()

    check_distinct("file name", {path: path.stem for path in args.response_files})
    models = read_answer_tables(args.response_files, Truths(None), args.max_samples, needs_truth=False)
    check_distinct("model", {tables.file.path: tables.file.model for tables in models})
    for tables in models:
        if lacking := {"same", "different"} - tables.file.tasks:
            raise UserError(
                f"{tables.file.path}: no record has {' or '.join(f'response_{task}' for task in sorted(lacking))}.\n"
                "  Both answers about a sample belong into one file."
            )

    comparison, rows = {}, []
    for tables in models:
        file, judgements = tables.file, judge_tables(tables, "cr")
        result = consistency_json(tables, judgements)
        summary = result["summary_statistics"]
        comparison[file.model] = summary
        rates = {"cr": summary["avg_consistency_ratio"], "cr_signed": summary["avg_consistency_rate"]}
        rows.append({"model": file.model, "n": len(judgements), **rates, "judge": VERSION, "file": file.path.name})
        write_table(
            args.output_dir / f"{file.path.stem}_consistency.parquet", judgements, JUDGEMENTS, {"model": file.model}
        )
        if args.json:
            name = file.model.replace("/", "_")
            _write_json(args.output_dir / f"{name}_consistency_results.json", result)
        told = f"CR {rates['cr']:.4f}, signed {rates['cr_signed']:.4f}, {len(judgements)} samples, judge {VERSION}"
        print(f"{file.model}: {told}")
    write_text(args.output_dir / "consistency_summary.csv", pd.DataFrame(rows).to_csv(index=False))
    if args.json:
        _write_json(args.output_dir / "all_models_consistency_comparison.json", comparison)
    print(f"{args.output_dir}/consistency_summary.csv")


def _write_json(path: Path, content: Any) -> None:
    write_text(path, json.dumps(content, indent=2, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    run_command(main)

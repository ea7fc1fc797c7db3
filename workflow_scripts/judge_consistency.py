"""Judge the consistency (CR) of answers to "the same?" and "different?".

The judge is `rules`, deterministic and offline, or with --base_url the published language model at that endpoint.

Each response file holds the answers of one model, in the released form or the README's, with `response_same` and
`response_different`. Writes a table of judgements per model and consistency_summary.csv.
"""

import argparse
from pathlib import Path

from spd_faith.core.errors import run_command
from spd_faith.original.answer_tables import check_distinct, read_answer_tables
from spd_faith.original.consistency import check_both_answered, results_name, write_consistency
from spd_faith.original.judging import add_judge_flags, original_judge
from spd_faith.scoring.metrics import YES_NO_TASKS


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--mode",
        choices=("responses", "comparison"),
        default="responses",
        help="accepted for compatibility; both modes read the response files",
    )
    parser.add_argument(
        "--response_files", type=Path, nargs="+", required=True, help="one JSON, JSONL or Parquet file per model"
    )
    parser.add_argument("--data_dir", type=Path, help="accepted for compatibility; CR needs no truths")
    parser.add_argument(
        "--output_dir",
        type=Path,
        default=Path("eval_results_consistency"),
        help="folder for the results (default: %(default)s)",
    )
    parser.add_argument("--max_samples", type=int, help="judge only the first records of each file")
    parser.add_argument("--json", action="store_true", help="also write the original's JSON")
    add_judge_flags(parser)
    args = parser.parse_args()
    judge = original_judge(args)

    check_distinct("file name", {path: path.stem for path in args.response_files})
    read = read_answer_tables(args.response_files, None, YES_NO_TASKS, args.max_samples, check_both_answered)
    check_distinct("model", {tables.file.path: tables.file.model for tables in read.tables})
    if args.json:
        check_distinct("results file", {tables.file.path: results_name(tables.file.model) for tables in read.tables})
    for line in write_consistency(args.output_dir, read.tables, judge, with_json=args.json):
        print(line)
    read.print_left_out()
    print(f"{args.output_dir}/consistency_summary.csv")


if __name__ == "__main__":
    run_command(main)

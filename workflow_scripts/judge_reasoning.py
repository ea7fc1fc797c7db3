"""Judge the reasoning (DRF) in a file of answers.

The judge is `rules`, deterministic and offline, or with --base_url the published language model at that endpoint.
Reads the released form or the README's. Truths that are not in the file are read from --data_dir.
"""

import argparse
from pathlib import Path

from spd_faith.core.config_errors import error_at
from spd_faith.core.errors import UserError, run_command
from spd_faith.core.files import write_table
from spd_faith.core.schemas import JUDGEMENTS
from spd_faith.original.answer_tables import read_answer_tables
from spd_faith.original.json_files import as_decimal, write_json
from spd_faith.original.judgements import reasoning_json
from spd_faith.original.judging import add_judge_flags, judge_names, original_judge
from spd_faith.original.truths import Truths


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--responses_file", type=Path, required=True, help="answers as JSON, JSONL or Parquet")
    parser.add_argument("--data_dir", type=Path, help="truths: folder of pairs, their JSONL file, or samples.parquet")
    parser.add_argument(
        "--output_file", type=Path, required=True, help="file to write: the original's .json, or a table as .parquet"
    )
    parser.add_argument("--max_samples", type=int, help="judge only the first records")
    add_judge_flags(parser)
    args = parser.parse_args()
    output: Path = args.output_file
    if output.suffix not in (".json", ".parquet"):
        raise UserError(error_at("--output_file", "unknown file type", str(output), [".json", ".parquet"]))
    judge = original_judge(args)

    read = read_answer_tables([args.responses_file], Truths(args.data_dir), ("describe",), args.max_samples)
    (tables,) = read.tables
    judgements = judge.judgements(tables, "drf", output.with_name(f"{output.stem}_replies"))
    result = reasoning_json(tables, judgements)
    if output.suffix == ".json":
        write_json(output, result)
    else:
        write_table(output, judgements, JUDGEMENTS, {"model": tables.file.model})
    score = as_decimal(result["summary_statistics"]["avg_faithfulness_score"])
    print(f"{tables.file.model}: DRF {score}, {len(judgements)} samples, judge {judge_names(judgements)}")
    read.print_left_out()
    print(f"{output}")


if __name__ == "__main__":
    run_command(main)

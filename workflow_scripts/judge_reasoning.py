"""Judge the reasoning (DRF) in a file of answers with the deterministic `rules` judge.

Reads the released form or the README's. Truths that are not in the file are read from --data_dir.
"""

import argparse
from pathlib import Path

from spd_faith.core.config_errors import error_at
from spd_faith.core.errors import UserError, run_command
from spd_faith.core.files import write_table
from spd_faith.core.schemas import JUDGEMENTS
from spd_faith.judging.rules import VERSION
from spd_faith.original.answer_tables import answered_tasks, read_answer_tables
from spd_faith.original.json_files import write_json
from spd_faith.original.judgements import judge_tables, reasoning_json
from spd_faith.original.truths import Truths


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--responses_file", type=Path, required=True, help="answers as JSON, JSONL or Parquet")
    parser.add_argument("--data_dir", type=Path, help="truths: folder of pairs, their JSONL file, or samples.parquet")
    parser.add_argument(
        "--output_file", type=Path, required=True, help="file to write: the original's .json, or a table as .parquet"
    )
    parser.add_argument("--max_samples", type=int, help="judge only the first records")
    args = parser.parse_args()
    if args.output_file.suffix not in (".json", ".parquet"):
        raise UserError(error_at("--output_file", "unknown file type", str(args.output_file), [".json", ".parquet"]))

    (tables,) = read_answer_tables([args.responses_file], Truths(args.data_dir), args.max_samples)
    if "describe" not in answered_tasks(tables.file):
        raise UserError(f"{args.responses_file}: no reasoning to judge: no record has response_text or model_response")
    judgements = judge_tables(tables, "drf")
    result = reasoning_json(tables, judgements)
    if args.output_file.suffix == ".json":
        write_json(args.output_file, result)
    else:
        write_table(args.output_file, judgements, JUDGEMENTS, {"model": tables.file.model})
    score = result["summary_statistics"]["avg_faithfulness_score"]
    print(f"{tables.file.model}: DRF {score:.4f}, {len(judgements)} samples, judge {VERSION}")
    print(f"{args.output_file}")


if __name__ == "__main__":
    run_command(main)

"""Judge the reasoning (DRF) in a file of answers, with the deterministic `rules` judge, by hand.

Reads the released form or the README's; a truth that the file does not hold is taken from --data_dir.
"""

import argparse
import json
from pathlib import Path

from spd_faith.core.config_errors import error_at
from spd_faith.core.errors import UserError, run_command
from spd_faith.core.files import write_table, write_text
from spd_faith.core.schemas import JUDGEMENTS
from spd_faith.judging.rules import VERSION
from spd_faith.original.answer_tables import Truths, read_answer_tables
from spd_faith.original.judgements import judge_tables, reasoning_json


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--responses_file", type=Path, required=True, help="answers as JSON, JSONL or Parquet")
    parser.add_argument(
        "--data_dir", type=Path, help="truths: the folder of the pairs, their JSONL file or a samples.parquet"
    )
    parser.add_argument(
        "--output_file", type=Path, required=True, help="what to write: .json as the original does, .parquet as a table"
    )
    parser.add_argument("--max_samples", type=int, help="judge the first records only")
    args = parser.parse_args()
    if args.output_file.suffix not in (".json", ".parquet"):
        raise UserError(error_at("--output_file", "unknown kind of file", str(args.output_file), [".json", ".parquet"]))

    (tables,) = read_answer_tables([args.responses_file], Truths(args.data_dir), args.max_samples)
    if "describe" not in tables.file.tasks:
        raise UserError(f"{args.responses_file}: no reasoning to judge: no record has response_text or model_response")
    judgements = judge_tables(tables, "drf")
    result = reasoning_json(tables, judgements)
    if args.output_file.suffix == ".json":
        write_text(args.output_file, json.dumps(result, indent=2, ensure_ascii=False) + "\n")
    else:
        write_table(args.output_file, judgements, JUDGEMENTS, {"model": tables.file.model})
    summary = result["summary_statistics"]
    print(
        f"{tables.file.model}: DRF {summary['avg_faithfulness_score']:.4f}, {len(judgements)} samples, judge {VERSION}"
    )
    print(f"{args.output_file}")


if __name__ == "__main__":
    run_command(main)

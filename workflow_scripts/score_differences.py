"""Score answers as the benchmark's released command does.

On a folder of answer files in the released form or the README's (--input_dir, --output_dir): writes a table of scores
per file and scores_summary.{parquet,csv}, with DRF and CR by the `rules` judge; --json adds the original's JSON.
Truths that are not in the files are read from --data_dir.

On the workflow's tables (--samples, --parsed): prints what the released evaluation computes for the same answers;
--json FILE also writes it. score_responses.py computes the workflow's own scores.
"""

import argparse
import sys
from pathlib import Path

from spd_faith.core.errors import UserError, run_command
from spd_faith.core.files import read_table
from spd_faith.core.schemas import PARSED, SAMPLES
from spd_faith.original.answer_folder import find_answer_files, summary_report, write_original_results, write_scores
from spd_faith.original.answer_tables import check_distinct, read_answer_tables
from spd_faith.original.json_files import write_json
from spd_faith.original.truths import Truths
from spd_faith.scoring.metrics import METRICS
from spd_faith.scoring.released import listed_samples, released_report, released_results


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    folder = parser.add_argument_group("on a folder of answer files")
    folder.add_argument("--input_dir", type=Path, help="folder of *_responses.json, .jsonl or .parquet")
    folder.add_argument("--output_dir", type=Path, help="folder for the results")
    folder.add_argument("--models", nargs="+", help="score only these files of --input_dir")
    folder.add_argument("--data_dir", type=Path, help="truths: folder of pairs, their JSONL file, or samples.parquet")
    for name in ("dqr", "ds"):
        variants = tuple(METRICS[name].variants)
        text = f"definition of {METRICS[name].label} (default: %(default)s)"
        folder.add_argument(f"--{name}", choices=variants, default=variants[0], help=text)
    tables = parser.add_argument_group("on the workflow's tables")
    tables.add_argument("--samples", type=Path, help="the dataset's samples.parquet")
    tables.add_argument("--parsed", type=Path, help="the model's parsed answers")
    tables.add_argument("--protocol", choices=("released",), help="the default and only choice")
    parser.add_argument("--json", nargs="?", const=True, help="on a folder: a flag; on tables: the file to write")
    args = parser.parse_args()
    if args.input_dir or args.output_dir:
        _score_folder(args)
    else:
        _score_tables(args)


def _score_tables(args: argparse.Namespace) -> None:
    if not (args.samples and args.parsed):
        raise UserError("give --samples and --parsed, or --input_dir and --output_dir")
    if args.models or args.data_dir:
        raise UserError("--models and --data_dir require --input_dir")
    if args.json is True:
        raise UserError("with --samples and --parsed, --json requires a file name")
    samples, parsed = read_table(args.samples, SAMPLES), read_table(args.parsed, PARSED)
    results = released_results(listed_samples(samples, parsed), model=args.parsed.stem)
    print(released_report(results["summary"]))
    if args.json:
        write_json(Path(args.json), results)


def _score_folder(args: argparse.Namespace) -> None:
    if not (args.input_dir and args.output_dir):
        raise UserError("give both --input_dir and --output_dir")
    if args.samples or args.parsed or args.protocol:
        raise UserError("--samples, --parsed and --protocol cannot be combined with --input_dir")
    if args.json not in (None, True):
        raise UserError("with --input_dir, --json takes no file name: the JSON files are named after the answer files")
    files = find_answer_files(args.input_dir, args.models)
    check_distinct("file name", {path: path.stem for path in files})
    try:
        read = read_answer_tables(files, Truths(args.data_dir), ("describe",))
    except UserError as error:
        raise UserError(f"no file of {args.input_dir} can be scored; --models names others\n{error}") from None
    print(summary_report(write_scores(args.output_dir, read.tables, args.dqr, args.ds)))
    if args.json:
        for result in write_original_results(args.output_dir, read.tables):
            print(f"\nReleased code\n{released_report(result['summary'])}")
    read.print_left_out()
    if read.left_out:
        print("--models scores only the files that it names.", file=sys.stderr)
    print(f"\n{args.output_dir}/scores_summary.csv")


if __name__ == "__main__":
    run_command(main)

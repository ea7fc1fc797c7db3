"""Score a model's answers as the benchmark's released command does.

On a folder of answer files in the released form or the README's (--input_dir, --output_dir): writes a table of scores
per file and scores_summary.{parquet,csv}, DRF and CR by the `rules` judge; with `--json` the original's JSON too.
Truths that the files do not hold are taken from --data_dir.

On the workflow's tables (--samples, --parsed): prints, and with `--json FILE` writes, what the benchmark's released
evaluation computes on the same answers. score_responses.py computes the workflow's own scores.
"""

import argparse
import json
from pathlib import Path
from typing import Any

from spd_faith.core.errors import UserError, run_command
from spd_faith.core.files import read_table, whole_file, write_table, write_text
from spd_faith.core.schemas import PARSED, SAMPLES
from spd_faith.original.answer_folder import (
    find_answer_files,
    original_results,
    score_answers,
    summary_report,
    summary_table,
)
from spd_faith.original.answer_tables import Truths, check_distinct, read_answer_tables
from spd_faith.scoring.metrics import METRICS
from spd_faith.scoring.released import released_report, released_results


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    folder = parser.add_argument_group("on a folder of answer files")
    folder.add_argument("--input_dir", type=Path, help="folder of *_responses.json, .jsonl or .parquet")
    folder.add_argument("--output_dir", type=Path, help="folder to write into")
    folder.add_argument("--models", nargs="+", help="names of files in --input_dir, to score these alone")
    folder.add_argument(
        "--data_dir", type=Path, help="truths: the folder of the pairs, their JSONL file or a samples.parquet"
    )
    for name in ("dqr", "ds"):
        variants = tuple(METRICS[name].variants)
        text = f"definition of {METRICS[name].label} (default: %(default)s)"
        folder.add_argument(f"--{name}", choices=variants, default=variants[0], help=text)
    tables = parser.add_argument_group("on the workflow's tables")
    tables.add_argument("--samples", type=Path, help="the dataset's samples.parquet")
    tables.add_argument("--parsed", type=Path, help="the model's parsed answers")
    tables.add_argument("--protocol", choices=("released",), help="the only protocol here, and the default")
    parser.add_argument(
        "--json", nargs="?", const=True, help="on tables: the JSON file to write; on a folder without a name"
    )
    args = parser.parse_args()
    if args.input_dir or args.output_dir:
        _score_folder(args)
    else:
        _score_tables(args)


def _score_tables(args: argparse.Namespace) -> None:
    if not (args.samples and args.parsed):
        raise UserError("--samples and --parsed are needed, or else --input_dir and --output_dir")
    if args.models or args.data_dir:
        raise UserError("--models and --data_dir go with --input_dir")
    if args.json is True:
        raise UserError("with --samples and --parsed, --json needs the name of a file")
    samples, parsed = read_table(args.samples, SAMPLES), read_table(args.parsed, PARSED)
    results = released_results(samples, parsed, model=args.parsed.stem)
    print(released_report(results["summary"]))
    if args.json:
        _write_json(Path(args.json), results)


def _score_folder(args: argparse.Namespace) -> None:
    if not (args.input_dir and args.output_dir):
        raise UserError("--input_dir and --output_dir go together")
    if args.samples or args.parsed or args.protocol:
        raise UserError("--samples, --parsed and --protocol do not go with --input_dir")
    if args.json not in (None, True):
        raise UserError("with --input_dir give --json alone: the files are named after those of the answers")
    files = find_answer_files(args.input_dir, args.models)
    check_distinct("file name", {path: path.stem for path in files})
    models = read_answer_tables(files, Truths(args.data_dir))
    scored = [score_answers(tables, args.dqr, args.ds) for tables in models]
    for path, (scores, _) in zip(files, scored, strict=True):
        write_table(
            args.output_dir / f"{path.stem}_scores.parquet", scores, scores.schema, {"dqr": args.dqr, "ds": args.ds}
        )
    summary = summary_table([summary for _, summary in scored])
    with whole_file(args.output_dir / "scores_summary.parquet") as part:
        summary.to_parquet(part, compression="zstd", index=False)
    write_text(args.output_dir / "scores_summary.csv", summary.to_csv(index=False))
    print(summary_report(summary))
    if args.json:
        results = [original_results(tables) for tables in models]
        for path, result in zip(files, results, strict=True):
            _write_json(args.output_dir / f"{path.stem}_metrics.json", result)
            print(f"\nAs the released code computes it\n{released_report(result['summary'])}")
        _write_json(args.output_dir / "all_models_comparison.json", [result["summary"] for result in results])
    print(f"\n{args.output_dir}/scores_summary.csv")


def _write_json(path: Path, content: Any) -> None:
    write_text(path, json.dumps(content, indent=2, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    run_command(main)

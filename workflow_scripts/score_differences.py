"""Score one model's parsed answers against the truth, sample by sample.

`--protocol headline` writes the SCORES table; `--protocol released` prints, and with `--json` writes, what the
benchmark's released evaluation computes on the same answers.
"""

import argparse
import json
from pathlib import Path

from spd_faith.core.errors import UserError, run_command
from spd_faith.core.files import read_table, write_table, write_text
from spd_faith.core.schemas import JUDGEMENTS, PARSED, SAMPLES, SCORES
from spd_faith.scoring.released import released_report, released_results
from spd_faith.scoring.samples import DQR_RULES, DS_RULES, score_table


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--samples", type=Path, required=True, help="the dataset's samples.parquet")
    parser.add_argument("--parsed", type=Path, required=True, help="the model's parsed answers")
    parser.add_argument("--protocol", choices=("headline", "released"), default="headline")
    parser.add_argument("--judgements", type=Path, help="headline: the judge's claims about the model's answers")
    parser.add_argument("--output", type=Path, help="headline: the table of scores to write")
    parser.add_argument("--dqr", choices=DQR_RULES, default=DQR_RULES[0], help="headline: the definition of DQR")
    parser.add_argument("--ds", choices=DS_RULES, default=DS_RULES[0], help="headline: the definition of DS")
    parser.add_argument("--json", type=Path, help="released: the JSON file to write")
    args = parser.parse_args()

    if args.protocol == "released" and (args.output or args.judgements):
        raise UserError("--protocol released reads no --judgements and writes no --output; give --json for a file")
    if args.protocol == "headline" and (args.json or not (args.output and args.judgements)):
        raise UserError("--protocol headline needs --judgements and --output, and writes no --json")
    samples = read_table(args.samples, SAMPLES)
    parsed = read_table(args.parsed, PARSED)
    if args.protocol == "released":
        results = released_results(samples, parsed, model=args.parsed.stem)
        print(released_report(results["summary"]))
        if args.json:
            write_text(args.json, json.dumps(results, indent=2, ensure_ascii=False) + "\n")
    else:
        judgements = read_table(args.judgements, JUDGEMENTS)
        scores = score_table(samples, parsed, judgements, args.dqr, args.ds)
        write_table(args.output, scores, SCORES, provenance={"dqr": args.dqr, "ds": args.ds})


if __name__ == "__main__":
    run_command(main)

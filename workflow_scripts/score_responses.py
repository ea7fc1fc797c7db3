"""Score a model's answers per sample, from the truth and the judge's claims."""

import argparse
from pathlib import Path

from spd_faith.core.errors import run_command
from spd_faith.core.files import read_table, write_table
from spd_faith.core.schemas import JUDGEMENTS, PARSED, RESPONSES, SAMPLES
from spd_faith.scoring.metrics import METRICS
from spd_faith.scoring.permuted_truth import permuted_truth
from spd_faith.scoring.samples import score_table
from spd_faith.scoring.tables import SCORES


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--samples", type=Path, required=True, help="the dataset's samples.parquet")
    parser.add_argument("--responses", type=Path, required=True, help="the model's answers")
    parser.add_argument("--parsed", type=Path, required=True, help="the model's parsed answers")
    parser.add_argument("--judgements", type=Path, required=True, help="the judge's claims about the model's answers")
    for name in ("dqr", "ds"):
        variants = tuple(METRICS[name].variants)
        text = f"definition of {METRICS[name].label} (default: %(default)s)"
        parser.add_argument(f"--{name}", choices=variants, default=variants[0], help=text)
    parser.add_argument("--output", type=Path, required=True, help="the table of scores to write")
    args = parser.parse_args()

    samples, parsed = read_table(args.samples, SAMPLES), read_table(args.parsed, PARSED)
    responses = read_table(args.responses, RESPONSES, ["sample_id", "task", "response_text"])
    permuted = permuted_truth(samples, parsed, responses)
    scores = score_table(samples, parsed, read_table(args.judgements, JUDGEMENTS), args.dqr, args.ds, permuted)
    write_table(args.output, scores, SCORES, provenance={"dqr": args.dqr, "ds": args.ds})


if __name__ == "__main__":
    run_command(main)

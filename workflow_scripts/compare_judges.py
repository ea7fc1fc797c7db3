"""Compare two judges of one model's answers: statistics of their agreement and a page of disagreements."""

import argparse
import json
from pathlib import Path

import pandas as pd

from spd_faith.core.errors import UserError, run_command
from spd_faith.core.files import read_table, write_text
from spd_faith.core.schemas import JUDGEMENTS, RESPONSES, SAMPLES
from spd_faith.judging.agreement import agreement, answers_by_judgement, compare_judgements
from spd_faith.judging.disagreements import disagreement_page


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--samples", type=Path, required=True, help="the dataset's samples (Parquet)")
    parser.add_argument(
        "--judgements",
        type=Path,
        nargs=2,
        required=True,
        help="judgements/{judge}/{model}.parquet of the two judges",
    )
    parser.add_argument(
        "--responses",
        type=Path,
        help="the model's responses (Parquet), to match claims by position and show the answers",
    )
    parser.add_argument(
        "--max-samples", type=int, default=50, help="maximum samples on the page of disagreements; default: 50"
    )
    parser.add_argument(
        "--output", type=Path, required=True, help="folder for agreement.json, agreement.csv and disagreements.html"
    )
    args = parser.parse_args()

    names = _names(*args.judgements)
    samples = read_table(args.samples, SAMPLES)
    first, second = (read_table(path, JUDGEMENTS) for path in args.judgements)
    responses = read_table(args.responses, RESPONSES) if args.responses else None
    comparisons = compare_judgements(samples, first, second, responses)
    found = agreement(comparisons)
    answers = answers_by_judgement(responses) if responses is not None else None
    write_text(
        args.output / "agreement.json",
        json.dumps({"first": names[0], "second": names[1], **found}, indent=2, ensure_ascii=False) + "\n",
    )
    rows = [
        {"metric": metric, "statistic": name, **ends, "matched": of_metric["counts"]["claims_matched"]}
        for metric, of_metric in found.items()
        for name, ends in of_metric["statistics"].items()
    ]
    table = pd.DataFrame(rows)
    write_text(args.output / "agreement.csv", table.to_csv(index=False))
    truths = {row["sample_id"]: row["differences"] for row in samples.select(["sample_id", "differences"]).to_pylist()}
    page = disagreement_page(comparisons, names, args.max_samples, truths, answers)
    write_text(args.output / "disagreements.html", page)
    print(f"{names[0]} (first) and {names[1]} (second)")
    print(table.to_string(index=False, float_format="{:.3f}".format, na_rep="–"))
    print(f"{args.output}/disagreements.html")


def _names(first: Path, second: Path) -> tuple[str, str]:
    """The names of the judgements' folders, or their paths if the names are equal."""
    if first.resolve() == second.resolve():
        raise UserError(f"--judgements: {first} is given twice. Pass the judgements of two different judges.")
    names = first.parent.name, second.parent.name
    return names if names[0] != names[1] else (str(first), str(second))


if __name__ == "__main__":
    run_command(main)

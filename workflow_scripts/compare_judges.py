"""Compare two judges of one model's answers, or the members of a panel: statistics of their agreement."""

import argparse
import json
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa

from spd_faith.core.errors import UserError, run_command
from spd_faith.core.files import read_provenance, read_table, write_text
from spd_faith.core.schemas import JUDGEMENTS, RESPONSES, SAMPLES
from spd_faith.judging.agreement import agreement, answers_by_judgement, compare_judgements
from spd_faith.judging.disagreements import disagreement_page
from spd_faith.judging.panel_agreement import panel_agreement, read_panel


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--samples", type=Path, required=True, help="the dataset's samples (Parquet)")
    parser.add_argument(
        "--judgements",
        type=Path,
        nargs="+",
        required=True,
        help="judgements/{judge}/{model}.parquet of two judges, or of one panel",
    )
    parser.add_argument(
        "--responses",
        type=Path,
        help="the model's responses (Parquet), to match claims of two judges by position and show the answers",
    )
    parser.add_argument(
        "--max-samples", type=int, default=50, help="maximum samples on the page of disagreements; default: 50"
    )
    parser.add_argument(
        "--output",
        type=Path,
        required=True,
        help="folder for agreement.json and agreement.csv, and of two judges disagreements.html",
    )
    args = parser.parse_args()

    samples = read_table(args.samples, SAMPLES)
    match args.judgements:
        case [panel]:
            _compare_members(samples, panel, args.output)
        case [first, second]:
            responses = read_table(args.responses, RESPONSES) if args.responses else None
            _compare_two(samples, (first, second), responses, args.max_samples, args.output)
        case _:
            raise UserError(f"--judgements: {len(args.judgements)} tables. Pass those of two judges, or of one panel.")


def _compare_two(
    samples: pa.Table, paths: tuple[Path, Path], responses: pa.Table | None, max_samples: int, output: Path
) -> None:
    names = _names(*paths)
    first, second = (read_table(path, JUDGEMENTS) for path in paths)
    comparisons = compare_judgements(samples, first, second, responses)
    found = agreement(comparisons)
    answers = answers_by_judgement(responses) if responses is not None else None
    table = _write(output, {"first": names[0], "second": names[1]}, found, "matched", "claims_matched")
    truths = {row["sample_id"]: row["differences"] for row in samples.select(["sample_id", "differences"]).to_pylist()}
    page = disagreement_page(comparisons, names, max_samples, truths, answers)
    write_text(output / "disagreements.html", page)
    print(f"{names[0]} (first) and {names[1]} (second)")
    print(table)
    print(f"{output}/disagreements.html")


def _compare_members(samples: pa.Table, path: Path, output: Path) -> None:
    provenance = read_provenance(path)
    judgements = read_panel(samples, read_table(path, JUDGEMENTS), provenance)
    members = provenance["members"]
    found = panel_agreement(judgements, members)
    table = _write(output, {"panel": path.parent.name, "members": members}, found, "claims", "claims_of_two")
    print(f"{path.parent.name}: {', '.join(members)}")
    print(table)


def _write(output: Path, names: dict[str, Any], found: dict[str, dict[str, Any]], column: str, count: str) -> str:
    """Write agreement.json and agreement.csv; return the table as text. Its last `column` has a count of the metric."""
    content = json.dumps(names | found, indent=2, ensure_ascii=False)
    write_text(output / "agreement.json", f"{content}\n")
    rows = [
        {"metric": metric, "statistic": name, **ends, column: of_metric["counts"][count]}
        for metric, of_metric in found.items()
        for name, ends in of_metric["statistics"].items()
    ]
    table = pd.DataFrame(rows)
    write_text(output / "agreement.csv", table.to_csv(index=False))
    return table.to_string(index=False, float_format="{:.3f}".format, na_rep="–")


def _names(first: Path, second: Path) -> tuple[str, str]:
    """The names of the judgements' folders, or their paths if the names are equal."""
    if first.resolve() == second.resolve():
        raise UserError(f"--judgements: {first} is given twice. Pass the judgements of two different judges.")
    names = first.parent.name, second.parent.name
    return names if names[0] != names[1] else (str(first), str(second))


if __name__ == "__main__":
    run_command(main)

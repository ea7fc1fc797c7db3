"""Parse a model's responses into lists of differences and verdicts (stage 3)."""

import argparse
from collections import Counter
from pathlib import Path

from spd_faith.core.errors import run_command
from spd_faith.core.files import check_keys, read_provenance, read_table, write_table
from spd_faith.core.schemas import PARSED, RESPONSES, TASKS
from spd_faith.parsing.table import parse_table


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--responses", type=Path, required=True, help="the model's responses (Parquet)")
    parser.add_argument("--output", type=Path, required=True, help="where to write the parsed responses (Parquet)")
    arguments = parser.parse_args()

    responses = read_table(arguments.responses, RESPONSES)
    answered = zip(*(responses[name].to_pylist() for name in ("sample_id", "task")), strict=True)
    samples = responses["sample_id"].unique().to_pylist()
    check_keys(str(arguments.responses), answered, [(sample_id, task) for sample_id in samples for task in TASKS])
    parsed = parse_table(responses)
    write_table(arguments.output, parsed, PARSED, read_provenance(arguments.responses))
    statuses = Counter(parsed["parse_status"].to_pylist())
    print(f"{arguments.output}: {len(parsed)} answers,", ", ".join(f"{n} {name}" for name, n in statuses.most_common()))


if __name__ == "__main__":
    run_command(main)

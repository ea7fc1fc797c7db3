"""Gather the responses of a model's shards into one table."""

import argparse
from pathlib import Path

import pyarrow as pa

from spd_faith.core.errors import UserError, run_command
from spd_faith.core.files import check_keys, read_provenance, read_table, write_table
from spd_faith.core.schemas import RESPONSES, SAMPLES, TASKS
from spd_faith.inference.engine_sessions import joint_with_sums


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--samples", type=Path, required=True, help="samples table")
    parser.add_argument("--shards", type=Path, nargs="+", required=True, help="responses tables of the shards")
    parser.add_argument(
        "--output", type=Path, required=True, help="responses table to write: a row per sample and task"
    )
    arguments = parser.parse_args()

    shards = [read_table(path, RESPONSES) for path in arguments.shards]
    rows = pa.concat_tables(shards).to_pylist()
    samples = read_table(arguments.samples, SAMPLES, columns=["sample_id"])["sample_id"].to_pylist()
    keys = [(task, sample_id) for task in TASKS for sample_id in samples]
    check_keys("responses of the shards", [(row["task"], row["sample_id"]) for row in rows], keys)

    provenances = [provenance for path in arguments.shards if (provenance := read_provenance(path))]
    if len(revisions := {provenance["revision"] for provenance in provenances}) > 1:
        raise UserError(
            f"the shards were answered by different revisions: {', '.join(sorted(revisions))}\n"
            "  The branch moved meanwhile. Set `revision` in the model's entry to a commit."
        )
    order = {key: place for place, key in enumerate(keys)}
    rows.sort(key=lambda row: order[row["task"], row["sample_id"]])
    write_table(arguments.output, rows, RESPONSES, joint_with_sums(provenances))


if __name__ == "__main__":
    run_command(main)

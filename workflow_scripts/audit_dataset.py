"""Audit the truth of a dataset: compare the images of each pair with its boxes, before any model is asked."""

import argparse
import logging
from pathlib import Path

from spd_faith.core.errors import run_command
from spd_faith.core.files import read_table, write_table
from spd_faith.core.schemas import AUDIT, SAMPLES
from spd_faith.dataset.audit_table import audit_rows, flag_counts


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--samples", type=Path, required=True, help="samples table")
    parser.add_argument("--images", type=Path, required=True, help="images table of the samples")
    parser.add_argument("--output", type=Path, required=True, help="audit table to write: a row per pair, no controls")
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")

    rows = audit_rows(read_table(arguments.samples, SAMPLES), arguments.images)
    write_table(arguments.output, rows, AUDIT)
    counts = ", ".join(f"{name} {count}" for name, count in sorted(flag_counts(rows).items()))
    print(f"{len(rows)} pairs: {counts or 'no flags'}: {arguments.output}")


if __name__ == "__main__":
    run_command(main)

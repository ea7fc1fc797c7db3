"""Make a dataset from its source: a table of samples with their true differences, and a table of images."""

import argparse
import logging
from pathlib import Path

from spd_faith.core.errors import run_command
from spd_faith.dataset.entries import DATASETS
from spd_faith.dataset.tables import write_dataset


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--dataset", required=True, help="key in the datasets file")
    parser.add_argument(
        "--datasets-file", type=Path, default=Path("config/datasets.yaml"), help="datasets file; default: %(default)s"
    )
    parser.add_argument("--samples", type=Path, required=True, help="samples table to write, as Parquet")
    parser.add_argument("--images", type=Path, required=True, help="images table to write, as Parquet")
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")

    entry = DATASETS.load_entry(arguments.datasets_file, arguments.dataset)
    entry.check(f"{arguments.datasets_file}: {arguments.dataset}")
    rows = entry.rows_with_controls()
    provenance = {"dataset": arguments.dataset, **rows.provenance}
    num_pairs = write_dataset(arguments.samples, arguments.images, rows.batches, provenance, rows.summary)
    print(f"{num_pairs} pairs: {arguments.samples}, {arguments.images}")


if __name__ == "__main__":
    run_command(main)

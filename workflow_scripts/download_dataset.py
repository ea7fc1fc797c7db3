"""Download a published dataset from the Hugging Face hub: its samples with their truths, and its pictures."""

import argparse
import logging
from pathlib import Path

from spd_faith.core.errors import run_command
from spd_faith.core.files import table_writer, write_table
from spd_faith.core.schemas import IMAGES, SAMPLES
from spd_faith.dataset.entries import DATASETS
from spd_faith.dataset.hub import hub_pairs
from spd_faith.dataset.hub_download import download


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--datasets-file", type=Path, default=Path("config/datasets.yaml"))
    parser.add_argument("--dataset", required=True, help="its key in that file")
    parser.add_argument("--samples", type=Path, required=True, help="the table to write")
    parser.add_argument("--images", type=Path, required=True, help="the table to write")
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    logging.getLogger("httpx2").setLevel(logging.WARNING)  # it tells of each request, with signed addresses

    dataset = DATASETS.load_entry(arguments.datasets_file, arguments.dataset)
    folder, commit = download(dataset)
    provenance = {"dataset": dataset.repository, "revision": commit}
    samples = []
    with table_writer(arguments.images, IMAGES, provenance) as write_images:
        for sample_rows, image_rows in hub_pairs(folder, dataset):
            samples += sample_rows
            write_images(image_rows)
    write_table(arguments.samples, samples, SAMPLES, provenance)
    print(f"{len(samples)} pairs in {len(dataset.splits)} splits: {arguments.samples}, {arguments.images}")


if __name__ == "__main__":
    run_command(main)

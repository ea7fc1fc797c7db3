"""Draw the embedded dataset: its samples with their truths, and its pictures."""

import argparse
from pathlib import Path

from spd_faith.core.errors import UserError, run_command
from spd_faith.core.files import sha256, write_table
from spd_faith.core.schemas import IMAGES, SAMPLES
from spd_faith.dataset.demo import demo_pairs, image_row, sample_row
from spd_faith.dataset.entries import DATASETS, DemoDataset


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--datasets-file", type=Path, required=True, help="config/datasets.yaml")
    parser.add_argument("--dataset", required=True, help="its key in that file")
    parser.add_argument("--samples", type=Path, required=True, help="the table to write")
    parser.add_argument("--images", type=Path, required=True, help="the table to write")
    args = parser.parse_args()

    dataset = DATASETS.load_entry(args.datasets_file, args.dataset)
    if not isinstance(dataset, DemoDataset):
        raise UserError(
            f"{args.datasets_file}: {args.dataset}: its source is {dataset.source}, and this command draws datasets "
            "with `source: demo`. The others come by download_dataset.py."
        )
    samples, images = [], []
    for pair in demo_pairs(dataset):
        samples.append(sample_row(pair))
        images.append(image_row(pair))
    pictures = sha256("".join(row["original_sha256"] + row["modified_sha256"] for row in images))
    provenance = {"dataset": args.dataset, "revision": f"seed {dataset.seed}", "pictures": f"sha256:{pictures[:16]}"}
    write_table(args.samples, samples, SAMPLES, provenance)
    write_table(args.images, images, IMAGES, provenance)
    print(f"{len(samples)} pairs in {len(dataset.splits)} splits: {args.samples}, {args.images}")


if __name__ == "__main__":
    run_command(main)

"""Import one's own pairs from a folder or a JSONL file: the samples with their truths, and the pictures."""

import argparse
from pathlib import Path

from spd_faith.core.errors import UserError, run_command
from spd_faith.core.progress import progress
from spd_faith.dataset.entries import DATASETS, FolderDataset, JsonlDataset
from spd_faith.dataset.own_pairs import check_pairs, revision, write_pairs


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--datasets-file", type=Path, default=Path("config/datasets.yaml"))
    parser.add_argument("--dataset", required=True, help="its key in that file")
    parser.add_argument("--samples", type=Path, required=True, help="the table to write")
    parser.add_argument("--images", type=Path, required=True, help="the table to write")
    arguments = parser.parse_args()

    dataset = DATASETS.load_entry(arguments.datasets_file, arguments.dataset)
    if not isinstance(dataset, FolderDataset | JsonlDataset):
        raise UserError(
            f"{arguments.datasets_file}: {arguments.dataset}: its source is {dataset.source}, and this command imports "
            "datasets with `source: folder` or `source: jsonl`."
        )
    pairs = check_pairs(dataset)
    provenance = {"dataset": arguments.dataset, "path": dataset.path, "revision": revision(pairs)}
    with progress(len(pairs), "Pairs read", "pair") as bar:
        write_pairs(pairs, arguments.samples, arguments.images, provenance, bar.update)


if __name__ == "__main__":
    run_command(main)

"""Draw token activation maps over the pictures of chosen samples, as PDF and PNG: one map per content word."""

import argparse
from pathlib import Path

from spd_faith.core.errors import UserError, run_command
from spd_faith.core.progress import progress
from spd_faith.core.schemas import TASKS
from spd_faith.probes.figures.drawing import save
from spd_faith.probes.saved_overlays import saved_overlays


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--samples", type=Path, required=True)
    parser.add_argument("--images", type=Path, required=True)
    parser.add_argument("--probes", type=Path, required=True, help="folder with the probes' tables, named as the model")
    parser.add_argument("--task", choices=TASKS, default="describe", help="whose answers are drawn")
    parser.add_argument("--sample-id", nargs="+", help="the first of each split where not given")
    parser.add_argument("--output-folder", type=Path, required=True)
    arguments = parser.parse_args()

    path = arguments.probes / "token_activation_map.parquet"
    drawings = saved_overlays(path, arguments.samples, arguments.images, arguments.task, arguments.sample_id)
    if not drawings:
        raise UserError(f"{path}: no maps at all, {arguments.task}; the table's column status says why")
    with progress(len(drawings), arguments.probes.name, "figure") as bar:
        for name, draw in drawings.items():
            save(draw(), arguments.output_folder / name)
            bar.update(1)


if __name__ == "__main__":
    run_command(main)

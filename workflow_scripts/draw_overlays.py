"""Draw token activation maps over the images of chosen samples, one map per content word, as PDF and PNG."""

import argparse
from pathlib import Path

from spd_faith.core.errors import UserError, run_command
from spd_faith.core.progress import progress
from spd_faith.core.schemas import TASKS
from spd_faith.probes.figures.of_model import write_each
from spd_faith.probes.figures.token_activation_map import MAX_ANSWERS, saved_overlays
from spd_faith.probes.overlays import MAX_PAGES
from spd_faith.probes.token_activation_map import TokenActivationMap


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--samples", type=Path, required=True, help="the dataset's samples.parquet")
    parser.add_argument("--images", type=Path, required=True, help="the dataset's images.parquet")
    parser.add_argument(
        "--probes", type=Path, required=True, help="folder with the probes' tables, named after the model"
    )
    parser.add_argument(
        "--task", choices=TASKS, default="describe", help="the question whose answers are drawn (default: %(default)s)"
    )
    parser.add_argument(
        "--sample-id", nargs="+", help=f"samples to draw (default: the first of each split, at most {MAX_ANSWERS})"
    )
    parser.add_argument("--max-pages", type=int, default=MAX_PAGES, help="pages per answer (default: %(default)s)")
    parser.add_argument("--output-folder", type=Path, required=True, help="folder for the figures")
    arguments = parser.parse_args()

    path = TokenActivationMap.path_in(arguments.probes)
    if arguments.max_pages < 1:
        raise UserError(f"--max-pages {arguments.max_pages}: must be at least 1")
    tables = (path, TokenActivationMap.schema, arguments.samples, arguments.images)
    drawings = saved_overlays(*tables, arguments.task, arguments.sample_id, arguments.max_pages)
    if not drawings:
        raise UserError(f"{path}: no maps for {arguments.task}; see the column status of the table")
    with progress(len(drawings), arguments.probes.name, "figure") as bar:
        failures = write_each(drawings, arguments.output_folder, bar.update)
    if failures:
        raise UserError("\n  ".join(["not drawn:", *(f"{name}: {why}" for name, why in failures.items())]))


if __name__ == "__main__":
    run_command(main)

"""Draw one model's probes: every figure and the maps of chosen answers, as PDF and PNG, and a contact sheet of them.

A figure that cannot be drawn costs no other: it is named in not_drawn.txt, on the sheet and in the log, and the command
fails only if not one could be drawn.
"""

import argparse
import logging
from functools import partial
from pathlib import Path

from spd_faith.core.errors import run_command
from spd_faith.core.files import read_table
from spd_faith.core.progress import progress
from spd_faith.core.schemas import PROBE_CONTRASTS, PROBE_GROUPS, PROBES
from spd_faith.probes.figures.attention import read_steps
from spd_faith.probes.figures.of_model import TASK, all_drawings, write_figures
from spd_faith.probes.sample_values import read_layer_probes
from spd_faith.probes.saved_overlays import saved_overlays


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--probes", type=Path, required=True, help="folder with one table per probe, named as the model"
    )
    parser.add_argument("--samples", type=Path, required=True)
    parser.add_argument("--images", type=Path, required=True)
    parser.add_argument("--only", nargs="+", choices=PROBES, help="the probes that are read; all that are there")
    parser.add_argument("--contrasts", type=Path, required=True)
    parser.add_argument("--groups", type=Path, required=True)
    parser.add_argument("--sample-id", help="whose attention is drawn by itself; the first where not given")
    parser.add_argument("--output-folder", type=Path, required=True)
    arguments = parser.parse_args()

    readers = {"generation_attention": partial(read_steps, task=TASK)}
    probes = read_layer_probes(arguments.probes, arguments.only, readers)
    contrasts = read_table(arguments.contrasts, PROBE_CONTRASTS).to_pandas()
    groups = read_table(arguments.groups, PROBE_GROUPS).to_pandas()
    drawings = all_drawings(arguments.probes.name, probes, contrasts, groups, arguments.sample_id)
    maps = arguments.probes / "token_activation_map.parquet"
    if maps.exists() and maps.stem in (arguments.only or PROBES):
        of_answers = saved_overlays(maps, arguments.samples, arguments.images, TASK)
        if not of_answers:
            logging.warning("%s: no maps at all to draw; the table's column status says why", maps)
        drawings |= of_answers
    with progress(len(drawings), arguments.probes.name, "figure") as bar:
        write_figures(drawings, arguments.output_folder, bar.update)


if __name__ == "__main__":
    run_command(main)

"""Probe one open-weight model on your own pairs, with the flags of the benchmark's own commands.

The model answers the three questions about each pair, or its answers are read from --comparison_result. One pass per
answer then serves all probes. The results are a Parquet table per probe, figures as PDF and PNG, and the samples,
images and answers. A pair that cannot be used is left out and reported. Flags may be written with dashes or
underscores.
"""

import argparse
import logging
from functools import partial
from pathlib import Path

from spd_faith.core.errors import run_command
from spd_faith.dataset.merged import LAYOUTS
from spd_faith.inference.prompts import load_prompts
from spd_faith.original.flags import add_flag, add_model_flags, comma_separated
from spd_faith.original.probe_pairs import read_probed_pairs
from spd_faith.original.probe_results import present_results
from spd_faith.original.probe_run import run_probes
from spd_faith.original.probe_settings import ProbeSettings
from spd_faith.original.released_models import STAND_INS, find_model, with_max_new_tokens
from spd_faith.probes.registry import PROBES


def main() -> None:
    settings = ProbeSettings(**vars(_parser().parse_args()))
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    logging.getLogger("fontTools").setLevel(logging.WARNING)  # it logs every glyph of a PDF
    settings.check()
    entry = with_max_new_tokens(find_model(settings.model_name, settings.models_file), settings.max_new_tokens)
    prompts = load_prompts(settings.prompts)
    probed = read_probed_pairs(settings)
    facts = run_probes(settings, entry, prompts, probed)
    present_results(settings, probed, facts)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__)
    flag = partial(add_flag, parser)
    flag("probes", nargs="+", choices=PROBES, required=True, help="what to measure: one or more probes")
    flag(
        "model_path",
        "model",
        "pretrained_model_path",
        help=f"key of the models file, folder, hub id, or {', '.join(STAND_INS)} (default: qwen)",
    )
    add_model_flags(flag)
    flag("input_file", "in_file_path", type=Path, help="JSONL file of the pairs")
    flag("multi_diff_dir", type=Path, help="folder of pairs, with or without splits and truths: {id}/merged.jpg …")
    flag(
        "image_dir",
        type=Path,
        help="folder of merged images or of pairs; with --input_file, base folder of its images (default: its folder)",
    )
    flag("layout", choices=LAYOUTS, help="layout of merged images (default: detected for each image)")
    flag("comparison_result", type=Path, help="answers to probe, so that the model is not asked; or labels of images")
    flag("sample_ids", type=comma_separated, help="use only the pairs with these ids, separated by commas")
    flag("max_samples", type=int, help="use only the first usable pairs (with labels: of each label; default: all)")
    flag("output_dir", type=Path, help="folder for the results (default: the output file's name without its suffix)")
    flag("output_file", type=Path, help="copy the table of a single probe to this .parquet, or layer changes to .json")
    flag("output_pdf", "visualize_path", type=Path, help="copy all figures to this .pdf, or the contact sheet as .png")
    flag("json", action="store_true", help="also write the JSON of the benchmark's commands to the folder")
    flag("layer_start", type=int, default=0, help="first layer to write and draw (default: %(default)s)")
    flag("layer_end", type=int, help="last layer to write and draw (default: the model's last)")
    flag("models_file", type=Path, default=Path("config/models.yaml"), help="models file (default: %(default)s)")
    flag("prompts", type=Path, default=Path("resources/prompts"), help="folder with one prompt file per task")
    flag("threads", type=int, default=1, help="CPU threads for torch (default: %(default)s)")
    return parser


if __name__ == "__main__":
    run_command(main)

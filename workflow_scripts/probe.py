"""Probe one open-weight model on your own pairs, with the flags of the benchmark's own commands.

The model answers the three questions about each pair, or its answers are read from --comparison_result. One pass per
answer then serves all probes. The results are a Parquet table per probe, figures as PDF and PNG, and the samples,
images and answers. Flags may be written with dashes or underscores.
"""

import argparse
import logging
from pathlib import Path
from typing import Any

from spd_faith.core.errors import run_command
from spd_faith.dataset.merged import LAYOUTS
from spd_faith.inference.named_models import named_model
from spd_faith.inference.prompts import load_prompts
from spd_faith.original.probe_pairs import read_probed_pairs
from spd_faith.original.probe_results import present_results
from spd_faith.original.probe_run import run_probes
from spd_faith.original.probe_settings import ProbeSettings
from spd_faith.probes.registry import PROBES


def main() -> None:
    settings = ProbeSettings(**vars(_parser().parse_args()))
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    logging.getLogger("fontTools").setLevel(logging.WARNING)  # it logs every glyph of a PDF
    settings.check()
    entry = named_model(settings.model_path, settings.models_file)
    prompts = load_prompts(settings.prompts)
    run_probes(settings, entry, prompts, read_probed_pairs(settings))
    present_results(settings)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__)

    def flag(*names: str, **settings: Any) -> None:
        """Add a flag and its aliases, each with underscores and with dashes."""
        spelled = [spelling for name in names for spelling in (f"--{name}", f"--{name.replace('_', '-')}")]
        parser.add_argument(*dict.fromkeys(spelled), dest=names[0], **settings)

    flag("probes", nargs="+", choices=PROBES, required=True, help="what to measure: one or more probes")
    flag("model_path", "model", "pretrained_model_path", required=True, help="key of the models file, folder or hub id")
    flag("input_file", "in_file_path", type=Path, help="JSONL file of the pairs")
    flag("multi_diff_dir", type=Path, help="folder of the pairs, with or without splits: {id}/{id}_original.jpg …")
    flag("image_dir", type=Path, help="folder that image paths in --input_file start from (default: the file's folder)")
    flag("layout", choices=LAYOUTS, help="layout of merged images (default: detected for each image)")
    flag("comparison_result", type=Path, help="JSON, JSONL or Parquet file of answers to probe; the model is not asked")
    flag("max_samples", type=int, help="use only the first pairs")
    flag("output_dir", type=Path, help="folder for the results (default: the output file's name without its suffix)")
    flag("output_file", type=Path, help="copy the table of a single probe to this .parquet file")
    flag("output_pdf", "visualize_path", type=Path, help="copy all figures to this .pdf, or the contact sheet as .png")
    flag("layer_start", type=int, default=0, help="first layer to write and draw (default: %(default)s)")
    flag("layer_end", type=int, help="last layer to write and draw (default: the model's last)")
    flag("models_file", type=Path, default=Path("config/models.yaml"), help="models file (default: %(default)s)")
    flag("prompts", type=Path, default=Path("resources/prompts"), help="folder with one prompt file per task")
    flag("threads", type=int, default=1, help="CPU threads for torch (default: %(default)s)")
    flag("device", choices=("cpu", "cuda"), help="device to run on (default: as the model's entry says)")
    return parser


if __name__ == "__main__":
    run_command(main)

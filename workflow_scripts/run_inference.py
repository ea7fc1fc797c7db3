"""Ask one model the three questions about every image pair."""

import argparse
import logging
from pathlib import Path

from spd_faith.core.config import registry_entry
from spd_faith.core.errors import run_command
from spd_faith.core.files import check_keys, read_table, write_table
from spd_faith.core.gpus import claimed_gpus
from spd_faith.core.progress import progress
from spd_faith.core.schemas import IMAGES, RESPONSES, SAMPLES
from spd_faith.inference.prompts import load_prompts
from spd_faith.inference.responses import respond


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", required=True, help="key of the models file")
    parser.add_argument("--models-file", type=Path, default=Path("config/models.yaml"))
    parser.add_argument("--prompts", type=Path, default=Path("resources/prompts"), help="folder with one file per task")
    parser.add_argument("--samples", type=Path, required=True)
    parser.add_argument("--images", type=Path, required=True)
    parser.add_argument("--output", type=Path, required=True, help="responses, one row per sample and task")
    parser.add_argument("--threads", type=int, default=1, help="CPU threads of torch")
    parser.add_argument("--device", choices=("cpu", "cuda"), help="where to run; the entry decides where not given")
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")

    entry = registry_entry("models", arguments.models_file, arguments.model)
    prompts = load_prompts(arguments.prompts)
    samples = read_table(arguments.samples, SAMPLES, columns=["sample_id"])
    images = read_table(arguments.images, IMAGES, columns=["sample_id", "original", "modified"])
    check_keys(str(arguments.images), images["sample_id"].to_pylist(), samples["sample_id"].to_pylist())

    with claimed_gpus(entry.resources.gpu):
        import torch
        import transformers

        from spd_faith.inference.transformers_backend import TransformersBackend

        torch.set_num_threads(arguments.threads)
        transformers.utils.logging.disable_progress_bar()
        backend = TransformersBackend(entry, arguments.device)
        settings = {"dtype": entry.dtype, "pixel_backend": backend.pixel_backend}
        with progress(images.num_rows * len(prompts), arguments.model, "question") as bar:
            rows = respond(images, prompts, backend.generate, entry.batch_size, settings, bar.update)
    provenance = {
        "model": entry.model,
        "revision": backend.revision,
        "device": backend.device,
        "torch": torch.__version__,
        "transformers": transformers.__version__,
    }
    write_table(arguments.output, rows, RESPONSES, provenance)


if __name__ == "__main__":
    run_command(main)

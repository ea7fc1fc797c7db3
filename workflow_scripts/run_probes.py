"""Probe one open-weight model: teacher-forced passes over the saved answers of chosen samples, one table per probe.

One pass serves all probes but those that run passes of their own (causal_patching).
"""

import argparse
import logging
from pathlib import Path

from spd_faith.core.arguments import seed
from spd_faith.core.errors import run_command
from spd_faith.core.files import check_keys, read_table
from spd_faith.core.schemas import IMAGES, RESPONSES, SAMPLES, TASKS
from spd_faith.inference.backends import open_checkpoint
from spd_faith.inference.entries import MODELS, CheckpointModel
from spd_faith.inference.prompts import load_prompts
from spd_faith.probes.probe import ModelRun
from spd_faith.probes.registry import PROBES
from spd_faith.probes.samples import choose_samples, saved_answers

log = logging.getLogger(__name__)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", required=True, help="key of the model in the models file")
    parser.add_argument("--models-file", type=Path, default=Path("config/models.yaml"), help="default: %(default)s")
    parser.add_argument(
        "--prompts",
        type=Path,
        default=Path("resources/prompts"),
        help="folder with one file per task (default: %(default)s)",
    )
    parser.add_argument("--samples", type=Path, required=True, help="the dataset's samples.parquet")
    parser.add_argument("--images", type=Path, required=True, help="the dataset's images.parquet")
    parser.add_argument("--responses", type=Path, required=True, help="the model's responses")
    parser.add_argument("--output-folder", type=Path, required=True, help="folder for the tables, one per probe")
    parser.add_argument(
        "--probes", nargs="+", choices=PROBES, default=list(PROBES), help="probes to run (default: all)"
    )
    parser.add_argument("--samples-per-split", type=int, default=50, help="default: %(default)s")
    parser.add_argument("--seed", type=seed, default=0, help="seed of the choice of samples (default: %(default)s)")
    parser.add_argument("--batch-size", type=int, help="samples per pass (default: as in the models file)")
    parser.add_argument("--threads", type=int, default=1, help="CPU threads of torch (default: %(default)s)")
    parser.add_argument("--device", choices=("cpu", "cuda"), help="where to run (default: as in the models file)")
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")

    entry = MODELS.load_entry_of(CheckpointModel, arguments.models_file, arguments.model).as_transformers()
    prompts = load_prompts(arguments.prompts)
    samples = read_table(arguments.samples, SAMPLES).to_pylist()
    images = read_table(arguments.images, IMAGES, columns=["sample_id"])["sample_id"].to_pylist()
    check_keys(str(arguments.images), images, [sample["sample_id"] for sample in samples])
    chosen = choose_samples(samples, arguments.samples_per_split, arguments.seed)
    columns = ["sample_id", "task", "prompt_sha", "prompt_tokens", "response_token_ids", "pixel_backend"]
    responses = read_table(arguments.responses, RESPONSES, columns=columns).to_pylist()
    answered = [(row["sample_id"], row["task"]) for row in responses]
    check_keys(str(arguments.responses), answered, [(one["sample_id"], task) for one in samples for task in TASKS])
    answers = saved_answers(responses, chosen, prompts)

    with open_checkpoint(entry, arguments.threads, arguments.device) as checkpoint:
        from spd_faith.probes.measuring import measure_probes

        builder = checkpoint.prompt_builder()
        if others := {row["pixel_backend"] for row in responses} - {builder.pixel_backend, None}:
            log.warning(
                "images were resized by %s for the answers, but are resized by %s here",
                ", ".join(others),
                builder.pixel_backend,
            )
        provenance = checkpoint.provenance(builder.pixel_backend).to_json() | {"seed": arguments.seed}
        provenance |= {"samples_per_split": arguments.samples_per_split}
        by_id = {sample["sample_id"]: sample for sample in samples}
        run = ModelRun(checkpoint, builder, prompts, by_id, answers, arguments.images, arguments.seed)
        batch_size = arguments.batch_size or entry.batch_size
        measure_probes(arguments.probes, run, arguments.output_folder, provenance, batch_size, arguments.model)


if __name__ == "__main__":
    run_command(main)

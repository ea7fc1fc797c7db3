"""Ask one model the three questions about every image pair, or about one shard of them."""

import argparse
import logging
from contextlib import ExitStack
from functools import partial
from pathlib import Path

from spd_faith.core.entries import ModelEntry, identity
from spd_faith.core.errors import UserError, run_command
from spd_faith.core.files import check_keys, read_table, write_table
from spd_faith.core.journal import Journal
from spd_faith.core.progress import progress
from spd_faith.core.schemas import IMAGES, RESPONSES, SAMPLES
from spd_faith.inference.backends import Opened, openai_backend, transformers_backend
from spd_faith.inference.entries import MODELS, OpenAIModel, TransformersModel
from spd_faith.inference.prompts import load_prompts
from spd_faith.inference.questions import question_keys, read_questions
from spd_faith.inference.responses import ask, joint_provenance, missing_questions, response_rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", required=True, help="key of the models file")
    parser.add_argument("--models-file", type=Path, default=Path("config/models.yaml"))
    parser.add_argument("--prompts", type=Path, default=Path("resources/prompts"), help="folder with one file per task")
    parser.add_argument("--samples", type=Path, required=True)
    parser.add_argument("--images", type=Path, required=True)
    parser.add_argument("--journal", type=Path, required=True, help="folder that keeps each answer as it comes")
    parser.add_argument("--output", type=Path, required=True, help="responses, one row per sample and task")
    parser.add_argument("--shard", type=int, default=0, help="take each --shards'th sample, from this one on")
    parser.add_argument("--shards", type=int, default=1)
    parser.add_argument("--threads", type=int, default=1, help="CPU threads of torch")
    parser.add_argument("--slots", type=Path, default=Path("results/.slots"), help="folder that bounds calls over jobs")
    parser.add_argument("--device", choices=("cpu", "cuda"), help="where to run; the entry decides where not given")
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")

    entry = MODELS.load_entry(arguments.models_file, arguments.model)
    prompts = load_prompts(arguments.prompts)
    samples = read_table(arguments.samples, SAMPLES, columns=["sample_id"])["sample_id"].to_pylist()
    pictures = read_table(arguments.images, IMAGES, columns=["sample_id", "original_sha256", "modified_sha256"])
    check_keys(str(arguments.images), pictures["sample_id"].to_pylist(), samples)
    shard = set(samples[arguments.shard :: arguments.shards])
    asked = question_keys(
        [pair for pair in pictures.to_pylist() if pair["sample_id"] in shard], prompts, identity(entry)
    )

    failures, settings = {}, {}
    with ExitStack() as stack:
        journal = stack.enter_context(Journal(arguments.journal))
        stack.enter_context(journal.alone(f"{arguments.shard}-of-{arguments.shards}"))
        answered = journal.read()
        if missing_questions(asked, answered):
            num_answered = sum(question.key in answered for question in asked)
            backend, provenance = stack.enter_context(_backend(entry, arguments, num_answered))
            answered = journal.read(backend.is_of_same_model)
            missing = missing_questions(asked, answered)
            settings = {name: provenance[name] for name in ("dtype", "pixel_backend")}
            read = partial(read_questions, arguments.images, prompts=prompts)
            with progress(len(missing), arguments.model, "question") as bar:
                some_answered = any(question.key in answered for question in asked)
                failures = ask(missing, read, backend, journal, provenance, bar.update, some_answered)
            answered = journal.read(backend.is_of_same_model)
    rows = response_rows(asked, answered, failures, settings)
    used = [answered[question.key].provenance for question in asked if question.key in answered]
    write_table(arguments.output, rows, RESPONSES, joint_provenance(used))


def _backend(entry: ModelEntry, arguments: argparse.Namespace, answered: int) -> Opened:
    match entry:
        case TransformersModel():
            return transformers_backend(entry, arguments.threads, arguments.device)
        case OpenAIModel():
            return openai_backend(entry, arguments.journal / "charges", arguments.slots, answered)
        case _:
            raise UserError(f"{arguments.model}: the backend {entry.backend} answers nothing; see import_responses.py")


if __name__ == "__main__":
    run_command(main)

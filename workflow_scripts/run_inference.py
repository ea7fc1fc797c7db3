"""Ask a model the three questions about every image pair, or about one shard of the pairs."""

import argparse
import logging
from functools import partial
from pathlib import Path

from spd_faith.core.config_errors import error_at
from spd_faith.core.entries import identity
from spd_faith.core.errors import UserError, run_command
from spd_faith.core.files import check_keys, read_table, write_table
from spd_faith.core.journal import Journal
from spd_faith.core.schemas import IMAGES, RESPONSES, SAMPLES
from spd_faith.inference.answers import InterventionUnsupported
from spd_faith.inference.backends import Job, open_answerer
from spd_faith.inference.engine_sessions import Sessions, joint_with_sums
from spd_faith.inference.entries import MODELS
from spd_faith.inference.prompts import load_prompts
from spd_faith.inference.questions import asked_questions, question_keys, read_questions
from spd_faith.inference.responses import Outcomes, all_rows, ask_missing, leave_unasked, missing_questions


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", required=True, help="key in the models file")
    parser.add_argument(
        "--models-file", type=Path, default=Path("config/models.yaml"), help="models file; default: %(default)s"
    )
    parser.add_argument(
        "--prompts",
        type=Path,
        default=Path("resources/prompts"),
        help="folder with one prompt file per task; default: %(default)s",
    )
    parser.add_argument("--samples", type=Path, required=True, help="samples table")
    parser.add_argument("--images", type=Path, required=True, help="images table of the samples")
    parser.add_argument("--journal", type=Path, required=True, help="folder that stores each answer as it arrives")
    parser.add_argument(
        "--output", type=Path, required=True, help="responses table to write: a row per sample and task"
    )
    parser.add_argument(
        "--shard",
        type=int,
        default=0,
        help="index of this shard; of N shards it takes every Nth sample from this index on; default: %(default)s",
    )
    parser.add_argument("--shards", type=int, default=1, help="number of shards; default: %(default)s")
    parser.add_argument(
        "--threads", type=int, default=1, help="CPU threads for torch, unused for endpoints; default: %(default)s"
    )
    parser.add_argument(
        "--slots",
        type=Path,
        default=Path("results/.slots"),
        help="folder that limits concurrent calls of endpoints across jobs; default: %(default)s",
    )
    parser.add_argument(
        "--device",
        choices=("cpu", "cuda"),
        help="device to run on, for entries with backend transformers alone; default: chosen by the entry",
    )
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")

    if not 0 <= arguments.shard < arguments.shards:
        found = f"{arguments.shard} of {arguments.shards} shards"
        raise UserError(error_at("--shard", "no such shard", found, "0 up to --shards minus 1"))
    entry = MODELS.load_entry(arguments.models_file, arguments.model)
    if arguments.device and not entry.takes_device:
        found = f"{arguments.device} for {arguments.model}, whose backend is {entry.backend}"
        raise UserError(error_at("--device", "not for this backend", found, "an entry with backend: transformers"))
    prompts = load_prompts(arguments.prompts)
    table = read_table(arguments.samples, SAMPLES, columns=["sample_id", "control"]).to_pydict()
    samples = table["sample_id"]
    images = read_table(arguments.images, IMAGES, columns=["sample_id", "original_sha256", "modified_sha256"])
    check_keys(str(arguments.images), images["sample_id"].to_pylist(), samples)
    shard = set(samples[arguments.shard :: arguments.shards])
    pairs = [pair for pair in images.to_pylist() if pair["sample_id"] in shard]
    questions = question_keys(pairs, prompts, identity(entry))
    asked = asked_questions(questions, dict(zip(samples, table["control"], strict=True)))

    job = Job(arguments.journal, arguments.slots, arguments.threads, arguments.device)
    read = partial(read_questions, arguments.images, prompts=prompts)
    with Journal(arguments.journal) as journal, journal.alone(f"{arguments.shard}-of-{arguments.shards}"):
        outcomes = Outcomes(journal.read())
        if missing_questions(asked, outcomes.answered):
            try:
                with open_answerer(arguments.model, entry, job) as answerer:
                    outcomes = ask_missing(asked, read, answerer, journal, arguments.model)
            except InterventionUnsupported as error:
                outcomes = leave_unasked(asked, error, journal)
    rows = all_rows(questions, outcomes.rows(asked))
    provenance = outcomes.provenance(asked) | Sessions(arguments.journal, identity(entry)).kept()
    if arguments.shards == 1:  # else gather_responses.py, which knows those of all shards
        provenance = joint_with_sums([provenance])
    write_table(arguments.output, rows, RESPONSES, provenance)


if __name__ == "__main__":
    run_command(main)

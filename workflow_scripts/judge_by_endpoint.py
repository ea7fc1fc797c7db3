"""Judge one model's answers with a language model at an endpoint: reasoning (drf) and consistency (cr).

Every reply is kept in the journal as it comes, under a key made of all that it hangs on, and is never paid for again.
"""

import argparse
import logging
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path

from spd_faith.core.errors import UserError, run_command
from spd_faith.core.files import check_keys, read_table, write_table
from spd_faith.core.journal import Journal
from spd_faith.core.progress import progress
from spd_faith.core.schemas import IMAGES, JUDGEMENTS, PARSED, RESPONSES, SAMPLES, TASKS
from spd_faith.judging.entries import JUDGES, OpenAIJudge
from spd_faith.judging.judge_prompts import judge_questions, load_judge_prompts
from spd_faith.judging.judged import judgement_rows
from spd_faith.judging.judgings import OpenAIJudgements, repeated
from spd_faith.judging.rules import rows_by_key

SAMPLE_COLUMNS = ["sample_id", "width", "height", "differences", "unchanged"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--judge", required=True, help="key of the judges file")
    parser.add_argument("--judges-file", type=Path, default=Path("config/judges.yaml"))
    parser.add_argument(
        "--prompts", type=Path, default=Path("resources/prompts"), help="folder with judge_{metric}.txt"
    )
    parser.add_argument("--samples", type=Path, required=True, help="samples.parquet of the dataset")
    parser.add_argument("--images", type=Path, help="images.parquet; needed where the judge is shown pictures")
    parser.add_argument("--responses", type=Path, required=True, help="the model's responses (Parquet)")
    parser.add_argument("--parsed", type=Path, required=True, help="the same responses, parsed (Parquet)")
    parser.add_argument(
        "--journal", type=Path, required=True, help="folder that keeps the judge's replies, of all models"
    )
    parser.add_argument("--slots", type=Path, default=Path("results/.slots"), help="folder that bounds calls over jobs")
    parser.add_argument("--output", type=Path, required=True, help="where the judgements go (Parquet)")
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")

    entry = JUDGES.load_entry(arguments.judges_file, arguments.judge)
    if not isinstance(entry, OpenAIJudge):
        raise UserError(f"{arguments.judge}: the judge {entry.judge} is at no endpoint; see judge_responses.py")
    if entry.images and not arguments.images:
        raise UserError(f"{arguments.judge} is shown pictures: --images is needed")
    prompts = load_judge_prompts(arguments.prompts)
    samples = read_table(arguments.samples, SAMPLES, SAMPLE_COLUMNS).to_pylist()
    ids = [sample["sample_id"] for sample in samples]
    columns = ["sample_id", "task", "response_text", "finish_reason"]
    keys = [(sample_id, task) for sample_id in ids for task in TASKS]
    answers = rows_by_key("responses", read_table(arguments.responses, RESPONSES, columns), keys)
    parsed = rows_by_key("parsed answers", read_table(arguments.parsed, PARSED), keys)
    shas = _picture_shas(arguments.images, ids) if entry.images else {}
    questions = {
        (sample_id, metric): question
        for sample_id, metric, question in judge_questions(entry, prompts, samples, answers, shas)
    }

    with ExitStack() as stack:
        journal = stack.enter_context(Journal(arguments.journal))
        # one job of a judge at a time asks: another model's equal answers are then not paid for twice
        stack.enter_context(journal.alone("judge"))
        judgements = OpenAIJudgements(entry, journal.read())
        failures: Mapping[str, str] = {}
        judgings = list(repeated(questions.values(), entry.repeats))
        if missing := judgements.missing(judgings):
            from spd_faith.judging.openai_judge import ask, opened  # it takes the client

            num_judged = sum(judgements.outcome(judging).next_key is None for judging in judgings)
            endpoint = stack.enter_context(opened(entry, arguments.journal / "charges", arguments.slots, num_judged))
            what = f"{arguments.judge} on {arguments.responses.stem}"
            with progress(len(missing), what, "judgement") as bar:
                failures = ask(missing, judgements, endpoint, journal, arguments.images, bar.update)
    rows = list(judgement_rows(samples, questions, judgements, answers, parsed, failures))
    models = {"drf": entry.models.drf.model, "cr": entry.models.cr.model}
    write_table(arguments.output, rows, JUDGEMENTS, {"endpoint": entry.base_url, "models": models})


def _picture_shas(images: Path, ids: list[str]) -> dict[str, tuple[str, str]]:
    rows = read_table(images, IMAGES, ["sample_id", "original_sha256", "modified_sha256"]).to_pylist()
    check_keys(str(images), [row["sample_id"] for row in rows], ids)
    return {row["sample_id"]: (row["original_sha256"], row["modified_sha256"]) for row in rows}


if __name__ == "__main__":
    run_command(main)

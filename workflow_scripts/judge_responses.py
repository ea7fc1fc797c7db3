"""Judge one model's answers: reasoning (drf) and consistency (cr).

Paid replies are stored in the judge's journal as they arrive and are never paid for twice.
"""

import argparse
import logging
from pathlib import Path

from spd_faith.core.entries import AnswerPaths
from spd_faith.core.errors import UserError, run_command
from spd_faith.core.files import check_keys, write_table
from spd_faith.core.progress import progress
from spd_faith.core.schemas import JUDGED_METRICS, JUDGEMENTS
from spd_faith.judging.answers import load_answers
from spd_faith.judging.entries import JUDGES
from spd_faith.judging.judge import JudgeJob


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--judge", required=True, help="name of the judge in the judges file")
    parser.add_argument(
        "--judges-file",
        type=Path,
        default=Path("config/judges.yaml"),
        help="file that defines the judges; default: config/judges.yaml",
    )
    parser.add_argument(
        "--prompts",
        type=Path,
        default=Path("resources/prompts"),
        help="folder with judge_{metric}.txt; default: resources/prompts",
    )
    parser.add_argument("--samples", type=Path, required=True, help="the dataset's samples (Parquet)")
    parser.add_argument("--images", type=Path, help="the dataset's images (Parquet); required if the judge sees images")
    parser.add_argument("--responses", type=Path, required=True, help="the model's responses (Parquet)")
    parser.add_argument("--parsed", type=Path, required=True, help="the parsed responses (Parquet)")
    parser.add_argument(
        "--journal",
        type=Path,
        help="folder for the judge's replies, shared by all models; required for judges with paid calls",
    )
    parser.add_argument(
        "--slots",
        type=Path,
        default=Path("results/.slots"),
        help="folder that limits concurrent calls across jobs; default: results/.slots",
    )
    parser.add_argument("--output", type=Path, required=True, help="where to write the judgements (Parquet)")
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")

    entry = JUDGES.load_entry(arguments.judges_file, arguments.judge)
    if entry.needs_images and not arguments.images:
        raise UserError(f"--images is required: the judge {arguments.judge} sees images")
    images = arguments.images if entry.needs_images else None
    answers = load_answers(AnswerPaths(arguments.samples, arguments.responses, arguments.parsed, images))
    job = JudgeJob(arguments.judge, arguments.prompts, images, arguments.journal, arguments.slots)
    with entry.open(answers, job) as judge:
        if missing := judge.missing():
            with progress(len(missing), f"{arguments.judge} on {answers.model}", "judgement") as bar:
                judge.ask(missing, bar.update)
    rows = list(judge.rows())
    keys = [(sample["sample_id"], metric) for sample in answers.samples for metric in JUDGED_METRICS]
    check_keys("judgements", [(row["sample_id"], row["metric"]) for row in rows], keys)
    write_table(arguments.output, rows, JUDGEMENTS, judge.provenance())


if __name__ == "__main__":
    run_command(main)

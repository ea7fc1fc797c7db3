"""The judge of the benchmark's judging commands: `rules`, or the published language model at --base_url."""

import argparse
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from spd_faith.core.config_errors import NOTHING, error_at, explain, raise_errors
from spd_faith.core.errors import UserError
from spd_faith.core.progress import progress
from spd_faith.judging.answers import as_answers
from spd_faith.judging.entries import JUDGES, OpenAIJudge
from spd_faith.judging.judge import JudgeJob
from spd_faith.judging.rules import judge_samples
from spd_faith.original.answer_tables import AnswerTables

Judgement = dict[str, Any]
"""A row of `JUDGEMENTS`."""

_NAME = "gpt-4o"  # of the published judge in the judges file


def add_judge_flags(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--base_url", help="endpoint of the published judge (texts only, key in OPENAI_API_KEY); default: rules"
    )
    parser.add_argument(
        *("--api_key", "--api-key", "--apikey"),  # an unknown flag would be printed with the key
        help="refused: the key is read from the environment variable OPENAI_API_KEY",
    )
    parser.add_argument(
        "--judges_file", type=Path, default=Path("config/judges.yaml"), help="judges file (default: %(default)s)"
    )
    parser.add_argument(
        "--prompts", type=Path, default=Path("resources/prompts"), help="prompts folder (default: %(default)s)"
    )


@dataclass(frozen=True)
class OriginalJudge:
    """Judges the answers of a file by texts and truths."""

    endpoint: OpenAIJudge | None
    """None: the rules."""
    prompts: Path

    def judgements(self, tables: AnswerTables, metric: str, journal: Path) -> list[Judgement]:
        """The rows for one metric, `drf` or `cr`, in the order of the samples.

        Replies of an endpoint are kept in the folder `journal` and are not paid for again.
        """
        if self.endpoint is None:
            rows = judge_samples(tables.samples, tables.responses, tables.parsed)
        else:
            rows = self._by_endpoint(self.endpoint, tables, metric, journal)
        return [row for row in rows if row["metric"] == metric]

    def _by_endpoint(
        self, entry: OpenAIJudge, tables: AnswerTables, metric: str, journal: Path
    ) -> list[dict[str, Any]]:
        answers = as_answers(tables.file.model, tables.samples, tables.responses, tables.parsed)
        job = JudgeJob(_NAME, self.prompts, images=None, journal=journal, slots=journal / "slots")
        with entry.open(answers, job) as judge:
            missing = [request for request in judge.missing() if request.metric == metric]
            if missing:
                with progress(len(missing), f"{_NAME} on {answers.model}", "judgement") as bar:
                    judge.ask(missing, bar.update)
        return list(judge.rows())


def original_judge(args: argparse.Namespace) -> OriginalJudge:
    """The judge that the flags ask for. Raises `UserError` for a key on the command line or a URL that is none."""
    if args.api_key is not None:
        what = "keys are not taken from the command line, where other users and logs can see them"
        raise UserError(error_at("--api_key", what, NOTHING, "the key in the environment variable OPENAI_API_KEY"))
    if args.base_url is None:
        return OriginalJudge(None, args.prompts)
    if "@" in args.base_url:  # its password must not be printed
        raise UserError(error_at("--base_url", "a URL with a user or password", NOTHING, "the URL alone"))
    entry = JUDGES.load_entry_of(OpenAIJudge, args.judges_file, _NAME)
    fields = {name: getattr(entry, name) for name in entry.model_fields_set}
    try:
        judge = OpenAIJudge(**fields | {"base_url": args.base_url, "images": None})
    except ValidationError as error:
        raise_errors(explain("--base_url", (), OpenAIJudge, details) for details in error.errors())
        raise
    return OriginalJudge(judge, args.prompts)


def judge_names(judgements: list[Judgement]) -> str:
    """The judge's version, or the models that judged."""
    return ", ".join(sorted({row["judge_model"] for row in judgements}))

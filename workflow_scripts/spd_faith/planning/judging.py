"""What the judges at endpoints have still to be asked, by their journals."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from spd_faith.core.config import Run
from spd_faith.core.files import read_table
from spd_faith.core.journal import Journal
from spd_faith.core.schemas import IMAGES, METRICS, RESPONSES, SAMPLES, TASKS
from spd_faith.judging.entries import OpenAIJudge
from spd_faith.judging.judge_prompts import JudgePrompt, judge_questions
from spd_faith.judging.judgings import Judging, OpenAIJudgements, repeated
from spd_faith.judging.rules import rows_by_key
from spd_faith.planning.estimates import Work, dollars, estimated_judging, measured_usage

_SAMPLE_COLUMNS = ["sample_id", "width", "height", "differences", "unchanged"]


@dataclass(frozen=True, kw_only=True)
class JudgeWork(Work):
    """One judge's part of a run for one metric."""

    judge: str
    metric: str
    model: str
    calls: int

    @property
    def left(self) -> int:
        return self.calls - self.done


def work_of_judges(run: Run, results: Path, prompts: Mapping[str, JudgePrompt], pairs: int) -> list[JudgeWork]:
    """The work of each judge at an endpoint, by judge and metric.

    The answers that are there are read, so that silent and equal ones count no call; a model that has not answered yet
    counts a call for each of the `pairs` pairs.
    """
    paid = {name: entry for name, entry in sorted(run.judges.items()) if isinstance(entry, OpenAIJudge)}
    answered = [model for model in run.models if (results / f"responses/{model}.parquet").is_file()] if paid else []
    return [
        work
        for name, entry in paid.items()
        for work in _work(name, entry, results, prompts, answered, pairs * (len(run.models) - len(answered)))
    ]


def _work(
    name: str,
    entry: OpenAIJudge,
    results: Path,
    prompts: Mapping[str, JudgePrompt],
    answered: Sequence[str],
    unanswered_pairs: int,
) -> list[JudgeWork]:
    judgements = OpenAIJudgements(entry, Journal(results / "journal" / "judgements" / name).read())
    known = _judgings(entry, results, prompts, answered, judgements) if answered else {}
    work = []
    for metric in METRICS:
        outcomes = [judgements.outcome(one) for one in known.values() if one.question.metric == metric]
        done = [outcome for outcome in outcomes if not outcome.next_key]
        replies: list[Mapping[str, Any]] = [reply for outcome in done for reply in outcome.replies]
        prompt = prompts[metric]
        characters = len(prompt.instructions) + len(prompt.material.template)
        usage = measured_usage(replies) or estimated_judging(entry, metric, characters)
        calls = len(outcomes) + unanswered_pairs * entry.repeats
        asked = getattr(entry.models, metric)
        usd = None if asked.prices is None else dollars(usage, calls - len(done), asked.prices)
        work.append(
            JudgeWork(judge=name, metric=metric, model=asked.model, calls=calls, done=len(done), usage=usage, usd=usd)
        )
    return work


def _judgings(
    entry: OpenAIJudge,
    results: Path,
    prompts: Mapping[str, JudgePrompt],
    models: Sequence[str],
    judgements: OpenAIJudgements,
) -> dict[str, Judging]:
    """The judgings of the answers that are there, by the key of their first reply."""
    samples = read_table(results / "samples.parquet", SAMPLES, _SAMPLE_COLUMNS).to_pylist()
    pictures = read_table(results / "images.parquet", IMAGES, ["sample_id", "original_sha256", "modified_sha256"])
    shas = {row["sample_id"]: (row["original_sha256"], row["modified_sha256"]) for row in pictures.to_pylist()}
    keys = [(sample["sample_id"], task) for sample in samples for task in TASKS]
    found = {}
    for model in models:
        columns = ["sample_id", "task", "response_text", "finish_reason"]
        responses = read_table(results / f"responses/{model}.parquet", RESPONSES, columns)
        answers = rows_by_key(f"responses of {model}", responses, keys)
        questions = (question for *_, question in judge_questions(entry, prompts, samples, answers, shas))
        found |= {judgements.key(judging): judging for judging in repeated(questions, entry.repeats)}
    return found

"""Computes the remaining questions of each model from its journal."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from spd_faith.core.config import Run
from spd_faith.core.entries import ModelEntry, identity
from spd_faith.core.files import read_table
from spd_faith.core.journal import Journal
from spd_faith.core.paths import ResultPaths
from spd_faith.core.schemas import IMAGES
from spd_faith.inference.prompts import Prompt
from spd_faith.inference.questions import question_keys
from spd_faith.planning.estimates import Work, estimated_usage, gpu_hours, measured_usage


@dataclass(frozen=True, kw_only=True)
class ModelWork(Work):
    """The work of one model."""

    model: str
    backend: str
    questions: int
    gpu_hours: float

    @property
    def left(self) -> int:
        return self.questions - self.done


def num_pairs(run: Run, paths: ResultPaths) -> int | None:
    """The number of pairs in the dataset's table, else according to its entry; None if unknown."""
    images = paths.images
    if images.is_file():
        return read_table(images, IMAGES, columns=["sample_id"]).num_rows
    return run.dataset.num_pairs()


def work_of_models(run: Run, paths: ResultPaths, prompts: Mapping[str, Prompt], pairs: int) -> list[ModelWork]:
    """The work of each model on a dataset of `pairs` pairs, sorted by name."""
    return [_work(name, entry, paths, prompts, pairs) for name, entry in sorted(run.models.items())]


def _work(name: str, entry: ModelEntry, paths: ResultPaths, prompts: Mapping[str, Prompt], pairs: int) -> ModelWork:
    questions = pairs * len(prompts) if entry.asks_questions else 0
    done = _answers(name, entry, paths, prompts) if entry.asks_questions else []
    usage = measured_usage(done) or estimated_usage(entry, {task: len(prompt.text) for task, prompt in prompts.items()})
    left = questions - len(done)
    usd = entry.cost_usd(usage.prompt_tokens, usage.generated_tokens)
    return ModelWork(
        model=name,
        backend=entry.backend,
        questions=questions,
        done=len(done),
        usage=usage,
        usd=None if usd is None else left * usd,
        gpu_hours=gpu_hours(usage, left, entry.requirements().num_gpus),
    )


def _answers(
    name: str, entry: ModelEntry, paths: ResultPaths, prompts: Mapping[str, Prompt]
) -> list[Mapping[str, Any]]:
    """The answers in the model's journal to questions of this run."""
    images = paths.images
    records = Journal(paths.response_journal(name)).read() if images.is_file() else {}
    if not records:
        return []
    shas = read_table(images, IMAGES, columns=["sample_id", "original_sha256", "modified_sha256"]).to_pylist()
    asked = question_keys(shas, prompts, identity(entry))
    return [records[question.key].content for question in asked if question.key in records]

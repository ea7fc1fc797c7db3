"""Computes the remaining questions of each model from its journal."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from spd_faith.core.config import Run
from spd_faith.core.controls import NO_CONTROL
from spd_faith.core.entries import ModelEntry, identity
from spd_faith.core.files import read_table
from spd_faith.core.journal import Journal
from spd_faith.core.paths import ResultPaths
from spd_faith.core.schemas import IMAGES, SAMPLES
from spd_faith.dataset.control_kinds import asked_tasks
from spd_faith.inference.prompts import Prompt
from spd_faith.inference.questions import asked_questions, question_keys
from spd_faith.planning.estimates import Usage, Work, estimated_usage, gpu_hours, measured_usage


@dataclass(frozen=True, kw_only=True)
class ModelWork(Work):
    """The work of one model."""

    model: str
    backend: str
    questions: int
    gpu_hours: float
    jobs: int
    """Jobs with missing answers, one per shard."""

    @property
    def left(self) -> int:
        return self.questions - self.done


def num_pairs(run: Run, paths: ResultPaths) -> int | None:
    """The number of pairs in the dataset's table, else according to its entry, without controls; None if unknown."""
    if paths.samples.is_file():
        return _by_control(paths)[NO_CONTROL]
    return run.dataset.num_pairs()


def num_controls(run: Run, paths: ResultPaths) -> dict[str, int]:
    """The number of controls of each kind in the dataset's table, else estimated from its entry."""
    counts = _by_control(paths) if paths.samples.is_file() else run.dataset.num_controls()
    return {kind: number for kind, number in counts.items() if kind != NO_CONTROL}


def _by_control(paths: ResultPaths) -> Counter[str]:
    return Counter(map(str, read_table(paths.samples, SAMPLES, columns=["control"])["control"].to_pylist()))


def work_of_models(
    run: Run, paths: ResultPaths, prompts: Mapping[str, Prompt], pairs: int, controls: Mapping[str, int] | None = None
) -> list[ModelWork]:
    """The work of each model on a dataset of `pairs` pairs and of `controls` by kind, sorted by name."""
    controls = controls or {}
    questions = pairs * len(prompts) + sum(len(asked_tasks(kind)) * n for kind, n in controls.items())
    rows = pairs + sum(controls.values())
    return [
        _work(name, entry, paths, prompts, questions, min(run.num_shards(name), rows))
        for name, entry in sorted(run.models.items())
    ]


def _work(
    name: str, entry: ModelEntry, paths: ResultPaths, prompts: Mapping[str, Prompt], questions: int, shards: int
) -> ModelWork:
    questions = questions if entry.asks_questions else 0
    done, jobs = _answers(name, entry, paths, prompts, shards) if entry.asks_questions else ([], 0)
    usage = _measured(entry, done) or estimated_usage(
        entry, {task: len(prompt.text) for task, prompt in prompts.items()}
    )
    left = questions - len(done)
    usd = entry.cost_usd(usage.prompt_tokens, usage.generated_tokens)
    return ModelWork(
        model=name,
        backend=entry.backend,
        questions=questions,
        done=len(done),
        usage=usage,
        usd=None if usd is None else left * usd,
        budget=entry.budget(max((prompt.text for prompt in prompts.values()), key=len)),
        gpu_hours=gpu_hours(usage, left, entry.requirements().num_gpus),
        jobs=jobs,
    )


def _measured(entry: ModelEntry, answers: list[Mapping[str, Any]]) -> Usage | None:
    usage = measured_usage(answers)
    return usage and replace(usage, seconds=entry.measured_seconds(usage.seconds))


def _answers(
    name: str, entry: ModelEntry, paths: ResultPaths, prompts: Mapping[str, Prompt], shards: int
) -> tuple[list[Mapping[str, Any]], int]:
    """The answers in the model's journal to questions of this run, and the number of `shards` that lack some."""
    images = paths.images
    records = Journal(paths.response_journal(name)).read() if images.is_file() else {}
    if not records:
        return [], shards
    shas = read_table(images, IMAGES, columns=["sample_id", "original_sha256", "modified_sha256"]).to_pylist()
    samples = read_table(paths.samples, SAMPLES, columns=["sample_id", "control"]).to_pylist()
    controls = {sample["sample_id"]: sample["control"] for sample in samples}
    asked = asked_questions(question_keys(shas, prompts, identity(entry)), controls)
    shard_of = {sample["sample_id"]: number % shards for number, sample in enumerate(samples)}
    jobs = {shard_of[question.sample_id] for question in asked if question.key not in records}
    return [records[question.key].content for question in asked if question.key in records], len(jobs)

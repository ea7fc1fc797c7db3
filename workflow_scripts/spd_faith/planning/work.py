"""What each model of a run has still to answer, by its journal."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from spd_faith.core.config import Run
from spd_faith.core.entries import (
    DemoDataset,
    FolderDataset,
    HubDataset,
    JsonlDataset,
    ModelEntry,
    OpenAIModel,
    ResponsesFileModel,
    TransformersModel,
    identity,
)
from spd_faith.core.files import read_table
from spd_faith.core.journal import Journal
from spd_faith.core.schemas import IMAGES
from spd_faith.dataset.own_pairs import check_pairs
from spd_faith.inference.prompts import Prompt
from spd_faith.inference.questions import question_keys
from spd_faith.planning.estimates import Usage, Work, dollars, estimated_usage, gpu_hours, measured_usage


@dataclass(frozen=True, kw_only=True)
class ModelWork(Work):
    """One model's part of a run."""

    model: str
    backend: str
    questions: int
    gpu_hours: float

    @property
    def left(self) -> int:
        return self.questions - self.done


def number_of_pairs(run: Run, results: Path) -> int | None:
    """Pairs of the dataset, counted in its table or told by its entry; None where nobody counted them."""
    images = results / "images.parquet"
    if images.is_file():
        return read_table(images, IMAGES, columns=["sample_id"]).num_rows
    match run.dataset:
        case DemoDataset(splits=splits):
            return sum(split.pairs for split in splits.values())
        case HubDataset(splits=splits, limit=limit, exclude=excluded):
            counts = [limit if rows is None else min(rows, limit or rows) for rows in splits.values()]
            return None if None in counts else sum(filter(None, counts)) - len(excluded)
        case FolderDataset() | JsonlDataset():
            return len(check_pairs(run.dataset))


def work_of_models(run: Run, results: Path, prompts: Mapping[str, Prompt], pairs: int) -> list[ModelWork]:
    """The work of each model on a dataset of `pairs` pairs, by name."""
    return [_work(name, entry, results, prompts, pairs) for name, entry in sorted(run.models.items())]


def _work(name: str, entry: ModelEntry, results: Path, prompts: Mapping[str, Prompt], pairs: int) -> ModelWork:
    if isinstance(entry, ResponsesFileModel):
        none = Usage(prompt_tokens=0, generated_tokens=0, seconds=0, answers=0)
        return ModelWork(model=name, backend=entry.backend, questions=0, done=0, usage=none, usd=0.0, gpu_hours=0.0)
    images = results / "images.parquet"
    records = Journal(results / "journal" / "responses" / name).read() if images.is_file() else {}
    done = []
    if records:
        pictures = read_table(images, IMAGES, columns=["sample_id", "original_sha256", "modified_sha256"]).to_pylist()
        asked = question_keys(pictures, prompts, identity(entry))
        done = [records[question.key].content for question in asked if question.key in records]
    lengths = {task: len(prompt.text) for task, prompt in prompts.items()}
    usage = measured_usage(done) or estimated_usage(entry, lengths)
    questions = pairs * len(prompts)
    left = questions - len(done)
    return ModelWork(
        model=name,
        backend=entry.backend,
        questions=questions,
        done=len(done),
        usage=usage,
        usd=_usd(entry, usage, left),
        gpu_hours=_hours(entry, usage, left),
    )


def _usd(entry: TransformersModel | OpenAIModel, usage: Usage, left: int) -> float | None:
    if isinstance(entry, TransformersModel):
        return 0.0
    return None if entry.prices is None else dollars(usage, left, entry.prices)


def _hours(entry: TransformersModel | OpenAIModel, usage: Usage, left: int) -> float:
    return 0.0 if isinstance(entry, OpenAIModel) else gpu_hours(usage, left, entry.resources.gpu)

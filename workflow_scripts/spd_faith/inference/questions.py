"""Questions to a model, and the keys of their answers in the journal."""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from spd_faith.core.files import read_batches, sha256
from spd_faith.dataset.control_kinds import asked_tasks
from spd_faith.inference.prompts import Prompt

_PAIRS_PER_BATCH = 16


class QuestionId(NamedTuple):
    """Identifies a question within a dataset."""

    sample_id: str
    task: str


@dataclass(frozen=True)
class Question:
    """A question to a model: the prompt text and an image pair, encoded as published."""

    sample_id: str
    task: str
    text: str
    original: bytes
    modified: bytes

    @property
    def id(self) -> QuestionId:
        """The sample and the task."""
        return QuestionId(self.sample_id, self.task)


@dataclass(frozen=True)
class QuestionKey:
    """A question to one model, without its images; `key` is the sha256 of everything that determines the answer."""

    sample_id: str
    task: str
    prompt_sha: str
    key: str

    @property
    def id(self) -> QuestionId:
        """The sample and the task."""
        return QuestionId(self.sample_id, self.task)


def question_keys(
    images: Iterable[Mapping[str, str]], prompts: Mapping[str, Prompt], identity: Mapping[str, Any]
) -> list[QuestionKey]:
    """The questions about each pair, task by task; `images` has sample_id, original_sha256 and modified_sha256.

    Equal keys mean equal questions: the same model and settings (`identity`), prompt and images.
    """
    pairs = list(images)
    return [
        QuestionKey(pair["sample_id"], task, prompt.sha, _key(identity, prompt, pair))
        for task, prompt in prompts.items()
        for pair in pairs
    ]


def asked_questions(questions: Iterable[QuestionKey], controls: Mapping[str, str]) -> list[QuestionKey]:
    """Those that the pair's kind of control is asked; `controls` is the column `control` by sample_id."""
    return [question for question in questions if question.task in asked_tasks(controls[question.sample_id])]


def _key(identity: Mapping[str, Any], prompt: Prompt, pair: Mapping[str, str]) -> str:
    parts = [identity, prompt.task, prompt.sha, pair["original_sha256"], pair["modified_sha256"]]
    return sha256(json.dumps(parts, sort_keys=True))


def read_questions(images: Path, asked: Iterable[QuestionId], prompts: Mapping[str, Prompt]) -> Iterator[Question]:
    """The questions `asked` with their images from the images table; only a few pairs are in memory at a time."""
    tasks: dict[str, list[str]] = {}
    for sample_id, task in asked:
        tasks.setdefault(sample_id, []).append(task)
    columns = ["sample_id", "original", "modified"]
    for batch in read_batches(images, columns, _PAIRS_PER_BATCH):
        for pair in batch:
            for task in tasks.get(pair["sample_id"], []):
                yield Question(task=task, text=prompts[task].text, **pair)

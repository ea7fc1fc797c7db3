"""What a judge is: it may have something to ask, and gives a row for each sample and metric.

A kind of judge is an entry in `judging.entries`, which opens a `Judge` over the answers of one model.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

ResponseKey = tuple[str, str]  # sample_id, task
Row = Mapping[str, Any]


@dataclass(frozen=True)
class ModelAnswers:
    """What one model answered about the samples, and what was read from it."""

    model: str
    samples: Sequence[Row]
    """Rows of `SAMPLES`."""
    responses: Mapping[ResponseKey, Row]
    """Rows of `RESPONSES`, one for each sample and task."""
    parsed: Mapping[ResponseKey, Row]
    """Rows of `PARSED`, likewise; empty where nothing but requests is made of the answers."""
    image_shas: Mapping[str, tuple[str, str]]
    """The sha256 of both images by sample_id; empty where none are shown."""


@dataclass(frozen=True)
class JudgeRequest:
    """What a judge is asked about one answer (drf) or two (cr), for the `repeat`-th time, from 0 on.

    `answers` are the texts as they are shown, of which `cut` characters were left out; `image_shas` those of the two
    images that are shown, None where none are.
    """

    metric: str
    instructions: str
    material: str
    prompt_sha: str
    answers: tuple[str, ...]
    cut: int
    image_shas: tuple[str, str] | None
    repeat: int = 0


@dataclass(frozen=True)
class JudgeJob:
    """What the command of a job has for a judge beside the answers."""

    name: str
    """The judge's key in judges.yaml."""
    prompts: Path
    """Folder of the prompts."""
    images: Path | None
    """The table of images; None where the judge is shown none."""
    journal: Path | None
    """Folder that keeps what was paid for, of all models; None where the command was given none."""
    slots: Path
    """Folder that bounds calls over jobs."""


class Judge(Protocol):
    """A judge of one model's answers. One that asks nobody declares `rows` alone."""

    def missing(self) -> Sequence[JudgeRequest]:
        """The requests that lack a reply; of equal ones the first."""
        return ()

    def ask(self, missing: Sequence[JudgeRequest], advance: Callable[[int], Any]) -> None:
        """Ask for the replies that `missing` lack and keep each as it comes; `advance` gets the number that are done.

        What could not be judged gets a row with its status. Raises `UserError` where asking on makes no sense.
        """
        return

    def rows(self) -> Iterable[dict[str, Any]]:
        """Rows of `JUDGEMENTS`: for each sample one per metric."""
        ...

    def provenance(self) -> dict[str, Any]:
        """What the table says of its origin, beside its rows."""
        return {}

"""The interface of judges: a judge may make calls, and yields a row for each sample and metric.

The kinds of judges are the entries in `judging.entries`, which open a `Judge` for the answers of one model.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from spd_faith.judging.claims import Claim

ResponseKey = tuple[str, str]  # sample_id, task
Row = Mapping[str, Any]


@dataclass(frozen=True)
class ModelAnswers:
    """One model's answers about the samples, raw and parsed."""

    model: str
    samples: Sequence[Row]
    """Rows of `SAMPLES`."""
    responses: Mapping[ResponseKey, Row]
    """Rows of `RESPONSES`, one per sample and task."""
    parsed: Mapping[ResponseKey, Row]
    """Rows of `PARSED`, one per sample and task; empty if only requests are planned."""
    image_shas: Mapping[str, tuple[str, str]]
    """The sha256 of both images by sample_id; empty if none are sent."""
    unjudged: Mapping[tuple[str, str], str] = field(default_factory=dict)
    """The status by (sample_id, metric) of what is not judged (`unanswered.unjudged`)."""


@dataclass(frozen=True)
class JudgeRequest:
    """A request to a judge about one answer (drf) or two (cr); `repeat` counts from 0.

    `answers` are the texts as sent, from which `cut` characters were cut; `image_shas` are the hashes of both images,
    None if none are sent. `claims` are the claims to label; None if the judge lists them itself. `member` names the
    member of a panel that is asked.
    """

    metric: str
    instructions: str
    material: str
    prompt_sha: str
    answers: tuple[str, ...]
    cut: int
    image_shas: tuple[str, str] | None
    repeat: int = 0
    claims: tuple[Claim, ...] | None = None
    member: str | None = None


@dataclass(frozen=True)
class JudgeJob:
    """What a job passes to a judge besides the answers."""

    name: str
    """The judge's key in judges.yaml."""
    prompts: Path
    """The prompt folder."""
    images: Path | None
    """The image table; None if no images are sent."""
    journal: Path | None
    """Folder for the paid replies of all models; None if not given to the command."""
    slots: Path
    """Folder that limits calls across jobs."""


class Judge(Protocol):
    """A judge of one model's answers. A judge without calls only implements `rows`."""

    def missing(self) -> Sequence[JudgeRequest]:
        """The requests without a reply; only the first of duplicates."""
        return ()

    def ask(self, missing: Sequence[JudgeRequest], advance: Callable[[int], Any]) -> None:
        """Request the replies to `missing` and store each one; `advance` receives the number of finished requests.

        Failed judgements get a row with their status. Raises `UserError` if further calls make no sense.
        """
        return

    def rows(self) -> Iterable[dict[str, Any]]:
        """Rows of `JUDGEMENTS`, one per sample and metric."""
        ...

    def provenance(self) -> dict[str, Any]:
        """The provenance that is stored with the table."""
        return {}

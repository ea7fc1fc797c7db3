"""The outcome of a question, and the interface of engines that answer questions."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Protocol

from spd_faith.core.errors import UserError
from spd_faith.core.schemas import UNSUPPORTED
from spd_faith.inference.questions import Question

_LONGEST_ERROR = 500


@dataclass(frozen=True)
class Answer:
    """The outcome of a question; the fields are columns of `RESPONSES`."""

    response_text: str
    reasoning_text: str | None
    response_token_ids: list[int] | None
    finish_reason: str  # stop, length, content_filter, refusal, unknown:{reason}, error, timeout
    prompt_tokens: int | None
    generated_tokens: int | None
    seconds: float
    usd: float | None
    attempts: int
    batch_size: int | None
    error: str | None


NO_ANSWER = ("error", "timeout")
"""The finish reasons of questions without an answer."""
WITHHELD = ("content_filter", "refusal")
"""The finish reasons of answers that a filter or the model withheld, even if some of it was sent."""


def failure_of(content: Mapping[str, Any]) -> str | None:
    """One of `FAILURES`, or None for an answer; `content` has columns of `RESPONSES`.

    A question that got no reply, or that the engine could not run, is asked again in the next run: nobody's answer.
    """
    if content["finish_reason"] in NO_ANSWER:
        return "transport"
    return "model" if content["finish_reason"] in WITHHELD or not content["response_text"].strip() else None


def outcome_columns(content: Mapping[str, Any]) -> dict[str, Any]:
    """`content` with its `failure`. The words of a withheld answer are no answer: they are moved to `error`."""
    columns = {**content, "failure": failure_of(content)}
    if content["finish_reason"] in WITHHELD and (words := content["response_text"].strip()):
        columns |= {"response_text": "", "error": f"withheld: {words}"[:_LONGEST_ERROR]}
    return columns


def not_asked(why: str) -> dict[str, Any]:
    """The columns of `RESPONSES` of a question that nobody asked, except those of the question."""
    return asdict(failed(why, attempts=0)) | {"failure": "not_asked"}


def failed(
    error: str, attempts: int = 1, seconds: float = 0.0, usd: float | None = None, timed_out: bool = False
) -> Answer:
    """The outcome of a question without an answer; `error` is the reason."""
    return Answer(
        response_text="",
        reasoning_text=None,
        response_token_ids=None,
        finish_reason="timeout" if timed_out else "error",
        prompt_tokens=None,
        generated_tokens=None,
        seconds=seconds,
        usd=usd,
        attempts=attempts,
        batch_size=None,
        error=error[:_LONGEST_ERROR],
    )


@dataclass(frozen=True)
class Provenance:
    """Where answers come from; stored in the journal and with the table of responses."""

    model: str
    dtype: str | None
    """Data type of the weights; None for endpoints."""
    pixel_backend: str
    """The package that resized the images."""
    engine: Mapping[str, str]
    """Details of the engine: its device or URL, and package versions."""
    revision: str
    """The resolved model version: a commit, or the model name in an endpoint's responses."""

    def to_json(self) -> dict[str, Any]:
        """The stored form: one flat object."""
        named = {"model": self.model, "dtype": self.dtype, "pixel_backend": self.pixel_backend}
        return {**named, **self.engine, "revision": self.revision}


class InterventionUnsupported(UserError):
    """The intervention of an entry has no place in its model, so none of its questions can be asked."""

    def __init__(self, why: str, provenance: Provenance) -> None:
        super().__init__(f"{provenance.model}: {UNSUPPORTED}{why}. Change or remove its intervention")
        self.why = why
        """Which settings, and why."""
        self.provenance = provenance
        """Of the model."""


class Answerer(Protocol):
    """An engine that is ready to answer questions."""

    @property
    def provenance(self) -> Provenance:
        """Provenance of the answers; its revision is known after the first answer."""
        ...

    def is_of_same_model(self, provenance: Mapping[str, Any]) -> bool:
        """Whether journaled answers with this provenance (`Provenance.to_json`) came from the same model."""
        ...

    def answer(self, questions: Iterable[Question], num_answered: int = 0) -> Iterator[tuple[Question, Answer]]:
        """Yield each question with its outcome as soon as it is ready, in any order; reads questions lazily.

        `num_answered` is the number of questions of the job that were answered earlier.
        """
        ...

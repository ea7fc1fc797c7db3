"""The outcome of a question, and what an engine that answers questions offers."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from spd_faith.inference.questions import Question

_LONGEST_ERROR = 500


@dataclass(frozen=True)
class Answer:
    """What came of a question; the fields are columns of `RESPONSES`."""

    response_text: str
    reasoning_text: str | None
    response_token_ids: list[int] | None
    finish_reason: str  # stop, length, content_filter, refusal, error, unknown:{what the server said}
    prompt_tokens: int | None
    generated_tokens: int | None
    seconds: float
    usd: float | None
    attempts: int
    batch_size: int | None
    error: str | None


def failed(error: str, attempts: int = 1, seconds: float = 0.0, usd: float | None = None) -> Answer:
    """The outcome of a question that could not be answered; `error` says why."""
    return Answer(
        response_text="",
        reasoning_text=None,
        response_token_ids=None,
        finish_reason="error",
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
    """Where answers come from; kept in the journal and with the table of responses."""

    model: str
    dtype: str | None
    """Number format of the weights; None where an endpoint does not say."""
    pixel_backend: str
    """What resized the images."""
    engine: Mapping[str, str]
    """What the engine says of itself: its device or address, the versions of its packages."""
    revision: str
    """What really answered: a commit, or the name that an endpoint answered under."""

    def to_json(self) -> dict[str, Any]:
        """As it is stored: one flat object."""
        named = {"model": self.model, "dtype": self.dtype, "pixel_backend": self.pixel_backend}
        return {**named, **self.engine, "revision": self.revision}


class Answerer(Protocol):
    """An engine that answers questions, ready to be asked."""

    @property
    def provenance(self) -> Provenance:
        """Of the answers; its revision is known once the first answer is there."""
        ...

    def is_of_same_model(self, provenance: Mapping[str, Any]) -> bool:
        """Whether journalled answers of that provenance (`Provenance.to_json`) came from what is asked here."""
        ...

    def answer(self, questions: Iterable[Question], num_answered: int = 0) -> Iterator[tuple[Question, Answer]]:
        """Each question with its outcome, as soon as that is there, in any order; questions are read as needed.

        `num_answered` is how many questions of the job were answered before.
        """
        ...

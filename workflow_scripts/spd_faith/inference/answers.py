"""The outcome of one question, whichever backend was asked."""

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


class Backend(Protocol):
    """Answers questions; `revision` is what was really asked, once the first answer is there."""

    @property
    def pixel_backend(self) -> str: ...

    @property
    def revision(self) -> str: ...

    def is_of_same_model(self, provenance: Mapping[str, Any]) -> bool:
        """Whether journalled answers of that provenance came from what this backend asks."""
        ...

    def answer(self, questions: Iterable[Question]) -> Iterator[tuple[Question, Answer]]:
        """Each question with its outcome, as soon as that is there, in any order; questions are read as needed."""
        ...

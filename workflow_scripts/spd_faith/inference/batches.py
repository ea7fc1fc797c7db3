"""Answers questions in batches; a failing question affects only its own answer."""

import logging
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby
from operator import attrgetter

from PIL import Image

from spd_faith.dataset.encoded_images import decode
from spd_faith.inference.answers import Answer, failed
from spd_faith.inference.questions import Question
from spd_faith.inference.reasoning import split_reasoning

log = logging.getLogger(__name__)

Shown = tuple[str, Image.Image, Image.Image]
"""The prompt text, the original image and the modified image."""


@dataclass(frozen=True)
class Generation:
    """A model's output for one prompt."""

    text: str
    token_ids: list[int]
    """Includes the end token, if one was generated."""
    prompt_tokens: int
    finished: bool


Generate = Callable[[list[Shown]], list[Generation]]


def answer_in_batches(
    questions: Iterable[Question], generate: Generate, batch_size: int
) -> Iterator[tuple[Question, Answer]]:
    """Yield each question with its outcome. A batch holds up to `batch_size` pairs, each with all consecutive questions
    about it; these share the same two image objects.

    If a batch fails, it is halved until the failing question is isolated. One batch is in memory at a time.
    """
    batch: list[tuple[Question, Shown]] = []
    pairs = 0
    for _, about_one in groupby(questions, key=attrgetter("sample_id")):
        asked = list(about_one)
        try:
            images = decode(asked[0].original), decode(asked[0].modified)
        except ValueError as error:
            yield from ((question, failed(f"image: {error}")) for question in asked)
            continue
        batch += [(question, (question.text, *images)) for question in asked]
        pairs += 1
        if pairs == batch_size:
            yield from _answer(batch, generate)
            batch, pairs = [], 0
    if batch:
        yield from _answer(batch, generate)


def _answer(batch: list[tuple[Question, Shown]], generate: Generate) -> Iterator[tuple[Question, Answer]]:
    started = time.perf_counter()
    try:
        generations = generate([shown for _, shown in batch])
    except Exception as error:
        if len(batch) == 1:
            question = batch[0][0]
            log.exception("%s, %s", question.sample_id, question.task)
            yield question, failed(f"{type(error).__name__}: {error}")
            return
    else:
        seconds = (time.perf_counter() - started) / len(batch)
        for (question, _), generated in list(zip(batch, generations, strict=True)):
            yield question, answered(generated, seconds, len(batch))
        return
    # outside the handler, where the exception would keep the failed batch's tensors alive
    middle = len(batch) // 2
    for half in (batch[:middle], batch[middle:]):
        yield from _answer(half, generate)


def answered(generated: Generation, seconds: float, batch_size: int | None, attempts: int = 1) -> Answer:
    """The answer in a model's output."""
    text, reasoning = split_reasoning(generated.text)
    return Answer(
        response_text=text,
        reasoning_text=reasoning,
        response_token_ids=generated.token_ids,
        finish_reason="stop" if generated.finished else "length",
        prompt_tokens=generated.prompt_tokens,
        generated_tokens=len(generated.token_ids),
        seconds=seconds,
        usd=None,
        attempts=attempts,
        batch_size=batch_size,
        error=None,
    )

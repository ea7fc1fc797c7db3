"""Responses of a model to all samples and tasks: one row each, whatever goes wrong."""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import pyarrow as pa
from PIL import Image

from spd_faith.core.errors import UserError
from spd_faith.inference.pictures import decode
from spd_faith.inference.prompts import Prompt
from spd_faith.inference.reasoning import split_reasoning

log = logging.getLogger(__name__)
_LONGEST_ERROR = 500


class Generated(Protocol):
    """What a backend returns for one prompt."""

    text: str
    token_ids: list[int]
    prompt_tokens: int
    finished: bool


Generate = Callable[[list[tuple[str, Image.Image, Image.Image]]], list[Generated]]


@dataclass(frozen=True)
class _Question:
    sample_id: str
    prompt: Prompt
    original: bytes
    modified: bytes


def respond(
    images: pa.Table,
    prompts: dict[str, Prompt],
    generate: Generate,
    batch_size: int,
    settings: dict[str, Any],
    advance: Callable[[int], Any] = lambda count: None,
) -> list[dict[str, Any]]:
    """Rows of `RESPONSES` for every image pair and prompt.

    `generate` answers a batch of (text, original, modified). Where a batch fails it is halved until the question that
    fails stands alone; that one becomes a row with `error`. Questions of one task share a batch, for their answers are
    of like length. `settings` holds the columns dtype and pixel_backend; `advance` is told of finished questions.
    Raises `UserError` where not one question was answered: then the fault is not with the samples.
    """
    pairs = images.select(["sample_id", "original", "modified"])
    rows: list[dict[str, Any]] = []
    for prompt in prompts.values():
        for start in range(0, pairs.num_rows, batch_size):
            batch = pairs.slice(start, batch_size).to_pylist()
            rows += _answer_batch([_Question(prompt=prompt, **pair) for pair in batch], generate, settings)
            advance(len(batch))
    failed = [row for row in rows if row["error"] is not None]
    if failed and len(failed) == len(rows):
        raise UserError(f"not one of {len(rows)} questions was answered; the first failed with\n  {failed[0]['error']}")
    if failed:
        log.warning("%d of %d questions failed; each has a row with its error", len(failed), len(rows))
    return rows


def _answer_batch(questions: list[_Question], generate: Generate, settings: dict[str, Any]) -> list[dict[str, Any]]:
    rows: dict[str, dict[str, Any]] = {}
    readable: list[tuple[_Question, tuple[str, Image.Image, Image.Image]]] = []
    for question in questions:
        try:
            shown = (question.prompt.text, decode(question.original), decode(question.modified))
        except ValueError as error:
            rows[question.sample_id] = _failed_row(question, f"picture: {error}", settings)
        else:
            readable.append((question, shown))
    for question, row in _generate_rows(readable, generate, settings):
        rows[question.sample_id] = row
    return [rows[question.sample_id] for question in questions]


def _generate_rows(
    batch: list[tuple[_Question, tuple[str, Image.Image, Image.Image]]],
    generate: Generate,
    settings: dict[str, Any],
) -> list[tuple[_Question, dict[str, Any]]]:
    if not batch:
        return []
    started = time.perf_counter()
    try:
        generations = generate([shown for _, shown in batch])
    except Exception as error:
        if len(batch) == 1:
            question = batch[0][0]
            log.exception("%s, %s", question.sample_id, question.prompt.task)
            return [(question, _failed_row(question, f"{type(error).__name__}: {error}", settings))]
    else:
        seconds = (time.perf_counter() - started) / len(batch)
        return [
            (question, _answered_row(question, generated, seconds, len(batch), settings))
            for (question, _), generated in zip(batch, generations, strict=True)
        ]
    # out of the handler, where the error would still hold the failed batch's tensors
    middle = len(batch) // 2
    halves = batch[:middle], batch[middle:]
    return [row for half in halves for row in _generate_rows(half, generate, settings)]


def _answered_row(
    question: _Question, generated: Generated, seconds: float, batch_size: int, settings: dict[str, Any]
) -> dict[str, Any]:
    text, reasoning = split_reasoning(generated.text)
    return {
        "sample_id": question.sample_id,
        "task": question.prompt.task,
        "prompt_sha": question.prompt.sha,
        "response_text": text,
        "reasoning_text": reasoning,
        "response_token_ids": generated.token_ids,
        "finish_reason": "stop" if generated.finished else "length",
        "prompt_tokens": generated.prompt_tokens,
        "generated_tokens": len(generated.token_ids),
        "seconds": seconds,
        "usd": None,
        "attempts": 1,
        "batch_size": batch_size,
        "error": None,
        **settings,
    }


def _failed_row(question: _Question, error: str, settings: dict[str, Any]) -> dict[str, Any]:
    return {
        "sample_id": question.sample_id,
        "task": question.prompt.task,
        "prompt_sha": question.prompt.sha,
        "response_text": "",
        "finish_reason": "error",
        "seconds": 0.0,
        "attempts": 1,
        "error": error[:_LONGEST_ERROR],
        **settings,
    }

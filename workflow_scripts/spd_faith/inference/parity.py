"""Asks the transformers backend the questions that an engine answered, and counts equal answers."""

import logging
import os
import re
from collections.abc import Iterable, Sequence
from multiprocessing import get_context, parent_process
from multiprocessing.connection import Connection
from threading import Thread
from typing import Any

from spd_faith.core.errors import UserError
from spd_faith.inference.answers import Answer
from spd_faith.inference.entries import TransformersModel, VllmModel
from spd_faith.inference.questions import Question, QuestionId

log = logging.getLogger(__name__)

_EQUAL = "{} of {} answers equal"
_COUNTS = re.compile(_EQUAL.replace("{}", r"(\d+)"))


def count_equal(entry: VllmModel, asked: Sequence[tuple[Question, Answer]], threads: int) -> str:
    """How many answers have the same token ids as those of the transformers backend, in words.

    Runs in a process of its own, which takes the memory of the weights with it and ends with the job. What the backend
    cannot load is said, not raised.
    """
    if entry.quantization:
        return "not measured: the transformers backend does not quantize"
    expected = _in_own_process(entry.as_transformers().model_dump(), [question for question, _ in asked], threads)
    if isinstance(expected, str):
        log.warning("%s: the transformers backend cannot be asked: %s", entry.model, expected)
        return f"not measured: {expected.splitlines()[0]}"
    equal = sum(answer.response_token_ids == expected.get(question.id) for question, answer in asked)
    return _EQUAL.format(equal, len(asked))


def in_sum(found: Iterable[str]) -> str:
    """What several checks found, in the same words: all answers together, and each reason why none were compared."""
    texts = list(found)
    counts = [tuple(map(int, match.groups())) for match in map(_COUNTS.fullmatch, texts) if match]
    reasons = [text for text in texts if not _COUNTS.fullmatch(text)]
    equal = [_EQUAL.format(*map(sum, zip(*counts, strict=True)))] if counts else []
    return "; ".join(dict.fromkeys([*equal, *reasons]))


Expected = dict[QuestionId, list[int] | None]


def _in_own_process(plain: dict[str, Any], questions: list[Question], threads: int) -> Expected | str:
    """`token_ids`, or why there are none."""
    context = get_context("spawn")
    ours, its = context.Pipe(duplex=False)
    process = context.Process(target=_send_token_ids, args=(its, plain, questions, threads))
    process.start()
    its.close()
    try:
        received: Expected | str = ours.recv()
        return received
    except EOFError:
        process.join()
        return f"its process ended with exit code {process.exitcode}"
    finally:  # also by SIGTERM, which does not wait for the answers
        process.kill()
        process.join()


def _send_token_ids(pipe: Connection, plain: dict[str, Any], questions: list[Question], threads: int) -> None:
    Thread(target=_end_with_the_job, daemon=True).start()
    try:
        pipe.send(token_ids(plain, questions, threads))
    except UserError as error:
        pipe.send(str(error))


def _end_with_the_job() -> None:
    """A job that is killed cannot end this process."""
    job = parent_process()
    assert job
    job.join()
    os._exit(1)


def token_ids(plain: dict[str, Any], questions: list[Question], threads: int) -> Expected:
    """The answers of the transformers backend, for an entry as plain values."""
    import torch

    from spd_faith.inference.checkpoint import load_checkpoint
    from spd_faith.inference.transformers_answerer import TransformersAnswerer

    torch.set_num_threads(threads)
    answerer = TransformersAnswerer(load_checkpoint(TransformersModel.model_validate(plain)))
    return {question.id: answer.response_token_ids for question, answer in answerer.answer(questions)}

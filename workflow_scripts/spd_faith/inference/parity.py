"""Asks the transformers backend the questions that an engine answered, and counts equal answers."""

import logging
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context
from typing import Any

from spd_faith.core.errors import UserError
from spd_faith.inference.answers import Answer
from spd_faith.inference.entries import TransformersModel, VllmModel
from spd_faith.inference.questions import Question, QuestionId

log = logging.getLogger(__name__)


def count_equal(entry: VllmModel, asked: Sequence[tuple[Question, Answer]], threads: int) -> str:
    """How many answers have the same token ids as those of the transformers backend, in words.

    Runs in a process of its own, which takes the memory of the weights with it. What the backend cannot load is said,
    not raised.
    """
    if entry.quantization:
        return "not measured: the transformers backend does not quantize"
    questions = [question for question, _ in asked]
    try:
        with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
            plain = entry.as_transformers().model_dump()
            expected = pool.submit(token_ids, plain, questions, threads).result()
    except (UserError, BrokenProcessPool) as error:
        log.warning("%s: the transformers backend cannot be asked: %s", entry.model, error)
        return f"not measured: {str(error).splitlines()[0]}"
    equal = sum(answer.response_token_ids == expected.get(question.id) for question, answer in asked)
    return f"{equal} of {len(asked)} answers equal"


def token_ids(plain: dict[str, Any], questions: list[Question], threads: int) -> dict[QuestionId, list[int] | None]:
    """The answers of the transformers backend, for an entry as plain values."""
    import torch

    from spd_faith.inference.checkpoint import load_checkpoint
    from spd_faith.inference.transformers_answerer import TransformersAnswerer

    torch.set_num_threads(threads)
    answerer = TransformersAnswerer(load_checkpoint(TransformersModel.model_validate(plain)))
    return {question.id: answer.response_token_ids for question, answer in answerer.answer(questions)}

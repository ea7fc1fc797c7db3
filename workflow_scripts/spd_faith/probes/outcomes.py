"""Passes over saved answers in batches; an answer that cannot be measured costs its own rows alone."""

import logging
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import groupby
from operator import attrgetter

from spd_faith.core.errors import UserError
from spd_faith.inference.batches import Shown
from spd_faith.inference.pictures import decode
from spd_faith.inference.questions import Question
from spd_faith.inference.transformers_backend import TransformersBackend
from spd_faith.probes.forward import run_pass
from spd_faith.probes.layers import decoder_layers
from spd_faith.probes.passes import Outcome, Unmeasured
from spd_faith.probes.prepared import prepare_answered
from spd_faith.probes.samples import SavedAnswer

log = logging.getLogger(__name__)
_LONGEST_ERROR = 500


@dataclass(frozen=True)
class _Answered:
    question: Question
    shown: Shown
    answer: SavedAnswer


def measure_answers(
    backend: TransformersBackend,
    questions: Iterable[Question],
    answers: Mapping[tuple[str, str], SavedAnswer],
    batch_size: int,
) -> Iterator[tuple[Question, Outcome]]:
    """Each question with what a pass over its answer, found by (sample_id, task), tells.

    The answers about `batch_size` samples share a pass, and those about one sample its pictures. Where a pass fails it
    is halved until the answer that fails stands alone. Raises `UserError` where the model cannot be probed at all.
    """
    decoder_layers(backend.model)
    dtype = str(backend.model.dtype).removeprefix("torch.")
    batch: list[_Answered] = []
    for number, (_, of_sample) in enumerate(groupby(questions, key=attrgetter("sample_id")), start=1):
        pictures = None
        for question in of_sample:
            answer = answers[question.sample_id, question.task]
            if not answer.token_ids:
                yield question, Unmeasured(dtype, "no_answer")
                continue
            try:
                pictures = pictures or (decode(question.original), decode(question.modified))
            except ValueError as error:
                yield question, Unmeasured(dtype, "failed", f"picture: {error}")
                continue
            batch.append(_Answered(question, (question.text, *pictures), answer))
        if number % batch_size == 0:
            yield from _measure(backend, batch, dtype)
            batch = []
    yield from _measure(backend, batch, dtype)


def _measure(backend: TransformersBackend, batch: list[_Answered], dtype: str) -> Iterator[tuple[Question, Outcome]]:
    if not batch:
        return
    try:
        prepared = prepare_answered(backend, [one.shown for one in batch], [one.answer.token_ids for one in batch])
        for one, row in zip(batch, prepared.rows, strict=True):
            _check_prompt(one.answer, row.answer_states.start + 1)
        passes = run_pass(backend.model, prepared)
    except UserError:  # of the model, not of an answer
        raise
    except Exception as error:
        if len(batch) == 1:
            question = batch[0].question
            log.exception("%s, %s", question.sample_id, question.task)
            yield question, Unmeasured(dtype, "failed", f"{type(error).__name__}: {error}"[:_LONGEST_ERROR])
            return
    else:
        for one, measured in zip(batch, passes, strict=True):
            yield one.question, measured
        return
    # out of the handler, where the error would still hold the failed batch's tensors
    middle = len(batch) // 2
    for half in (batch[:middle], batch[middle:]):
        yield from _measure(backend, half, dtype)


def _check_prompt(answer: SavedAnswer, tokens: int) -> None:
    if answer.prompt_tokens is not None and answer.prompt_tokens != tokens:
        raise ValueError(f"the prompt has {tokens} tokens now and had {answer.prompt_tokens} when it was answered")

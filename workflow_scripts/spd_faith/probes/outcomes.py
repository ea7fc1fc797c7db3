"""Passes over saved answers in batches. An answer that cannot be measured does not affect the others."""

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import groupby
from operator import attrgetter

from spd_faith.core.errors import UserError
from spd_faith.dataset.encoded_images import decode
from spd_faith.inference.batches import Shown
from spd_faith.inference.checkpoint import Checkpoint
from spd_faith.inference.intervention_hooks import intervened
from spd_faith.inference.model_parts import decoder_layers
from spd_faith.inference.prompt_builder import PromptBuilder
from spd_faith.inference.questions import Question, QuestionId
from spd_faith.probes.forward import run_pass
from spd_faith.probes.passes import Outcome, Pass, Unmeasured, failed
from spd_faith.probes.prepared import prepare_answered
from spd_faith.probes.samples import SavedAnswer

log = logging.getLogger(__name__)

Measured = Iterator[tuple[Question, Outcome]]


@dataclass(frozen=True)
class _Answered:
    question: Question
    shown: Shown
    answer: SavedAnswer


def measure_answers(
    checkpoint: Checkpoint,
    builder: PromptBuilder,
    questions: Iterable[Question],
    answers: Mapping[QuestionId, SavedAnswer],
    batch_size: int,
) -> Measured:
    """Each question with the outcome of a pass over its answer.

    The answers about `batch_size` samples share a pass, and those about one sample share its images. A batch that
    fails is halved until the failing answer is alone. If the model cannot be probed, or cannot run its intervention, no
    answer is measured.
    """
    if why := _why_unsupported(checkpoint):
        yield from ((question, Unmeasured(checkpoint.dtype, "unsupported", why)) for question in questions)
        return

    def measure(batch: list[_Answered]) -> list[Pass]:
        answered = prepare_answered(
            builder,
            [one.shown for one in batch],
            [one.answer.token_ids for one in batch],
            share_rows=checkpoint.rows_can_be_shared,
        )
        for one, row in zip(batch, answered.rows, strict=True):
            one.answer.check_prompt(row.answer_states.start + 1)
        with intervened(checkpoint.model, checkpoint.entry.intervention, builder.image_token_id) as hooks:
            return run_pass(checkpoint.model, answered, hooks)

    batch: list[_Answered] = []
    for number, (_, of_sample) in enumerate(groupby(questions, key=attrgetter("sample_id")), start=1):
        for found in _readable(of_sample, answers, checkpoint.dtype):
            if isinstance(found, _Answered):
                batch.append(found)
            else:
                yield found
        if number % batch_size == 0:
            yield from _measured(batch, measure, checkpoint.dtype)
            batch = []
    yield from _measured(batch, measure, checkpoint.dtype)


def _why_unsupported(checkpoint: Checkpoint) -> str | None:
    if checkpoint.unsupported:
        return checkpoint.unsupported
    try:
        decoder_layers(checkpoint.model)
    except UserError as error:
        return str(error)
    return None


def _readable(
    questions: Iterable[Question], answers: Mapping[QuestionId, SavedAnswer], dtype: str
) -> Iterator[_Answered | tuple[Question, Outcome]]:
    """The questions about one sample that can be measured, with its images decoded once; for the others the reason."""
    images = None
    for question in questions:
        answer = answers[question.id]
        if not answer.token_ids:
            yield question, Unmeasured(dtype, "no_answer")
            continue
        try:
            images = images or (decode(question.original), decode(question.modified))
        except ValueError as error:
            yield question, Unmeasured(dtype, "failed", f"picture: {error}")
            continue
        yield _Answered(question, (question.text, *images), answer)


def _measured(batch: list[_Answered], measure: Callable[[list[_Answered]], list[Pass]], dtype: str) -> Measured:
    if not batch:
        return
    try:
        passes = measure(batch)
    except UserError as error:  # of the model, not of an answer
        yield from ((one.question, Unmeasured(dtype, "unsupported", str(error))) for one in batch)
        return
    except Exception as error:
        if len(batch) == 1:
            question = batch[0].question
            log.exception("%s, %s", question.sample_id, question.task)
            yield question, failed(dtype, error)
            return
    else:
        for one, found in zip(batch, passes, strict=True):
            yield one.question, found
        return
    # outside the handler, where the error would keep the failed batch's tensors alive
    middle = len(batch) // 2
    for half in (batch[:middle], batch[middle:]):
        yield from _measured(half, measure, dtype)

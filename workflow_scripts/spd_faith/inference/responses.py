"""Responses of a model: asks the questions missing in the journal, and makes a row for every question."""

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from spd_faith.core.errors import UserError
from spd_faith.core.journal import Journal, Record
from spd_faith.core.progress import progress
from spd_faith.core.schemas import UNSUPPORTED
from spd_faith.inference.answers import (
    Answer,
    Answerer,
    InterventionUnsupported,
    Provenance,
    not_asked,
    outcome_columns,
)
from spd_faith.inference.questions import Question, QuestionId, QuestionKey

log = logging.getLogger(__name__)

Read = Callable[[Iterable[QuestionId]], Iterator[Question]]


@dataclass(frozen=True)
class Failure:
    """A question that was asked without getting an answer."""

    answer: Answer
    provenance: Provenance

    def content(self) -> dict[str, Any]:
        """The columns of `RESPONSES`, except those of the question."""
        made_with = {"dtype": self.provenance.dtype, "pixel_backend": self.provenance.pixel_backend}
        return asdict(self.answer) | made_with


@dataclass(frozen=True)
class Outcomes:
    """The outcomes of questions to one model, by key."""

    answered: Mapping[str, Record]
    """Journaled answers, also to other questions."""
    failures: Mapping[str, Failure] = field(default_factory=dict)
    unsupported: InterventionUnsupported | None = None
    """Why the other questions were not asked; None: there are no others."""

    def rows(self, asked: Iterable[QuestionKey]) -> list[dict[str, Any]]:
        """Rows of `RESPONSES`, one per question of `asked`."""
        return [_key_columns(question) | self._columns(question.key) for question in asked]

    def _columns(self, key: str) -> dict[str, Any]:
        if key in self.failures:
            return outcome_columns(self.failures[key].content())
        if self.unsupported and key not in self.answered:
            return not_asked(UNSUPPORTED + self.unsupported.why)
        record = self.answered[key]
        return outcome_columns(record.content | {name: record.provenance[name] for name in ("dtype", "pixel_backend")})

    def provenance(self, asked: Iterable[QuestionKey]) -> dict[str, Any]:
        """The joint provenance of the answers to `asked`, and of the model that could not be asked."""
        keys = [question.key for question in asked]
        found = [self.answered[key].provenance for key in keys if key in self.answered]
        return joint_provenance([*found, self.unsupported.provenance.to_json()] if self.unsupported else found)


def all_rows(questions: Iterable[QuestionKey], rows: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """One row of `RESPONSES` per question: its row of `rows`, else one with the failure `not_asked`."""
    asked = {(row["sample_id"], row["task"]): row for row in rows}
    return [
        asked.get(question.id) or _key_columns(question) | not_asked("left out for this kind of control")
        for question in questions
    ]


def _key_columns(question: QuestionKey) -> dict[str, Any]:
    return {"sample_id": question.sample_id, "task": question.task, "prompt_sha": question.prompt_sha}


def missing_questions(asked: Iterable[QuestionKey], answered: Mapping[str, Record]) -> list[QuestionKey]:
    """The questions of `asked` without an answer; of questions with equal keys only the first."""
    missing: dict[str, QuestionKey] = {}
    for question in asked:
        if question.key not in answered:
            missing.setdefault(question.key, question)
    return list(missing.values())


def ask_missing(asked: Sequence[QuestionKey], read: Read, answerer: Answerer, journal: Journal, what: str) -> Outcomes:
    """Ask the questions of `asked` that are missing in the journal, and append each answer as it arrives.

    `read` turns them into questions with images; `what` is the title of the progress bar. Failures are not journaled,
    so that a later run asks again. Raises `UserError` if no question was answered, now or before: then the samples are
    not the cause.
    """
    answered = journal.read(answerer.is_of_same_model)
    missing = missing_questions(asked, answered)
    num_answered = sum(question.key in answered for question in asked)
    keys = {question.id: question.key for question in missing}
    failures: dict[str, Failure] = {}
    with progress(len(missing), what, "question") as bar:
        for question, answer in answerer.answer(read(keys), num_answered):
            key = keys[question.id]
            if answer.error is None:
                journal.append(key, asdict(answer), answerer.provenance.to_json())
            else:
                failures[key] = Failure(answer, answerer.provenance)
                log.warning("%s, %s: %s", question.sample_id, question.task, answer.error)
            bar.update(1)
    _report(failures, len(missing), num_answered)
    return Outcomes(journal.read(answerer.is_of_same_model), failures)


def leave_unasked(asked: Sequence[QuestionKey], why: InterventionUnsupported, journal: Journal) -> Outcomes:
    """The outcomes if the model cannot be asked: what the journal has of the same revision, and nothing more.

    Nothing is journaled, so that a version of transformers in which the intervention has a place asks.
    """
    answered = journal.read(lambda provenance: provenance.get("revision") == why.provenance.revision)
    missing = sum(question.key not in answered for question in asked)
    log.warning("%s; %d of %d questions are not asked; their rows say so", why, missing, len(asked))
    return Outcomes(answered, unsupported=why)


def _report(failures: Mapping[str, Failure], num_asked: int, num_answered: int) -> None:
    if failures and len(failures) == num_asked and not num_answered:
        first = next(iter(failures.values())).answer.error
        raise UserError(f"none of {len(failures)} questions was answered; the first error was\n  {first}")
    if failures:
        log.warning("%d of %d questions failed; each has a row with its error", len(failures), num_asked)


def joint_provenance(provenances: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """Merge provenances into one; different values are joined with commas."""
    values: dict[str, list[Any]] = {}
    for provenance in provenances:
        for name, value in provenance.items():
            if value not in values.setdefault(name, []):
                values[name].append(value)
    return {name: found[0] if len(found) == 1 else ", ".join(sorted(map(str, found))) for name, found in values.items()}

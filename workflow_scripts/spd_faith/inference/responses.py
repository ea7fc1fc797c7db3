"""Responses of a model: what the journal lacks is asked, and every question gets its row."""

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict
from typing import Any

from spd_faith.core.errors import UserError
from spd_faith.core.journal import Journal, Record
from spd_faith.inference.answers import Answer, Backend
from spd_faith.inference.questions import Question, QuestionKey

log = logging.getLogger(__name__)

Read = Callable[[Iterable[QuestionKey]], Iterator[Question]]


def missing_questions(asked: Iterable[QuestionKey], journal: Mapping[str, Record]) -> list[QuestionKey]:
    """Those of `asked` that have no answer yet; of equal ones the first."""
    missing: dict[str, QuestionKey] = {}
    for question in asked:
        if question.key not in journal:
            missing.setdefault(question.key, question)
    return list(missing.values())


def ask(
    missing: list[QuestionKey],
    read: Read,
    backend: Backend,
    journal: Journal,
    provenance: Mapping[str, Any],
    advance: Callable[[int], Any] = lambda count: None,
    some_answered: bool = False,
) -> dict[str, Answer]:
    """Ask the `missing` questions, appending each answer to the journal as it comes; the failures, by key.

    `read` turns them into questions with pictures; `advance` is told of finished ones. A failure is not in the journal,
    so that a later run asks again. Raises `UserError` where not one was answered, unless an earlier start left
    `some_answered`: then the error is not with the samples.
    """
    keys = {(question.sample_id, question.task): question.key for question in missing}
    failures: dict[str, Answer] = {}
    for question, answer in backend.answer(read(missing)):
        key = keys[question.sample_id, question.task]
        if answer.error is None:
            journal.append(key, asdict(answer), {**provenance, "revision": backend.revision})
        else:
            failures[key] = answer
            log.warning("%s, %s: %s", question.sample_id, question.task, answer.error)
        advance(1)
    if failures and len(failures) == len(missing) and not some_answered:
        first = next(iter(failures.values())).error
        raise UserError(f"not one of {len(failures)} questions was answered; the first failed with\n  {first}")
    if failures:
        log.warning("%d of %d questions failed; each has a row with its error", len(failures), len(missing))
    return failures


def response_rows(
    asked: Iterable[QuestionKey],
    answered: Mapping[str, Record],
    failures: Mapping[str, Answer],
    settings: Mapping[str, Any],
) -> list[dict[str, Any]]:
    """Rows of `RESPONSES`, one per question of `asked`; `settings` holds dtype and pixel_backend of the failures."""
    rows = []
    for question in asked:
        if question.key in failures:
            content: Mapping[str, Any] = asdict(failures[question.key]) | settings
        else:
            record = answered[question.key]
            content = record.content | {name: record.provenance[name] for name in ("dtype", "pixel_backend")}
        key = {"sample_id": question.sample_id, "task": question.task, "prompt_sha": question.prompt_sha}
        rows.append(key | dict(content))
    return rows


def joint_provenance(provenances: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """One provenance of several; where they differ in a value, all the values, told with commas between."""
    values: dict[str, list[Any]] = {}
    for provenance in provenances:
        for name, value in provenance.items():
            if value not in values.setdefault(name, []):
                values[name].append(value)
    return {name: found[0] if len(found) == 1 else ", ".join(sorted(map(str, found))) for name, found in values.items()}

"""A file of answers and its truths as the workflow's tables."""

import sys
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from spd_faith.core.config_errors import error_at, raise_errors
from spd_faith.core.errors import UserError
from spd_faith.core.schemas import RESPONSES, SAMPLES, TASKS
from spd_faith.core.text import printable
from spd_faith.inference.answer_files import AnswerFile, GivenAnswers
from spd_faith.inference.imported_responses import response_rows
from spd_faith.original.answer_records import AnswerRecords, by_sample, given_id, read_answer_records
from spd_faith.original.truths import Truths, as_ground_truth, sample_row
from spd_faith.parsing.table import parse_table

_SHOWN = 5  # records left out of a file that are shown; the others are counted
_ANSWER_KEYS = {
    "describe": "model_response, response_text or a parsed list",
    "same": "response_same",
    "different": "response_different",
}


@dataclass(frozen=True)
class AnswerTables:
    """The samples of a file in its order, their answers and truths."""

    file: AnswerFile
    given_ids: Mapping[str, str]
    """The id in the file of each sample id; they differ if ids repeat (`by_sample`)."""
    answered: Mapping[tuple[str, str], GivenAnswers]
    """The record that answers a sample id and task."""
    truths: Mapping[str, Mapping[str, Any]]
    """By sample id, as `ground_truth` states them; {} if none was read."""
    samples: pa.Table
    responses: pa.Table
    parsed: pa.Table
    left_out: list[str]
    """The errors of the records that are left out."""
    ignored: list[str]
    """The errors in what is not needed of the file and of its other records."""


@dataclass(frozen=True)
class AnswerFiles:
    """The tables of several files, and the errors of the files left out."""

    tables: list[AnswerTables]
    left_out: list[str]

    def print_left_out(self) -> None:
        """Print what was left out, and why, to standard error."""
        for line in self._report():
            print(printable(line), file=sys.stderr)

    def _report(self) -> Iterator[str]:
        for tables in self.tables:
            if number := len(tables.left_out):
                yield f"{tables.file.path}: {number} records left out"
                yield from _first(tables.left_out)
            if number := len(tables.ignored):
                yield f"{tables.file.path}: {number} errors in what is not needed, which is ignored"
                yield from _first(tables.ignored)
        if self.left_out:
            yield "Files left out:"
            yield from self.left_out


def read_answer_tables(
    paths: Iterable[Path],
    truths: Truths | None,
    tasks: Collection[str],
    limit: int | None = None,
    check: Callable[[AnswerTables], None] = lambda tables: None,
) -> AnswerFiles:
    """The tables of each file, of its first `limit` records if a limit is given.

    Samples have an answer to at least one of `tasks`, and a truth; other records are left out, and so are files for
    which `check` raises `UserError`. Without `truths` no truth is read, and the samples have no differences. Raises
    `UserError` if nothing is left of any file.
    """
    if limit is not None and limit < 1:
        raise UserError(error_at("--max_samples", "too small", limit, "at least 1"))
    tables, errors = [], []
    for path in paths:
        try:
            found = _tables(read_answer_records(path, tasks, truths is not None), truths, tasks, limit)
            check(found)
            tables.append(found)
        except UserError as error:
            errors.append(str(error))
    if not tables:
        raise_errors(errors)
    return AnswerFiles(tables, errors)


def check_distinct(what: str, names: Mapping[Path, str]) -> None:
    """Raise `UserError` if two files would write their results under one name."""
    paths_by_name: dict[str, list[str]] = {}
    for path, name in names.items():
        paths_by_name.setdefault(name, []).append(str(path))
    raise_errors(
        error_at(", ".join(paths), f"the same {what}", name, "one file of each; run the others separately")
        for name, paths in paths_by_name.items()
        if len(paths) > 1
    )


def answered_tasks(file: AnswerFile) -> set[str]:
    """The tasks that at least one record answers."""
    return {task for record in file.records for task in record.answers}


def _tables(read: AnswerRecords, truths: Truths | None, tasks: Collection[str], limit: int | None) -> AnswerTables:
    file, left_out = read.file, list(read.left_out)
    rows, given = {}, {}
    answered: dict[tuple[str, str], GivenAnswers] = {}
    for sample_id, records in by_sample(file.records[:limit]).items():
        by_task = {task: record for record in records for task in record.answers}
        if not by_task.keys() & set(tasks):
            asked = " or ".join(_ANSWER_KEYS[task] for task in tasks)
            left_out.append(error_at(records[0].place, "no answer to judge or score", ", ".join(by_task), asked))
            continue
        stated = next((record for record in records if record.ground_truth is not None), records[0])
        try:
            row = truths.of(stated) if truths else sample_row([])
        except UserError as error:
            left_out.append(str(error))
            continue
        rows[sample_id] = row | {"sample_id": sample_id}
        given[sample_id] = stated
        answered |= {(sample_id, task): record for task, record in by_task.items()}
    if not rows:
        raise UserError("\n".join(_first(left_out)))
    keys = [(sample_id, task) for task in TASKS for sample_id in rows]
    responses = pa.Table.from_pylist(response_rows(keys, answered), schema=RESPONSES)
    read_truths = {sample_id: as_ground_truth(row) if truths else {} for sample_id, row in rows.items()}
    return AnswerTables(
        file=file,
        given_ids={sample_id: given_id(record) for sample_id, record in given.items()},
        answered=answered,
        truths=read_truths | {key: record.ground_truth for key, record in given.items() if record.ground_truth},
        samples=pa.Table.from_pylist(list(rows.values()), schema=SAMPLES),
        responses=responses,
        parsed=parse_table(responses),
        left_out=left_out,
        ignored=read.ignored,
    )


def _first(errors: list[str]) -> list[str]:
    return errors if len(errors) <= _SHOWN else [*errors[:_SHOWN], f"… and {len(errors) - _SHOWN} more"]

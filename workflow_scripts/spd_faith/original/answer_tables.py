"""A file of answers and its truths as the workflow's tables."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from spd_faith.core.config_errors import error_at, raise_errors
from spd_faith.core.errors import UserError
from spd_faith.core.schemas import RESPONSES, SAMPLES, TASKS
from spd_faith.inference.answer_files import AnswerFile, GivenAnswers, one_answer_each, read_answer_file
from spd_faith.inference.imported_responses import response_rows
from spd_faith.original.truths import Truths, as_ground_truth, sample_row
from spd_faith.parsing.table import parse_table


@dataclass(frozen=True)
class AnswerTables:
    """The samples that a file has answers for, with ids as in the file and in its order, their answers and truths."""

    file: AnswerFile
    answered: Mapping[tuple[str, str], GivenAnswers]  # by sample id and task
    truths: Mapping[str, Mapping[str, Any]]  # by sample id, as `ground_truth` states them; {} if none was read
    samples: pa.Table
    responses: pa.Table
    parsed: pa.Table


def read_answer_tables(paths: Iterable[Path], truths: Truths | None, limit: int | None = None) -> list[AnswerTables]:
    """The tables of each file, of its first `limit` records if a limit is given.

    Without `truths` no truth is read, and the samples have no differences. Raises `UserError` with the errors of all
    files at once.
    """
    if limit is not None and limit < 1:
        raise UserError(error_at("--max_samples", "too small", limit, "at least 1"))
    tables, errors = [], []
    for path in paths:
        try:
            tables.append(_tables(read_answer_file(path), truths, limit))
        except UserError as error:
            errors.append(str(error))
    raise_errors(errors)
    return tables


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


def _tables(file: AnswerFile, truths: Truths | None, limit: int | None) -> AnswerTables:
    records = [(f"{one.split}/{one.id}" if one.split else one.id, one) for one in file.records[:limit]]
    answered = one_answer_each(records)
    stated = {sample_id: one for sample_id, one in records if one.ground_truth is not None}
    rows, errors = {}, []
    for sample_id, record in dict(records).items():
        try:
            row = truths.of(stated.get(sample_id, record)) if truths else sample_row([])
            rows[sample_id] = row | {"sample_id": sample_id}
        except UserError as error:
            errors.append(str(error))
    raise_errors(errors)
    keys = [(sample_id, task) for task in TASKS for sample_id in rows]
    responses = pa.Table.from_pylist(response_rows(keys, answered), schema=RESPONSES)
    read = {sample_id: as_ground_truth(row) if truths else {} for sample_id, row in rows.items()}
    return AnswerTables(
        file=file,
        answered=answered,
        truths=read | {sample_id: one.ground_truth or {} for sample_id, one in stated.items()},
        samples=pa.Table.from_pylist(list(rows.values()), schema=SAMPLES),
        responses=responses,
        parsed=parse_table(responses),
    )

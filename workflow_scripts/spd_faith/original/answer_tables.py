"""A file of answers and its truths as the tables of the workflow, for commands that work on such files by hand."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pyarrow as pa

from spd_faith.core.config_errors import error_at, raise_errors
from spd_faith.core.controls import NO_CONTROL
from spd_faith.core.errors import UserError
from spd_faith.core.files import read_table
from spd_faith.core.schemas import RESPONSES, SAMPLES, TASKS
from spd_faith.dataset.entries import FolderDataset, JsonlDataset
from spd_faith.dataset.folder import folder_pairs
from spd_faith.dataset.jsonl import jsonl_pairs
from spd_faith.dataset.own_pairs import difference_row
from spd_faith.dataset.pairs import Modification, Pair, read_strict
from spd_faith.inference.answer_files import AnswerFile, GivenAnswers, one_answer_each, read_answer_file
from spd_faith.inference.imported_responses import SampleFinder, response_rows
from spd_faith.parsing.table import parse_table

_KNOWN = ("type", "category", "description", "original_color", "target_color")  # of a modification


@dataclass(frozen=True)
class AnswerTables:
    """The samples that a file has answers about, in its order, named by its ids, with their answers and truths."""

    file: AnswerFile
    answered: Mapping[tuple[str, str], GivenAnswers]  # by sample id and task
    truths: Mapping[str, Mapping[str, Any]]  # by sample id, as the file holds them or in its words; {} where not known
    samples: pa.Table
    responses: pa.Table
    parsed: pa.Table


class Truths:
    """The true differences of pairs that a file of answers does not tell: a folder, a JSONL file or a samples.parquet.

    It is read when the first of them is wanted.
    """

    def __init__(self, source: Path | None) -> None:
        self._source = source

    def of(self, record: GivenAnswers) -> dict[str, Any]:
        """The row of `SAMPLES` that a record is about. Raises `UserError` where there is not exactly one."""
        allowed = "`ground_truth` in the record, or the truth of its pair"
        if self._source is None:
            raise UserError(error_at(record.place, "no truth", "no `ground_truth`", allowed))
        found = self._finder(record)
        if len(found) > 1:
            raise UserError(error_at(record.place, f"borne by {len(found)} pairs of {self._source}", record.id, found))
        if not found:
            raise UserError(error_at(record.place, f"not a pair of {self._source}", record.id, allowed))
        return self._rows[found[0]]

    @cached_property
    def _rows(self) -> dict[str, dict[str, Any]]:
        return {row["sample_id"]: row for row in (_source_rows(self._source) if self._source else [])}

    @cached_property
    def _finder(self) -> SampleFinder:
        return SampleFinder(self._rows.values())


def read_answer_tables(
    paths: Iterable[Path], truths: Truths, limit: int | None = None, needs_truth: bool = True
) -> list[AnswerTables]:
    """The tables of each file, of its first `limit` records where that is given.

    Without `needs_truth` no truth is read, and the samples have no differences. Raises `UserError` with the faults of
    all files at once.
    """
    if limit is not None and limit < 1:
        raise UserError(error_at("--max_samples", "nothing to read", limit, "1 at least"))
    tables, faults = [], []
    for path in paths:
        try:
            tables.append(_tables(read_answer_file(path), truths, limit, needs_truth))
        except UserError as error:
            faults.append(str(error))
    raise_errors(faults)
    return tables


def check_distinct(what: str, names: Mapping[Path, str]) -> None:
    """Raise `UserError` where two files would write their results under one name."""
    bearers: dict[str, list[str]] = {}
    for path, name in names.items():
        bearers.setdefault(name, []).append(str(path))
    raise_errors(
        error_at(", ".join(paths), f"the same {what}", name, "one file of each; take them one by one")
        for name, paths in bearers.items()
        if len(paths) > 1
    )


def _tables(file: AnswerFile, truths: Truths, limit: int | None, needs_truth: bool) -> AnswerTables:
    records = [(f"{one.split}/{one.id}" if one.split else one.id, one) for one in file.records[:limit]]
    answered = one_answer_each(records)
    told = {sample_id: (one, one.ground_truth) for sample_id, one in records if one.ground_truth is not None}
    samples: dict[str, dict[str, Any]] = {}
    faults = []
    for sample_id, record in dict(records).items():
        try:
            row = (
                _row([]) if not needs_truth else _told_row(*told[sample_id]) if sample_id in told else truths.of(record)
            )
            samples[sample_id] = row | {"sample_id": sample_id}
        except UserError as error:
            faults.append(str(error))
    raise_errors(faults)
    keys = [(sample_id, task) for task in TASKS for sample_id in samples]
    responses = pa.Table.from_pylist(response_rows(keys, answered), schema=RESPONSES)
    return AnswerTables(
        file=file,
        answered=answered,
        truths={
            sample_id: told[sample_id][1] if sample_id in told else _in_words(row) if needs_truth else {}
            for sample_id, row in samples.items()
        },
        samples=pa.Table.from_pylist(list(samples.values()), schema=SAMPLES),
        responses=responses,
        parsed=parse_table(responses),
    )


def _in_words(row: Mapping[str, Any]) -> dict[str, Any]:
    return {"modifications": [{"type": one["type"], "category": one["category"]} for one in row["differences"]]}


def _told_row(record: GivenAnswers, truth: Mapping[str, Any]) -> dict[str, Any]:
    differences, faults = [], []
    for number, modification in enumerate(truth["modifications"]):
        place = f"{record.place}: ground_truth: modifications.{number}"
        if not isinstance(modification, dict):
            faults.append(error_at(place, "not a difference", modification, '{"type": …, "category": …}'))
            continue
        known = {key: modification[key] for key in _KNOWN if modification.get(key) is not None}
        read = read_strict(Modification, known, place)
        if isinstance(read, list):
            faults += read
        else:  # the name as it is written: the released protocol tells "TV" from "tv"
            differences.append(difference_row(read) | {"category": modification["category"]})
    raise_errors(faults)
    return _row(differences, record.split or "", record.id)


def _row(differences: list[dict[str, Any]], split: str = "", image_id: str = "") -> dict[str, Any]:
    """A row of `SAMPLES`, but for its id, of a pair whose pictures were not opened."""
    return {
        "split": split,
        "image_id": image_id,
        "width": 0,
        "height": 0,
        "num_differences": len(differences),
        "differences": differences,
        "control": NO_CONTROL,
    }


# ---- truths ----------------------------------------------------------------------------------------------------------


def _source_rows(source: Path) -> list[dict[str, Any]]:
    if source.suffix == ".parquet":
        return read_table(source, SAMPLES).to_pylist()
    if source.is_dir():
        pairs = list(folder_pairs(FolderDataset.of_folder(source)))
    elif source.is_file():
        pairs = list(jsonl_pairs(JsonlDataset(source="jsonl", path=str(source))))
    else:
        raise UserError(error_at(str(source), "no such file or folder", str(source), "the truths of the pairs"))
    raise_errors(pair for pair in pairs if isinstance(pair, str))
    return [_pair_row(pair) for pair in pairs if isinstance(pair, Pair)]


def _pair_row(pair: Pair) -> dict[str, Any]:
    no_boxes = {"bbox": None, "bbox_after": None}  # they need the size of a picture, and none is opened
    differences = [difference_row(modification) | no_boxes for modification in pair.truth.modifications]
    return _row(differences, pair.split, pair.image_id) | {"sample_id": pair.sample_id}

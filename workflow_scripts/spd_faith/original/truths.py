"""The true differences of answered pairs: from the answer file, or else from the pairs themselves."""

import logging
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

from spd_faith.core.config_errors import error_at, raise_errors
from spd_faith.core.controls import NO_CONTROL
from spd_faith.core.errors import UserError
from spd_faith.core.files import read_table
from spd_faith.core.schemas import SAMPLES
from spd_faith.dataset.entries import FolderDataset, JsonlDataset
from spd_faith.dataset.folder import folder_pairs
from spd_faith.dataset.jsonl import jsonl_pairs
from spd_faith.dataset.own_pairs import difference_row
from spd_faith.dataset.pairs import Modification, Pair, read_strict
from spd_faith.inference.answer_files import GivenAnswers
from spd_faith.inference.imported_responses import SampleFinder
from spd_faith.original.found_pairs import first_errors

MODIFICATION_KEYS = ("type", "category", "description", "original_color", "target_color")
"""The keys of a modification in an answer file that are read. Boxes are not: the file does not give the image size."""

log = logging.getLogger(__name__)


class Truths:
    """Looks up the truth of a record: its `ground_truth`, else its pair in a folder, JSONL file or samples.parquet.

    The pairs are read once, when the first record without `ground_truth` comes; those with errors are logged.
    """

    def __init__(self, source: Path | None) -> None:
        self._source = source

    def of(self, record: GivenAnswers) -> dict[str, Any]:
        """The row of `SAMPLES` for a record. Raises `UserError` if not exactly one pair matches."""
        if record.ground_truth is not None:
            return _stated_row(record, record.ground_truth)
        allowed = "`ground_truth` in the record, or the truth of its pair"
        if self._source is None:
            raise UserError(error_at(record.place, "no truth", "no `ground_truth`", allowed))
        if isinstance(self._rows, UserError):
            raise self._rows
        matches = self._finder(record)
        if len(matches) > 1:
            what = f"matches {len(matches)} pairs of {self._source}"
            raise UserError(error_at(record.place, what, record.id, matches))
        if not matches:
            raise UserError(error_at(record.place, f"not a pair of {self._source}", record.id, allowed))
        return self._rows[matches[0]]

    @cached_property
    def _rows(self) -> dict[str, dict[str, Any]] | UserError:
        """The rows by sample id, or why none can be read."""
        try:
            return {row["sample_id"]: row for row in (_source_rows(self._source) if self._source else [])}
        except UserError as error:
            return error

    @cached_property
    def _finder(self) -> SampleFinder:
        return SampleFinder([] if isinstance(self._rows, UserError) else self._rows.values())


def sample_row(differences: list[dict[str, Any]], split: str = "", image_id: str = "") -> dict[str, Any]:
    """A row of `SAMPLES`, without its id, for a pair whose images were not opened."""
    return {
        "split": split,
        "image_id": image_id,
        "width": 0,
        "height": 0,
        "num_differences": len(differences),
        "differences": differences,
        "control": NO_CONTROL,
    }


def as_ground_truth(row: Mapping[str, Any]) -> dict[str, Any]:
    """A row of `SAMPLES` as an answer file would state its truth."""
    return {"modifications": [{"type": one["type"], "category": one["category"]} for one in row["differences"]]}


def _stated_row(record: GivenAnswers, truth: Mapping[str, Any]) -> dict[str, Any]:
    differences, errors = [], []
    for number, modification in enumerate(truth["modifications"]):
        place = f"{record.place}: ground_truth: modifications.{number}"
        if not isinstance(modification, dict):
            errors.append(error_at(place, "not a difference", modification, '{"type": …, "category": …}'))
            continue
        known = {key: modification[key] for key in MODIFICATION_KEYS if modification.get(key) is not None}
        read = read_strict(Modification, known, place)
        if isinstance(read, list):
            errors += read
        else:  # the category keeps its case: the released protocol distinguishes "TV" from "tv"
            differences.append(difference_row(read) | {"category": modification["category"]})
    raise_errors(errors)
    return sample_row(differences, record.split or "", record.id)


def _source_rows(source: Path) -> list[dict[str, Any]]:
    if source.suffix == ".parquet":
        return read_table(source, SAMPLES).to_pylist()
    if source.is_dir():
        pairs = list(folder_pairs(FolderDataset.of_folder(source)))
    elif source.is_file():
        pairs = list(jsonl_pairs(JsonlDataset(source="jsonl", path=str(source))))
    else:
        raise UserError(error_at(str(source), "no such file or folder", str(source), "the truths of the pairs"))
    errors = [pair for pair in pairs if isinstance(pair, str)]
    rows = [_pair_row(pair) for pair in pairs if isinstance(pair, Pair)]
    if not rows:
        raise_errors(errors)
    if errors:
        log.warning("%s: truths left out: %d\n%s", source, len(errors), first_errors(errors))
    return rows


def _pair_row(pair: Pair) -> dict[str, Any]:
    no_boxes = {"bbox": None, "bbox_after": None}  # they need the size of an image, and none is opened
    differences = [difference_row(modification) | no_boxes for modification in pair.truth.modifications]
    return sample_row(differences, pair.split, pair.image_id) | {"sample_id": pair.sample_id}

"""Reads a published dataset: Parquet files of a Hugging Face repository, without decoding images."""

import logging
import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from io import BytesIO
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

from spd_faith.core.controls import NO_CONTROL
from spd_faith.core.difference_types import DifferenceType
from spd_faith.core.errors import UserError
from spd_faith.core.files import sha256
from spd_faith.core.progress import progress
from spd_faith.dataset.hub_columns import AXES, COLUMNS, check_columns
from spd_faith.dataset.hub_files import split_files
from spd_faith.dataset.image_sizes import upright_size
from spd_faith.dataset.sampling import RandomSample, first_pairs

if TYPE_CHECKING:
    from spd_faith.dataset.entries import HubDataset

_PAIRS_PER_BATCH = 64
_TRUTH_COLUMNS = ("image_id", "differences")
_READ_BYTES = 1 << 20  # per read and column
_MAX_REPORTED = 100
_QUOTATION_MARKS = (('"', '"'), ("'", "'"), ("“", "”"), ("‘", "’"))
_log = logging.getLogger(__name__)


_Files = list[tuple[str, pq.ParquetFile]]


class _UnusablePair(Exception):
    """Why a published pair cannot be used."""


def hub_pairs(folder: Path, dataset: "HubDataset") -> Iterator[tuple[list[dict[str, Any]], list[dict[str, Any]]]]:
    """Batches of (rows of `SAMPLES`, rows of `IMAGES`), split by split in the order of the entry.

    Raises `UserError` if a split has no file, or if columns or row counts do not match; and at the end for all unusable
    pairs. Unusual but usable data is counted in the log.
    """
    names = [path.relative_to(folder).as_posix() for path in folder.rglob("*.parquet")]
    files = {split: [_open(folder, name) for name in split_files(names, split)] for split in dataset.splits}
    rows = {split: sum(file.metadata.num_rows for _, file in of_split) for split, of_split in files.items()}
    _check_numbers(dataset, rows)
    errors, oddities, absent = [], _Oddities(), set(dataset.exclude)
    wanted = {split: _wanted_rows(split, of_split, rows[split], dataset, absent) for split, of_split in files.items()}
    with progress(sum(map(len, wanted.values())), "pairs", "pair") as bar:
        for split, of_split in files.items():
            for batch in _batches(of_split, wanted[split]):
                samples, images = [], []
                for row, pair in batch:
                    sample_id = _sample_id(split, row, pair)
                    absent.discard(sample_id)
                    if sample_id in dataset.exclude:
                        continue
                    try:
                        sample, image = _sample_row(sample_id, split, pair, oddities), _image_row(sample_id, pair)
                    except _UnusablePair as error:
                        errors.append(f"  {sample_id}: {error}")
                    else:
                        samples.append(sample)
                        images.append(image)
                if samples:
                    yield samples, images
                bar.update(len(batch))
    oddities.report()
    if errors:
        raise UserError(_unusable_pairs(dataset.repository, errors))
    if absent and first_pairs(dataset.limit) is None:
        raise UserError(f"{dataset.repository}: the entry excludes unknown pairs: {', '.join(sorted(absent))}")


def _check_numbers(dataset: "HubDataset", rows: Mapping[str, int]) -> None:
    for split, expected in dataset.splits.items():
        if expected is not None and rows[split] != expected:
            raise UserError(f"{dataset.repository}: split {split} has {rows[split]} rows; its entry says {expected}")


def _unusable_pairs(repository: str, errors: list[str]) -> str:
    more = [f"  and {len(errors) - _MAX_REPORTED} more"] if len(errors) > _MAX_REPORTED else []
    lines = [f"{repository}: {len(errors)} unusable pairs", *errors[:_MAX_REPORTED], *more]
    return "\n".join([*lines, "  To continue without them, list them under `exclude` in the dataset's entry."])


def _open(folder: Path, name: str) -> tuple[str, pq.ParquetFile]:
    """(name, file), after checking that its columns match the published dataset."""
    try:
        # Pre-buffering would load whole columns, that is, all images of a file.
        file = pq.ParquetFile(folder / name, buffer_size=_READ_BYTES, pre_buffer=False)
    except (pa.ArrowException, OSError) as error:
        raise _damaged(name, error) from error
    check_columns(name, file.schema_arrow)
    return name, file


def _damaged(name: str, error: Exception) -> UserError:
    return UserError(
        f"{name}: not a complete Parquet file\n  {error}\n"
        "  The copy on the hub is damaged. Set another revision in the dataset's entry."
    )


def _sample_id(split: str, row: int, pair: Mapping[str, Any]) -> str:
    return f"{split}/{row:05d}_{pair['image_id']}"


def _wanted_rows(split: str, files: _Files, rows: int, dataset: "HubDataset", absent: set[str]) -> Collection[int]:
    """The rows of a split to read: the first ones, or a sample drawn from those that are not excluded.

    A sample is drawn by the columns without images. Removes the ids of the split from `absent` if it reads them all.
    """
    if not isinstance(dataset.limit, RandomSample):
        return range(min(rows, dataset.limit or rows))
    differences: dict[str, int] = {}
    row_of: dict[str, int] = {}
    for batch in _batches(files, range(rows), _TRUTH_COLUMNS):
        for row, pair in batch:
            sample_id = _sample_id(split, row, pair)
            row_of[sample_id] = row
            if sample_id not in dataset.exclude:
                differences[sample_id] = len(pair["differences"] or ())
    absent.difference_update(row_of)
    return {row_of[sample_id] for sample_id in dataset.limit.drawn(differences)}


def _batches(
    files: _Files, wanted: Collection[int], columns: Sequence[str] = tuple(COLUMNS)
) -> Iterator[list[tuple[int, dict[str, Any]]]]:
    """(row, published pair) of the `wanted` rows of a split in batches. Skips row groups without any."""
    first = 0
    last = max(wanted, default=-1)
    for name, file in files:
        groups = _groups_with(wanted, file, first)
        first += file.metadata.num_rows
        numbers = chain.from_iterable(groups.values())
        # Multiple threads would unpack the pages of all columns at once and are no faster.
        batches = file.iter_batches(
            batch_size=_PAIRS_PER_BATCH, row_groups=list(groups), columns=list(columns), use_threads=False
        )
        while True:
            try:
                batch = next(batches, None)
            except (pa.ArrowException, OSError) as error:
                raise _damaged(name, error) from error
            if batch is None:
                break
            rows = list(islice(numbers, batch.num_rows))
            if found := [
                (row, pa.Table.from_batches([batch.slice(place, 1)]).to_pylist()[0])
                for place, row in enumerate(rows)
                if row in wanted
            ]:
                yield found
            if rows and rows[-1] >= last:
                return


def _groups_with(wanted: Collection[int], file: pq.ParquetFile, first: int) -> dict[int, range]:
    """The rows of each row group of a file that has any of the `wanted` ones; `first` is the file's first row."""
    groups = {}
    for group in range(file.metadata.num_row_groups):
        rows = range(first, first + file.metadata.row_group(group).num_rows)
        first = rows.stop
        if any(row in wanted for row in rows):
            groups[group] = rows
    return groups


class _Oddities:
    """Counts irregularities of usable pairs, with the first example of each."""

    def __init__(self) -> None:
        self._found: dict[str, list[str]] = {}

    def add(self, what: str, sample_id: str) -> None:
        self._found.setdefault(what, []).append(sample_id)

    def report(self) -> None:
        for what, sample_ids in self._found.items():
            _log.warning("%s: %d, first in %s", what, len(sample_ids), sample_ids[0])


def _sample_row(sample_id: str, split: str, pair: dict[str, Any], oddities: _Oddities) -> dict[str, Any]:
    if pair["image_id"] in (None, ""):
        raise _UnusablePair("no image_id")
    width, height = _size(pair, "image1")
    if (width, height) != _size(pair, "image2"):
        oddities.add("pairs whose images differ in size", sample_id)
    if not pair["differences"]:
        raise _UnusablePair("no differences")
    differences = [_difference(number, one) for number, one in enumerate(pair["differences"], start=1)]
    for published, difference in zip(pair["differences"], differences, strict=True):
        if difference["bbox"] is None:
            has_numbers = any(published[f"bbox_{axis}"] is not None for axis in AXES)
            oddities.add(
                f"differences {'with an invalid box, treated as missing' if has_numbers else 'without a box'}",
                sample_id,
            )
    if pair["num_differences"] != len(differences):
        oddities.add("pairs with num_differences unlike the length of their list, which is used", sample_id)
    return {
        "sample_id": sample_id,
        "split": split,
        "image_id": str(pair["image_id"]),
        "width": width,
        "height": height,
        "num_differences": len(differences),
        "differences": differences,
        "control": NO_CONTROL,
    }


def _difference(number: int, published: dict[str, Any] | None) -> dict[str, Any]:
    if published is None:
        raise _UnusablePair(f"difference {number} is null")
    name = " ".join((published["type"] or "").lower().replace("_", " ").replace("-", " ").split())
    kind = DifferenceType.published(name)
    if kind is None:
        raise _UnusablePair(
            f"difference {number} has the unknown type {published['type']!r} (known: {', '.join(DifferenceType)})"
        )
    if not (category := " ".join((published["category"] or "").lower().split())):
        raise _UnusablePair(f"difference {number} has no category")
    return {
        "type": kind,
        "category": category,
        "description": _unquoted(published["description"] or "") or None,
        "bbox": _box(published),
        "bbox_after": None,
    }


def _box(published: dict[str, Any]) -> dict[str, float] | None:
    """The box, or None if a number is missing or invalid."""
    x, y, width, height = numbers = [published[f"bbox_{axis}"] for axis in AXES]
    is_box = all(number is not None and math.isfinite(number) for number in numbers) and width > 0 and height > 0
    return {"x": x, "y": y, "w": width, "h": height} if is_box else None


def _unquoted(text: str) -> str:
    """The text without quotation marks around all of it; marks around single words stay."""
    text = text.strip()
    for opening, closing in _QUOTATION_MARKS:
        inner = text.strip(opening + closing).strip()
        if text.startswith(opening) and text.endswith(closing) and opening not in inner and closing not in inner:
            return inner
    return text


def _image_row(sample_id: str, pair: dict[str, Any]) -> dict[str, Any]:
    original, modified = _encoded(pair, "image1"), _encoded(pair, "image2")
    return {
        "sample_id": sample_id,
        "original": original,
        "modified": modified,
        "original_sha256": sha256(original),
        "modified_sha256": sha256(modified),
    }


def _size(pair: dict[str, Any], column: str) -> tuple[int, int]:
    """(width, height) after EXIF rotation."""
    data = _encoded(pair, column)
    try:
        with Image.open(BytesIO(data)) as image:  # reads only the header
            return upright_size(image)
    except Exception as error:  # Pillow raises SyntaxError, struct.error and others for broken headers
        raise _UnusablePair(f"{column} is not a readable image") from error


def _encoded(pair: dict[str, Any], column: str) -> bytes:
    """Encoded bytes of an image cell: plain bytes, or a struct with bytes and path."""
    cell = pair[column]
    data: bytes | None = cell["bytes"] if isinstance(cell, dict) else cell
    if not data:
        path = cell.get("path") if isinstance(cell, dict) else None
        raise _UnusablePair(f"{column} is a path without image bytes: {path!r}" if path else f"no {column}")
    return data

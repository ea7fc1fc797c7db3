"""A published dataset: Parquet files of a Hugging Face repository, read without decoding an image."""

import logging
import math
from collections.abc import Iterator, Mapping
from io import BytesIO
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

if TYPE_CHECKING:
    from spd_faith.dataset.entries import HubDataset

_PAIRS_PER_BATCH = 64
_READ_BYTES = 1 << 20  # at a time and column
_MAX_REPORTED = 100
_QUOTATION_MARKS = (('"', '"'), ("'", "'"), ("“", "”"), ("‘", "’"))
_log = logging.getLogger(__name__)


class _UnusablePair(Exception):
    """Why a published pair cannot be used."""


def hub_pairs(folder: Path, dataset: "HubDataset") -> Iterator[tuple[list[dict[str, Any]], list[dict[str, Any]]]]:
    """Batches of (rows of `SAMPLES`, rows of `IMAGES`), split by split in the order of the entry.

    Raises `UserError` where a split has no file, the columns are others, or the number of rows is not the entry's;
    and at the end, all at once, for the pairs that cannot be used. What is odd, but can be used, is counted in the log.
    """
    names = [path.relative_to(folder).as_posix() for path in folder.rglob("*.parquet")]
    files = {split: [_open(folder, name) for name in split_files(names, split)] for split in dataset.splits}
    rows = {split: sum(file.metadata.num_rows for _, file in of_split) for split, of_split in files.items()}
    _check_numbers(dataset, rows)
    errors, oddities, absent = [], _Oddities(), set(dataset.exclude)
    with progress(sum(min(n, dataset.limit or n) for n in rows.values()), "pairs", "pair") as bar:
        for split, of_split in files.items():
            for batch in _batches(of_split, dataset.limit):
                samples, images = [], []
                for row, pair in batch:
                    sample_id = f"{split}/{row:05d}_{pair['image_id']}"
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
    if absent and dataset.limit is None:
        raise UserError(f"{dataset.repository}: the entry excludes unknown pairs: {', '.join(sorted(absent))}")


def _check_numbers(dataset: "HubDataset", rows: Mapping[str, int]) -> None:
    for split, expected in dataset.splits.items():
        if expected is not None and rows[split] != expected:
            raise UserError(f"{dataset.repository}: split {split} has {rows[split]} rows, its entry says {expected}")


def _unusable_pairs(repository: str, errors: list[str]) -> str:
    more = [f"  and {len(errors) - _MAX_REPORTED} more"] if len(errors) > _MAX_REPORTED else []
    lines = [f"{repository}: pairs that cannot be used: {len(errors)}", *errors[:_MAX_REPORTED], *more]
    return "\n".join([*lines, "  To continue without them, list them under `exclude` in the dataset's entry."])


def _open(folder: Path, name: str) -> tuple[str, pq.ParquetFile]:
    """(name, file), once its columns are known to be those of the published dataset."""
    try:
        # Without pre-buffering, which holds whole columns, and here that is all images of a file.
        file = pq.ParquetFile(folder / name, buffer_size=_READ_BYTES, pre_buffer=False)
    except (pa.ArrowException, OSError) as error:
        raise _damaged(name, error) from error
    check_columns(name, file.schema_arrow)
    return name, file


def _damaged(name: str, error: Exception) -> UserError:
    return UserError(
        f"{name}: not a complete Parquet file\n  {error}\n"
        "  The hub's own copy is damaged. Name another revision in the dataset's entry."
    )


def _batches(files: list[tuple[str, pq.ParquetFile]], limit: int | None) -> Iterator[list[tuple[int, dict[str, Any]]]]:
    """(row, published pair) of a split, in batches; no more than the limit."""
    row = 0
    for name, file in files:
        # One thread: several hold the pages of all columns unpacked at once, and are no quicker.
        batches = file.iter_batches(batch_size=_PAIRS_PER_BATCH, columns=list(COLUMNS), use_threads=False)
        while True:
            try:
                batch = next(batches, None)
            except (pa.ArrowException, OSError) as error:
                raise _damaged(name, error) from error
            if batch is None:
                break
            if row == limit:
                return
            wanted = batch if limit is None else batch.slice(0, limit - row)
            yield list(enumerate(pa.Table.from_batches([wanted]).to_pylist(), start=row))
            row += wanted.num_rows


class _Oddities:
    """Counts of what is odd about pairs that can be used, with the first of each."""

    def __init__(self) -> None:
        self._found: dict[str, list[str]] = {}

    def add(self, what: str, sample_id: str) -> None:
        self._found.setdefault(what, []).append(sample_id)

    def report(self) -> None:
        for what, sample_ids in self._found.items():
            _log.warning("%s: %d, the first in %s", what, len(sample_ids), sample_ids[0])


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
                f"differences {'whose box is none, taken as missing' if has_numbers else 'without a box'}", sample_id
            )
    if pair["num_differences"] != len(differences):
        oddities.add("pairs whose num_differences is not the length of their list, which is taken", sample_id)
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
            f"difference {number} has the type {published['type']!r}, none of {', '.join(DifferenceType)}"
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
    """The box, or None where a number is missing or none that a box can have."""
    x, y, width, height = numbers = [published[f"bbox_{axis}"] for axis in AXES]
    is_box = all(number is not None and math.isfinite(number) for number in numbers) and width > 0 and height > 0
    return {"x": x, "y": y, "w": width, "h": height} if is_box else None


def _unquoted(text: str) -> str:
    """The text without the quotation marks around the whole of it; marks around its words stay."""
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
    """(width, height) as the image is shown."""
    data = _encoded(pair, column)
    try:
        with Image.open(BytesIO(data)) as image:  # reads the header alone
            return upright_size(image)
    except Exception as error:  # Pillow raises SyntaxError, struct.error and others for broken headers
        raise _UnusablePair(f"{column} is not a readable image") from error


def _encoded(pair: dict[str, Any], column: str) -> bytes:
    """Encoded bytes of an image cell: plain bytes, or a struct with bytes and path."""
    cell = pair[column]
    data: bytes | None = cell["bytes"] if isinstance(cell, dict) else cell
    if not data:
        path = cell.get("path") if isinstance(cell, dict) else None
        raise _UnusablePair(f"{column} is only a path, {path!r}, without its bytes" if path else f"no {column}")
    return data

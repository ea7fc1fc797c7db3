"""A pair provided by the user: its ground-truth differences, its image files, and checks of both."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from os import SEEK_END
from pathlib import Path
from typing import Annotated, Any, NamedTuple, TypeVar

from PIL import Image, UnidentifiedImageError
from pydantic import AfterValidator, BeforeValidator, Field, ValidationError

from spd_faith.core.config_errors import error_at, explain
from spd_faith.core.difference_types import DifferenceType
from spd_faith.core.entries import Strict
from spd_faith.core.text import writable_json
from spd_faith.dataset.image_sizes import upright_size
from spd_faith.dataset.merged import MergedLayout

IMAGE_FORMATS = "an image as JPEG, PNG or WebP"
_FAITHFUL = {1: True, 0: False, -1: None}  # True and False are 1 and 0

Content = TypeVar("Content", bound=Strict)
Size = tuple[int, int]


def _lower(name: Any) -> Any:
    return name.strip().lower() if isinstance(name, str) else name


def _as_text(qid: Any) -> Any:
    return str(qid).strip() if isinstance(qid, str) or type(qid) is int else qid


def _named(name: str) -> str:
    if not name:
        raise ValueError("an empty name")
    return name


def _four_numbers(box: list[float]) -> list[float]:
    if len(box) != 4 or box[2] <= 0 or box[3] <= 0:
        raise ValueError("not a box")
    return box


def _label(value: Any) -> Any:
    if value is not None and not (isinstance(value, int) and value in _FAITHFUL):
        raise ValueError("wrong value")
    return _FAITHFUL[value] if value is not None else None


def _some(modifications: list[Any]) -> list[Any]:
    if not modifications:
        raise ValueError("no difference")
    return modifications


ImageId = Annotated[str, BeforeValidator(_as_text), AfterValidator(_named)]
BoundingBox = Annotated[list[Annotated[float, Field(allow_inf_nan=False)]], AfterValidator(_four_numbers)]


class Modification(Strict):
    """A ground-truth difference."""

    type: Annotated[DifferenceType, Field(strict=False), BeforeValidator(_lower)]
    """color, remove or position."""
    category: Annotated[str, BeforeValidator(_lower), AfterValidator(_named)]
    """Name of the object, preferably one of the 80 COCO categories."""
    description: str | None = None
    """A sentence about the difference."""
    original_color: str | None = None
    """Its color in the original image."""
    target_color: str | None = None
    """Its color in the modified image."""
    bbox: BoundingBox | None = None
    """[x, y, w, h] in the original image: top left corner and size in pixels."""
    bbox_after: BoundingBox | None = None
    """[x, y, w, h] in the modified image, if the object is still there."""


class PairTruth(Strict):
    """The ground truth of a pair, with the keys of the published JSONL."""

    modifications: Annotated[list[Modification], AfterValidator(_some)]
    """The ground-truth differences, at least one: recall and F1 are undefined for identical images."""
    question: str | None = None
    """The question published with the pair; stored, but not asked."""
    is_faithful: Annotated[bool | None, BeforeValidator(_label)] = None
    """1 or true, 0 or false; -1 or null if unknown."""


class ImageFile(NamedTuple):
    place: str  # location for error messages
    path: Path


@dataclass(frozen=True)
class Pair:
    """A pair whose images are not opened yet. `images` holds original and modified, or merged, or all three."""

    place: str
    split: str
    row: int
    image_id: str
    images: Mapping[str, ImageFile]
    truth: PairTruth
    layout: MergedLayout | None = None
    """Layout of the merged image; None: detected in its pixels."""
    layout_hint: str = "two images instead of a merged one"
    """What to do if the layout cannot be detected."""

    @property
    def sample_id(self) -> str:
        return f"{self.split}/{self.row:05d}_{self.image_id}"


class _RepeatedKey(ValueError):
    pass


def _without_repeats(items: list[tuple[str, Any]]) -> dict[str, Any]:
    """The items as a dictionary. Raises `_RepeatedKey` for duplicates; `json` would silently keep the last value."""
    content = dict(items)
    if len(content) < len(items):
        names = [name for name, _ in items]
        raise _RepeatedKey(next(name for name in names if names.count(name) > 1))
    return content


def read_object(data: bytes, place: str) -> dict[str, Any] | list[str]:
    """The JSON object in `data`, or the error in it."""
    allowed = "one JSON object, {…}, without a comma before or after its last brace"
    try:
        content = json.loads(writable_json(data.decode("utf-8-sig")), object_pairs_hook=_without_repeats)
    except UnicodeDecodeError as error:
        return [error_at(place, "not in UTF-8", f"byte {data[error.start]:#x} at {error.start + 1}", "text in UTF-8")]
    except _RepeatedKey as error:
        return [error_at(place, "duplicate key", str(error), "each key once")]
    except json.JSONDecodeError as error:
        found = f"{error.msg} at line {error.lineno}, column {error.colno}"
        return [error_at(place, "not valid JSON", found, allowed)]
    except RecursionError:
        return [error_at(place, "not valid JSON", "too deeply nested", allowed)]
    return content if isinstance(content, dict) else [error_at(place, "not an object", content, allowed)]


def read_strict(model: type[Content], content: Any, place: str) -> Content | list[str]:
    """`content` as `model`, or the errors in it."""
    try:
        return model.model_validate(content)
    except ValidationError as error:
        return [explain(place, (), model, details) for details in error.errors()]


def image_errors(pair: Pair) -> Iterator[str]:
    """Errors found without decoding: those of files, and boxes outside their image."""
    sizes = _sizes(pair)
    yield from _file_errors(pair, sizes)
    original, modified = (sizes.get(role) for role in ("original", "modified"))
    if isinstance(original, tuple) and isinstance(modified, tuple):
        yield from box_errors(pair, original, modified)


def file_errors(pair: Pair) -> Iterator[str]:
    """Errors of files found without decoding: missing ones, no images, one file for both images."""
    yield from _file_errors(pair, _sizes(pair))


def _sizes(pair: Pair) -> dict[str, Size | str]:
    """By role, the size of each image or what is wrong with its file."""
    return {role: size_or_error(image.path) for role, image in pair.images.items()}


def _file_errors(pair: Pair, sizes: Mapping[str, Size | str]) -> Iterator[str]:
    for role, size in sizes.items():
        if isinstance(size, str):
            yield error_at(pair.images[role].place, size, str(pair.images[role].path), IMAGE_FORMATS)
    if all(isinstance(sizes.get(role), tuple) for role in ("original", "modified")):
        original, modified = (pair.images[role].path for role in ("original", "modified"))
        if original.samefile(modified):
            yield error_at(pair.place, "original and modified are the same file", str(original), "two images")


def box_errors(pair: Pair, original: Size, modified: Size) -> Iterator[str]:
    """Errors for boxes that exceed the original or the modified image, of these sizes, by more than a pixel."""
    sizes = {"bbox": original, "bbox_after": modified}
    for number, difference in enumerate(pair.truth.modifications):
        for key in _boxes_outside(difference, sizes):
            place = f"{pair.place}: modifications.{number}.{key}"
            allowed = f"[x, y, w, h] inside the image of {sizes[key][0]}×{sizes[key][1]} pixels"
            yield error_at(place, "outside the image", getattr(difference, key), allowed)


def with_boxes_inside(pair: Pair, original: Size, modified: Size) -> Pair:
    """The pair, in which the boxes that `box_errors` reports are unknown."""
    sizes = {"bbox": original, "bbox_after": modified}
    modifications = [
        difference.model_copy(update=dict.fromkeys(_boxes_outside(difference, sizes)))
        for difference in pair.truth.modifications
    ]
    return replace(pair, truth=pair.truth.model_copy(update={"modifications": modifications}))


def _boxes_outside(difference: Modification, sizes: Mapping[str, Size]) -> list[str]:
    """The keys of the boxes that are not in their image, given the size of each key's image."""
    boxes = {key: getattr(difference, key) for key in sizes}
    return [key for key, box in boxes.items() if box and not _inside(box, sizes[key])]


def _inside(box: list[float], size: Size) -> bool:
    (x, y, w, h), (width, height) = box, size
    return min(x, y) >= -1 and x + w <= width + 1 and y + h <= height + 1


def size_or_error(path: Path) -> Size | str:
    """(width, height) of an image file after EXIF rotation, or what is wrong with the file.

    Reads the header and the end of the file; decodes the file only if its end marker is missing.
    """
    try:
        if path.is_dir():
            return "a folder, not an image"
        if path.stat().st_size == 0:
            return "an empty file"
        with Image.open(path) as image:
            if not _is_complete(path, image.format):
                image.load()
            return upright_size(image)
    except FileNotFoundError:
        return "no such file"
    except UnidentifiedImageError:
        return "not a readable image"
    except Exception as error:  # Pillow raises SyntaxError, struct.error and others for broken headers
        return f"cannot be read ({type(error).__name__}: {error})"


def _is_complete(path: Path, image_format: str | None) -> bool:
    """Whether the file has the end marker of its format; without it, the file may still be complete."""
    with path.open("rb") as file:
        start = file.read(12)
        size = file.seek(0, SEEK_END)
        file.seek(-min(size, 64), SEEK_END)
        end = file.read()
    match image_format:
        case "JPEG":
            return end.rstrip(b"\0").endswith(b"\xff\xd9")
        case "PNG":
            return b"IEND" in end
        case "WEBP":
            return int.from_bytes(start[4:8], "little") + 8 <= size
    return False

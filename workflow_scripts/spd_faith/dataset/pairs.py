"""What a pair of one's own is: its truth as people write it, the files of its pictures, and their faults."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from os import SEEK_END
from pathlib import Path
from typing import Annotated, Any, NamedTuple, TypeVar

from PIL import Image, UnidentifiedImageError
from pydantic import AfterValidator, BeforeValidator, Field, ValidationError

from spd_faith.core.config_faults import explain, fault
from spd_faith.core.difference_types import DifferenceType
from spd_faith.core.entries import Strict
from spd_faith.core.text import writable_json
from spd_faith.dataset.merged import Layout
from spd_faith.dataset.picture_sizes import seen_size

PICTURE = "a picture as JPEG, PNG or WebP"
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
Box = Annotated[list[Annotated[float, Field(allow_inf_nan=False)]], AfterValidator(_four_numbers)]


class Modification(Strict):
    """A true difference."""

    type: Annotated[DifferenceType, Field(strict=False), BeforeValidator(_lower)]
    """color, remove or position."""
    category: Annotated[str, BeforeValidator(_lower), AfterValidator(_named)]
    """The object's name, best one of the 80 of COCO."""
    description: str | None = None
    """The difference in a sentence."""
    original_color: str | None = None
    """Its color in the original picture."""
    target_color: str | None = None
    """Its color in the modified picture."""
    bbox: Box | None = None
    """[x, y, w, h] in the original picture: pixels of the top left corner, and the size."""
    bbox_after: Box | None = None
    """[x, y, w, h] in the modified picture, where the object is still there."""


class Truth(Strict):
    """What is known of a pair, in the words of the published JSONL."""

    modifications: Annotated[list[Modification], AfterValidator(_some)]
    """The true differences, one at least: the metrics do not know identical pairs."""
    question: str | None = None
    """The question that the pair was published with; kept, and not asked."""
    is_faithful: Annotated[bool | None, BeforeValidator(_label)] = None
    """1 or true, 0 or false; -1 or null where it is not known."""


class Picture(NamedTuple):
    place: str  # how a fault names it
    path: Path


@dataclass(frozen=True)
class Pair:
    """A pair that was found and has not been opened. `pictures` has original and modified, or merged, or all three."""

    place: str
    split: str
    row: int
    image_id: str
    pictures: Mapping[str, Picture]
    truth: Truth
    layout: Layout | None = None

    @property
    def sample_id(self) -> str:
        return f"{self.split}/{self.row:05d}_{self.image_id}"


class _RepeatedKey(ValueError):
    pass


def _without_repeats(items: list[tuple[str, Any]]) -> dict[str, Any]:
    """JSON keeps the last of two equal keys in silence; a truth may not."""
    content = dict(items)
    if len(content) < len(items):
        names = [name for name, _ in items]
        raise _RepeatedKey(next(name for name in names if names.count(name) > 1))
    return content


def read_object(data: bytes, place: str) -> dict[str, Any] | list[str]:
    """The JSON object in `data`, or its fault."""
    allowed = "one JSON object, {…}, with no comma before or after its last brace"
    try:
        content = json.loads(writable_json(data.decode("utf-8-sig")), object_pairs_hook=_without_repeats)
    except UnicodeDecodeError as error:
        return [fault(place, "not in UTF-8", f"byte {data[error.start]:#x} at {error.start + 1}", "text in UTF-8")]
    except _RepeatedKey as error:
        return [fault(place, "a key that stands more than once", str(error), "each key once")]
    except json.JSONDecodeError as error:
        found = f"{error.msg} at line {error.lineno}, column {error.colno}"
        return [fault(place, "not valid JSON", found, allowed)]
    except RecursionError:
        return [fault(place, "not valid JSON", "too deeply nested", allowed)]
    return content if isinstance(content, dict) else [fault(place, "not an object", content, allowed)]


def read_strict(model: type[Content], content: Any, place: str) -> Content | list[str]:
    """`content` as `model`, or its faults."""
    try:
        return model.model_validate(content)
    except ValidationError as error:
        return [explain(place, (), model, told) for told in error.errors()]


def picture_faults(pair: Pair) -> Iterator[str]:
    """Faults that show without decoding: files that are not there or no pictures, boxes that leave their picture."""
    sizes = {role: upright_size(picture.path) for role, picture in pair.pictures.items()}
    for role, size in sizes.items():
        if isinstance(size, str):
            yield fault(pair.pictures[role].place, size, str(pair.pictures[role].path), PICTURE)
    readable = {role: size for role, size in sizes.items() if not isinstance(size, str)}
    if {"original", "modified"} <= set(readable):
        original, modified = (pair.pictures[role].path for role in ("original", "modified"))
        if original.samefile(modified):
            yield fault(pair.place, "original and modified are one file", str(original), "two pictures")
        yield from box_faults(pair, readable["original"], readable["modified"])


def box_faults(pair: Pair, original: Size, modified: Size) -> Iterator[str]:
    """Boxes that leave the original or the modified picture, of these sizes, by more than a pixel."""
    for number, difference in enumerate(pair.truth.modifications):
        for key, box, size in (("bbox", difference.bbox, original), ("bbox_after", difference.bbox_after, modified)):
            if box and not _inside(box, size):
                place = f"{pair.place}: modifications.{number}.{key}"
                allowed = f"[x, y, w, h] inside the picture of {size[0]}×{size[1]} pixels"
                yield fault(place, "leaves the picture", box, allowed)


def _inside(box: list[float], size: Size) -> bool:
    (x, y, w, h), (width, height) = box, size
    return min(x, y) >= -1 and x + w <= width + 1 and y + h <= height + 1


def upright_size(path: Path) -> Size | str:
    """(width, height) as the picture is to be seen, or what is wrong with the file.

    Reads the header and the end of the file; only a file that does not end as its format does is decoded.
    """
    try:
        if path.is_dir():
            return "a folder, not a picture"
        if path.stat().st_size == 0:
            return "an empty file"
        with Image.open(path) as picture:
            if not _ends_whole(path, picture.format):
                picture.load()
            return seen_size(picture)
    except FileNotFoundError:
        return "no such file"
    except UnidentifiedImageError:
        return "not a picture that can be read"
    except Exception as error:  # Pillow tells of broken headers by SyntaxError, struct.error and others
        return f"cannot be read ({type(error).__name__}: {error})"


def _ends_whole(path: Path, kind: str | None) -> bool:
    """Whether the file ends as a whole one of its kind does; one that does not may still be whole."""
    with path.open("rb") as file:
        start = file.read(12)
        size = file.seek(0, SEEK_END)
        file.seek(-min(size, 64), SEEK_END)
        end = file.read()
    match kind:
        case "JPEG":
            return end.rstrip(b"\0").endswith(b"\xff\xd9")
        case "PNG":
            return b"IEND" in end
        case "WEBP":
            return int.from_bytes(start[4:8], "little") + 8 <= size
    return False

"""Reads pairs from a JSON Lines file: with one merged image per pair, as published, or with two images."""

from codecs import BOM_UTF8, BOM_UTF16_BE, BOM_UTF16_LE
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import Field

from spd_faith.core.config_errors import error_at
from spd_faith.core.entries import Name
from spd_faith.dataset.merged import LAYOUT_NAMES, MergedLayout
from spd_faith.dataset.pairs import ImageFile, ImageId, Pair, PairTruth, read_object, read_strict
from spd_faith.dataset.sampling import first_pairs

if TYPE_CHECKING:
    from spd_faith.dataset.entries import JsonlDataset

_KEYS = {"original": "original", "modified": "modified", "merged": "image"}  # image keys by role
_LAYOUT_HINT = f"`layout` on the line: {LAYOUT_NAMES}; or in the dataset's entry, for all lines"


class JsonLine(PairTruth):
    qid: ImageId
    """Id of the pair; pairs with the same id form one cluster for the confidence intervals."""
    split: Name = "pairs"
    """Group in the leaderboard's breakdown: letters, digits, '.', '_' and '-', starting with a letter or digit."""
    image: str | None = Field(default=None, min_length=1)
    """Path of the merged image, relative to the image folder."""
    original: str | None = Field(default=None, min_length=1)
    """Path of the original image, relative to the image folder."""
    modified: str | None = Field(default=None, min_length=1)
    """Path of the modified image, relative to the image folder."""
    layout: MergedLayout | None = None
    """Layout of the merged image, side_by_side or stacked; default: that of the entry, or as its pixels show."""


def jsonl_pairs(dataset: "JsonlDataset") -> Iterator[Pair | str]:
    """The pairs of the entry in line order, with error messages in place of unreadable ones.

    Lines beyond the limit of their split are checked for errors, but not added to the dataset. Not limited by a random
    sample, which is drawn from all of them.
    """
    path = Path(dataset.path)
    folder = path.parent if dataset.image_dir is None else Path(dataset.image_dir)
    limit = first_pairs(dataset.limit)
    rows: Counter[str] = Counter()
    first_numbers: dict[tuple[object, ...], int] = {}
    for number, line in _lines(path):
        if isinstance(line, str):
            yield line
            continue
        place = _place(path, number)
        names = {role: name for role, key in _KEYS.items() if (name := getattr(line, key))}
        if set(names) not in ({"merged"}, {"original", "modified"}, {"original", "modified", "merged"}):
            given = ", ".join(_KEYS[role] for role in names) or "no image"
            yield error_at(place, "not a pair of images", given, "original and modified, or image")
            continue
        first = first_numbers.setdefault((line.split, line.qid, *names.items()), number)
        if first != number:
            yield error_at(place, f"duplicates the pair in line {first}", line.qid, "each pair once")
        elif limit is None or rows[line.split] < limit:
            images = {role: ImageFile(f"{place}: {_KEYS[role]}", folder / name) for role, name in names.items()}
            layout = line.layout or dataset.layout
            yield Pair(place, line.split, rows[line.split], line.qid, images, line, layout, _LAYOUT_HINT)
            rows[line.split] += 1


def _lines(path: Path) -> Iterator[tuple[int, JsonLine | str]]:
    """(number, content or error) of each line that is not blank."""
    data = path.read_bytes()
    if data.startswith((BOM_UTF16_LE, BOM_UTF16_BE)):
        yield 1, error_at(str(path), "not in UTF-8", "UTF-16", "a text file saved as UTF-8")
        return
    for number, text in enumerate(data.removeprefix(BOM_UTF8).split(b"\n"), start=1):
        if not text.strip():
            continue
        content = read_object(text, _place(path, number))
        line = content if isinstance(content, list) else read_strict(JsonLine, content, _place(path, number))
        for one in line if isinstance(line, list) else [line]:
            yield number, one


def _place(path: Path, number: int) -> str:
    return f"{path}: line {number}"

"""Pairs as lines of a JSON Lines file: as published, with merged pictures, or with two pictures a pair."""

from codecs import BOM_UTF8, BOM_UTF16_BE, BOM_UTF16_LE
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from pydantic import Field

from spd_faith.core.config_errors import error_at
from spd_faith.core.entries import Name
from spd_faith.dataset.entries import JsonlDataset
from spd_faith.dataset.merged import Layout
from spd_faith.dataset.pairs import ImageId, Pair, Picture, Truth, read_object, read_strict

_KEYS = {"original": "original", "modified": "modified", "merged": "image"}  # of the pictures, by role


class Line(Truth):
    qid: ImageId
    """Id of the pair; pairs that share one count as one cluster in the intervals."""
    split: Name = "pairs"
    """The group that the leaderboard breaks down by: letters, digits, '.', '_', '-', the first a letter or digit."""
    image: str | None = Field(default=None, min_length=1)
    """Path of the merged picture, from the folder of the pictures."""
    original: str | None = Field(default=None, min_length=1)
    """Path of the original picture, from the folder of the pictures."""
    modified: str | None = Field(default=None, min_length=1)
    """Path of the modified picture, from the folder of the pictures."""
    layout: Layout | None = None
    """How the merged picture was joined, where its pixels do not show it: side_by_side or stacked."""


def jsonl_pairs(dataset: JsonlDataset) -> Iterator[Pair | str]:
    """The pairs of the entry in the order of the lines, and faults in the place of those that cannot be told.

    Lines past the limit of their split are read, and their faults told, but they are no pairs of the dataset.
    """
    path = Path(dataset.path)
    folder = path.parent if dataset.image_dir is None else Path(dataset.image_dir)
    data = path.read_bytes()
    if data.startswith((BOM_UTF16_LE, BOM_UTF16_BE)):
        yield error_at(str(path), "not in UTF-8", "UTF-16", "a text file saved as UTF-8")
        return
    rows: Counter[str] = Counter()
    seen: dict[tuple[object, ...], int] = {}
    for number, text in enumerate(data.removeprefix(BOM_UTF8).split(b"\n"), start=1):
        if not text.strip():
            continue
        place = f"{path}: line {number}"
        content = read_object(text, place)
        line = content if isinstance(content, list) else read_strict(Line, content, place)
        if isinstance(line, list):
            yield from line
            continue
        pictures = {role: getattr(line, key) for role, key in _KEYS.items() if getattr(line, key)}
        if set(pictures) not in ({"merged"}, {"original", "modified"}, {"original", "modified", "merged"}):
            given = ", ".join(_KEYS[role] for role in pictures) or "no picture"
            yield error_at(place, "not a pair of pictures", given, "original and modified, or image")
            continue
        first = seen.setdefault((line.split, line.qid, *pictures.items()), number)
        if first != number:
            yield error_at(place, f"the pair of line {first} again", line.qid, "each pair once")
        elif dataset.limit is None or rows[line.split] < dataset.limit:
            found = {role: Picture(f"{place}: {_KEYS[role]}", folder / name) for role, name in pictures.items()}
            yield Pair(place, line.split, rows[line.split], line.qid, found, line, line.layout)
            rows[line.split] += 1

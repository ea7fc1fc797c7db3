"""The file of eval_cosine.py: images, each with whether the model contradicts itself about it, and no answers."""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from spd_faith.core.config_errors import error_at
from spd_faith.core.text import writable_json
from spd_faith.original.found_pairs import DEFAULT_SPLIT, FoundPair, stated_truth
from spd_faith.original.probe_folders import first_match, merged_pair, named_folder, named_image, pair_in_folder
from spd_faith.original.probe_lines import stated_id


@dataclass(frozen=True)
class Compared:
    """A record of the file."""

    place: str
    row: int
    image: str | None
    """None if it names none."""
    is_contradictory: bool
    content: Mapping[str, Any]


def read_comparison(path: Path) -> list[Compared] | None:
    """The records of {"results": [{"image": …, "is_contradictory": …}]}; None if the file has another form.

    As in eval_cosine.py, a record without a label is not contradictory.
    """
    try:
        content = json.loads(writable_json(path.read_bytes().decode("utf-8-sig")))
    except (ValueError, RecursionError):  # no JSON, or no text
        return None
    results = content.get("results") if isinstance(content, dict) else None
    if not isinstance(results, list):
        return None
    return [_record(f"{path}: record {row + 1}", row, one) for row, one in enumerate(results)]


def _record(place: str, row: int, content: Any) -> Compared:
    if not isinstance(content, dict):
        content = {}
    return Compared(place, row, stated_id(content, ("image",)), bool(content.get("is_contradictory")), content)


def compared_pairs(records: Iterable[Compared], folder: Path) -> Iterator[FoundPair]:
    """The pair of each record: the first image {image}_*.jpg, as in eval_cosine.py, else {image}.jpg or its folder."""
    for record in records:
        label = record.content.get("is_contradictory")
        if record.image is None:
            error = error_at(record.place, "no image", ", ".join(record.content) or "nothing", '{"image": …}')
            yield FoundPair(None, None, [error])
        elif label not in (True, False, None):
            error = error_at(f"{record.place}: is_contradictory", "wrong value", label, "true or false")
            yield FoundPair(record.image, None, [error])
        else:
            yield _pair(record, record.image, folder)


def _pair(record: Compared, image: str, folder: Path) -> FoundPair:
    truth, errors = stated_truth(record.content, record.place)
    if path := first_match(folder, image) or named_image(folder, image):
        return FoundPair(image, merged_pair(path, image, record.row, truth), errors, record.content)
    if of_pair := named_folder(folder, image):
        found = pair_in_folder(of_pair, image, record.row, DEFAULT_SPLIT)
        return FoundPair(image, found.pair, found.errors, record.content)
    allowed = f"{image}_*.jpg, {image}.jpg or the folder {image}, in {folder}"
    return FoundPair(image, None, [error_at(record.place, "no image of this name", image, allowed)], record.content)

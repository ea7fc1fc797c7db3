"""Reads the lines of analyze_layer_changes.py and neuron_activation.py; the workflow's own JSONL is read strictly."""

from codecs import BOM_UTF8, BOM_UTF16_BE, BOM_UTF16_LE
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from spd_faith.core.config_errors import error_at
from spd_faith.core.entries import NAME
from spd_faith.core.errors import UserError
from spd_faith.core.text import writable_name
from spd_faith.dataset.pairs import ImageFile, Pair, read_object
from spd_faith.original.found_pairs import DEFAULT_SPLIT, FoundPair, stated_layout, stated_truth

ID_KEYS = ("qid", "sample_id", "id")
_IMAGE_KEYS = {"original": "original", "modified": "modified", "merged": "image"}  # by role
_IMAGES = "image_path, image, or original and modified"


def line_pairs(path: Path, image_dir: Path | None) -> Iterator[FoundPair]:
    """The pair of each line that is not blank, in order, with the row number of its split.

    `image_path` is used as given; other images are relative to `image_dir`, by default the folder of the file. Unknown
    keys, and values of `split` and `layout` that are none, are ignored. Without an id, the image's name is the id.
    """
    rows: Counter[str] = Counter()
    for number, text in enumerate(_lines(path), start=1):
        if not text.strip():
            continue
        place = f"{path}: line {number}"
        content = read_object(text, place)
        if isinstance(content, list):
            yield FoundPair(None, None, content)
            continue
        split = content.get("split")
        split = split if isinstance(split, str) and NAME.fullmatch(split) else DEFAULT_SPLIT
        yield _pair(content, place, split, rows[split], image_dir or path.parent)
        rows[split] += 1


def _lines(path: Path) -> list[bytes]:
    data = path.read_bytes()
    if data.startswith((BOM_UTF16_LE, BOM_UTF16_BE)):
        raise UserError(error_at(str(path), "not in UTF-8", "UTF-16", "a text file saved as UTF-8"))
    return data.removeprefix(BOM_UTF8).split(b"\n")


def _pair(content: dict[str, Any], place: str, split: str, row: int, folder: Path) -> FoundPair:
    images = _images(content, place, folder)
    image_id = stated_id(content, ID_KEYS)
    if not images:
        error = error_at(place, "no image", ", ".join(content) or "no keys", _IMAGES)
        return FoundPair(image_id, None, [error], content)
    if image_id is None:
        image_id = writable_name((images.get("merged") or images["original"]).path.stem)
    truth, errors = stated_truth(content, place)
    pair = Pair(place, split, row, image_id, images, truth, stated_layout(content))
    return FoundPair(image_id, pair, errors, content)


def stated_id(content: Mapping[str, Any], keys: tuple[str, ...]) -> str | None:
    """The first of `keys` that holds a text or an integer."""
    texts = (str(content[key]).strip() for key in keys if isinstance(content.get(key), str) or _is_int(content, key))
    return next(filter(None, texts), None)


def _is_int(content: Mapping[str, Any], key: str) -> bool:
    return type(content.get(key)) is int  # a bool is no id


def _images(content: Mapping[str, Any], place: str, folder: Path) -> dict[str, ImageFile]:
    """The images by role: merged, or original and modified, or all three; empty if there is no pair."""
    if _is_name(content.get("image_path")):
        return {"merged": ImageFile(f"{place}: image_path", Path(content["image_path"]))}
    names = {role: content[key] for role, key in _IMAGE_KEYS.items() if _is_name(content.get(key))}
    if not {"original", "modified"} <= set(names):
        names = {role: name for role, name in names.items() if role == "merged"}
    return {role: ImageFile(f"{place}: {_IMAGE_KEYS[role]}", folder / name) for role, name in names.items()}


def _is_name(value: Any) -> bool:
    return isinstance(value, str) and bool(value)

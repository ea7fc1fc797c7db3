"""People's own pairs, from a folder or a JSONL file: found and checked all at once, then read into the tables."""

import json
from collections.abc import Callable, Iterable, Iterator
from hashlib import sha256 as running_sha256
from io import BytesIO
from pathlib import Path
from typing import Any

from PIL import Image, ImageOps

from spd_faith.core.config_errors import error_at, raise_errors
from spd_faith.core.files import sha256, table_writer, write_table
from spd_faith.core.schemas import IMAGES, SAMPLES
from spd_faith.dataset.entries import FolderDataset, JsonlDataset
from spd_faith.dataset.folder import folder_pairs
from spd_faith.dataset.jsonl import jsonl_pairs
from spd_faith.dataset.merged import LAYOUTS, find_layout, split
from spd_faith.dataset.pairs import PICTURE, Modification, Pair, box_faults, picture_faults

_PAIRS_PER_BATCH = 32
_PNG_MODES = ("L", "LA", "P", "RGB", "RGBA", "I;16")
_BOX = ("x", "y", "w", "h")

OwnDataset = FolderDataset | JsonlDataset


def check_pairs(dataset: OwnDataset) -> list[Pair]:
    """The pairs of an entry, in the order of the tables.

    Reads every line or truth and the header of every picture. Raises `UserError` with all faults at once.
    """
    pairs, faults = [], []
    for found in _found(dataset):
        if isinstance(found, Pair):
            pairs.append(found)
            faults += picture_faults(found)
        else:
            faults.append(found)
    if not pairs and not faults:
        faults.append(error_at(dataset.path, "no pairs", "nothing", "one pair at least"))
    raise_errors(faults)
    return pairs


def found_revision(dataset: OwnDataset) -> str:
    """The `revision` of the pairs that can be told, for the workflow to see a change by; faults do not stop it."""
    return revision(pair for pair in _found(dataset) if isinstance(pair, Pair))


def revision(pairs: Iterable[Pair]) -> str:
    """Names the content of the pairs, truths and pictures, wherever they lie and whenever they were written."""
    digest = running_sha256()
    for pair in pairs:
        content = {role: _content(picture.path) for role, picture in pair.pictures.items()}
        digest.update(json.dumps([pair.sample_id, pair.layout, _truth(pair), content]).encode())
    return f"sha256:{digest.hexdigest()[:16]}"


def read_pairs(pairs: Iterable[Pair]) -> Iterator[tuple[list[dict[str, Any]], list[dict[str, Any]]]]:
    """Batches of (rows of `SAMPLES`, rows of `IMAGES`).

    Every picture is decoded once, and a merged one is cut. Raises `UserError` after the last with all faults at once:
    broken pictures, and merged ones whose seam is not clear.
    """
    samples, images, faults = [], [], []
    for pair in pairs:
        opened = _open(pair)
        if isinstance(opened, list):
            faults += opened
            continue
        size, encoded = opened
        samples.append(_sample_row(pair, *size))
        images.append(_image_row(pair, encoded))
        if len(samples) == _PAIRS_PER_BATCH:
            yield samples, images
            samples, images = [], []
    raise_errors(faults)
    if samples:
        yield samples, images


def write_pairs(
    pairs: Iterable[Pair],
    samples: Path,
    images: Path,
    provenance: dict[str, Any],
    advance: Callable[[int], Any] = lambda count: None,
) -> None:
    """Write the tables of samples and images; `advance` is told of pairs that are read. Raises as `read_pairs` does."""
    rows = []
    with table_writer(images, IMAGES, provenance) as write_images:
        for sample_rows, image_rows in read_pairs(pairs):
            rows += sample_rows
            write_images(image_rows)
            advance(len(sample_rows))
    write_table(samples, rows, SAMPLES, provenance)


def _found(dataset: OwnDataset) -> Iterator[Pair | str]:
    return folder_pairs(dataset) if isinstance(dataset, FolderDataset) else jsonl_pairs(dataset)


def _truth(pair: Pair) -> dict[str, Any]:
    return pair.truth.model_dump(mode="json", include={"modifications", "question", "is_faithful"})


def _content(path: Path) -> str | None:
    try:
        return sha256(path.read_bytes())
    except (OSError, ValueError):  # a name that no file can have is a ValueError
        return None


def _open(pair: Pair) -> tuple[tuple[int, int], dict[str, bytes]] | list[str]:
    """(size of the original picture, encoded bytes by role), or the faults that show when pictures are decoded."""
    encoded, decoded, faults = {}, {}, []
    for role, (place, path) in pair.pictures.items():
        encoded[role] = path.read_bytes()
        try:
            with Image.open(BytesIO(encoded[role])) as picture:
                decoded[role] = ImageOps.exif_transpose(picture)
        except Exception as error:  # Pillow's decoders tell of broken bytes by SyntaxError, struct.error and others
            faults.append(error_at(place, "cannot be decoded", f"{type(error).__name__}: {error}", f"{PICTURE}, whole"))
    if faults:
        return faults
    if "original" not in decoded:
        layout = pair.layout or find_layout(decoded["merged"])
        if layout is None:
            place = pair.pictures["merged"].place
            found = "neither cut gives two pictures that are clearly alike"
            return [error_at(place, "the layout is not known", found, f"`layout` of the pair: {' or '.join(LAYOUTS)}")]
        halves = split(decoded["merged"], layout)
        if faults := list(box_faults(pair, *(half.size for half in halves))):
            return faults
        encoded["original"], encoded["modified"] = (_png(half) for half in halves)
        decoded["original"] = halves[0]
    return decoded["original"].size, encoded


def _png(picture: Image.Image) -> bytes:
    buffer = BytesIO()
    (picture if picture.mode in _PNG_MODES else picture.convert("RGB")).save(buffer, "PNG")
    return buffer.getvalue()


def _sample_row(pair: Pair, width: int, height: int) -> dict[str, Any]:
    differences = [difference_row(modification) for modification in pair.truth.modifications]
    return {
        "sample_id": pair.sample_id,
        "split": pair.split,
        "image_id": pair.image_id,
        "width": width,
        "height": height,
        "num_differences": len(differences),
        "differences": differences,
        "question": pair.truth.question,
        "is_faithful": pair.truth.is_faithful,
        "control": "none",
    }


def difference_row(told: Modification) -> dict[str, Any]:
    """A difference of `SAMPLES`."""
    return {
        "type": told.type,
        "category": told.category,
        "description": (told.description or "").strip() or _color_change(told),
        "bbox": told.bbox and dict(zip(_BOX, told.bbox, strict=True)),
        "bbox_after": told.bbox_after and dict(zip(_BOX, told.bbox_after, strict=True)),
    }


def _color_change(told: Modification) -> str | None:
    """The colors in words, where they are all that is known of a difference."""
    if not told.target_color:
        return None
    start = f" from {told.original_color}" if told.original_color else ""
    return f"the color of the {told.category} changed{start} to {told.target_color}"


def _image_row(pair: Pair, encoded: dict[str, bytes]) -> dict[str, Any]:
    hashes = {f"{role}_sha256": sha256(data) for role, data in encoded.items()}
    return {"sample_id": pair.sample_id, **encoded, **hashes}

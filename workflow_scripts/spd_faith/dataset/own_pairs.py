"""Reads the user's own pairs from a folder or a JSONL file: first checks all of them, then fills the tables."""

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from hashlib import sha256 as running_sha256
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PIL import Image, ImageOps

from spd_faith.core.config_errors import error_at, raise_errors
from spd_faith.core.controls import NO_CONTROL
from spd_faith.core.entries import Rows
from spd_faith.core.files import sha256
from spd_faith.core.progress import progress
from spd_faith.dataset.encoded_images import as_png
from spd_faith.dataset.merged import find_layout, split
from spd_faith.dataset.pairs import IMAGE_FORMATS, Modification, Pair, Size, box_errors, image_errors

if TYPE_CHECKING:
    from spd_faith.dataset.entries import OwnPairs

_PAIRS_PER_BATCH = 32
_BOX = ("x", "y", "w", "h")


def check_pairs(dataset: "OwnPairs") -> list[Pair]:
    """The pairs of an entry, in table order.

    Reads every truth and the header of every image. Raises `UserError` listing all errors.
    """
    pairs: list[Pair] = []
    errors: list[str] = []
    for found in dataset.iter_pairs():
        if isinstance(found, Pair):
            pairs.append(found)
            errors += image_errors(found)
        else:
            errors.append(found)
    if not pairs and not errors:
        errors.append(error_at(dataset.path, "no pairs", "nothing", "at least one pair"))
    raise_errors(errors)
    return pairs


def found_revision(dataset: "OwnPairs") -> str:
    """The `revision` of the readable pairs, used by the workflow to detect changes; ignores errors."""
    return revision(pair for pair in dataset.iter_pairs() if isinstance(pair, Pair))


def revision(pairs: Iterable[Pair]) -> str:
    """Hash of the pairs' truths and images, independent of paths and modification times."""
    digest = running_sha256()
    for pair in pairs:
        content = {role: _content(image.path) for role, image in pair.images.items()}
        digest.update(json.dumps([pair.sample_id, pair.layout, _truth(pair), content]).encode())
    return f"sha256:{digest.hexdigest()[:16]}"


CheckBoxes = Callable[[Pair, Size, Size], Pair | list[str]]
"""(pair, size of the original, size of the modified image) -> the pair to keep, or errors that it is left out for"""


def _refuse_boxes_outside(pair: Pair, original: Size, modified: Size) -> Pair | list[str]:
    return list(box_errors(pair, original, modified)) or pair


def read_pairs(
    pairs: Sequence[Pair],
    report: Callable[[list[str]], None] = raise_errors,
    check_boxes: CheckBoxes = _refuse_boxes_outside,
) -> Iterator[tuple[Rows, Rows]]:
    """Batches of (rows of `SAMPLES`, rows of `IMAGES`), with a progress bar.

    Decodes every image once and splits merged ones. After the last pair, `report` gets the errors of all damaged
    images, all merged images with an unclear seam, and those of `check_boxes`; by default it raises `UserError` if
    there are any.
    """
    samples: Rows = []
    images: Rows = []
    errors: list[str] = []
    with progress(len(pairs), "Pairs read", "pair") as bar:
        for pair in pairs:
            opened = _open(pair)
            bar.update()
            if isinstance(opened, list):
                errors += opened
                continue
            sizes, encoded = opened
            checked = check_boxes(pair, *sizes)
            if isinstance(checked, list):
                errors += checked
                continue
            samples.append(_sample_row(checked, *sizes[0]))
            images.append(_image_row(pair, encoded))
            if len(samples) == _PAIRS_PER_BATCH:
                yield samples, images
                samples, images = [], []
    report(errors)
    if samples:
        yield samples, images


def _truth(pair: Pair) -> dict[str, Any]:
    return pair.truth.model_dump(mode="json", include={"modifications", "question", "is_faithful"})


def _content(path: Path) -> str | None:
    try:
        return sha256(path.read_bytes())
    except (OSError, ValueError):  # ValueError: an impossible file name
        return None


def _open(pair: Pair) -> tuple[tuple[Size, Size], dict[str, bytes]] | list[str]:
    """(sizes of the original and the modified image, encoded bytes by role), or the errors found by decoding."""
    encoded: dict[str, bytes] = {}
    decoded: dict[str, Image.Image] = {}
    errors: list[str] = []
    for role, (place, path) in pair.images.items():
        encoded[role] = path.read_bytes()
        try:
            with Image.open(BytesIO(encoded[role])) as image:
                decoded[role] = ImageOps.exif_transpose(image)
        except Exception as error:  # Pillow's decoders raise SyntaxError, struct.error and others for broken bytes
            found = f"{type(error).__name__}: {error}"
            errors.append(error_at(place, "cannot be decoded", found, f"{IMAGE_FORMATS}, undamaged"))
    if errors:
        return errors
    if "original" in decoded:
        return (decoded["original"].size, decoded["modified"].size), encoded
    halves = _cut(pair, decoded["merged"])
    if isinstance(halves, list):
        return halves
    original, modified = halves
    sizes = original.size, modified.size
    return sizes, encoded | {"original": as_png(original), "modified": as_png(modified)}


def _cut(pair: Pair, merged: Image.Image) -> tuple[Image.Image, Image.Image] | list[str]:
    """The original and the modified image, or the errors found by splitting."""
    layout = pair.layout or find_layout(merged)
    if layout is None:
        found = f"{merged.width}×{merged.height} pixels, whose halves do not show how they were joined"
        return [error_at(pair.images["merged"].place, "unknown layout", found, pair.layout_hint)]
    return split(merged, layout)


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
        "control": NO_CONTROL,
    }


def difference_row(modification: Modification) -> dict[str, Any]:
    """A difference as stored in `SAMPLES`."""
    return {
        "type": modification.type,
        "category": modification.category,
        "description": (modification.description or "").strip() or _color_change(modification),
        "bbox": modification.bbox and dict(zip(_BOX, modification.bbox, strict=True)),
        "bbox_after": modification.bbox_after and dict(zip(_BOX, modification.bbox_after, strict=True)),
    }


def _color_change(modification: Modification) -> str | None:
    """A sentence about the color change, if the colors are known."""
    if not modification.target_color:
        return None
    start = f" from {modification.original_color}" if modification.original_color else ""
    return f"the color of the {modification.category} changed{start} to {modification.target_color}"


def _image_row(pair: Pair, encoded: dict[str, bytes]) -> dict[str, Any]:
    hashes = {f"{role}_sha256": sha256(data) for role, data in encoded.items()}
    return {"sample_id": pair.sample_id, **encoded, **hashes}

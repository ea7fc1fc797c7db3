"""The built-in dataset: pairs of scenes rendered from a seed, with exact ground truth."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from io import BytesIO
from random import Random
from typing import TYPE_CHECKING, Any
from zlib import crc32

from PIL import Image

from spd_faith.core.controls import NO_CONTROL
from spd_faith.core.difference_types import DifferenceType
from spd_faith.core.entries import DatasetRows
from spd_faith.core.files import sha256
from spd_faith.core.progress import progress
from spd_faith.dataset.scenes import (
    GRID,
    SIDE,
    SIZES,
    PixelBox,
    Pixels,
    SceneDifference,
    SceneObject,
    ScenePair,
    modified_objects,
    render,
    sample_pair,
    visible_box,
)

if TYPE_CHECKING:
    from spd_faith.dataset.entries import DemoDataset, DemoSplit

HARD_SPLIT = "hard"  # smaller objects, and colours change to similar ones
HARD_SIZES = (56, 64, 72)


@dataclass(frozen=True)
class DemoPair:
    split: str
    row: int
    scenes: ScenePair

    @property
    def image_id(self) -> str:
        """Six digits, unique within a split (7919 and 10**6 are coprime)."""
        return f"{(crc32(self.split.encode()) + 7919 * self.row) % 10**6:06d}"

    @property
    def sample_id(self) -> str:
        return f"{self.split}/{self.row:05d}_{self.image_id}"


def sample_demo_pair(seed: int, split: str, row: int, sizes: "DemoSplit") -> DemoPair:
    """The pair in this row; it depends only on the arguments, so adding rows changes no other row."""
    rng = Random(f"{seed}/{split}/{row}")
    hard = split == HARD_SPLIT
    scenes = sample_pair(rng, sizes.objects, sizes.differences, HARD_SIZES if hard else SIZES, look_alike=hard)
    return DemoPair(split, row, scenes)


def demo_pairs(dataset: "DemoDataset") -> Iterator[DemoPair]:
    """The pairs of the entry, split by split, not yet rendered."""
    for split, sizes in dataset.splits.items():
        for row in range(sizes.pairs):
            yield sample_demo_pair(dataset.seed, split, row, sizes)


def demo_rows(dataset: "DemoDataset") -> DatasetRows:
    """All pairs in one batch, because the provenance includes a hash of all images."""
    samples, images = [], []
    pairs = list(demo_pairs(dataset))
    with progress(len(pairs), "Pairs drawn", "pair") as bar:
        for pair in pairs:
            samples.append(sample_row(pair))
            images.append(image_row(pair))
            bar.update()
    content = sha256("".join(row["original_sha256"] + row["modified_sha256"] for row in images))
    provenance = {"revision": f"seed {dataset.seed}", "pictures": f"sha256:{content[:16]}"}
    return DatasetRows(provenance, [(samples, images)], partial(draw_undone, {pair.sample_id: pair for pair in pairs}))


def draw_undone(pairs: Mapping[str, DemoPair], sample_id: str, number: int) -> bytes:
    """The modified image of a pair as PNG, without one of its differences, given by index."""
    scenes = pairs[sample_id].scenes
    kept = [difference for place, difference in enumerate(scenes.differences) if place != number]
    return encode_png(render(scenes.background, modified_objects(scenes.original, kept)))


def sample_row(pair: DemoPair) -> dict[str, Any]:
    """A row of `SAMPLES`."""
    scenes = pair.scenes
    changed = {difference.before for difference in scenes.differences}
    return {
        "sample_id": pair.sample_id,
        "split": pair.split,
        "image_id": pair.image_id,
        "width": SIDE,
        "height": SIDE,
        "num_differences": len(scenes.differences),
        "differences": [
            {
                "type": difference.type,
                "category": difference.category,
                "description": describe(difference),
                "bbox": _box(visible_box(scenes.background, difference.before)),
                "bbox_after": difference.after and _box(visible_box(scenes.background, difference.after)),
            }
            for difference in scenes.differences
        ],
        "unchanged": [
            {"category": thing.category, "bbox": _box(visible_box(scenes.background, thing))}
            for thing in scenes.original
            if thing not in changed
        ],
        "question": None,
        "is_faithful": None,
        "control": NO_CONTROL,
        "base_sample_id": None,
    }


def image_row(pair: DemoPair) -> dict[str, Any]:
    """A row of `IMAGES`: both images as PNG."""
    original, modified = (
        encode_png(render(pair.scenes.background, objects)) for objects in (pair.scenes.original, pair.scenes.modified)
    )
    return {
        "sample_id": pair.sample_id,
        "original": original,
        "modified": modified,
        "merged": None,
        "original_sha256": sha256(original),
        "modified_sha256": sha256(modified),
        "merged_sha256": None,
    }


def encode_png(pixels: Pixels) -> bytes:
    """An image, (height, width, 3), as PNG."""
    buffer = BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG", compress_level=6)
    return buffer.getvalue()


def describe(difference: SceneDifference) -> str:
    """The difference in words, for example "the color of the car changed from red to blue"."""
    before, after = difference.before, difference.after
    if after is None:
        return f"the {before.color} {before.category} was removed"
    if difference.type == DifferenceType.COLOR:
        return f"the color of the {before.category} changed from {before.color} to {after.color}"
    start, end = _place(before), _place(after)
    if start != end:
        return f"the {before.color} {before.category} moved from the {start} to the {end}"
    return f"the {before.color} {before.category} moved {_direction(before, after)} within the {start}"


def _place(thing: SceneObject) -> str:
    """Nine names for the 16 cells: the inner rows and columns of the grid count as its center."""
    row, column = divmod(thing.cell, GRID)
    words = [{0: "top", GRID - 1: "bottom"}.get(row), {0: "left", GRID - 1: "right"}.get(column, "center")]
    return " ".join(word for word in words if word)


def _direction(before: SceneObject, after: SceneObject) -> str:
    down = after.cell // GRID - before.cell // GRID
    right = after.cell % GRID - before.cell % GRID
    words = []
    if down:
        words.append("down" if down > 0 else "up")
    if right:
        words.append("to the right" if right > 0 else "to the left")
    return " and ".join(words)


def _box(box: PixelBox) -> dict[str, int]:
    return dict(zip(("x", "y", "w", "h"), box, strict=True))

"""Compares the images of a pair with its true differences, before any model sees them (docs/statistics.md).

Images are compared in blocks of 8 × 8 pixels. Compression, resampling and inpainting change every block a little, and
more where the image has detail. So a block's difference is divided by 1 + detail / `_DETAIL`, and the block differs if
the result exceeds max(`_LEAST`, `_TIMES` · noise), where noise is its median over the blocks outside the boxes. All are
grey levels; the constants were measured (docs/statistics.md, "Truth audit").
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import ceil, floor
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from spd_faith.core.difference_types import Attribute, DifferenceType
from spd_faith.core.schemas import EMPTY_BOX, MISSING_BOX, OUTSIDE, SECOND_PLACE_UNKNOWN, UNEQUAL_SIZES

Pixels = npt.NDArray[np.uint8]
Mask = npt.NDArray[np.bool_]
Levels = npt.NDArray[np.float32]
Place = tuple[slice, slice]  # rows, columns
Difference = Mapping[str, Any]  # as in SAMPLES

_CELL = 4  # pixels: smaller details of the two images are not compared
_BLOCK = 2 * _CELL
_DETAIL = 8.0
_LEAST = 4.0
_TIMES = 6.0
_MOST_NOISE = 4.0  # more means that the images differ everywhere
_SMALLEST = 0.0015  # of the image: connected blocks of a smaller area are noise
_MARGIN = 0.02  # of the longer side: how far an edit spills over its box
_CONNECTED = np.ones((3, 3), bool)


@dataclass(frozen=True)
class PairAudit:
    """What the images of a pair show beside its true differences."""

    equal_size: bool
    noise: float | None
    """Median difference outside the boxes in grey levels; None if the sizes differ, so that nothing is compared."""
    outside: int
    """Pixels that differ outside the boxes and their margin, in whole blocks."""
    empty_boxes: tuple[int, ...]
    """Indices of the differences in whose boxes nothing differs."""
    missing_boxes: tuple[int, ...]
    """Indices of the differences without a box."""
    flags: tuple[str, ...]
    """Some of `FAULTS` and `REMARKS`."""


def audit_pair(original: Pixels, modified: Pixels, differences: Sequence[Difference]) -> PairAudit:
    """The audit of two images (h, w, 3) and their differences as in `SAMPLES`.

    If boxes are missing, the flag `outside` is not set: the change may be theirs. If the new place of a moved object is
    unknown, one region of about its box's size may differ outside.
    """
    missing = tuple(number for number, one in enumerate(differences) if not one["bbox"])
    if original.shape != modified.shape:
        flags = {UNEQUAL_SIZES: True, MISSING_BOX: bool(missing)}
        return PairAudit(False, None, 0, (), missing, _set(flags))
    compared = _Compared(original, modified, differences)
    empty = tuple(number for number, one in enumerate(differences) if one["bbox"] and compared.is_empty(one))
    moved = [one["bbox"] for one in differences if has_half_its_boxes(one)]
    flags = {
        OUTSIDE: not missing and compared.is_unexplained(moved),
        EMPTY_BOX: bool(empty),
        MISSING_BOX: bool(missing),
        SECOND_PLACE_UNKNOWN: bool(moved),
    }
    outside = int(_in_pixels(compared.outside, original).sum())
    return PairAudit(True, compared.noise, outside, empty, missing, _set(flags))


def differing_pixels(original: Pixels, modified: Pixels) -> Mask:
    """Where two images (h, w, 3) of one size differ by more than noise, (h, w), in whole blocks."""
    return _in_pixels(_Compared(original, modified, ()).differ, original)


def has_half_its_boxes(difference: Difference) -> bool:
    """Whether the object moved from a known box to an unknown one, as all moved objects of the published benchmark."""
    moved = DifferenceType(difference["type"]).changes == Attribute.PLACE
    return moved and bool(difference["bbox"]) and not difference["bbox_after"]


def places_of(differences: Iterable[Difference], size: tuple[int, int]) -> list[Place]:
    """The pixels (rows, columns) in the boxes of differences, in images of this (width, height)."""
    boxes = (difference[name] for difference in differences for name in ("bbox", "bbox_after"))
    return [_place(box, size) for box in boxes if box]


def _place(box: Mapping[str, float], size: tuple[int, int], margin: float = 0, unit: int = 1) -> Place:
    """The units of pixels that a box touches, with a margin in pixels, in images of this (width, height) in units."""
    (left, right), (top, bottom) = (
        (
            min(max(floor((box[start] - margin) / unit), 0), most),
            min(max(ceil((box[start] + box[length] + margin) / unit), 0), most),
        )
        for start, length, most in zip("xy", "wh", size, strict=True)
    )
    return slice(top, bottom), slice(left, right)


def _set(flags: Mapping[str, bool]) -> tuple[str, ...]:
    return tuple(name for name, is_set in flags.items() if is_set)


class _Compared:
    """Two images of one size, compared in blocks (rows, columns).

    A strip narrower than a block is left out, unless it is all there is.
    """

    def __init__(self, original: Pixels, modified: Pixels, differences: Sequence[Difference]) -> None:
        first, second = _cells(original), _cells(modified)
        apart = _blocks(np.abs(first - second).max(axis=2))
        detail = np.minimum(_detail(first), _detail(second))
        self._relative = apart / (1 + detail / _DETAIL)
        self._margin = _MARGIN * max(original.shape[:2])
        self._differences = differences

    @cached_property
    def noise(self) -> float:
        """Median relative difference outside the boxes."""
        outside = self._relative[~self._boxes]
        return min(float(np.median(outside)), _MOST_NOISE) if outside.size else 0.0

    @property
    def _tolerance(self) -> float:
        return max(_LEAST, _TIMES * self.noise)

    @cached_property
    def differ(self) -> Mask:
        """The blocks that differ."""
        return self._relative > self._tolerance

    @cached_property
    def outside(self) -> Mask:
        """The blocks that differ outside the boxes, in regions that are not too small."""
        differ = self.differ & ~self._boxes
        numbers, _ = ndimage.label(differ, _CONNECTED)
        sizes = np.bincount(numbers.ravel())
        return np.asarray(differ & (sizes >= _SMALLEST * differ.size)[numbers])

    @cached_property
    def _boxes(self) -> Mask:
        """The blocks that touch a box or its margin."""
        mask = np.zeros(self._relative.shape, bool)
        for place in self._places(self._differences, self._margin):
            mask[place] = True
        return mask

    def _places(self, differences: Iterable[Difference], margin: float = 0) -> list[Place]:
        size = self._relative.shape[1], self._relative.shape[0]
        boxes = (difference[name] for difference in differences for name in ("bbox", "bbox_after"))
        return [_place(box, size, margin, _BLOCK) for box in boxes if box]

    def is_empty(self, difference: Difference) -> bool:
        """Whether no block in the boxes of a difference reaches half the tolerance.

        Boxes within the strip that is left out are not empty.
        """
        blocks = [self._relative[place] for place in self._places([difference])]
        limit = self._tolerance / 2  # an object that covers its blocks in part changes them less
        return any(part.size for part in blocks) and not any((part > limit).any() for part in blocks)

    def is_unexplained(self, moved: Sequence[Mapping[str, float]]) -> bool:
        """Whether more differs outside than one region for each moved object, of about the size of its box."""
        if not self.outside.any():
            return False
        numbers, _ = ndimage.label(ndimage.binary_dilation(self.outside, _CONNECTED), _CONNECTED)
        regions = [_extent(place) for place in ndimage.find_objects(numbers * self.outside)]
        spill = 2 * self._margin + _BLOCK
        free = sorted(((box["h"] + spill, box["w"] + spill) for box in moved), key=np.prod)
        for height, width in sorted(regions, key=np.prod):
            fitting = [room for room in free if height <= room[0] and width <= room[1]]
            if not fitting:
                return True
            free.remove(fitting[0])
        return False


def _extent(place: Place) -> tuple[int, int]:
    """(height, width) in pixels of a place in blocks."""
    rows, columns = place
    return (rows.stop - rows.start) * _BLOCK, (columns.stop - columns.start) * _BLOCK


def _in_pixels(blocks: Mask, image: Pixels) -> Mask:
    """A mask of blocks as one of the pixels (h, w) of the image; a block may reach beyond a side shorter than it."""
    height, width = image.shape[:2]
    mask = np.zeros((height, width), bool)
    pixels = blocks.repeat(_BLOCK, axis=0).repeat(_BLOCK, axis=1)[:height, :width]
    mask[: pixels.shape[0], : pixels.shape[1]] = pixels
    return mask


def _cells(image: Pixels) -> Levels:
    """Means of 4 × 4 pixels, in whole blocks, (rows, columns, 3); a side below a block repeats its last pixel."""
    missing = [max(0, _BLOCK - length) for length in image.shape[:2]]
    if any(missing):
        image = np.pad(image, [(0, missing[0]), (0, missing[1]), (0, 0)], mode="edge")
    rows, columns = (length // _BLOCK * 2 for length in image.shape[:2])
    pixels = image[: rows * _CELL, : columns * _CELL]
    in_rows = pixels.reshape(rows, _CELL, columns * _CELL * 3).sum(axis=1, dtype=np.uint16)
    sums = in_rows.reshape(rows, columns, _CELL, 3).sum(axis=2, dtype=np.uint16)
    means: Levels = sums / np.float32(_CELL**2)
    return means


def _blocks(cells: Levels) -> Levels:
    """Means of 2 × 2 cells."""
    rows, columns = cells.shape
    means: Levels = cells.reshape(rows // 2, 2, columns // 2, 2).mean(axis=(1, 3))
    return means


def _detail(cells: Levels) -> Levels:
    """Per block, the mean step between a cell and its four neighbours, the largest of the block and its neighbours."""
    steps = np.zeros(cells.shape[:2], np.float32)
    across, down = (np.abs(np.diff(cells, axis=axis)).max(axis=2) for axis in (1, 0))
    steps[:, :-1] += across
    steps[:, 1:] += across
    steps[:-1] += down
    steps[1:] += down
    largest: Levels = ndimage.maximum_filter(_blocks(steps / np.float32(4)), 3)
    return largest

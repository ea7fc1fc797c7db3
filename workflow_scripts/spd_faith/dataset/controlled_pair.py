"""A pair that controls are made from: its images, what can be undone in them, and the pixels of the controls."""

from collections.abc import Callable, Collection, Iterator, Mapping
from functools import cached_property
from io import BytesIO
from random import Random
from typing import Any

import numpy as np
from PIL import Image

from spd_faith.core.schemas import OUTSIDE
from spd_faith.dataset.audit import Mask, Pixels, audit_pair, differing_pixels, has_half_its_boxes, places_of
from spd_faith.dataset.control_kinds import LeftOut
from spd_faith.dataset.encoded_images import as_png, decode
from spd_faith.dataset.image_sizes import upright_size
from spd_faith.dataset.merged import LAYOUT_KEY

_GREY = (128, 128, 128)

DrawUndone = Callable[[str, int], bytes]
"""Draws the modified image of a pair again without one of its differences, given the sample id and its index."""


class BasePair:
    """A pair of the dataset: rows of `SAMPLES` and `IMAGES`. Its images are decoded once, as models see them.

    `draw_undone` comes from a source that can draw its pairs again; None: boxes are pasted back. The attributes that
    need pixels raise `ValueError` if an image cannot be read.
    """

    def __init__(
        self, sample: Mapping[str, Any], images: Mapping[str, Any], seed: int, draw_undone: DrawUndone | None = None
    ) -> None:
        self.sample = sample
        self.original: bytes = images["original"]
        self.modified: bytes = images["modified"]
        self._seed = seed
        self._draw_undone = draw_undone

    @property
    def differences(self) -> list[dict[str, Any]]:
        """The true differences, as in `SAMPLES`."""
        return list(self.sample["differences"])

    @property
    def unchanged(self) -> list[dict[str, Any]] | None:
        """The unchanged objects; None if unknown."""
        return self.sample.get("unchanged")

    def undone_truth(self, undone: Collection[int]) -> dict[str, Any]:
        """The truth of the pair without some of its differences, given by index; their objects count as unchanged."""
        kept = [one for number, one in enumerate(self.differences) if number not in undone]
        restored = [
            {"category": self.differences[number]["category"], "bbox": self.differences[number]["bbox"]}
            for number in undone
            if self.differences[number]["bbox"]
        ]
        return {"differences": kept, "unchanged": None if self.unchanged is None else [*self.unchanged, *restored]}

    # ---- encoded images ----------------------------------------------------------------------------------------------

    def as_second(self, encoded: bytes) -> bytes:
        """An image in place of the modified one.

        If the pair was cut from a merged image, the control is merged in the same layout.
        """
        with Image.open(BytesIO(self.modified)) as modified:
            layout = modified.info.get(LAYOUT_KEY)
        if layout is None:
            return encoded
        with Image.open(BytesIO(encoded)) as image:
            image.info[LAYOUT_KEY] = layout
            return as_png(image)

    def grey_images(self) -> tuple[bytes, bytes]:
        """A uniformly grey image in place of each image, of its size."""
        first, second = (
            as_png(Image.new("RGB", image_size(encoded), _GREY)) for encoded in (self.original, self.modified)
        )
        return first, self.as_second(second)

    def undone_image(self, number: int) -> bytes:
        """The modified image without one difference; of the only difference, the original."""
        if len(self.differences) == 1:
            return self.as_second(self.original)
        if self._draw_undone:
            return self._draw_undone(self.sample["sample_id"], number)
        return self._pasted(places_of([self.differences[number]], self._size))

    def unchanged_pasted(self) -> bytes | LeftOut:
        """The modified image with a box pasted from the original where nothing differs, as large as one of the pair's.

        The box and the place depend on the seed and the sample id alone.
        """
        if self._sizes_differ:
            return LeftOut("sizes_differ")
        places = places_of(self.differences, self._size)
        if not places:
            return LeftOut("no_boxes")
        original, modified = self._pixels
        taken = differing_pixels(original, modified)
        for place in places:
            taken[place] = True
        rng = Random(f"{self._seed}/{self.sample['sample_id']}/null_paste")
        for rows, columns in rng.sample(places, len(places)):
            height, width = rows.stop - rows.start, columns.stop - columns.start
            if height and width and len(corners := _free_corners(taken, height, width)):
                top, left = corners[rng.randrange(len(corners))].tolist()
                return self._pasted([(slice(top, top + height), slice(left, left + width))])
        return LeftOut("no_room")

    def _pasted(self, places: list[tuple[slice, slice]]) -> bytes:
        """The modified image with these pixels of the original."""
        original, modified = self._pixels
        pasted = modified.copy()
        for place in places:
            pasted[place] = original[place]
        return self.as_second(as_png(Image.fromarray(pasted)))

    # ---- what can be undone ------------------------------------------------------------------------------------------

    def why_not_undone(self, number: int) -> str | None:
        """Why a difference cannot be undone alone; None if it can. The first reason that applies:

        `no_boxes`: a difference of the pair has no box, or one outside the image; `one_box`: one moved, and its new
        place is not known; `repeated`: another difference has its type and category; `sizes_differ`: the images are of
        two sizes; `overlap`: the box of another difference overlaps its boxes; `outside`: the images differ outside the
        boxes.
        """
        return next((reason for reason, applies in self._obstacles(number) if applies), None)

    def _obstacles(self, number: int) -> Iterator[tuple[str, bool]]:
        one, others = self.differences[number], [*self.differences[:number], *self.differences[number + 1 :]]
        yield "no_boxes", not all(map(self._has_box, self.differences))
        yield "one_box", any(map(has_half_its_boxes, self.differences))
        yield "repeated", any((one["type"], one["category"]) == (other["type"], other["category"]) for other in others)
        yield "sizes_differ", self._sizes_differ
        yield "overlap", self._overlap(one, others)
        yield "outside", self._differs_outside

    def _has_box(self, difference: Mapping[str, Any]) -> bool:
        """Whether its box is known and holds a pixel."""
        boxes = places_of([{"bbox": difference["bbox"], "bbox_after": None}], self._size)
        return any(rows.start < rows.stop and columns.start < columns.stop for rows, columns in boxes)

    def _overlap(self, one: Mapping[str, Any], others: list[dict[str, Any]]) -> bool:
        width, height = self._size
        covered = np.zeros((height, width), bool)
        for place in places_of(others, self._size):
            covered[place] = True
        return any(bool(covered[place].any()) for place in places_of([one], self._size))

    @cached_property
    def _differs_outside(self) -> bool:
        return OUTSIDE in audit_pair(*self._pixels, self.differences).flags

    @cached_property
    def _pixels(self) -> tuple[Pixels, Pixels]:
        """Both images, each (height, width, 3)."""
        return np.asarray(decode(self.original)), np.asarray(decode(self.modified))

    @property
    def _size(self) -> tuple[int, int]:
        return self.sample["width"], self.sample["height"]

    @cached_property
    def _sizes_differ(self) -> bool:
        return image_size(self.original) != image_size(self.modified)


def image_size(encoded: bytes) -> tuple[int, int]:
    """(width, height) of an image after EXIF rotation, from its header."""
    with Image.open(BytesIO(encoded)) as image:
        return upright_size(image)


def _free_corners(taken: Mask, height: int, width: int) -> np.ndarray:
    """(top, left) of every place of this size without any taken pixel, (n, 2); `taken` is (rows, columns)."""
    if height > taken.shape[0] or width > taken.shape[1]:
        return np.empty((0, 2), int)
    sums = np.pad(taken, ((1, 0), (1, 0))).astype(np.int32).cumsum(axis=0).cumsum(axis=1)
    inside = sums[height:, width:] - sums[:-height, width:] - sums[height:, :-width] + sums[:-height, :-width]
    return np.argwhere(inside == 0)

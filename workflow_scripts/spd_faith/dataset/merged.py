"""Detects how a merged image was joined, and splits it into its two images.

The size is ambiguous: 640×854 can be two landscape images stacked, or two narrow ones side by side. The pixels are not:
cut at the right seam, the halves match in place, and match less if one of them is displaced.
"""

from typing import Literal, get_args

import numpy as np
import numpy.typing as npt
from PIL import Image

MergedLayout = Literal["side_by_side", "stacked"]
LAYOUTS: tuple[MergedLayout, ...] = get_args(MergedLayout)
LAYOUT_NAMES = " or ".join(LAYOUTS)

LAYOUT_KEY = "spd-faith-layout"
"""Key in `Image.info`, and in the PNG file, of a modified image that was cut from a merged one.

The value is the layout. It is absent where the usual one, with both images of one size, rebuilds the merged image.
"""

_SIDE = 64  # side of the compared thumbnails in pixels
_DISPLACEMENT = 4  # pixels of a thumbnail
_CHANGED = 8  # grey levels; a larger difference is a changed object, and how much larger does not matter
_LIGHTER = 6  # grey levels by which an edited image may be lighter or darker as a whole
_NOISE = 0.3  # grey levels that compression leaves in a thumbnail; without them, plain images would match
_MATCH = 0.8  # max `_mismatch` of a seam; measured values are in docs/own_pairs.md

Thumbnail = npt.NDArray[np.float32]


def usual_layout(size: tuple[int, int]) -> MergedLayout:
    """How the benchmark joins two images of this size: side by side if width ≤ height, else stacked."""
    width, height = size
    return "side_by_side" if width <= height else "stacked"


def find_layout(merged: Image.Image) -> MergedLayout | None:
    """The layout of a merged image; None if neither cut, or both, give two matching halves."""
    grey = in_eight_bits(merged).convert("L")
    possible = (layout for layout in LAYOUTS if min(_first_size(merged.size, layout)))
    found = [layout for layout in possible if _mismatch(grey, layout) < _MATCH]
    return found[0] if len(found) == 1 else None


def in_eight_bits(image: Image.Image) -> Image.Image:
    """The image, or a 16-bit grey one in 8 bits, which `convert` would clip at 255."""
    return image.point(lambda level: level / 256).convert("L") if image.mode.startswith("I;16") else image


def split(merged: Image.Image, layout: MergedLayout) -> tuple[Image.Image, Image.Image]:
    """The original and the modified image; for an odd side the modified one is one pixel larger.

    The modified one has `LAYOUT_KEY` if the merged image cannot be rebuilt without it.
    """
    first, second = (merged.crop(box) for box in _boxes(merged.size, layout))
    if first.size != second.size or layout != usual_layout(first.size):
        second.info[LAYOUT_KEY] = layout
    return first, second


def _first_size(size: tuple[int, int], layout: MergedLayout) -> tuple[int, int]:
    width, height = size
    return (width // 2, height) if layout == "side_by_side" else (width, height // 2)


def _boxes(size: tuple[int, int], layout: MergedLayout) -> tuple[tuple[int, int, int, int], ...]:
    """(left, top, right, bottom) of the two images."""
    width, height = _first_size(size, layout)
    corner = (width, 0) if layout == "side_by_side" else (0, height)
    return (0, 0, width, height), (*corner, *size)


def _mismatch(grey: Image.Image, layout: MergedLayout) -> float:
    """Difference of the halves in place, relative to the smallest of four where one half is displaced.

    0 for equal halves, about 1 for unrelated ones; also about 1 where there is nothing to compare.
    """
    first, second = (
        np.asarray(grey.resize((_SIDE, _SIDE), Image.Resampling.BOX, box), dtype=np.float32)
        for box in _boxes(grey.size, layout)
    )
    second = second + np.clip(np.median(first - second), -_LIGHTER, _LIGHTER)
    far = _DISPLACEMENT
    displaced = [
        (first[far:], second[:-far]),
        (first[:-far], second[far:]),
        (first[:, far:], second[:, :-far]),
        (first[:, :-far], second[:, far:]),
    ]
    return _difference(first, second) / min(_difference(*halves) for halves in displaced)


def _difference(first: Thumbnail, second: Thumbnail) -> float:
    """Mean difference in grey levels, each at most `_CHANGED`."""
    return float(np.minimum(np.abs(first - second), _CHANGED).mean()) + _NOISE

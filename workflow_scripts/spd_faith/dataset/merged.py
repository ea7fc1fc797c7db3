"""Detects how a merged image was joined, and splits it into its two images.

The size is ambiguous: 640×854 can be two landscape images stacked, or two narrow ones side by side. The pixels are not:
cut at the right seam, the halves are nearly identical.
"""

from typing import Literal, get_args

from PIL import Image, ImageChops, ImageStat

MergedLayout = Literal["side_by_side", "stacked"]
LAYOUTS: tuple[MergedLayout, ...] = get_args(MergedLayout)

_SIDE = 64  # side of the compared thumbnails in pixels
_CLEARLY = 2  # min ratio of the two differences; at least 6 on published pairs


def find_layout(merged: Image.Image) -> MergedLayout | None:
    """The layout of a merged image; None if neither cut is clearly better."""
    grey = merged.convert("L")
    unlike = {layout: _unlikeness(grey, layout) for layout in LAYOUTS if min(_first_size(merged.size, layout))}
    if not unlike:
        return None
    best, *others = sorted(unlike, key=unlike.__getitem__)
    return best if all(unlike[other] > _CLEARLY * unlike[best] for other in others) else None


def split(merged: Image.Image, layout: MergedLayout) -> tuple[Image.Image, Image.Image]:
    """The original and the modified image; for an odd side the modified one is one pixel larger."""
    first, second = (merged.crop(box) for box in _boxes(merged.size, layout))
    return first, second


def _first_size(size: tuple[int, int], layout: MergedLayout) -> tuple[int, int]:
    width, height = size
    return (width // 2, height) if layout == "side_by_side" else (width, height // 2)


def _boxes(size: tuple[int, int], layout: MergedLayout) -> tuple[tuple[int, int, int, int], ...]:
    """(left, top, right, bottom) of the two images."""
    width, height = _first_size(size, layout)
    corner = (width, 0) if layout == "side_by_side" else (0, height)
    return (0, 0, width, height), (*corner, *size)


def _unlikeness(grey: Image.Image, layout: MergedLayout) -> float:
    """Mean difference of the halves in grey levels, 0 to 255."""
    small = (grey.resize((_SIDE, _SIDE), Image.Resampling.BOX, box) for box in _boxes(grey.size, layout))
    return ImageStat.Stat(ImageChops.difference(*small)).mean[0]

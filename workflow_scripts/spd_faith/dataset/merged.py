"""A merged image: how its two images were joined, and how to cut it into the two.

Its size does not show it: 640×854 can be two landscape images stacked, or two narrow ones side by side. Its pixels do:
cut at the right seam, the halves are nearly the same image.
"""

from typing import Literal, get_args

from PIL import Image, ImageChops, ImageStat

MergedLayout = Literal["side_by_side", "stacked"]
LAYOUTS: tuple[MergedLayout, ...] = get_args(MergedLayout)

_SIDE = 64  # side of the compared thumbnails, in pixels
_CLEARLY = 2  # how many times as alike; at least 6 on published pairs


def find_layout(merged: Image.Image) -> MergedLayout | None:
    """How the image was joined; None where neither cut is clearly better."""
    grey = merged.convert("L")
    unlike = {layout: _unlikeness(grey, layout) for layout in LAYOUTS if min(_first_size(merged.size, layout))}
    if not unlike:
        return None
    best, *others = sorted(unlike, key=unlike.__getitem__)
    return best if all(unlike[other] > _CLEARLY * unlike[best] for other in others) else None


def split(merged: Image.Image, layout: MergedLayout) -> tuple[Image.Image, Image.Image]:
    """The original and the modified image; where a side is odd, the modified one is a pixel larger."""
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
    """Mean difference of the halves in levels of grey, 0 to 255."""
    small = (grey.resize((_SIDE, _SIDE), Image.Resampling.BOX, box) for box in _boxes(grey.size, layout))
    return ImageStat.Stat(ImageChops.difference(*small)).mean[0]

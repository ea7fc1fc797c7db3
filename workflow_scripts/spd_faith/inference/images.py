"""Composes the decoded images of a pair for a model: as a pair or as one merged image."""

from collections.abc import Mapping
from dataclasses import dataclass

from PIL import Image

from spd_faith.dataset.merged import LAYOUT_KEY, LAYOUTS, MergedLayout, usual_layout

_GREY = (128, 128, 128)

Size = tuple[int, int]
Rectangle = tuple[int, int, int, int]  # left, top, width, height


@dataclass(frozen=True)
class Layout:
    """Positions in pixels of the pair's images on one image shown to the model."""

    size: Size
    places: Mapping[int, Rectangle]
    """Position of the pair's first image (0), its second (1), or both."""


def alone(size: Size, number: int) -> Layout:
    """One image of the pair, unchanged."""
    return Layout(size, {number: (0, 0, *size)})


def alone_on_square(size: Size, number: int, side: int) -> Layout:
    """One image of the pair, scaled to fit a square and centred on it."""
    width, height = _fit(size, max(size), side)
    return Layout((side, side), {number: ((side - width) // 2, (side - height) // 2, width, height)})


@dataclass(frozen=True)
class Joined:
    """How the two images of a pair are joined, and their sizes in the merged image."""

    layout: MergedLayout
    first: Size
    second: Size

    @property
    def size(self) -> Size:
        """Size of the merged image."""
        left, top = self.corner
        return left + self.second[0], top + self.second[1]

    @property
    def corner(self) -> Size:
        """Left and top of the second image."""
        return (self.first[0], 0) if self.layout == "side_by_side" else (0, self.first[1])


def usual(size: Size) -> Joined:
    """Side by side if width ≤ height, else stacked; both images get the size of the first."""
    return Joined(usual_layout(size), size, size)


def joined(original: Image.Image, modified: Image.Image) -> Joined:
    """As in the merged image that the pair was cut from, if `usual` would not rebuild it; else as by `usual`."""
    layout = modified.info.get(LAYOUT_KEY)
    across = 1 if layout == "side_by_side" else 0
    if layout not in LAYOUTS or original.size[across] != modified.size[across]:
        return usual(original.size)
    return Joined(layout, original.size, modified.size)


def merged(pair: Joined) -> Layout:
    """The merged image of a pair."""
    return Layout(pair.size, {0: (0, 0, *pair.first), 1: (*pair.corner, *pair.second)})


def merged_on_square(pair: Joined, side: int) -> Layout:
    """The merged image of a pair, scaled to fit a square and centred on it."""
    longest = max(pair.size)
    small = merged(Joined(pair.layout, _fit(pair.first, longest, side), _fit(pair.second, longest, side)))
    right, down = ((side - length) // 2 for length in small.size)
    places = {
        number: (left + right, top + down, width, height) for number, (left, top, width, height) in small.places.items()
    }
    return Layout((side, side), places)


def compose(layout: Layout, pair: tuple[Image.Image, Image.Image]) -> Image.Image:
    """The image shown to the model, with a grey background.

    Each image is resized separately, so that neither the other image nor the background bleeds over its border.
    """
    shown = Image.new("RGB", layout.size, _GREY)
    for number, (left, top, width, height) in layout.places.items():
        shown.paste(_resize(pair[number], (width, height)), (left, top))
    return shown


def merge(original: Image.Image, modified: Image.Image) -> Image.Image:
    """Merge two images into one; if they were cut from a merged image, it is rebuilt pixel for pixel."""
    return compose(merged(joined(original, modified)), (original, modified))


def _fit(size: Size, longest: int, side: int) -> Size:
    """`size` scaled by side / longest, rounded down, so that two images next to each other never exceed the side."""
    width, height = size
    return max(1, width * side // longest), max(1, height * side // longest)


def _resize(image: Image.Image, size: Size) -> Image.Image:
    return image if image.size == size else image.resize(size, Image.Resampling.BICUBIC)

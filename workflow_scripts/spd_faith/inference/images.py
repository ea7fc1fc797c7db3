"""Prepares images for a model: decodes them as upright RGB and composes them as a pair or as one merged image."""

import io
from collections.abc import Mapping
from dataclasses import dataclass

from PIL import Image, ImageOps

_GREY = (128, 128, 128)

Size = tuple[int, int]
Rectangle = tuple[int, int, int, int]  # left, top, width, height


def decode(encoded: bytes) -> Image.Image:
    """Decode an image as upright RGB, with transparency on white. Raises `ValueError` if it cannot be read."""
    try:
        with Image.open(io.BytesIO(encoded)) as image:
            return _opaque(ImageOps.exif_transpose(image))
    except Exception as error:  # for broken bytes Pillow raises SyntaxError, struct.error and others
        raise ValueError(f"{type(error).__name__}: {error}") from error


def _opaque(image: Image.Image) -> Image.Image:
    if image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    if image.mode.startswith("I;16"):  # convert() would clip 16-bit grey at 255
        image = image.point(lambda level: level / 256).convert("L")
    return image.convert("RGB")


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


def merged(size: Size) -> Layout:
    """Side by side if width ≤ height, else stacked; both images get the size of the first."""
    return _joined(size, _is_side_by_side(size))


def merged_on_square(size: Size, side: int) -> Layout:
    """The pair composed as by `merged`, scaled to fit a square and centred on it."""
    small = _joined(_fit(size, max(merged(size).size), side), _is_side_by_side(size))
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
    """Merge two images into one."""
    return compose(merged(original.size), (original, modified))


def _is_side_by_side(size: Size) -> bool:
    width, height = size
    return width <= height


def _joined(size: Size, side_by_side: bool) -> Layout:
    width, height = size
    corner = (width, 0) if side_by_side else (0, height)
    return Layout((width + corner[0], height + corner[1]), {0: (0, 0, *size), 1: (*corner, *size)})


def _fit(size: Size, longest: int, side: int) -> Size:
    """`size` scaled by side / longest, rounded down, so that two images next to each other never exceed the side."""
    width, height = size
    return max(1, width * side // longest), max(1, height * side // longest)


def _resize(image: Image.Image, size: Size) -> Image.Image:
    return image if image.size == size else image.resize(size, Image.Resampling.BICUBIC)

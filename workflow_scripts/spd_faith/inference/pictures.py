"""Pictures as a model gets them: decoded, upright, RGB, as a pair or merged into one."""

import io

from PIL import Image, ImageOps

_GREY = (128, 128, 128)


def decode(encoded: bytes) -> Image.Image:
    """An encoded picture as upright RGB, on white where it is transparent. Raises `ValueError` if it cannot be read."""
    try:
        with Image.open(io.BytesIO(encoded)) as picture:
            return _opaque(ImageOps.exif_transpose(picture))
    except Exception as error:  # Pillow's decoders tell of broken bytes by SyntaxError, struct.error and others
        raise ValueError(f"{type(error).__name__}: {error}") from error


def _opaque(picture: Image.Image) -> Image.Image:
    if picture.mode in ("RGBA", "LA", "PA") or "transparency" in picture.info:
        picture = picture.convert("RGBA")
        picture = Image.alpha_composite(Image.new("RGBA", picture.size, "white"), picture)
    if picture.mode.startswith("I;16"):  # converting 16 bits of grey would clip them at 255
        picture = picture.point(lambda level: level / 256).convert("L")
    return picture.convert("RGB")


def merge(original: Image.Image, modified: Image.Image) -> Image.Image:
    """One picture of two: side by side when width ≤ height, else stacked; the second takes the size of the first."""
    return _join(original, modified, original.size, _is_side_by_side(*original.size))


def merge_on_square(original: Image.Image, modified: Image.Image, side: int) -> Image.Image:
    """The pair laid out as by `merge`, scaled to fit a grey square of `side` pixels and centred on it.

    For models that see one square and crop the rest away (LLaVA-1.5). Each picture is resized by itself, so that
    neither the other picture nor the grey bleeds over its border.
    """
    width, height = original.size
    side_by_side = _is_side_by_side(width, height)
    size = _fit((width, height), max(2 * width, height) if side_by_side else max(width, 2 * height), side)
    return _centre(_join(original, modified, size, side_by_side), side)


def on_square(picture: Image.Image, side: int) -> Image.Image:
    """One picture, scaled to fit a grey square of `side` pixels and centred on it."""
    return _centre(_resize(picture, _fit(picture.size, max(picture.size), side)), side)


def _is_side_by_side(width: int, height: int) -> bool:
    return width <= height


def _fit(size: tuple[int, int], longest: int, side: int) -> tuple[int, int]:
    """`size` scaled by side / longest, rounded down, so that two of them side by side never exceed the side."""
    width, height = size
    return max(1, width * side // longest), max(1, height * side // longest)


def _resize(picture: Image.Image, size: tuple[int, int]) -> Image.Image:
    return picture if picture.size == size else picture.resize(size, Image.Resampling.BICUBIC)


def _join(original: Image.Image, modified: Image.Image, size: tuple[int, int], side_by_side: bool) -> Image.Image:
    width, height = size
    second = (width, 0) if side_by_side else (0, height)
    joined = Image.new("RGB", (width + second[0], height + second[1]))
    joined.paste(_resize(original, size), (0, 0))
    joined.paste(_resize(modified, size), second)
    return joined


def _centre(picture: Image.Image, side: int) -> Image.Image:
    square = Image.new("RGB", (side, side), _GREY)
    square.paste(picture, ((side - picture.width) // 2, (side - picture.height) // 2))
    return square

"""Pictures as a model gets them: decoded, upright, RGB, as a pair or merged into one."""

import io

from PIL import Image, ImageOps


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
    width, height = original.size
    if modified.size != original.size:
        modified = modified.resize(original.size, Image.Resampling.BICUBIC)
    if width <= height:
        merged = Image.new("RGB", (2 * width, height))
        merged.paste(modified, (width, 0))
    else:
        merged = Image.new("RGB", (width, 2 * height))
        merged.paste(modified, (0, height))
    merged.paste(original, (0, 0))
    return merged

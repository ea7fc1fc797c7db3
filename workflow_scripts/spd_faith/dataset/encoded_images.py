"""Decodes images as models see them, and encodes images without loss.

Both keep the layout of the merged image that an image was cut from (`LAYOUT_KEY`).
"""

from io import BytesIO

from PIL import Image, ImageOps, PngImagePlugin

from spd_faith.dataset.merged import LAYOUT_KEY, in_eight_bits

_PNG_MODES = ("L", "LA", "P", "RGB", "RGBA", "I;16")


def decode(encoded: bytes) -> Image.Image:
    """Decode an image as upright RGB, with transparency on white. Raises `ValueError` if it cannot be read."""
    try:
        with Image.open(BytesIO(encoded)) as image:
            decoded = _opaque(ImageOps.exif_transpose(image))
            if LAYOUT_KEY in image.info:
                decoded.info[LAYOUT_KEY] = image.info[LAYOUT_KEY]
            return decoded
    except Exception as error:  # for broken bytes Pillow raises SyntaxError, struct.error and others
        raise ValueError(f"{type(error).__name__}: {error}") from error


def _opaque(image: Image.Image) -> Image.Image:
    if image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    return in_eight_bits(image).convert("RGB")


def as_png(image: Image.Image) -> bytes:
    """Encode an image as PNG; modes that PNG lacks become RGB."""
    buffer, text = BytesIO(), PngImagePlugin.PngInfo()
    if LAYOUT_KEY in image.info:
        text.add_text(LAYOUT_KEY, image.info[LAYOUT_KEY])
    (image if image.mode in _PNG_MODES else image.convert("RGB")).save(buffer, "PNG", pnginfo=text)
    return buffer.getvalue()

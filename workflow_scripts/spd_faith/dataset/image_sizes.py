"""The size at which an image is shown, from its header."""

from PIL import ExifTags, Image

_ROTATED = (5, 6, 7, 8)  # EXIF orientations that exchange width and height


def upright_size(image: Image.Image) -> tuple[int, int]:
    """(width, height) of an opened image as it is shown; its pixels are not decoded."""
    # Asked for EXIF, Pillow decodes a whole PNG to see whether there is some behind the pixels.
    exif = image.getexif() if image.format != "PNG" or "exif" in image.info else Image.Exif()
    return image.size[::-1] if exif.get(ExifTags.Base.Orientation) in _ROTATED else image.size

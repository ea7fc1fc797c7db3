"""The displayed size of an image, from its header."""

from PIL import ExifTags, Image

_ROTATED = (5, 6, 7, 8)  # EXIF orientations that swap width and height


def upright_size(image: Image.Image) -> tuple[int, int]:
    """(width, height) of an opened image after EXIF rotation; does not decode its pixels."""
    # To find EXIF data behind the pixels, Pillow would decode a whole PNG.
    exif = image.getexif() if image.format != "PNG" or "exif" in image.info else Image.Exif()
    return image.size[::-1] if exif.get(ExifTags.Base.Orientation) in _ROTATED else image.size

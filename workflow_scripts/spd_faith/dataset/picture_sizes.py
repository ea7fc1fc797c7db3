"""How large a picture is to the eye, told by its header."""

from PIL import ExifTags, Image

_ROTATED = (5, 6, 7, 8)  # EXIF orientations that exchange width and height


def seen_size(picture: Image.Image) -> tuple[int, int]:
    """(width, height) of an opened picture as it is to be seen; its pixels are not decoded."""
    # Asked for EXIF, Pillow decodes a whole PNG to see whether there is some behind the pixels.
    exif = picture.getexif() if picture.format != "PNG" or "exif" in picture.info else {}
    return picture.size[::-1] if exif.get(ExifTags.Base.Orientation) in _ROTATED else picture.size

"""The images of a page: inside it, or as files in a folder beside it."""

import re
from collections.abc import Collection, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from io import BytesIO
from itertools import chain, islice
from pathlib import Path
from urllib.parse import quote

import pyarrow as pa
import pyarrow.compute as pc
from PIL import ExifTags, Image

from spd_faith.core.files import read_batches, read_table, whole_file
from spd_faith.core.html import data_uri
from spd_faith.core.schemas import IMAGES
from spd_faith.dataset.encoded_images import decode

_KEPT = {"JPEG": ("image/jpeg", "jpg"), "WEBP": ("image/webp", "webp"), "GIF": ("image/gif", "gif")}
_WEBP = _KEPT["WEBP"]
_EFFORT = {"method": 1, "quality": 50}  # of a lossless encoder; the default takes 1.6 times as long and saves 2%
_WIDEST = 16383  # pixels of a WebP
# Of a file of `_written`, also one that was not completed
_NAME = re.compile(r"\.?[0-9a-f]{20}\.(jpg|webp|gif|png|bin)(\.[0-9a-f]{8}\.part)?")
_PAIRS_AT_ONCE = 16
_THREADS = 4
SIDES = ("original", "modified")


@dataclass(frozen=True)
class EncodedImage:
    mime: str
    suffix: str
    content: bytes

    @property
    def uri(self) -> str:
        return data_uri(self.mime, self.content)


def encoded_image(published: bytes) -> EncodedImage:
    """An image as a page shows it: what models see, so JPEG as it is, other formats as lossless WebP.

    WebP and GIF stay, too, unless a browser shows them differently (`_kept_format`). Lossless WebP of a photograph
    published as JPEG takes many times the bytes. An unreadable image stays as it is, and the browser shows its
    alternative text.
    """
    kind = _kept_format(published)
    if kind:
        return EncodedImage(*_KEPT[kind], published)
    try:
        decoded = decode(published)
    except ValueError:
        return EncodedImage("application/octet-stream", "bin", published)
    shown = BytesIO()
    if max(decoded.size) > _WIDEST:
        decoded.save(shown, "PNG")
        return EncodedImage("image/png", "png", shown.getvalue())
    decoded.save(shown, "WEBP", lossless=True, **_EFFORT)
    return EncodedImage(*_WEBP, shown.getvalue())


def _kept_format(published: bytes) -> str | None:
    """The format of an image that browsers show as `decode` returns it; None for all others.

    Browsers play animations, show the page through transparency and ignore the orientation of a WebP.
    """
    try:
        with Image.open(BytesIO(published)) as image:
            if image.format == "JPEG":
                return "JPEG"
            is_opaque = image.mode not in ("RGBA", "LA", "PA") and "transparency" not in image.info
            is_still = not getattr(image, "is_animated", False)
            is_upright = image.getexif().get(ExifTags.Base.Orientation, 1) == 1
            return image.format if image.format in _KEPT and is_opaque and is_still and is_upright else None
    except Exception:  # for broken bytes Pillow raises SyntaxError, struct.error and others
        return None


def image_shas(path: Path, sample_ids: Collection[str]) -> dict[str, tuple[str, str]]:
    """The sha256 of both images of these samples."""
    columns = ["sample_id", *(f"{side}_sha256" for side in SIDES)]
    table = read_table(path, IMAGES, columns)
    rows = table.filter(pc.field("sample_id").isin(pa.array(list(sample_ids), pa.string()))).to_pylist()
    return {row["sample_id"]: (row["original_sha256"], row["modified_sha256"]) for row in rows}


def page_images(path: Path, shas: Collection[str], room: int, folder: Path) -> tuple[dict[str, str], bool]:
    """The addresses of the images with these sha256, and whether they are files in `folder`.

    They are inside the page if they fit into `room` bytes, else files; then their addresses are URLs relative to
    the parent of `folder`. Other images of an earlier page are removed from `folder`, once the new ones are there.
    """
    inside: dict[str, EncodedImage] = {}
    size = 0
    images = _encoded(path, shas)
    for sha, image in images:
        inside[sha] = image
        size += len(image.content) * 4 // 3 + 40
        if size > room:
            names = _written(chain(inside.items(), images), folder)
            _remove_images(folder, but=set(names.values()))
            return {sha: quote(f"{folder.name}/{name}") for sha, name in names.items()}, True
    _remove_images(folder, but=())
    return {sha: image.uri for sha, image in inside.items()}, False


def _written(images: Iterator[tuple[str, EncodedImage]], folder: Path) -> dict[str, str]:
    """The names of the files, by sha256."""
    names = {}
    for sha, image in images:
        names[sha] = f"{sha[:20]}.{image.suffix}"
        with whole_file(folder / names[sha]) as part:
            part.write_bytes(image.content)
    return names


def _remove_images(folder: Path, but: Collection[str]) -> None:
    """Remove what `_written` wrote but for some files, and an empty folder: its name may be that of another's."""
    with suppress(OSError):  # there is none, or it must stay
        for path in list(folder.iterdir()):
            if _NAME.fullmatch(path.name) and path.name not in but:
                path.unlink()
        folder.rmdir()


def _encoded(path: Path, shas: Collection[str]) -> Iterator[tuple[str, EncodedImage]]:
    """Each of these images once, in the order of the table; a few pairs at a time are in memory."""
    with ThreadPoolExecutor(_THREADS) as pool:
        published = _published(path, shas)
        while batch := list(islice(published, 2 * _PAIRS_AT_ONCE)):
            yield from zip((sha for sha, _ in batch), pool.map(encoded_image, (one for _, one in batch)), strict=True)


def _published(path: Path, shas: Collection[str]) -> Iterator[tuple[str, bytes]]:
    left = set(shas)
    columns = [*SIDES, *(f"{side}_sha256" for side in SIDES)]
    for rows in read_batches(path, columns, _PAIRS_AT_ONCE):
        for row in rows:
            for side in SIDES:
                if (sha := row[f"{side}_sha256"]) in left:
                    left.remove(sha)
                    yield sha, row[side]
        if not left:
            return

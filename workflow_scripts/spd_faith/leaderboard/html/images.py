"""The images of a page: inside it, or as files in a folder beside it."""

import shutil
from collections.abc import Collection, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from io import BytesIO
from itertools import chain, islice
from pathlib import Path

import pyarrow.compute as pc
from PIL import Image

from spd_faith.core.files import read_batches, read_table, whole_file
from spd_faith.core.html import data_uri
from spd_faith.core.schemas import IMAGES
from spd_faith.dataset.encoded_images import decode

_KEPT = {"JPEG": ("image/jpeg", "jpg"), "WEBP": ("image/webp", "webp"), "GIF": ("image/gif", "gif")}
_WEBP = _KEPT["WEBP"]
_EFFORT = {"method": 1, "quality": 50}  # of a lossless encoder; the default takes 1.6 times as long and saves 2%
_WIDEST = 16383  # pixels of a WebP
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
    """An image as a page shows it: JPEG, WebP and GIF as they are, other formats as lossless WebP.

    Lossless WebP of a photograph published as JPEG takes many times the bytes. An unreadable image stays as it is, and
    the browser shows its alternative text.
    """
    kind = _format(published)
    if kind in _KEPT:
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


def _format(published: bytes) -> str | None:
    try:
        with Image.open(BytesIO(published)) as image:
            return image.format
    except Exception:  # for broken bytes Pillow raises SyntaxError, struct.error and others
        return None


def image_shas(path: Path, sample_ids: Collection[str]) -> dict[str, tuple[str, str]]:
    """The sha256 of both images of these samples."""
    columns = ["sample_id", *(f"{side}_sha256" for side in SIDES)]
    table = read_table(path, IMAGES, columns)
    rows = table.filter(pc.field("sample_id").isin(list(sample_ids))).to_pylist()
    return {row["sample_id"]: (row["original_sha256"], row["modified_sha256"]) for row in rows}


def page_images(path: Path, shas: Collection[str], room: int, folder: Path) -> tuple[dict[str, str], bool]:
    """The addresses of the images with these sha256, and whether they are files in `folder`.

    They are inside the page if they fit into `room` bytes, else files; then their addresses are relative to the
    parent of `folder`. The files of an earlier page in `folder` are removed.
    """
    shutil.rmtree(folder, ignore_errors=True)
    inside: dict[str, EncodedImage] = {}
    size = 0
    images = _encoded(path, shas)
    for sha, image in images:
        inside[sha] = image
        size += len(image.content) * 4 // 3 + 40
        if size > room:
            return _written(chain(inside.items(), images), folder), True
    return {sha: image.uri for sha, image in inside.items()}, False


def _written(images: Iterator[tuple[str, EncodedImage]], folder: Path) -> dict[str, str]:
    addresses = {}
    for sha, image in images:
        name = f"{sha[:20]}.{image.suffix}"
        with whole_file(folder / name) as part:
            part.write_bytes(image.content)
        addresses[sha] = f"{folder.name}/{name}"
    return addresses


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

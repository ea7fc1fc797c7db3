"""The images of a page: kept or without loss, each once, inside the page or beside it."""

import base64
import io

import pytest
from leaderboard.html.sample_tables import encoded, pair
from PIL import ExifTags, Image

from spd_faith.core.files import write_table
from spd_faith.core.schemas import IMAGES
from spd_faith.dataset.encoded_images import decode
from spd_faith.leaderboard.html.images import encoded_image, image_shas, page_images

RED_FRAME, BLUE_FRAME = Image.new("RGB", (4, 2), "red"), Image.new("RGB", (4, 2), "blue")
RED, BLUE = encoded((20, 10), "red"), encoded((22, 12), "blue", "JPEG")


@pytest.mark.parametrize(("kind", "mime"), [("JPEG", "image/jpeg"), ("WEBP", "image/webp"), ("GIF", "image/gif")])
def test_what_is_small_keeps_its_bytes(kind, mime):
    published = encoded((4, 4), "red", kind)
    found = encoded_image(published)
    assert (found.mime, found.content) == (mime, published)


@pytest.mark.parametrize("kind", ["PNG", "BMP", "TIFF"])
def test_other_formats_become_lossless_webp(kind):
    image = Image.effect_noise((40, 30), 90).convert("RGB")
    file = io.BytesIO()
    image.save(file, kind)
    found = encoded_image(file.getvalue())
    assert found.mime == "image/webp"
    assert Image.open(io.BytesIO(found.content)).convert("RGB").tobytes() == image.tobytes()


def published_as(kind, image, **options):
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


RGBA = Image.new("RGBA", (4, 2), (255, 0, 0, 0))
ROTATED = Image.Exif()
ROTATED[ExifTags.Base.Orientation] = 6
DIFFERENT = {
    "transparent webp": published_as("WEBP", RGBA, lossless=True),
    "transparent gif": published_as("GIF", RGBA),
    "animated gif": published_as("GIF", RED_FRAME, save_all=True, append_images=[BLUE_FRAME], loop=0),
    "animated webp": published_as("WEBP", RED_FRAME, save_all=True, append_images=[BLUE_FRAME], lossless=True),
    "rotated webp": published_as("WEBP", RED_FRAME, exif=ROTATED, lossless=True),
}


@pytest.mark.parametrize("name", DIFFERENT)
def test_what_a_browser_shows_differently_is_shown_as_models_see_it(name):
    found = encoded_image(DIFFERENT[name])
    shown = Image.open(io.BytesIO(found.content))
    assert found.content != DIFFERENT[name] and shown.mode == "RGB" and not getattr(shown, "is_animated", False)
    seen = decode(DIFFERENT[name])
    assert (shown.size, shown.tobytes()) == (seen.size, seen.tobytes())


def test_an_image_that_is_none_stays_as_it_is():
    assert encoded_image(b"no image").content == b"no image"


def test_an_image_too_wide_for_webp_becomes_png():
    assert encoded_image(encoded((17_000, 1), "red")).mime == "image/png"


@pytest.fixture
def table(tmp_path):
    path = tmp_path / "images.parquet"
    write_table(path, [pair("a", RED, RED), pair("b", RED, BLUE), pair("c", BLUE, BLUE)], IMAGES)
    return path


def test_each_image_is_in_the_page_once(table, tmp_path):
    shas = image_shas(table, ["a", "b"])
    (red, same), (_, blue) = shas["a"], shas["b"]
    assert red == same
    found, are_files = page_images(table, {red, blue}, 10_000, tmp_path / "page_files")
    assert set(found) == {red, blue} and not are_files
    assert base64.b64decode(found[blue].removeprefix("data:image/jpeg;base64,")) == BLUE
    assert not (tmp_path / "page_files").exists()


def test_images_without_room_are_files(table, tmp_path):
    folder = tmp_path / "page_files"
    folder.mkdir()
    (folder / f"{'0' * 20}.webp").touch()
    shas = {sha for of_pair in image_shas(table, ["b"]).values() for sha in of_pair}
    found, are_files = page_images(table, shas, 100, folder)
    assert are_files and set(found) == shas
    assert sorted(path.name for path in folder.iterdir()) == sorted(one.split("/")[1] for one in found.values())
    assert BLUE in [path.read_bytes() for path in folder.iterdir()]


def test_nothing_of_an_earlier_page_stays(table, tmp_path):
    folder = tmp_path / "page_files"
    first, second = (set(image_shas(table, [one])[one]) for one in "ac")  # a red image, a blue one
    page_images(table, first | second, 0, folder)
    (red,) = (path.name for path in folder.glob("*.webp"))
    (folder / f".{red}.0123abcd.part").touch()  # of a page that was stopped
    found, _ = page_images(table, second, 0, folder)
    assert [f"page_files/{path.name}" for path in folder.iterdir()] == list(found.values())
    page_images(table, second, 10_000, folder)
    assert not folder.exists()


def test_a_page_that_fails_leaves_the_images_of_the_last(table, tmp_path, monkeypatch):
    folder = tmp_path / "page_files"
    page_images(table, set(image_shas(table, ["b"])["b"]), 0, folder)
    before = sorted(folder.iterdir())
    monkeypatch.setattr("spd_faith.leaderboard.html.images.encoded_image", lambda published: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        page_images(table, set(image_shas(table, ["c"])["c"]), 0, folder)
    assert sorted(folder.iterdir()) == before


def test_files_of_others_stay(table, tmp_path):
    folder = tmp_path / "page_files"
    folder.mkdir()
    (folder / "notes.txt").touch()
    (folder / f"{'0' * 20}.webp").touch()
    page_images(table, [], 100, folder)
    assert [path.name for path in folder.iterdir()] == ["notes.txt"]


def test_addresses_of_files_are_urls(table, tmp_path):
    shas = image_shas(table, ["b"])["b"]
    found, _ = page_images(table, shas, 0, tmp_path / "#3 at 100%_files")
    assert all(one.startswith("%233%20at%20100%25_files/") for one in found.values())

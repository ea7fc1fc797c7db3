"""Merged images: the seam is found in the pixels, and each half is the image that it was."""

import io
import json
from pathlib import Path

import numpy as np
import pytest
from dataset.own_files import CAR, errors_of, scene, tables, write_lines
from PIL import Image

from spd_faith.core.errors import UserError
from spd_faith.dataset.merged import find_layout, split


def merged(original: Image.Image, modified: Image.Image, layout: str) -> Image.Image:
    width, height = original.size
    corner = (width, 0) if layout == "side_by_side" else (0, height)
    both = Image.new(original.mode, (corner[0] + modified.width, corner[1] + modified.height))
    both.paste(original, (0, 0))
    both.paste(modified, corner)
    return both


def merged_line(image: str, **changes: object) -> str:
    return json.dumps({"qid": "100238_color", "image": image, "modifications": [CAR]} | changes)


@pytest.mark.parametrize("layout", ["side_by_side", "stacked"])
@pytest.mark.parametrize("size", [(640, 427), (427, 640), (500, 500), (900, 300), (300, 900)])
def test_the_layout_is_found_whatever_the_proportions(size: tuple[int, int], layout: str) -> None:
    assert find_layout(merged(scene(*size), scene(*size, changed=True), layout)) == layout


def test_two_unrelated_images_have_no_layout() -> None:
    noise = np.random.default_rng(1).integers(0, 256, (300, 400, 3), np.uint8)
    assert find_layout(Image.fromarray(noise)) is None


@pytest.mark.parametrize("size", [(1, 1), (1, 60), (60, 1)])
def test_a_image_too_thin_for_two_is_no_reason_to_stumble(size: tuple[int, int]) -> None:
    assert find_layout(scene(*size)) in (None, "stacked" if size[1] > 1 else "side_by_side")


@pytest.mark.parametrize("layout", ["side_by_side", "stacked"])
def test_a_published_line_gives_the_merged_bytes_and_both_halves_lossless(tmp_path: Path, layout: str) -> None:
    original, modified = scene(64, 42), scene(64, 42, changed=True)
    merged(original, modified, layout).save(tmp_path / "100238_color.jpg", quality=90)
    published = np.asarray(Image.open(tmp_path / "100238_color.jpg"))
    halves = np.split(published, 2, axis=1 if layout == "side_by_side" else 0)
    text = merged_line("100238_color.jpg", is_faithful=1, question="Are the two pictures the same?")
    (sample,), (image,) = tables(write_lines(tmp_path, text))
    assert image["merged"] == (tmp_path / "100238_color.jpg").read_bytes()
    for role, half in zip(("original", "modified"), halves, strict=True):
        cut = Image.open(io.BytesIO(image[role]))
        assert cut.format == "PNG" and np.array_equal(np.asarray(cut), half)
    assert (sample["width"], sample["height"]) == (64, 42)
    assert sample["is_faithful"] is True and sample["question"] == "Are the two pictures the same?"


def test_an_odd_height_gives_the_modified_image_the_row_more() -> None:
    joined = merged(scene(64, 42), scene(64, 43, changed=True), "stacked")
    original, modified = split(joined, "stacked")
    assert (original.size, modified.size) == ((64, 42), (64, 43))
    assert find_layout(joined) == "stacked"


@pytest.mark.parametrize("mode", ["L", "LA", "RGBA", "CMYK", "P"])
def test_images_of_every_kind_are_cut(tmp_path: Path, mode: str) -> None:
    suffix = "jpg" if mode == "CMYK" else "png"
    merged(scene(60, 40), scene(60, 40, changed=True), "stacked").convert(mode).save(tmp_path / f"m.{suffix}")
    (sample,), (image,) = tables(write_lines(tmp_path, merged_line(f"m.{suffix}")))
    assert (sample["width"], sample["height"]) == (60, 40)
    assert Image.open(io.BytesIO(image["modified"])).size == (60, 40)


def test_a_turned_merged_photograph_is_cut_upright(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    upright = merged(scene(60, 40), scene(60, 40, changed=True), "stacked")
    upright.transpose(Image.Transpose.ROTATE_90).save(tmp_path / "m.png", exif=exif)
    _, (image,) = tables(write_lines(tmp_path, merged_line("m.png")))
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(image["original"]))), np.asarray(scene(60, 40)))


def test_where_neither_cut_is_clearly_better_all_lines_are_reported_and_layout_decides(tmp_path: Path) -> None:
    Image.new("RGB", (80, 80), "teal").save(tmp_path / "plain.png")
    lines = [merged_line("plain.png", qid=qid) for qid in ("1", "2")]
    with pytest.raises(UserError) as error:
        tables(write_lines(tmp_path, *lines))
    message = str(error.value)
    assert message.count("unknown layout") == 2
    for part in ("line 1: image", "line 2: image", "`layout` of the pair: side_by_side or stacked"):
        assert part in message
    (sample,), _ = tables(write_lines(tmp_path, merged_line("plain.png", layout="stacked")))
    assert (sample["width"], sample["height"]) == (80, 40)


def test_the_layout_of_the_line_overrules_the_pixels(tmp_path: Path) -> None:
    merged(scene(60, 40), scene(60, 40, changed=True), "stacked").save(tmp_path / "m.png")
    (sample,), _ = tables(write_lines(tmp_path, merged_line("m.png", layout="side_by_side")))
    assert (sample["width"], sample["height"]) == (30, 80)


def test_a_box_is_of_the_half_and_not_of_the_merged_image(tmp_path: Path) -> None:
    merged(scene(60, 40), scene(60, 40, changed=True), "stacked").save(tmp_path / "m.png")
    inside, outside = ([CAR | {"bbox": [1, y, 9, 9]}] for y in (30, 50))
    (sample,), _ = tables(write_lines(tmp_path, merged_line("m.png", modifications=inside)))
    assert sample["differences"][0]["bbox"]["y"] == 30
    with pytest.raises(UserError, match=r"line 1: modifications\.0\.bbox: outside the image(.|\n)*60×40"):
        tables(write_lines(tmp_path, merged_line("m.png", modifications=outside)))


def test_images_with_a_damaged_middle_are_all_reported_when_they_are_read(tmp_path: Path) -> None:
    for name in ("one.png", "two.png"):
        scene(200, 300).save(tmp_path / name)
        data = (tmp_path / name).read_bytes()
        middle = len(data) // 2
        (tmp_path / name).write_bytes(data[:middle] + bytes(40) + data[middle + 40 :])
    whole = json.dumps({"qid": "3", "original": "a.png", "modified": "b.png", "modifications": [CAR]})
    entry = write_lines(tmp_path, merged_line("one.png"), whole, merged_line("two.png"))
    with pytest.raises(UserError) as error:
        tables(entry)
    assert "line 1: image: cannot be decoded" in str(error.value)
    assert "line 3: image: cannot be decoded" in str(error.value) and "line 2" not in str(error.value)


def test_a_missing_merged_image_is_reported_before_any_job(tmp_path: Path) -> None:
    assert "line 1: image: no such file" in errors_of(write_lines(tmp_path, merged_line("merged_images/1.jpg")))

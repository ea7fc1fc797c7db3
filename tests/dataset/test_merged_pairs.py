"""Merged images: the seam is found in the pixels, and each half is the image that it was."""

import io
import json
from pathlib import Path

import numpy as np
import pytest
from dataset.own_files import CAR, errors_of, folder_entry, line, scene, size_of, tables, write_lines
from PIL import Image, ImageOps

from spd_faith.core.errors import UserError
from spd_faith.dataset import merged as merged_module
from spd_faith.dataset.encoded_images import decode
from spd_faith.dataset.merged import find_layout, split
from spd_faith.dataset.own_pairs import check_pairs, found_revision
from spd_faith.inference.images import merge

REAL_PAIRS = Path(__file__).parents[3] / "shared/data/real_pairs"  # not part of the project


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


# ---- what a model of merged images is shown --------------------------------------------------------------------------

REBUILT = {  # sizes of the original and of the modified image, layout
    "odd height": ((64, 42), (64, 43), "stacked"),
    "odd width": ((42, 64), (43, 64), "side_by_side"),
    "odd height of portraits": ((42, 64), (42, 65), "stacked"),
    "odd width of landscapes": ((64, 42), (65, 42), "side_by_side"),
    "portraits stacked": ((42, 64), (42, 64), "stacked"),
    "squares stacked": ((50, 50), (50, 50), "stacked"),
    "landscapes side by side": ((64, 42), (64, 42), "side_by_side"),
    "usual landscapes": ((64, 42), (64, 42), "stacked"),
    "usual portraits": ((42, 64), (42, 64), "side_by_side"),
}


@pytest.mark.parametrize("name", ["m.jpg", "m.png"])
@pytest.mark.parametrize(("first", "second", "layout"), REBUILT.values(), ids=REBUILT)
def test_the_published_image_is_shown_pixel_for_pixel(
    tmp_path: Path, first: tuple[int, int], second: tuple[int, int], layout: str, name: str
) -> None:
    merged(scene(*first), scene(*second, changed=True), layout).save(tmp_path / name)
    _, (image,) = tables(write_lines(tmp_path, merged_line(name, layout=layout)))
    assert size_of(image["original"]) == first and size_of(image["modified"]) == second
    shown = merge(decode(image["original"]), decode(image["modified"]))
    assert np.array_equal(np.asarray(shown), np.asarray(Image.open(tmp_path / name)))


@pytest.mark.parametrize("mode", ["L", "LA", "RGBA", "CMYK", "P"])
def test_an_image_of_every_kind_is_shown_as_published(tmp_path: Path, mode: str) -> None:
    name = "m.jpg" if mode == "CMYK" else "m.png"
    merged(scene(64, 42), scene(64, 43, changed=True), "stacked").convert(mode).save(tmp_path / name)
    _, (image,) = tables(write_lines(tmp_path, merged_line(name, layout="stacked")))
    shown = merge(decode(image["original"]), decode(image["modified"]))
    assert np.array_equal(np.asarray(shown), np.asarray(decode(image["merged"])))


@pytest.mark.parametrize(("size", "layout"), [((64, 42), "stacked"), ((42, 64), "side_by_side")])
def test_where_the_rule_rebuilds_the_image_its_halves_are_the_bytes_that_they_were(
    tmp_path: Path, size: tuple[int, int], layout: str
) -> None:
    halves = {"original": scene(*size), "modified": scene(*size, changed=True)}
    merged(*halves.values(), layout).save(tmp_path / "m.png")
    _, (image,) = tables(write_lines(tmp_path, merged_line("m.png")))
    for role, half in halves.items():
        buffer = io.BytesIO()
        half.save(buffer, "PNG")
        assert image[role] == buffer.getvalue()


def test_two_files_a_pixel_apart_are_still_shown_in_the_size_of_the_first(tmp_path: Path) -> None:
    entry = write_lines(tmp_path, line(modified="c.png"))
    scene(60, 41, changed=True).save(tmp_path / "c.png")
    _, (image,) = tables(entry)
    assert image["modified"] == (tmp_path / "c.png").read_bytes()
    assert merge(decode(image["original"]), decode(image["modified"])).size == (60, 80)


def test_equal_halves_that_are_shown_differently_are_asked_separately(tmp_path: Path) -> None:
    for layout in ("stacked", "side_by_side"):
        merged(scene(64, 42), scene(64, 42, changed=True), layout).save(tmp_path / f"{layout}.png")
    lines = [merged_line(f"{layout}.png", qid=layout) for layout in ("stacked", "side_by_side")]
    _, (stacked, side_by_side) = tables(write_lines(tmp_path, *lines))
    assert stacked["original_sha256"] == side_by_side["original_sha256"]
    assert stacked["modified_sha256"] != side_by_side["modified_sha256"]


# ---- the seam --------------------------------------------------------------------------------------------------------


def like_a_photograph(size: tuple[int, int], seed: int) -> Image.Image:
    """Smooth noise at several scales, with a grain."""
    random = np.random.default_rng(seed)
    levels = np.zeros((size[1], size[0]))
    for cells, height in ((3, 90), (12, 40), (48, 15)):
        noise = Image.fromarray(random.random((cells, cells)).astype(np.float32)).resize(size, Image.Resampling.BICUBIC)
        levels += height * np.asarray(noise)
    return Image.fromarray((levels + random.normal(0, 3, levels.shape)).clip(0, 255).astype(np.uint8)).convert("RGB")


def changed(image: Image.Image, fraction: float) -> Image.Image:
    """The image with something else on a fraction of its area."""
    result = image.copy()
    width, height = (int(side * fraction**0.5) for side in image.size)
    result.paste(like_a_photograph(image.size, 99).crop((0, 0, width, height)), (image.width // 5, image.height // 5))
    return result


def as_jpeg(image: Image.Image, quality: int) -> Image.Image:
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=quality)
    return Image.open(buffer)


@pytest.fixture(params=[0.65, 0.88], ids=["stricter", "laxer"])
def _margin(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """The threshold is neither met nor missed narrowly."""
    monkeypatch.setattr(merged_module, "_MATCH", request.param)


@pytest.mark.usefixtures("_margin")
@pytest.mark.parametrize("layout", ["side_by_side", "stacked"])
@pytest.mark.parametrize("quality", [30, 95])
@pytest.mark.parametrize("size", [(320, 240), (240, 320), (400, 200), (450, 150), (251, 333)])
def test_the_seam_is_found_after_compression_and_a_large_change(
    size: tuple[int, int], quality: int, layout: str
) -> None:
    image = like_a_photograph(size, 3)
    for fraction in (0.02, 0.25):
        assert find_layout(as_jpeg(merged(image, changed(image, fraction), layout), quality)) == layout


@pytest.mark.usefixtures("_margin")
def test_an_edit_that_made_the_image_lighter_hides_no_seam() -> None:
    image = like_a_photograph((320, 240), 3)
    lighter = changed(image, 0.1).point(lambda level: level + 6)
    assert find_layout(as_jpeg(merged(image, lighter, "stacked"), 75)) == "stacked"


def refused() -> dict[str, Image.Image]:
    grain = np.random.default_rng(1).normal(0, 3, (300, 400))
    sky = np.add.outer(np.linspace(60, 220, 300), np.linspace(0, 5, 400))
    repeated = merged(*[like_a_photograph((200, 300), 4)] * 2, "side_by_side")
    single = like_a_photograph((400, 300), 4)
    return {
        "single": single,
        "single and tall": like_a_photograph((300, 600), 5),
        "mirrored": merged(single, ImageOps.mirror(single), "side_by_side"),
        "two": merged(single, like_a_photograph((400, 300), 6), "stacked"),
        "plain": Image.fromarray((128 + grain).astype(np.uint8)),
        "sky": Image.fromarray((sky + grain).clip(0, 255).astype(np.uint8)),
        "halves of equal halves": merged(repeated, repeated, "stacked"),
    }


@pytest.mark.usefixtures("_margin")
@pytest.mark.parametrize("name", refused())
def test_what_is_no_clear_pair_is_refused(name: str) -> None:
    for quality in (30, 85):
        assert find_layout(as_jpeg(refused()[name], quality)) is None


@pytest.mark.usefixtures("_margin")
@pytest.mark.skipif(not REAL_PAIRS.is_dir(), reason="the published examples are not there")
def test_published_pairs_and_their_halves() -> None:
    paths = sorted(REAL_PAIRS.glob("*.jpg"))
    assert paths
    for path in paths:
        image = decode(path.read_bytes())
        layout = "side_by_side" if path.stem == "hard_12639_remove1" else "stacked"  # as one sees
        assert find_layout(image) == layout, path.name
        halves = split(image, layout)
        assert [find_layout(half) for half in halves] == [None, None], path.name
        assert np.array_equal(np.asarray(merge(*halves)), np.asarray(image)), path.name
        other = "stacked" if layout == "side_by_side" else "side_by_side"
        assert find_layout(as_jpeg(merged(*(half.resize(halves[0].size) for half in halves), other), 30)) == other


# ---- reading ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["L", "LA", "RGBA", "CMYK", "P"])
def test_images_of_every_kind_are_cut(tmp_path: Path, mode: str) -> None:
    suffix = "jpg" if mode == "CMYK" else "png"
    merged(scene(180, 120), scene(180, 120, changed=True), "stacked").convert(mode).save(tmp_path / f"m.{suffix}")
    (sample,), (image,) = tables(write_lines(tmp_path, merged_line(f"m.{suffix}")))
    assert (sample["width"], sample["height"]) == (180, 120)
    assert size_of(image["modified"]) == (180, 120)


def test_a_merged_image_of_16_bit_grey_is_cut_at_its_seam(tmp_path: Path) -> None:
    grey = np.asarray(merged(scene(60, 40), scene(60, 40, changed=True), "stacked").convert("L"))
    Image.fromarray(grey.astype(np.uint16) * 257).save(tmp_path / "m.png")
    assert Image.open(tmp_path / "m.png").mode == "I;16"
    _, (image,) = tables(write_lines(tmp_path, merged_line("m.png")))
    halves = (decode(image[name]) for name in ("original", "modified"))
    assert np.array_equal(np.vstack([np.asarray(half.convert("L")) for half in halves]), grey)


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
    for part in ("line 1: image", "line 2: image", "`layout` on the line: side_by_side or stacked; or in"):
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


# ---- the layout of a whole dataset, and folders with a merged image alone --------------------------------------------


def test_the_layout_of_the_entry_holds_for_the_lines_without_one(tmp_path: Path) -> None:
    Image.new("RGB", (80, 80), "teal").save(tmp_path / "plain.png")
    lines = [merged_line("plain.png", qid=1), merged_line("plain.png", qid=2, layout="side_by_side")]
    entry = write_lines(tmp_path, *lines).model_copy(update={"layout": "stacked"})
    samples, _ = tables(entry)
    assert [(sample["width"], sample["height"]) for sample in samples] == [(80, 40), (40, 80)]
    other = entry.model_copy(update={"layout": "side_by_side"})
    assert len({found_revision(one) for one in (entry, other, other)}) == 2


def write_merged_folder(root: Path, name: str, image: Image.Image, **truth: str) -> None:
    folder = root / "easy" / name
    folder.mkdir(parents=True)
    image.save(folder / "merged.png")
    (folder / "differences.json").write_text(json.dumps({"modifications": [CAR]} | truth))


def test_a_folder_with_a_merged_image_alone_is_a_pair(tmp_path: Path) -> None:
    joined = merged(scene(60, 40), scene(60, 40, changed=True), "stacked")
    write_merged_folder(tmp_path, "1", joined)
    write_merged_folder(tmp_path, "2", Image.new("RGB", (80, 80), "teal"), layout="side_by_side")
    samples, images = tables(folder_entry(tmp_path))
    assert [(sample["width"], sample["height"]) for sample in samples] == [(60, 40), (40, 80)]
    assert np.array_equal(np.asarray(decode(images[0]["modified"])), np.asarray(scene(60, 40, changed=True)))
    assert images[0]["merged"] == (tmp_path / "easy/1/merged.png").read_bytes()


def test_an_unclear_seam_in_a_folder_names_its_file_and_the_entry(tmp_path: Path) -> None:
    write_merged_folder(tmp_path, "1", Image.new("RGB", (80, 80), "teal"))
    entry = folder_entry(tmp_path)
    with pytest.raises(UserError, match=r"(?s)1/merged\.png: unknown.*80×80.*`layout` in differences\.json"):
        tables(entry)
    (sample,), _ = tables(entry.model_copy(update={"layout": "stacked"}))
    assert (sample["width"], sample["height"]) == (80, 40)


def test_the_folder_of_one_split_of_merged_images_is_recognised(tmp_path: Path) -> None:
    write_merged_folder(tmp_path, "1", scene(60, 80))
    assert "it is a single split" in errors_of(folder_entry(tmp_path / "easy"))
    assert [pair.sample_id for pair in check_pairs(folder_entry(tmp_path))] == ["easy/00000_1"]

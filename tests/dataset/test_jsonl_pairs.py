"""Pairs from JSON Lines: what is kept, and every error reported by line, all at once."""

import hashlib
import json
import os
from pathlib import Path

import pyarrow as pa
import pytest
from dataset.own_files import CAR, errors_of, line, save_pair, scene, size_of, tables, write_lines
from PIL import Image

from spd_faith.core.entries import AbsentFile
from spd_faith.core.schemas import IMAGES, SAMPLES
from spd_faith.dataset.own_pairs import check_pairs, found_revision, revision


def test_a_line_becomes_a_sample_and_the_bytes_of_its_images(tmp_path: Path) -> None:
    moved = {
        "type": " Position ",
        "category": " Dining Table ",
        "description": "The table stands on the left.",
        "bbox": [1, 2.5, 30, 4],
        "bbox_after": [20, 2, 30, 4],
    }
    entry = write_lines(tmp_path, line(785, modifications=[moved, CAR], split="easy", question="Same?", is_faithful=0))
    (sample,), (image,) = tables(entry)
    assert sample == {
        "sample_id": "easy/00000_785",
        "split": "easy",
        "image_id": "785",
        "width": 60,
        "height": 40,
        "num_differences": 2,
        "differences": [
            {
                "type": "position",
                "category": "dining table",
                "description": "The table stands on the left.",
                "bbox": {"x": 1.0, "y": 2.5, "w": 30.0, "h": 4.0},
                "bbox_after": {"x": 20.0, "y": 2.0, "w": 30.0, "h": 4.0},
            },
            {"type": "color", "category": "car", "description": None, "bbox": None, "bbox_after": None},
        ],
        "question": "Same?",
        "is_faithful": False,
        "control": "none",
    }
    original, modified = ((tmp_path / name).read_bytes() for name in ("a.png", "b.png"))
    assert image == {
        "sample_id": "easy/00000_785",
        "original": original,
        "modified": modified,
        "original_sha256": hashlib.sha256(original).hexdigest(),
        "modified_sha256": hashlib.sha256(modified).hexdigest(),
    }
    pa.Table.from_pylist([sample], schema=SAMPLES).validate(full=True)
    pa.Table.from_pylist([image], schema=IMAGES).validate(full=True)


def test_rows_count_within_a_split_and_a_repeated_id_is_one_cluster(tmp_path: Path) -> None:
    save_pair(tmp_path, "c.png", "d.png", (50, 50))
    other = {"original": "c.png", "modified": "d.png"}
    entry = write_lines(tmp_path, line("9", split="hard"), line("7"), line("7", **other), line("8", split="hard"))
    samples, images = tables(entry)
    ids = ["hard/00000_9", "pairs/00000_7", "pairs/00001_7", "hard/00001_8"]
    assert [row["sample_id"] for row in samples] == [row["sample_id"] for row in images] == ids
    assert [row["image_id"] for row in samples] == ["9", "7", "7", "8"]


def test_the_limit_counts_within_a_split_and_leaves_later_images_closed(tmp_path: Path) -> None:
    absent = {"original": "not there.png"}
    lines = (line("1"), line("2", split="b"), line("3", **absent), line("4", split="b", **absent))
    samples, _ = tables(write_lines(tmp_path, *lines, limit=1))
    assert [row["sample_id"] for row in samples] == ["pairs/00000_1", "b/00000_2"]
    assert "line 3: modifications" in errors_of(
        write_lines(tmp_path, lines[0], lines[1], line("3", modifications=0), limit=1)
    )


@pytest.mark.parametrize(("label", "kept"), [(1, True), (True, True), (0, False), (-1, None), (None, None)])
def test_is_faithful_is_kept_and_minus_one_means_unknown(tmp_path: Path, label: object, kept: bool | None) -> None:
    (sample,), _ = tables(write_lines(tmp_path, line(is_faithful=label)))
    assert sample["is_faithful"] is kept


@pytest.mark.parametrize(
    ("colors", "description"),
    [
        ({"original_color": "red", "target_color": "blue"}, "the color of the car changed from red to blue"),
        ({"target_color": "blue"}, "the color of the car changed to blue"),
        ({"target_color": "blue", "description": " It is blue now. "}, "It is blue now."),
        ({"description": " "}, None),
    ],
)
def test_colors_stand_in_for_a_missing_description(tmp_path: Path, colors: dict, description: str | None) -> None:
    (sample,), _ = tables(write_lines(tmp_path, line(modifications=[CAR | colors])))
    assert sample["differences"][0]["description"] == description


def test_bom_blank_lines_windows_line_ends_and_a_missing_last_one_pass(tmp_path: Path) -> None:
    entry = write_lines(tmp_path)
    separator = "\u2028"  # ends a line for str.splitlines, not for JSON Lines
    text = "\r\n".join(["", line("1"), "  ", json.dumps(json.loads(line("2", question=separator)), ensure_ascii=False)])
    Path(entry.path).write_bytes(b"\xef\xbb\xbf" + text.encode())
    samples, _ = tables(entry)
    assert [row["image_id"] for row in samples] == ["1", "2"]
    assert samples[1]["question"] == separator


def test_absolute_paths_and_paths_out_of_the_folder_are_followed(tmp_path: Path) -> None:
    save_pair(tmp_path / "elsewhere", "c.png", "d.png", (50, 30))
    paths = {"original": "../elsewhere/c.png", "modified": str(tmp_path / "elsewhere/d.png")}
    (sample,), _ = tables(write_lines(tmp_path / "lines", line(**paths)))
    assert (sample["width"], sample["height"]) == (50, 30)


def test_sizes_of_a_pair_may_differ_and_a_turned_photograph_counts_upright(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned by a quarter
    scene(80, 50).save(tmp_path / "turned.jpg", exif=exif)
    box = {"bbox": [40, 70, 10, 10]}  # inside 50×80, not inside 80×50
    (sample,), _ = tables(write_lines(tmp_path, line(original="turned.jpg", modifications=[CAR | box])))
    assert (sample["width"], sample["height"]) == (50, 80)


ERRORS = {
    "misspelt key": (line(modificatons=[]), ["modificatons: unknown key", "nearest: modifications"]),
    "misspelt key within": (
        line(modifications=[CAR | {"boxx": 1}]),
        ["modifications.0.boxx: unknown key", "nearest: bbox"],
    ),
    "missing key": ('{"original": "a.png", "modified": "b.png"}', ["modifications: missing key", "qid: missing key"]),
    "unknown type": (
        line(modifications=[CAR, CAR | {"type": "colour"}]),
        ["modifications.1.type: unknown value", "'colour'", "allowed: color, remove, position", "nearest: color"],
    ),
    "no difference": (line(modifications=[]), ["modifications: no difference"]),
    "empty category": (line(modifications=[CAR | {"category": " "}]), ["modifications.0.category: an empty name"]),
    "empty qid": (line(" "), ["qid: an empty name"]),
    "split that names no file": (line(split="a/b"), ["split: not a valid name", "found:   'a/b'"]),
    "label": (line(is_faithful=2), ["is_faithful: wrong value", "found:   2"]),
    "box of three": (line(modifications=[CAR | {"bbox": [1, 2, 3]}]), ["modifications.0.bbox: not a box"]),
    "box without size": (line(modifications=[CAR | {"bbox": [1, 2, 3, 0]}]), ["modifications.0.bbox: not a box"]),
    "box of corners": (
        line(modifications=[CAR | {"bbox": [30, 20, 50, 39]}]),
        ["modifications.0.bbox: outside the image", "60×40"],
    ),
    "box above": (line(modifications=[CAR | {"bbox": [1, -5, 2, 9]}]), ["modifications.0.bbox: outside the image"]),
    "box after": (line(modifications=[CAR | {"bbox_after": [55, 1, 9, 9]}]), ["modifications.0.bbox_after: outside"]),
    "box that is no number": (line(modifications=[CAR | {"bbox": [1, 2, 3, float("nan")]}]), ["bbox.3", "finite"]),
    "a list": ("[1, 2]", ["not an object", "found:   [1, 2]"]),
    "comma after the object": (line() + ",", ["not valid JSON", "Extra data", "without a comma"]),
    "comma after the last key": (line()[:-1] + ",}", ["not valid JSON", "without a comma"]),
    "cut short": (line()[:30], ["not valid JSON", "column"]),
    "key twice": ('{"qid": "1", "qid": "2"}', ["duplicate key", "found:   'qid'"]),
    "no image": ('{"qid": "1", "modifications": [{"type": "color", "category": "car"}]}', ["found:   'no image'"]),
    "one image of two": (line(modified=None), ["not a pair of images", "found:   'original'"]),
    "merged and one more": (line(modified=None, image="a.png"), ["not a pair of images", "'original, image'"]),
    "one file twice": (line(modified="folder.png/../a.png"), ["original and modified are the same file"]),
    "absent": (line(original="x.png"), ["original: no such file", "x.png"]),
    "folder": (line(modified="folder.png"), ["modified: a folder, not an image"]),
    "empty": (line(modified="empty.png"), ["modified: an empty file"]),
    "text": (line(modified="text.png"), ["modified: not a readable image", "JPEG, PNG or WebP"]),
    "layout": (line(image="a.png", layout="side by side"), ["layout: unknown value", "nearest: side_by_side"]),
}


@pytest.fixture
def broken_files(tmp_path: Path) -> Path:
    (tmp_path / "folder.png").mkdir()
    (tmp_path / "empty.png").touch()
    (tmp_path / "text.png").write_text("no image")
    return tmp_path


@pytest.mark.parametrize(("text", "parts"), ERRORS.values(), ids=ERRORS.keys())
def test_an_error_is_reported_with_file_line_and_key(broken_files: Path, text: str, parts: list[str]) -> None:
    entry = write_lines(broken_files, line("first"), "", text)
    message = errors_of(entry)
    places = [row for row in message.splitlines() if not row.startswith("  ")]
    assert places and all(row.startswith(f"{entry.path}: line 3") for row in places), message
    assert all(part in message for part in parts), message


def test_all_errors_are_reported_at_once_in_the_order_of_the_lines(broken_files: Path) -> None:
    lines = [text for text, _ in ERRORS.values()]
    message = errors_of(write_lines(broken_files, line("first"), *lines))
    numbers = [int(row.split("line ")[1].split(":")[0]) for row in message.splitlines() if not row.startswith("  ")]
    assert numbers == sorted(numbers)
    assert set(numbers) == set(range(2, len(lines) + 2))


def test_a_pair_that_stands_twice_is_reported_with_both_lines(tmp_path: Path) -> None:
    message = errors_of(write_lines(tmp_path, line("1"), line("2"), line("1", modifications=[CAR, CAR])))
    assert "line 3: duplicates the pair in line 1" in message and "line 2" not in message


@pytest.mark.parametrize(
    ("data", "parts"),
    [
        ((line() + "\n").encode("utf-16"), ["pairs.jsonl: not in UTF-8", "UTF-16"]),
        (line().encode() + b'\n{"qid": "caf\xe9"}\n', ["pairs.jsonl: line 2: not in UTF-8", "0xe9"]),
        (b"\n\n", ["no pairs"]),
    ],
)
def test_a_file_in_another_encoding_or_without_pairs_is_reported(tmp_path: Path, data: bytes, parts: list[str]) -> None:
    entry = write_lines(tmp_path)
    Path(entry.path).write_bytes(data)
    message = errors_of(entry)
    assert all(part in message for part in parts), message


def test_the_revision_that_is_found_follows_truths_and_images_and_nothing_else(tmp_path: Path) -> None:
    entry = write_lines(tmp_path, line("1"))
    first = found_revision(entry)
    write_again = Path(entry.path).read_text()
    Path(entry.path).write_text(write_again.replace(": ", ":   ") + "\n\n")
    (tmp_path / "unrelated.png").touch()
    os.utime(tmp_path / "b.png", (0, 0))
    assert found_revision(entry) == first
    Path(entry.path).write_text(line("1", modifications=[CAR | {"category": "bus"}]))
    second = found_revision(entry)
    Path(entry.path).write_text(write_again)
    scene(60, 40).rotate(180).save(tmp_path / "b.png")
    assert len({first, second, found_revision(entry)}) == 3
    (tmp_path / "b.png").unlink()
    assert len({first, second, found_revision(entry)}) == 3


def test_the_revision_is_of_the_content_wherever_and_whenever_it_was_written(tmp_path: Path) -> None:
    here, there = (check_pairs(write_lines(tmp_path / place, line("1"))) for place in ("here", "there"))
    assert revision(here) == revision(there)
    for other in (line("2"), line("1", modifications=[CAR, CAR]), line("1", is_faithful=0)):
        assert revision(check_pairs(write_lines(tmp_path / "other", other))) != revision(here)
    scene(60, 40).rotate(180).save(tmp_path / "there/b.png")
    assert revision(there) != revision(here)


def test_a_pair_with_its_merged_image_keeps_all_three_uncut(tmp_path: Path) -> None:
    scene(120, 40).save(tmp_path / "m.png")
    _, (image,) = tables(write_lines(tmp_path, line(image="m.png")))
    assert image["original"] == (tmp_path / "a.png").read_bytes()
    assert image["merged"] == (tmp_path / "m.png").read_bytes()
    assert size_of(image["merged"]) == (120, 40)


@pytest.mark.parametrize("kind", ["png", "jpg", "webp"])
def test_a_image_that_is_cut_short_is_reported_before_any_job(tmp_path: Path, kind: str) -> None:
    save_pair(tmp_path, f"whole.{kind}", f"cut.{kind}", size=(200, 160))
    path = tmp_path / f"cut.{kind}"
    path.write_bytes(path.read_bytes()[:-120])
    errors = errors_of(write_lines(tmp_path, line(original=f"whole.{kind}", modified=f"cut.{kind}")))
    assert errors.startswith(f"{tmp_path}/pairs.jsonl: line 1: modified: cannot be read (")


def test_what_a_camera_appends_to_a_image_is_no_error(tmp_path: Path) -> None:
    save_pair(tmp_path, "a.jpg", "b.jpg")
    with (tmp_path / "a.jpg").open("ab") as file:
        file.write(b"\xff\xda" + b"film" * 100)
    check_pairs(write_lines(tmp_path, line(original="a.jpg", modified="b.jpg")))


def test_images_may_lie_in_a_folder_of_their_own(tmp_path: Path) -> None:
    entry = write_lines(tmp_path, line())
    save_pair(tmp_path / "images", "a.png", "b.png", (80, 50))
    elsewhere = entry.model_copy(update={"image_dir": str(tmp_path / "images")})
    (sample,), _ = tables(elsewhere)
    assert (sample["width"], sample["height"]) == (80, 50)
    assert elsewhere.absent_file() is None
    absent = entry.model_copy(update={"image_dir": str(tmp_path / "none")})
    assert absent.absent_file() == AbsentFile("image_dir", str(tmp_path / "none"), "an existing folder")
    assert "none/a.png" in errors_of(absent)

"""Pairs in the released folders: known by their names, in a stable order, every error by name, all at once."""

import json
from pathlib import Path

import pyarrow as pa
import pytest
from dataset.own_files import CAR, errors_of, folder_entry, save_pair, scene, tables, write_pair_folder

from spd_faith.core.schemas import IMAGES, SAMPLES
from spd_faith.dataset.entries import FolderDataset
from spd_faith.dataset.own_pairs import check_pairs, found_revision


def test_a_folder_becomes_a_sample_with_the_bytes_of_its_images(tmp_path: Path) -> None:
    truth = {"modifications": [CAR | {"bbox": [1, 2, 3, 4]}], "question": "Same?", "is_faithful": 1}
    folder = write_pair_folder(tmp_path, "multi_diff", "100238", truth)
    scene(120, 40).save(folder / "merged.jpg")
    (sample,), (image,) = tables(folder_entry(tmp_path))
    assert sample["sample_id"] == "multi_diff/00000_100238"
    assert (sample["split"], sample["image_id"]) == ("multi_diff", "100238")
    assert (sample["width"], sample["height"], sample["num_differences"]) == (60, 40, 1)
    assert (sample["question"], sample["is_faithful"]) == ("Same?", True)
    assert sample["differences"][0]["bbox"] == {"x": 1.0, "y": 2.0, "w": 3.0, "h": 4.0}
    for role, name in (("original", "100238_original"), ("modified", "100238_modified_final"), ("merged", "merged")):
        assert image[role] == (folder / f"{name}.jpg").read_bytes()
    pa.Table.from_pylist([sample], schema=SAMPLES).validate(full=True)
    pa.Table.from_pylist([image], schema=IMAGES).validate(full=True)


def test_pairs_come_in_natural_order_and_limit_and_splits_choose(tmp_path: Path) -> None:
    for name in ("10", "9", "2b", "2"):
        write_pair_folder(tmp_path, "hard", name)
    write_pair_folder(tmp_path, "easy", "1")
    write_pair_folder(tmp_path, "medium", "1")

    def ids(**choice: object) -> list[str]:
        return [pair.sample_id for pair in check_pairs(folder_entry(tmp_path, **choice))]

    hard = ["hard/00000_2", "hard/00001_2b", "hard/00002_9", "hard/00003_10"]
    assert ids() == ["easy/00000_1", *hard, "medium/00000_1"]
    assert ids(splits=["hard", "easy"], limit=2) == [*hard[:2], "easy/00000_1"]


def test_the_order_is_not_that_of_the_file_system(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("1", "2", "3"):
        write_pair_folder(tmp_path, "easy", name)
    expected = [pair.sample_id for pair in check_pairs(folder_entry(tmp_path))]
    listed = Path.iterdir
    monkeypatch.setattr(Path, "iterdir", lambda folder: sorted(listed(folder), reverse=True))
    assert [pair.sample_id for pair in check_pairs(folder_entry(tmp_path))] == expected


@pytest.mark.parametrize(
    ("original", "modified"),
    [
        ("7_original.jpg", "7_modified_final.jpg"),
        ("7_Original.JPG", "7_Modified_Final.PNG"),
        ("original.png", "modified.webp"),
        ("kitchen_original.jpeg", "kitchen_modified.jpeg"),
    ],
)
def test_the_names_tell_the_images_apart(tmp_path: Path, original: str, modified: str) -> None:
    folder = tmp_path / "easy/7"
    save_pair(folder, original, modified)
    (folder / "differences.json").write_bytes(b"\xef\xbb\xbf" + json.dumps({"modifications": [CAR]}).encode())
    _, (image,) = tables(folder_entry(tmp_path))
    assert image["original"] == (folder / original).read_bytes()
    assert image["modified"] == (folder / modified).read_bytes()


def test_the_final_modified_image_counts_and_the_steps_before_it_do_not(tmp_path: Path) -> None:
    folder = write_pair_folder(tmp_path, "easy", "7")
    for step in ("7_modified.jpg", "7_modified_diff_1.jpg", "7_modified_diff_2.jpg", "._7_original.jpg"):
        scene(30, 30).save(folder / step)
    _, (image,) = tables(folder_entry(tmp_path))
    assert image["modified"] == (folder / "7_modified_final.jpg").read_bytes()


def test_the_log_of_the_released_generator_is_read(tmp_path: Path) -> None:
    log = {
        "image_id": 7, "complexity": "medium", "num_differences": 2, "timestamp": "2025-01-01T00:00:00",
        "differences": [
            {"type": "color", "bbox": [1.0, 2.0, 3.0, 4.0], "category": "chair", "category_id": 62, "diff_index": 1,
             "original_color": "red", "target_color": "blue", "area": 12.0, "object_index": 0},
            {"type": "position", "original_bbox": [1.0, 2.0, 3.0, 4.0], "new_bbox": [9.0, 2.0, 3.0, 4.0],
             "category": "cup", "category_id": 47, "area": 12.0, "object_index": 3, "diff_index": 2},
        ],
    }  # fmt: skip
    write_pair_folder(tmp_path, "medium", "7", log, "log.json")
    (sample,), _ = tables(folder_entry(tmp_path))
    first, second = sample["differences"]
    assert first["description"] == "the color of the chair changed from red to blue"
    assert (second["type"], second["category"]) == ("position", "cup")
    assert second["bbox"] == {"x": 1.0, "y": 2.0, "w": 3.0, "h": 4.0}
    assert second["bbox_after"] == {"x": 9.0, "y": 2.0, "w": 3.0, "h": 4.0}


def test_differences_json_corrects_the_log(tmp_path: Path) -> None:
    folder = write_pair_folder(tmp_path, "medium", "7", {"modifications": [CAR | {"category": "bus"}]})
    (folder / "log.json").write_text(json.dumps({"differences": [CAR]}))
    (sample,), _ = tables(folder_entry(tmp_path))
    assert [difference["category"] for difference in sample["differences"]] == ["bus"]


def test_a_difference_that_the_generator_failed_to_make_is_reported(tmp_path: Path) -> None:
    log = {"differences": [CAR, {"diff_index": 2, "type": "remove", "error": "no mask"}]}
    write_pair_folder(tmp_path, "medium", "7", log, "log.json")
    assert "7/log.json: modifications.1.error: unknown key" in errors_of(folder_entry(tmp_path))


def test_errors_of_all_folders_are_reported_at_once_by_name(tmp_path: Path) -> None:
    names = ("1", "2", "3", "4", "5", "6", "7", "8", "9", "10")
    folders = {name: write_pair_folder(tmp_path, "easy", name) for name in names}
    (folders["1"] / "1_original.jpg").rename(folders["1"] / "1_first.jpg")
    (folders["2"] / "2_modified_final.jpg").rename(folders["2"] / "2_modified_diff_1.jpg")
    save_pair(folders["3"], "3b_original.jpg", "3b.jpg")
    (folders["4"] / "differences.json").unlink()
    (folders["5"] / "differences.json").write_text("{")
    (folders["6"] / "differences.json").write_text(json.dumps({"modificatons": []}))
    (folders["7"] / "7_original.jpg").write_bytes(b"")
    (folders["8"] / "differences.json").write_text(json.dumps({"modifications": [CAR | {"bbox": [50, 0, 50, 9]}]}))
    for path in folders["9"].iterdir():
        path.unlink()
    message = errors_of(folder_entry(tmp_path))
    easy = tmp_path / "easy"
    for part in (
        f"{easy}/1: no original image\n  found:   '1_first.jpg, 1_modified_final.jpg, differences.json'",
        f"{easy}/2: no modified image",
        "allowed: 2_modified_final.jpg, .png or .webp",
        f"{easy}/3: more than one original image\n  found:   '3_original.jpg, 3b_original.jpg'",
        f"{easy}/4: no truth",
        f"{easy}/5/differences.json: not valid JSON",
        f"{easy}/6/differences.json: modificatons: unknown key",
        "nearest: modifications",
        f"{easy}/7/7_original.jpg: an empty file",
        f"{easy}/8/differences.json: modifications.0.bbox: outside the image",
        f"{easy}/9: no original image\n  found:   'an empty folder'",
    ):
        assert part in message, message
    assert f"{easy}/10" not in message


def test_what_lies_where_no_pair_can_be_is_reported(tmp_path: Path) -> None:
    write_pair_folder(tmp_path, "easy", "1")
    scene(30, 30).save(tmp_path / "easy/785.jpg")
    (tmp_path / "hard").mkdir()
    (tmp_path / "my split/1").mkdir(parents=True)
    (tmp_path / "README.txt").touch()
    (tmp_path / "easy/notes.txt").touch()
    (tmp_path / ".cache").mkdir()
    message = errors_of(folder_entry(tmp_path))
    assert "easy: images outside the folders of pairs\n  found:   '785.jpg'" in message
    assert "hard: no pairs" in message
    assert "my split: not a valid split name" in message
    assert "README" not in message and "notes" not in message and ".cache" not in message


def test_a_split_named_as_the_path_is_reported_with_the_way_out(tmp_path: Path) -> None:
    for name in ("1", "2"):
        write_pair_folder(tmp_path, "multi_diff", name)
    message = errors_of(folder_entry(tmp_path / "multi_diff"))
    assert "it is a single split" in message and "splits: [multi_diff]" in message
    assert message.count("allowed:") == 1


def test_an_absent_split_and_an_empty_folder_are_reported(tmp_path: Path) -> None:
    assert "no pairs" in errors_of(folder_entry(tmp_path))
    write_pair_folder(tmp_path, "multi_diff", "1")
    message = errors_of(folder_entry(tmp_path, splits=["multidiff"]))
    assert "no such split folder" in message and "nearest: multi_diff" in message


def test_the_revision_that_is_found_follows_new_pairs_and_changed_files(tmp_path: Path) -> None:
    folder = write_pair_folder(tmp_path, "easy", "1")
    entry = folder_entry(tmp_path)
    prints = [found_revision(entry)]
    scene(60, 40, changed=True).rotate(180).save(folder / "1_modified_final.jpg")
    prints.append(found_revision(entry))
    (folder / "differences.json").write_text(json.dumps({"modifications": [CAR, CAR]}))
    prints.append(found_revision(entry))
    write_pair_folder(tmp_path, "easy", "2")
    prints.append(found_revision(entry))
    (tmp_path / "easy/2/2_original.jpg").unlink()
    prints.append(found_revision(entry))
    assert len(set(prints)) == 4  # the last pair cannot be read any more, so it is as before it was added
    assert prints[4] == prints[2]


def test_a_folder_of_splits_and_that_of_one_split_hold_the_same_pairs(tmp_path: Path) -> None:
    for split, name in (("easy", "1"), ("easy", "2"), ("hard", "1")):
        write_pair_folder(tmp_path, split, name)
    of_all, of_one = (
        [pair.sample_id for pair in check_pairs(FolderDataset.of_folder(one))] for one in (tmp_path, tmp_path / "easy")
    )
    assert of_all == ["easy/00000_1", "easy/00001_2", "hard/00000_1"]
    assert of_one == of_all[:2]

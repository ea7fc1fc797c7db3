"""Controls of every source: their pixels and truths, which differences can be undone, and which pairs are chosen."""

import hashlib
import io
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from dataset.published import write
from PIL import ExifTags, Image

import make_dataset
from spd_faith.core.entries import DatasetRows
from spd_faith.core.errors import UserError
from spd_faith.core.files import read_provenance, read_table
from spd_faith.core.schemas import IMAGES, SAMPLES
from spd_faith.dataset.control_kinds import CONTROLS, LeftOut
from spd_faith.dataset.control_settings import Controls
from spd_faith.dataset.controlled_pair import BasePair
from spd_faith.dataset.controls import with_controls
from spd_faith.dataset.entries import DATASETS, DemoDataset, FolderDataset, HubDataset, JsonlDataset
from spd_faith.dataset.hub import hub_pairs
from spd_faith.dataset.tables import write_dataset
from spd_faith.inference.images import joined

SIZE = (60, 40)
COLOR = {"type": "color", "category": "car", "bbox": [5, 5, 10, 8]}
REMOVE = {"type": "remove", "category": "dog", "bbox": [30.5, 20.25, 11, 9]}  # rows 20 to 30, columns 30 to 42
PLACES = [(slice(5, 13), slice(5, 15)), (slice(20, 30), slice(30, 42))]
ALL = dict.fromkeys(CONTROLS, 1)


def pair_pixels() -> tuple[np.ndarray, np.ndarray]:
    """An original, and a modified image with other pixels in both boxes and noise of one grey level everywhere."""
    rng = np.random.default_rng(3)
    original = rng.integers(60, 200, (SIZE[1], SIZE[0], 3)).astype(np.uint8)
    modified = (original + rng.choice([-1, 1], original.shape)).astype(np.uint8)
    for place in PLACES:
        modified[place] = 255 - original[place]
    return original, modified


def png(pixels: np.ndarray, **options: Any) -> bytes:
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "PNG", **options)
    return out.getvalue()


def decoded(data: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))


def box(numbers: list[float] | None) -> dict[str, float] | None:
    return numbers and dict(zip("xywh", numbers, strict=True))


# ---- each source with one pair of two differences --------------------------------------------------------------------


def hub_rows(folder: Path, original: bytes, modified: bytes) -> DatasetRows:
    differences = [
        {"type": one["type"], "category": one["category"], "description": "The car turned red."}
        | {f"bbox_{axis}": float(value) for axis, value in zip("xywh", one["bbox"], strict=True)}
        for one in (COLOR, REMOVE)
    ]
    row = {"image_id": 7, "image1": original, "image2": modified, "num_differences": 2, "differences": differences}
    write(folder, "multi_diff.parquet", [row])
    entry = HubDataset(source="hub", repository="a/b", splits={"multi_diff": None})
    return with_controls(DatasetRows({}, hub_pairs(folder, entry)), Controls(**ALL), 0)


def folder_rows(folder: Path, original: bytes, modified: bytes) -> DatasetRows:
    pair = folder / "multi_diff/7"
    pair.mkdir(parents=True)
    (pair / "7_original.png").write_bytes(original)
    (pair / "7_modified.png").write_bytes(modified)
    (pair / "differences.json").write_text(json.dumps({"modifications": [COLOR, REMOVE]}))
    return FolderDataset(source="folder", path=str(folder), controls=Controls(**ALL)).rows_with_controls()


def jsonl_rows(folder: Path, original: bytes, modified: bytes) -> DatasetRows:
    (folder / "a.png").write_bytes(original)
    (folder / "b.png").write_bytes(modified)
    return _lines(folder, {"original": "a.png", "modified": "b.png"})


def merged_rows(folder: Path, original: bytes, modified: bytes) -> DatasetRows:
    (folder / "m.png").write_bytes(png(np.concatenate([decoded(original), decoded(modified)], axis=1)))
    return _lines(folder, {"image": "m.png", "layout": "side_by_side"})  # landscapes are usually stacked


def _lines(folder: Path, images: dict[str, str]) -> DatasetRows:
    line = {"qid": "7", "split": "multi_diff", "modifications": [COLOR, REMOVE], "is_faithful": 1} | images
    (folder / "pairs.jsonl").write_text(json.dumps(line))
    entry = JsonlDataset(source="jsonl", path=str(folder / "pairs.jsonl"), controls=Controls(**ALL))
    return entry.rows_with_controls()


SOURCES = {"hub": hub_rows, "folder": folder_rows, "jsonl": jsonl_rows, "merged": merged_rows}
Rows = dict[str, dict[str, Any]]


def tables(rows: DatasetRows, folder: Path) -> tuple[Rows, Rows]:
    """Rows of samples and of images by sample id, from the written tables."""
    write_dataset(folder / "s.parquet", folder / "i.parquet", rows.batches, rows.provenance, rows.summary)
    samples, images = read_table(folder / "s.parquet", SAMPLES), read_table(folder / "i.parquet", IMAGES)
    assert samples["sample_id"].to_pylist() == images["sample_id"].to_pylist()
    return tuple({row["sample_id"]: row for row in table.to_pylist()} for table in (samples, images))


@pytest.fixture(params=SOURCES)
def source(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[str, Rows, Rows]:
    original, modified = pair_pixels()
    return request.param, *tables(SOURCES[request.param](tmp_path, png(original), png(modified)), tmp_path)


BASE = "multi_diff/00000_7"


def test_the_pixels_of_each_kind_from_each_source(source: tuple[str, Rows, Rows]) -> None:
    _, _, images = source
    original, modified = pair_pixels()

    def shown(kind: str) -> tuple[np.ndarray, np.ndarray]:
        row = images[f"{BASE}-{kind}"]
        assert row["original_sha256"] == hashlib.sha256(row["original"]).hexdigest()
        assert row["modified_sha256"] == hashlib.sha256(row["modified"]).hexdigest()
        return decoded(row["original"]), decoded(row["modified"])

    first, second = shown("identical")
    assert np.array_equal(first, original) and np.array_equal(second, original)
    first, second = shown("swapped")
    assert np.array_equal(first, modified) and np.array_equal(second, original)
    for image in shown("blind"):
        assert image.shape == original.shape and np.ptp(image) == 0
    for number, place in enumerate(PLACES, start=1):
        first, second = shown(f"undone-{number}")
        expected = modified.copy()
        expected[place] = original[place]
        assert np.array_equal(first, original) and np.array_equal(second, expected)
    first, second = shown("null_paste")
    assert np.array_equal(first, original)
    rows, columns = (second != modified).any(axis=2).nonzero()  # noise differs in every pixel, so the box shows
    place = slice(rows.min(), rows.max() + 1), slice(columns.min(), columns.max() + 1)
    assert (np.ptp(rows) + 1, np.ptp(columns) + 1) in [(8, 10), (10, 12)]
    assert np.array_equal(second[place], original[place])
    assert not any(np.intersect1d(np.r_[a], np.r_[place[0]]).size and np.intersect1d(np.r_[b], np.r_[place[1]]).size
                   for a, b in PLACES)  # fmt: skip


def test_the_truth_of_each_kind_from_each_source(source: tuple[str, Rows, Rows]) -> None:
    _, samples, _ = source
    base = samples.pop(BASE)
    color, remove = base["differences"]
    truths = {row["sample_id"].removeprefix(f"{BASE}-"): row["differences"] for row in samples.values()}
    assert truths == {
        "identical": [], "blind": [], "undone-1": [remove], "undone-2": [color], "null_paste": [color, remove],
        "swapped": [
            color | {"description": None},  # it stays in place
            remove | {"description": None, "bbox": None, "bbox_after": remove["bbox"]},
        ],
    }  # fmt: skip
    for row in samples.values():
        assert row["num_differences"] == len(row["differences"])
        assert (row["base_sample_id"], row["split"], row["image_id"]) == (BASE, "multi_diff", "7")
        assert (row["width"], row["height"]) == SIZE
        assert row["control"] in CONTROLS and row["is_faithful"] is None
    undone = {row["sample_id"]: row["undone_difference"] for row in samples.values() if row["control"] == "undone"}
    assert undone == {f"{BASE}-undone-1": 0, f"{BASE}-undone-2": 1}
    assert base["control"] == "none" and base["base_sample_id"] is None


def test_controls_of_a_merged_image_are_merged_in_its_layout(tmp_path: Path) -> None:
    original, modified = pair_pixels()
    _, images = tables(merged_rows(tmp_path, png(original), png(modified)), tmp_path)
    for name, row in images.items():
        pair = (Image.open(io.BytesIO(row[role])) for role in ("original", "modified"))
        assert joined(*pair).layout == "side_by_side", name


def test_a_rotated_image_is_pasted_upright(tmp_path: Path) -> None:
    """Boxes are in the upright image, whatever the orientation in which its pixels are stored."""
    original, modified = pair_pixels()
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6  # to be turned by 90° to the right
    stored = np.rot90(modified)  # to the left
    _, images = tables(jsonl_rows(tmp_path, png(original), png(stored, exif=exif)), tmp_path)
    expected = modified.copy()
    expected[PLACES[0]] = original[PLACES[0]]
    assert np.array_equal(decoded(images[f"{BASE}-undone-1"]["modified"]), expected)
    assert decoded(images[f"{BASE}-blind"]["modified"]).shape == original.shape


# ---- what can be undone ----------------------------------------------------------------------------------------------

MOVED = {"type": "position", "category": "dog", "bbox": [1, 1, 5, 5], "bbox_after": [20, 1, 5, 5]}
FAR = {"type": "remove", "category": "cat", "bbox": [45, 2, 5, 5]}


def base_pair(
    *differences: dict[str, Any], change: Callable[[np.ndarray], Any] | None = None, **images: Any
) -> BasePair:
    """A pair whose images differ exactly in the boxes of its differences, and by `change`."""
    original, _ = pair_pixels()
    modified = original.copy()
    for one in differences:
        for x, y, w, h in filter(None, (one.get("bbox"), one.get("bbox_after"))):
            modified[int(y) : int(y + h), int(x) : int(x + w)] = 0
    if change:
        change(modified)
    rows = [
        {"type": one["type"], "category": one["category"], "description": None}
        | {name: box(one.get(name)) for name in ("bbox", "bbox_after")}
        for one in differences
    ]
    sample = {"sample_id": "s", "width": SIZE[0], "height": SIZE[1], "differences": rows}
    return BasePair(sample, {"original": png(original), "modified": png(modified)} | images, 0)


def speck(pixels: np.ndarray) -> None:
    pixels[35:39, 52:58] = 0


OBSTACLES = {
    "eligible": (base_pair(COLOR, FAR), None),
    "eligible, moved with both boxes": (base_pair(MOVED, FAR), None),
    "eligible, same category of another type": (base_pair(COLOR, FAR | {"category": "car"}), None),
    "eligible, same type of another category": (base_pair(COLOR, FAR | {"type": "color"}), None),
    "no box": (base_pair(COLOR | {"bbox": None}, FAR), "no_boxes"),
    "box beside the image": (base_pair(COLOR | {"bbox": [SIZE[0], 1, 1, 5]}, FAR), "no_boxes"),
    "no box of another": (base_pair(COLOR, FAR | {"bbox": None}), "no_boxes"),
    "moved, one box": (base_pair(COLOR | {"type": "position"}, FAR), "one_box"),
    "another moved, one box": (base_pair(COLOR, FAR | {"type": "position"}), "one_box"),
    "same type and category": (base_pair(COLOR, FAR | {"type": "color", "category": "car"}), "repeated"),
    "sizes": (base_pair(COLOR, FAR, modified=png(np.zeros((41, 60, 3), np.uint8))), "sizes_differ"),
    "overlap": (base_pair(COLOR, FAR | {"bbox": [14, 12, 5, 5]}), "overlap"),
    "overlap of where another moved": (
        base_pair(COLOR, FAR | {"type": "position", "bbox_after": [14, 12, 5, 5]}), "overlap",
    ),
    "touching boxes": (base_pair(COLOR, FAR | {"bbox": [15, 13, 5, 5]}), None),
    "outside": (base_pair(COLOR, FAR, change=speck), "outside"),
}  # fmt: skip


@pytest.mark.parametrize(("pair", "reason"), OBSTACLES.values(), ids=OBSTACLES)
def test_which_differences_can_be_undone(pair: BasePair, reason: str | None) -> None:
    assert pair.why_not_undone(0) == reason
    made = next(CONTROLS["undone"].make(pair))
    assert made.reason == reason if isinstance(made, LeftOut) else reason is None


def test_a_moved_object_is_pasted_at_both_places() -> None:
    pair = base_pair(MOVED, FAR)
    expected = decoded(pair.original).copy()
    expected[2:7, 45:50] = 0
    assert np.array_equal(decoded(pair.undone_image(0)), expected)


def test_the_only_difference_undone_is_the_original_twice() -> None:
    pair = base_pair(COLOR)
    (undone,) = CONTROLS["undone"].make(pair)
    (identical,) = CONTROLS["identical"].make(pair)
    assert undone.images == identical.images == (pair.original, pair.original)  # so it is asked once


@pytest.mark.parametrize(
    ("pair", "reason"),
    [
        (base_pair(COLOR | {"bbox": None}), "no_boxes"),
        (base_pair(COLOR, modified=png(np.zeros((41, 60, 3), np.uint8))), "sizes_differ"),
        (base_pair(COLOR | {"bbox": [0, 0, 40, 30]}), "no_room"),
    ],
)
def test_without_room_or_boxes_nothing_is_pasted(pair: BasePair, reason: str) -> None:
    (made,) = CONTROLS["null_paste"].make(pair)
    assert isinstance(made, LeftOut) and made.reason == reason


def test_images_of_two_sizes_keep_them_in_controls() -> None:
    pair = base_pair(COLOR, modified=png(np.zeros((41, 62, 3), np.uint8)))
    (blind,) = CONTROLS["blind"].make(pair)
    assert [decoded(image).shape for image in blind.images] == [(40, 60, 3), (41, 62, 3)]
    (swapped,) = CONTROLS["swapped"].make(pair)
    assert swapped.images == (pair.modified, pair.original)


# ---- which pairs are chosen ------------------------------------------------------------------------------------------


def many(ids: list[str], split: str = "easy") -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    images = {"original": png(np.zeros((4, 4, 3), np.uint8)), "modified": png(np.full((4, 4, 3), 9, np.uint8))}
    images |= {f"{role}_sha256": hashlib.sha256(data).hexdigest() for role, data in images.items()}
    samples = [
        {"sample_id": one, "split": split, "image_id": one, "width": 4, "height": 4, "num_differences": 1,
         "differences": [{"type": "color", "category": "car", "description": None, "bbox": None, "bbox_after": None}],
         "control": "none"}
        for one in ids
    ]  # fmt: skip
    return samples, [{"sample_id": one} | images for one in ids]


def chosen(ids: list[str], kind: str = "identical", seed: int = 0, **numbers: int) -> list[str]:
    rows = DatasetRows({}, [many(ids[:3]), many(ids[3:])])
    samples = [row for batch, _ in with_controls(rows, Controls(**numbers), seed).batches for row in batch]
    assert [row["sample_id"] for row in samples[: len(ids)]] == ids  # controls come last
    return [row["base_sample_id"] for row in samples if row["control"] == kind]


IDS = [f"easy/{number:05d}_{number}" for number in range(30)]


def smallest(ids: list[str], seed: int, count: int) -> list[str]:
    return sorted(ids, key=lambda one: hashlib.sha256(f"{seed}/{one}".encode()).hexdigest())[:count]


def test_base_pairs_have_the_smallest_hashes_of_seed_and_id() -> None:
    assert chosen(IDS, identical=5) == smallest(IDS, 0, 5)
    assert chosen(IDS, identical=5, seed=4) == smallest(IDS, 4, 5)
    assert chosen(IDS, identical=5, seed=4) != chosen(IDS, identical=5)
    assert chosen(IDS, identical=99) == smallest(IDS, 0, 30)


def test_samples_are_nested_and_the_same_for_all_kinds() -> None:
    assert chosen(IDS, identical=9)[:5] == chosen(IDS, identical=5)
    assert chosen(IDS, kind="swapped", identical=9, swapped=4) == chosen(IDS, identical=9)[:4]
    without = [one for one in IDS if one not in smallest(IDS, 0, 6)[5:]]  # a pair that is not chosen
    assert chosen(without, identical=5) == chosen(IDS, identical=5)


def test_numbers_are_per_split() -> None:
    rows = DatasetRows({}, [many(IDS), many([f"hard{one}" for one in IDS], "hard")])
    controls = Controls(identical={"hard": 2}, blind=3)
    samples = [row for batch, _ in with_controls(rows, controls, 0).batches for row in batch]
    found = [(row["split"], row["control"]) for row in samples if row["control"] != "none"]
    assert {one: found.count(one) for one in found} == {
        ("easy", "blind"): 3, ("hard", "blind"): 3, ("hard", "identical"): 2,
    }  # fmt: skip


def test_what_is_left_out_is_counted_and_logged(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    rows = with_controls(DatasetRows({"dataset": "d"}, [many(IDS)]), Controls(undone=4, null_paste=3, blind=2), 0)
    tables(rows, tmp_path)
    assert read_provenance(tmp_path / "s.parquet")["controls"] == {
        "blind": {"made": 2, "left_out": {}},
        "undone": {"made": 0, "left_out": {"no_boxes": 4}},
        "null_paste": {"made": 0, "left_out": {"no_boxes": 3}},
    }
    assert "controls undone: 0 made, 4 left out: no_boxes 4" in caplog.text


def test_a_damaged_image_stops_no_other_control(tmp_path: Path) -> None:
    samples, images = many(IDS[:2])
    samples[0]["differences"][0]["bbox"] = box([1, 1, 2, 2])
    images[0]["modified"] = images[0]["modified"][:-30]
    rows = with_controls(DatasetRows({}, [(samples, images)]), Controls(undone=2, swapped=2), 0)
    tables(rows, tmp_path)
    assert rows.summary()["controls"]["swapped"]["made"] == 2
    assert rows.summary()["controls"]["undone"]["left_out"] == {"no_boxes": 1, "unreadable": 1}


# ---- the demo --------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> tuple[Rows, Rows]:
    splits = {"easy": {"pairs": 2, "objects": [3, 4], "differences": [1, 1]},
              "multi_diff": {"pairs": 3, "objects": [6, 9], "differences": [2, 5]}}  # fmt: skip
    controls = {"identical": 1, "undone": 3, "null_paste": 3}
    entry = DemoDataset.model_validate({"source": "demo", "seed": 5, "splits": splits, "controls": controls})
    return tables(entry.rows_with_controls(), tmp_path_factory.mktemp("demo"))


def test_undone_scenes_are_those_with_the_boxes_pasted_back(demo: tuple[Rows, Rows]) -> None:
    samples, images = demo
    undone = [row for row in samples.values() if row["control"] == "undone"]
    assert len(undone) == sum(row["num_differences"] for row in samples.values() if row["control"] == "none")
    for row in undone:
        base = samples[row["base_sample_id"]]
        original, expected = (decoded(images[base["sample_id"]][role]).copy() for role in ("original", "modified"))
        one = base["differences"][row["undone_difference"]]
        for place in filter(None, (one["bbox"], one["bbox_after"])):
            x, y, w, h = (int(place[axis]) for axis in "xywh")
            expected[y : y + h, x : x + w] = original[y : y + h, x : x + w]
        assert np.array_equal(decoded(images[row["sample_id"]]["modified"]), expected)
        assert {"category": one["category"], "bbox": one["bbox"]} in row["unchanged"]


def test_the_demos_own_seed_chooses(demo: tuple[Rows, Rows]) -> None:
    samples, _ = demo
    easy = [name for name, row in samples.items() if row["split"] == "easy" and row["control"] == "none"]
    (identical,) = (row for row in samples.values() if row["control"] == "identical" and row["split"] == "easy")
    assert identical["base_sample_id"] == smallest(easy, 5, 1)[0]
    assert {row["category"] for row in identical["unchanged"]} == {
        *(row["category"] for row in samples[identical["base_sample_id"]]["unchanged"]),
        *(row["category"] for row in samples[identical["base_sample_id"]]["differences"]),
    }


# ---- settings --------------------------------------------------------------------------------------------------------

DEMO = {"source": "demo", "seed": 1, "splits": {"easy": {"pairs": 2, "objects": [3, 4], "differences": [1, 1]}}}


def errors_of(folder: Path, controls: Any) -> str:
    (folder / "datasets.yaml").write_text(yaml.safe_dump({"d": DEMO | {"controls": controls}}))
    with pytest.raises(UserError) as error:
        DATASETS.load(folder / "datasets.yaml")["d"].check("datasets.yaml: d")
    return str(error.value)


def test_errors_in_the_settings_are_reported_before_any_job(tmp_path: Path) -> None:
    unknown = errors_of(tmp_path, {"identicall": 3})
    assert "d.controls.identicall: unknown key" in unknown and "nearest: identical" in unknown
    for wrong in (-1, True, 1.5, "8", {"easy": -1}, [8], None):
        assert "d.controls.blind: not a number of pairs" in errors_of(tmp_path, {"blind": wrong}), wrong
    for split in (2024, True, 1.5, None):
        unquoted = errors_of(tmp_path, {"undone": {split: 1}})
        assert "d.controls.undone: a split that YAML does not read as text: put it in quotes" in unquoted
        assert "constrained" not in unquoted and "undone.int" not in unquoted
    split = errors_of(tmp_path, {"undone": {"easyy": 3}})
    assert "datasets.yaml: d.controls.undone: no such split" in split
    assert "allowed: easy" in split and "nearest: easy" in split
    seed = errors_of(tmp_path, {"seed": 3})
    assert "datasets.yaml: d.controls.seed: not a setting of generated pairs" in seed


def test_an_unknown_split_of_own_pairs_is_reported(tmp_path: Path) -> None:
    original, modified = pair_pixels()
    jsonl_rows(tmp_path, png(original), png(modified))
    entry = JsonlDataset(source="jsonl", path=str(tmp_path / "pairs.jsonl"), controls=Controls(blind={"hard": 1}))
    with pytest.raises(UserError, match=r"datasets\.yaml: own\.controls\.blind: no such split"):
        entry.check("datasets.yaml: own")


def test_the_command_refuses_an_unknown_split_before_it_reads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hub = {"source": "hub", "repository": "owner/name", "splits": {"easy": None}, "controls": {"blind": {"hard": 1}}}
    (tmp_path / "datasets.yaml").write_text(yaml.safe_dump({"d": hub}))
    arguments = ["--dataset=d", "--datasets-file=datasets.yaml", "--samples=s.parquet", "--images=i.parquet"]
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["make_dataset.py", *arguments])
    monkeypatch.setattr("spd_faith.dataset.hub_download.download", lambda _: pytest.fail("it downloads"))
    with pytest.raises(UserError) as error:
        make_dataset.main()
    assert "datasets.yaml: d.controls.blind: no such split" in str(error.value) and "allowed: easy" in str(error.value)

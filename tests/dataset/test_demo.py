"""The embedded dataset: the same pixels on every machine, and truths that the pixels confirm."""

import hashlib
import io
import subprocess
import sys
from collections import Counter
from pathlib import Path
from random import Random

import numpy as np
import pytest
from PIL import Image

from spd_faith.core.errors import UserError
from spd_faith.core.files import read_provenance, read_table
from spd_faith.core.schemas import IMAGES, SAMPLES
from spd_faith.dataset.demo import demo_pairs, describe, image_row, sample_row
from spd_faith.dataset.entries import DATASETS, DemoDataset
from spd_faith.dataset.scenes import SceneDifference, SceneObject, sample_pair
from spd_faith.dataset.sprites import CATEGORIES, COLORS

ROOT = Path(__file__).parents[2]
PIXELS_SHA256 = "e22083a2b354e0bd7b25dceee86c7fc45b78cee427c0e8d06c608b92a7cb7d71"
COCO = (
    "person bicycle car motorcycle airplane bus train truck boat,traffic light,fire hydrant,stop sign,parking meter,"
    "bench bird cat dog horse sheep cow elephant bear zebra giraffe backpack umbrella handbag tie suitcase frisbee "
    "skis snowboard,sports ball,kite,baseball bat,baseball glove,skateboard surfboard,tennis racket,bottle,wine glass,"
    "cup fork knife spoon bowl banana apple sandwich orange broccoli carrot,hot dog,pizza donut cake chair couch,"
    "potted plant,bed,dining table,toilet tv laptop mouse remote keyboard,cell phone,microwave oven toaster sink "
    "refrigerator book clock vase scissors,teddy bear,hair drier,toothbrush"
)


@pytest.fixture(scope="module")
def dataset() -> DemoDataset:
    return DATASETS.load_entry(ROOT / "config/datasets.yaml", "demo")


@pytest.fixture(scope="module")
def rows(dataset: DemoDataset) -> list[dict]:
    """Samples of every tenth pair, with the decoded images."""
    found = []
    for pair in demo_pairs(dataset):
        if pair.row % 10 == 0:
            images = image_row(pair)
            found.append(sample_row(pair) | {name: decode(images[name]) for name in ("original", "modified")})
    return found


def decode(png: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(png)).convert("RGB")).astype(int)


def tight_box(mask: np.ndarray) -> dict[str, int]:
    """By scanning: the first and last row and column that hold a true pixel."""
    ys, xs = mask.nonzero()
    return {"x": xs.min(), "y": ys.min(), "w": xs.max() - xs.min() + 1, "h": ys.max() - ys.min() + 1}


def inside(box: dict[str, int]) -> tuple[slice, slice]:
    return slice(box["y"], box["y"] + box["h"]), slice(box["x"], box["x"] + box["w"])


@pytest.mark.slow
def test_command_draws_the_default_dataset_with_the_committed_pixels(tmp_path: Path, dataset: DemoDataset):
    command = [sys.executable, "workflow_scripts/make_dataset.py", "--datasets-file", "config/datasets.yaml"]
    paths = {"--samples": tmp_path / "samples.parquet", "--images": tmp_path / "images.parquet"}
    flags = [str(word) for pair in paths.items() for word in pair]
    subprocess.run([*command, "--dataset", "demo", *flags], cwd=ROOT, check=True)
    samples = read_table(paths["--samples"], SAMPLES).to_pylist()
    images = read_table(paths["--images"], IMAGES).to_pylist()

    assert [row["sample_id"] for row in samples] == [row["sample_id"] for row in images]
    controls = {"identical": 32, "blind": 32, "swapped": 32, "undone": 146, "null_paste": 40}
    assert Counter(row["control"] for row in samples) == {"none": 160, **controls}
    samples, images = samples[:160], images[:160]  # controls stand after the pairs
    digest, shas = hashlib.sha256(), ""
    for row in images:
        for name in ("original", "modified"):
            digest.update(Image.open(io.BytesIO(row[name])).convert("RGB").tobytes())
            assert hashlib.sha256(row[name]).hexdigest() == row[f"{name}_sha256"]
            shas += row[f"{name}_sha256"]
    assert digest.hexdigest() == PIXELS_SHA256
    content = f"sha256:{hashlib.sha256(shas.encode()).hexdigest()[:16]}"
    found = read_provenance(paths["--samples"])
    expected = {"dataset": "demo", "revision": "seed 2026", "pictures": content}
    assert {name: found[name] for name in expected} == expected

    assert {split: sum(row["split"] == split for row in samples) for split in dataset.splits} == dict.fromkeys(
        ("easy", "medium", "hard", "multi_diff"), 40
    )
    kinds = [difference["type"] for row in samples for difference in row["differences"]]
    shares = {kind: kinds.count(kind) / len(kinds) for kind in set(kinds)}
    assert set(shares) == {"color", "remove", "position"}
    assert all(0.25 < share < 0.42 for share in shares.values()), shares
    several = {row["num_differences"] for row in samples if row["split"] == "multi_diff"}
    assert several == {2, 3, 4, 5}
    keys = [(row["split"], row["image_id"]) for row in samples]
    assert len(set(keys)) == len(keys)


def test_vocabulary_is_large_enough_and_named_as_in_coco():
    names = {name for part in COCO.split(",") for name in ([part] if part.count(" ") == 1 else part.split())}
    assert len(CATEGORIES) >= 14
    assert len(COLORS) >= 8
    assert set(CATEGORIES) <= names


def test_images_differ_in_the_true_boxes_and_nowhere_else(rows: list[dict]):
    for row in rows:
        differs = (row["original"] != row["modified"]).any(axis=2)
        allowed = np.zeros_like(differs)
        for difference in row["differences"]:
            for box in (difference["bbox"], difference["bbox_after"]):
                if box:
                    assert differs[inside(box)].any(), (row["sample_id"], difference)
                    allowed[inside(box)] = True
        assert not (differs & ~allowed).any(), row["sample_id"]


def test_boxes_are_tight(rows: list[dict]):
    """A removed object's box is the box of what differs; a moved object's boxes are those of the two places."""
    seen = set()
    for row in rows:
        differs = (row["original"] != row["modified"]).any(axis=2)
        for difference in row["differences"]:
            boxes = [box for box in (difference["bbox"], difference["bbox_after"]) if box]
            if difference["type"] == "remove":
                assert difference["bbox_after"] is None
            if difference["type"] == "color":
                assert boxes[0]["x"] % 112 <= 112 - boxes[0]["w"]
                continue
            seen.add(difference["type"])
            for box in boxes:
                cell = {"x": box["x"] // 112 * 112, "y": box["y"] // 112 * 112, "w": 112, "h": 112}
                found = tight_box(differs[inside(cell)])
                assert box == found | {"x": found["x"] + cell["x"], "y": found["y"] + cell["y"]}, row["sample_id"]
    assert seen == {"remove", "position"}


def test_objects_lie_in_cells_of_their_own_and_each_category_occurs_once(rows: list[dict]):
    for row in rows:
        boxes = [difference["bbox"] for difference in row["differences"]] + [one["bbox"] for one in row["unchanged"]]
        boxes_after = [difference["bbox_after"] for difference in row["differences"] if difference["bbox_after"]]
        cells = [(box["x"] // 112, box["y"] // 112) for box in boxes]
        assert len(set(cells)) == len(cells)
        for box in boxes + boxes_after:
            assert box["x"] // 112 == (box["x"] + box["w"] - 1) // 112 <= 3
            assert box["y"] // 112 == (box["y"] + box["h"] - 1) // 112 <= 3
        for difference in row["differences"]:
            if difference["type"] == "position":
                after = difference["bbox_after"]
                assert (after["x"] // 112, after["y"] // 112) not in cells
        names = [one["category"] for one in row["differences"] + row["unchanged"]]
        assert len(set(names)) == len(names)


def test_rows_have_the_numbers_that_the_config_names(rows: list[dict], dataset: DemoDataset):
    for row in rows:
        split = dataset.splits[row["split"]]
        assert split.differences[0] <= row["num_differences"] == len(row["differences"]) <= split.differences[1]
        assert split.objects[0] <= len(row["differences"]) + len(row["unchanged"]) <= split.objects[1]
        assert row["sample_id"] == f"{row['split']}/{int(row['sample_id'][-12:-7]):05d}_{row['image_id']}"
        assert len(row["image_id"]) == 6
        assert row["control"] == "none"


def test_more_pairs_change_none_of_the_others(dataset: DemoDataset):
    def of(**changes: int) -> dict[str, dict]:
        splits = {
            name: split.model_copy(update={"pairs": changes.get(name, 2)}) for name, split in dataset.splits.items()
        }
        return {
            row["sample_id"]: row for row in map(sample_row, demo_pairs(dataset.model_copy(update={"splits": splits})))
        }

    few, more = of(), of(easy=4, hard=3)
    assert len(few) == 8
    assert len(more) == 11
    assert few.items() <= more.items()


def test_another_seed_draws_other_scenes(dataset: DemoDataset):
    split = {"easy": dataset.splits["easy"].model_copy(update={"pairs": 1})}
    row, other = (
        image_row(next(demo_pairs(dataset.model_copy(update={"seed": seed, "splits": split})))) for seed in (1, 2)
    )
    assert row["original"] != other["original"]


def at(cell: int, **changes: object) -> SceneObject:
    return SceneObject(**{"category": "cup", "color": "blue", "size": 80, "cell": cell, "dx": 0, "dy": 0} | changes)


@pytest.mark.parametrize(
    ("difference", "words"),
    [
        (SceneDifference("remove", at(3), None), "the blue cup was removed"),
        (SceneDifference("color", at(3), at(3, color="red")), "the color of the cup changed from blue to red"),
        (SceneDifference("position", at(0), at(15)), "the blue cup moved from the top left to the bottom right"),
        (SceneDifference("position", at(4), at(2)), "the blue cup moved from the left to the top center"),
        (SceneDifference("position", at(5), at(10)), "the blue cup moved down and to the right within the center"),
        (SceneDifference("position", at(2), at(1)), "the blue cup moved to the left within the top center"),
    ],
)
def test_description(difference: SceneDifference, words: str):
    assert describe(difference) == words


def test_impossible_scenes_are_refused():
    with pytest.raises(UserError, match="1 to 16 objects"):
        sample_pair(Random(0), (3, 17), (1, 1))
    with pytest.raises(UserError, match="must not exceed min objects"):
        sample_pair(Random(0), (3, 9), (1, 4))


def test_a_full_scene_has_no_object_that_moves():
    pairs = [sample_pair(Random(seed), (16, 16), (5, 5)) for seed in range(20)]
    assert {difference.type for pair in pairs for difference in pair.differences} == {"color", "remove"}

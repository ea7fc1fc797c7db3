"""The truth audit: planted errors are found, compression alone is not flagged."""

import io
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from PIL import Image

from spd_faith.core.files import read_table, write_table
from spd_faith.core.schemas import (
    AUDIT,
    CONTROL_NAMES,
    EMPTY_BOX,
    IMAGES,
    MISSING_BOX,
    OUTSIDE,
    SAMPLES,
    SECOND_PLACE_UNKNOWN,
    UNEQUAL_SIZES,
)
from spd_faith.dataset.audit import audit_pair, differing_pixels
from spd_faith.dataset.audit_table import audit_rows
from spd_faith.dataset.control_kinds import CONTROLS
from spd_faith.dataset.demo import demo_pairs, image_row, sample_row
from spd_faith.dataset.entries import DemoDataset

HEIGHT, WIDTH = 320, 480
SIDE = 40  # pixels of a planted patch: 1% of the image


def photograph(seed: int, alpha: float = 1.2) -> np.ndarray:
    """Noise with the spectrum of photographs, amplitude 1 / frequency^alpha; (h, w, 3)."""
    rng = np.random.default_rng(seed)
    frequency = np.hypot(np.fft.fftfreq(HEIGHT)[:, None], np.fft.rfftfreq(WIDTH)[None])
    frequency[0, 0] = np.inf
    planes = [np.fft.irfft2(np.fft.rfft2(rng.normal(size=(HEIGHT, WIDTH))) / frequency**alpha) for _ in range(4)]
    grey, *colors = (plane / plane.std() for plane in planes)
    levels = 128 + 40 * np.stack([0.9 * grey + 0.4 * color for color in colors], axis=2)
    return np.clip(levels, 0, 255).astype(np.uint8)


def jpeg(image: np.ndarray, quality: int, subsampling: int = 2) -> np.ndarray:
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "JPEG", quality=quality, subsampling=subsampling)
    return np.asarray(Image.open(buffer))


def difference(
    box: tuple[int, int, int, int] | None, kind: str = "color", after: tuple[int, int, int, int] | None = None
) -> dict[str, Any]:
    """A true difference with boxes (x, y, w, h)."""
    bbox, bbox_after = (one and dict(zip("xywh", map(float, one), strict=True)) for one in (box, after))
    return {"type": kind, "category": "cup", "description": None, "bbox": bbox, "bbox_after": bbox_after}


def recolored(image: np.ndarray, x: int, y: int, side: int = SIDE, levels: int = 70) -> np.ndarray:
    changed = image.astype(int)
    patch = changed[y : y + side, x : x + side, 0]
    patch += np.where(patch < 128, levels, -levels)
    return np.clip(changed, 0, 255).astype(np.uint8)


@pytest.mark.parametrize("qualities", [(None, 60), (None, 95), (95, 60), (60, 80), (75, 75), (90, 70)])
@pytest.mark.parametrize("subsampling", [(0, 2), (2, 0), (2, 2), (1, 2)])
@pytest.mark.parametrize("seed", range(3))
def test_compression_alone_is_not_flagged(
    qualities: tuple[int | None, int], subsampling: tuple[int, int], seed: int
) -> None:
    image = photograph(seed, alpha=(0.8, 1.2, 1.6)[seed])
    original, modified = (
        jpeg(one, quality, chroma) if quality else one
        for one, quality, chroma in zip((image, recolored(image, 100, 100)), qualities, subsampling, strict=True)
    )
    found = audit_pair(original, modified, [difference((100, 100, SIDE, SIDE))])
    assert (found.flags, found.outside, found.empty_boxes) == ((), 0, ())


@pytest.mark.parametrize("levels", [-6, 6])
def test_a_lighter_image_is_not_flagged(levels: int) -> None:
    image = photograph(0)
    modified = np.clip(recolored(image, 100, 100).astype(int) + levels, 0, 255).astype(np.uint8)
    assert audit_pair(image, jpeg(modified, 80), [difference((100, 100, SIDE, SIDE))]).flags == ()


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("quality", [60, 75, 95])
def test_a_change_outside_the_boxes_is_found_and_measured(seed: int, quality: int) -> None:
    image = photograph(seed)
    x, y = np.random.default_rng(seed).integers(200, 270, 2).tolist()
    modified = recolored(recolored(image, 40, 40), x, y)
    listed = [difference((40, 40, SIDE, SIDE))]
    assert audit_pair(jpeg(image, 90), jpeg(modified, quality), listed).flags == (OUTSIDE,)
    # a patch of 40 × 40 pixels covers 4 × 4 blocks or more and touches 6 × 6 or fewer
    assert 16 * 64 <= audit_pair(image, modified, listed).outside <= 36 * 64
    both = [*listed, difference((x, y, SIDE, SIDE))]
    assert audit_pair(jpeg(image, 90), jpeg(modified, quality), both).flags == ()


@pytest.mark.parametrize("seed", range(4))
def test_a_removed_and_a_soft_change_are_found(seed: int) -> None:
    image = photograph(seed)
    x, y = 300, 150
    filled = image.copy()
    filled[y : y + SIDE, x : x + SIDE] = image[20 : 20 + SIDE, 20 : 20 + SIDE]
    rows, columns = np.mgrid[:HEIGHT, :WIDTH]
    weight = np.exp(-((rows - y) ** 2 + (columns - x) ** 2) / (2 * 20**2))[..., None]  # no edge anywhere
    soft = np.clip(image + weight * [70, -70, 0], 0, 255).astype(np.uint8)
    for modified in (filled, soft):
        assert OUTSIDE in audit_pair(image, jpeg(modified, 75), []).flags


@pytest.mark.parametrize("quality", [60, 75, 95])
def test_a_box_in_which_nothing_differs_is_named(quality: int) -> None:
    image = photograph(1)
    listed = [difference((40, 40, SIDE, SIDE)), difference((200, 100, 60, 60)), difference((300, 200, 12, 12))]
    found = audit_pair(image, jpeg(recolored(recolored(image, 40, 40), 300, 200, 12), quality), listed)
    assert (found.flags, found.empty_boxes) == ((EMPTY_BOX,), (1,))


def test_a_moved_object_may_differ_in_either_box() -> None:
    image = photograph(1)
    moved = difference((40, 40, SIDE, SIDE), "position", after=(200, 100, SIDE, SIDE))
    assert audit_pair(image, recolored(image, 200, 100), [moved]).flags == ()


def test_a_missing_box_excuses_what_differs_outside() -> None:
    image = photograph(1)
    modified = recolored(recolored(image, 40, 40), 300, 200)
    found = audit_pair(image, modified, [difference((40, 40, SIDE, SIDE)), difference(None)])
    assert (found.flags, found.missing_boxes) == ((MISSING_BOX,), (1,))
    assert found.outside > 0


@pytest.mark.parametrize(
    ("places", "flags"),
    [
        ([(300, 200, SIDE)], (SECOND_PLACE_UNKNOWN,)),  # its new place
        ([], (SECOND_PLACE_UNKNOWN,)),  # it moved within its box
        ([(300, 200, SIDE), (300, 40, SIDE)], (OUTSIDE, SECOND_PLACE_UNKNOWN)),  # and one more change
        ([(300, 150, 120)], (OUTSIDE, SECOND_PLACE_UNKNOWN)),  # three times as large
    ],
)
def test_a_moved_object_with_one_box_may_have_one_more_place_of_its_size(
    places: list[tuple[int, int, int]], flags: tuple[str, ...]
) -> None:
    image = photograph(2)
    modified = recolored(image, 40, 40)
    for place in places:
        modified = recolored(modified, *place)
    assert audit_pair(image, modified, [difference((40, 40, SIDE, SIDE), "position")]).flags == flags


def test_two_moved_objects_have_two_places_of_their_own_sizes() -> None:
    image = photograph(2)
    listed = [difference((20, 20, 90, 90), "position"), difference((20, 200, 24, 24), "position")]
    modified = recolored(recolored(image, 20, 20, 90), 20, 200, 24)
    small_and_large = recolored(recolored(modified, 200, 200, 90), 380, 40, 24)
    assert audit_pair(image, small_and_large, listed).flags == (SECOND_PLACE_UNKNOWN,)
    two_large = recolored(recolored(modified, 200, 200, 90), 350, 40, 90)
    assert audit_pair(image, two_large, listed).flags == (OUTSIDE, SECOND_PLACE_UNKNOWN)


def test_unequal_sizes_are_flagged_and_not_compared() -> None:
    image = photograph(1)
    found = audit_pair(image, image[:-1], [difference((40, 40, SIDE, SIDE)), difference(None)])
    assert found.flags == (UNEQUAL_SIZES, MISSING_BOX)
    assert (found.equal_size, found.noise, found.outside, found.empty_boxes) == (False, None, 0, ())


def test_two_different_photographs_differ_outside() -> None:
    found = audit_pair(photograph(1), photograph(2), [difference((40, 40, SIDE, SIDE))])
    assert OUTSIDE in found.flags


@pytest.mark.parametrize("size", [(7, 300), (8, 8), (3, 3), (12, 9)])
def test_tiny_images_have_an_audit(size: tuple[int, int]) -> None:
    image = photograph(1)[: size[0], : size[1]]
    assert audit_pair(image, image, [difference((0, 0, 2, 2))]).outside == 0


def test_boxes_beyond_the_border_are_cut() -> None:
    image = photograph(1)
    assert audit_pair(image, recolored(image, 0, 0), [difference((-5, -5, SIDE + 6, SIDE + 6))]).flags == ()


def test_differing_pixels_are_those_of_the_changed_blocks() -> None:
    image = photograph(1)
    modified = image.copy()
    modified[16:32, 64:88] = np.where(image[16:32, 64:88] < 128, 255, 0)  # 2 × 3 whole blocks
    mask = differing_pixels(image, modified)
    expected = np.zeros((HEIGHT, WIDTH), bool)
    expected[16:32, 64:88] = True
    assert mask.shape == (HEIGHT, WIDTH)
    assert np.array_equal(mask, expected)


@pytest.mark.parametrize(
    ("size", "compared"), [((1, 1), 1), ((5, 5), 25), ((3, 100), 3 * 96), ((100, 7), 96 * 7)], ids=str
)
def test_images_smaller_than_a_block_are_compared(size: tuple[int, int], compared: int) -> None:
    black, white = (np.full((*size, 3), level, np.uint8) for level in (0, 255))
    listed = [difference((0, 0, size[1], size[0]))]
    assert audit_pair(black, white, listed).flags == ()
    assert audit_pair(black, black, listed).flags == (EMPTY_BOX,)
    found = audit_pair(black, white, [])
    assert (found.flags, found.outside) == ((OUTSIDE,), compared)
    mask = differing_pixels(black, white)
    assert (mask.shape, mask.sum()) == (size, compared)
    assert not differing_pixels(black, black).any()


# ---- the demo --------------------------------------------------------------------------------------------------------

SPLITS = {
    "easy": {"pairs": 3, "objects": [3, 4], "differences": [1, 1]},
    "hard": {"pairs": 3, "objects": [10, 12], "differences": [1, 1]},
    "multi_diff": {"pairs": 6, "objects": [6, 9], "differences": [2, 5]},
}


@pytest.fixture(scope="module")
def demo() -> list[tuple[dict[str, Any], bytes, bytes]]:
    """(row of SAMPLES, original, modified) of some pairs."""
    dataset = DemoDataset.model_validate({"source": "demo", "seed": 7, "splits": SPLITS})
    pairs = []
    for pair in demo_pairs(dataset):
        images = image_row(pair)
        pairs.append((sample_row(pair), images["original"], images["modified"]))
    return pairs


def pixels(encoded: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(encoded)).convert("RGB"))


@pytest.mark.parametrize("quality", [None, 60, 75, 95])
def test_of_the_demo_nothing_is_flagged(demo: list[tuple[dict[str, Any], bytes, bytes]], quality: int | None) -> None:
    for sample, original, modified in demo:
        second = jpeg(pixels(modified), quality) if quality else pixels(modified)
        found = audit_pair(pixels(original), second, sample["differences"])
        assert (found.flags, found.outside) == ((), 0), sample["sample_id"]


def test_a_difference_that_the_truth_of_a_demo_pair_lacks_is_found(
    demo: list[tuple[dict[str, Any], bytes, bytes]],
) -> None:
    for sample, original, modified in demo:
        found = audit_pair(pixels(original), pixels(modified), sample["differences"][1:])
        assert found.flags == (OUTSIDE,), sample["sample_id"]


def test_a_box_of_an_unchanged_object_of_a_demo_pair_is_empty(demo: list[tuple[dict[str, Any], bytes, bytes]]) -> None:
    sample, original, modified = demo[-1]
    false = sample["differences"][0] | {"type": "color", "bbox": sample["unchanged"][0]["bbox"], "bbox_after": None}
    found = audit_pair(pixels(original), pixels(modified), [*sample["differences"], false])
    assert (found.flags, found.empty_boxes) == ((EMPTY_BOX,), (len(sample["differences"]),))


def test_the_table_has_a_row_for_each_pair_and_none_for_controls(
    demo: list[tuple[dict[str, Any], bytes, bytes]], tmp_path: Path
) -> None:
    names = ("right", "lacking", "half", "broken", "control")
    samples, images = [], []
    for name, (sample, original, modified) in zip(names, demo, strict=False):
        lacking = {"differences": [one | {"bbox": None, "bbox_after": None} for one in sample["differences"]]}
        control = "identical" if name == "control" else "none"
        samples.append(sample | {"sample_id": name, "control": control} | (lacking if name == "lacking" else {}))
        second = modified[: len(modified) // 2] if name == "broken" else modified
        if name == "half":
            buffer = io.BytesIO()
            Image.open(io.BytesIO(modified)).resize((224, 224)).save(buffer, "PNG")
            second = buffer.getvalue()
        shas = {"original_sha256": "0", "modified_sha256": "0"}
        images.append({"sample_id": name, "original": original, "modified": second, **shas})
    write_table(tmp_path / "images.parquet", images, IMAGES)
    rows = audit_rows(pa.Table.from_pylist(samples, schema=SAMPLES), tmp_path / "images.parquet")
    write_table(tmp_path / "audit.parquet", rows, AUDIT)
    found = {row["sample_id"]: row for row in read_table(tmp_path / "audit.parquet", AUDIT).to_pylist()}
    assert {name: row["flags"] for name, row in found.items()} == {
        "right": [],
        "lacking": ["missing_box"],
        "half": ["unequal_sizes"],
        "broken": ["unreadable"],
    }
    assert found["lacking"]["missing_boxes"] == [0] and found["lacking"]["outside"] > 0
    assert (found["right"]["outside"], found["right"]["noise"]) == (0, 0.0)
    assert found["half"]["outside"] is found["broken"]["outside"] is found["half"]["noise"] is None


def test_the_kinds_of_controls_are_those_that_tables_may_name() -> None:
    assert set(CONTROLS) == set(CONTROL_NAMES)

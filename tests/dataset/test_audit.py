"""The truth audit: planted errors are found, compression alone is not flagged."""

import io
from typing import Any

import numpy as np
import pytest
from PIL import Image

from spd_faith.core.schemas import EMPTY_BOX, MISSING_BOX, OUTSIDE, SECOND_PLACE_UNKNOWN, UNEQUAL_SIZES
from spd_faith.dataset.audit import audit_pair, differing_pixels

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

"""Pictures for models that see one square: nothing of either picture is cut away, and nothing bleeds."""

import numpy as np
import pytest
from PIL import Image

from spd_faith.inference.images import alone_on_square, compose, merged_on_square, usual

RED, BLUE, GREY = (255, 0, 0), (0, 0, 255), (128, 128, 128)


def areas(image):
    """Bounding box (left, top, right, bottom) and number of pixels of each colour."""
    pixels = np.asarray(image)
    found = {}
    for color in np.unique(pixels.reshape(-1, 3), axis=0):
        ys, xs = np.nonzero((pixels == color).all(axis=-1))
        found[tuple(color.tolist())] = ((xs.min(), ys.min(), xs.max() + 1, ys.max() + 1), len(xs))
    return found


def merge_on_square(original, modified, side):
    return compose(merged_on_square(usual(original.size), side), (original, modified))


def plain(size, color):
    return Image.new("RGB", size, color)


@pytest.mark.parametrize(
    ("size", "side", "red", "blue"),
    [
        ((448, 448), 224, (0, 56, 112, 168), (112, 56, 224, 168)),  # a merged picture of 2 : 1
        ((10, 10), 224, (0, 56, 112, 168), (112, 56, 224, 168)),  # enlarged
        ((300, 400), 224, (0, 37, 112, 186), (112, 37, 224, 186)),  # 600 × 400 to 224 × 149
        ((100, 400), 224, (56, 0, 112, 224), (112, 0, 168, 224)),  # 200 × 400: the height is the long side
        ((640, 480), 336, (56, 0, 280, 168), (56, 168, 280, 336)),  # stacked: 640 × 960 to 224 × 336
        ((800, 200), 336, (0, 84, 336, 168), (0, 168, 336, 252)),  # stacked: 800 × 400 to 336 × 168
        ((301, 300), 224, (56, 0, 168, 112), (56, 112, 168, 224)),  # stacked, though 112 × 112 when it is scaled
        ((5, 5), 225, (0, 56, 112, 168), (112, 56, 224, 168)),  # an odd side: two halves of 112
    ],
)
def test_a_pair_on_a_square(size, side, red, blue):
    """No third colour: each picture is resized by itself."""
    square = merge_on_square(plain(size, RED), plain(size, BLUE), side)
    assert square.size == (side, side)
    area = (red[2] - red[0]) * (red[3] - red[1])
    expected = {RED: (red, area), BLUE: (blue, area)}
    found = areas(square)
    assert found.pop(GREY)[1] == side * side - 2 * area
    assert found == expected


def test_the_second_takes_the_place_of_the_first():
    found = areas(merge_on_square(plain((100, 100), RED), plain((50, 999), BLUE), 224))
    assert (found[RED][0], found[BLUE][0]) == ((0, 56, 112, 168), (112, 56, 224, 168))


@pytest.mark.parametrize("size", [(1, 1), (1, 20_000), (20_000, 1)])
def test_extreme_shapes_keep_at_least_one_pixel_of_each(size):
    found = areas(merge_on_square(plain(size, RED), plain(size, BLUE), 224))
    assert found[RED][1] == found[BLUE][1] >= 112


@pytest.mark.parametrize(
    ("size", "box"), [((40, 40), (0, 0, 112, 112)), ((20, 40), (28, 0, 84, 112)), ((40, 20), (0, 28, 112, 84))]
)
def test_one_image_on_a_square(size, box):
    image = plain(size, RED)
    found = areas(compose(alone_on_square(size, 0, 112), (image, image)))
    assert found[RED] == (box, (box[2] - box[0]) * (box[3] - box[1]))
    assert set(found) <= {RED, GREY}


def test_halves_are_resized_as_pillow_does():
    noise = np.random.default_rng(0).integers(0, 256, (2, 448, 448, 3), dtype=np.uint8)
    original, modified = map(Image.fromarray, noise)
    seen = np.asarray(merge_on_square(original, modified, 224))
    np.testing.assert_array_equal(seen[56:168, :112], original.resize((112, 112), Image.Resampling.BICUBIC))
    np.testing.assert_array_equal(seen[56:168, 112:], modified.resize((112, 112), Image.Resampling.BICUBIC))

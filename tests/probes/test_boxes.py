"""Coverage of image tokens by boxes: hand-counted, by single pixels, and by random boxes."""

import numpy as np
import pytest

from spd_faith.inference.images import alone_on_square, merged, merged_on_square, usual
from spd_faith.probes.boxes import coverage, expected_coverage, tokens_inside, true_boxes, unchanged_boxes
from spd_faith.probes.image_grid import ImageTokens, Raster

WHOLE = (0.0, 0.0, 1.0, 1.0)
SIZES = ((100, 50), (200, 50))
PAIR = ImageTokens(SIZES, (Raster(0, 2, 4, {0: WHOLE}), Raster(8, 2, 4, {1: WHOLE})))


def box(x, y, w, h):
    return dict(zip("xywh", map(float, (x, y, w, h)), strict=True))


def difference(kind="remove", bbox=None, after=None):
    return {"type": kind, "category": "car", "bbox": bbox, "bbox_after": after}


# ---- which boxes -----------------------------------------------------------------------------------------------------


def test_a_place_is_a_fraction_of_its_own_image():
    """`bbox` of the first, 100 pixels wide, `bbox_after` of the second, 200 wide."""
    found = true_boxes([difference("position", box(10, 5, 20, 10), box(100, 0, 50, 50))], SIZES)
    np.testing.assert_allclose(found, [[0.1, 0.1, 0.3, 0.3], [0.5, 0, 0.75, 1]])


def test_a_place_counts_once():
    """A colour changes where the object is, whichever image says so."""
    found = true_boxes([difference("color", box(10, 5, 20, 10), box(20, 5, 40, 10))], SIZES)
    np.testing.assert_allclose(found, [[0.1, 0.1, 0.3, 0.3]])


def test_boxes_end_where_the_image_does():
    boxes = [box(90, -5, 20, 30), box(120, 0, 5, 5), box(10, 10, 0, 5)]  # the last two show nothing
    found = true_boxes([difference(bbox=one) for one in boxes], SIZES)
    np.testing.assert_allclose(found, [[0.9, 0, 1, 0.5]])


def test_no_boxes():
    assert true_boxes([difference(), difference()], SIZES).shape == (0, 4)
    assert unchanged_boxes(None, SIZES[0]).shape == unchanged_boxes([], SIZES[0]).shape == (0, 4)
    for function in (coverage, expected_coverage):
        assert function(PAIR, np.empty((0, 4)), 16).shape == (0, 16)
    assert not tokens_inside(PAIR, np.empty((0, 4)), 16).any()


# ---- which tokens ----------------------------------------------------------------------------------------------------


def test_fractions_of_tokens():
    """Tokens are a quarter wide and a half high; the box ends in the second column's middle, 0.2 into each row."""
    found = coverage(PAIR, np.array([[0, 0.4, 0.375, 0.6]]), 16)
    of_one_image = [[0.2, 0.1, 0, 0], [0.2, 0.1, 0, 0]]
    np.testing.assert_allclose(found[0].reshape(2, 2, 4), [of_one_image] * 2, atol=1e-12)


LAYOUTS = [
    merged(usual((60, 90))),
    merged(usual((90, 60))),
    merged_on_square(usual((60, 90)), 56),
    merged_on_square(usual((301, 300)), 56),
]
LAYOUTS += [alone_on_square((30, 70), 0, 56)]


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("cells", [(4, 4), (5, 7)])
def test_fractions_under_a_layout_match_single_pixels(layout, cells):
    """The box is painted into the image shown, finely enlarged; the tokens are averages of its pixels."""
    (width, height), fine = layout.size, 60
    rows, columns = cells
    images = {n: (x / width, y / height, w / width, h / height) for n, (x, y, w, h) in layout.places.items()}
    places = ImageTokens(((1, 1), (1, 1)), (Raster(0, rows, columns, images),))
    ends = np.array([0.2, 0.1, 0.65, 0.4])
    painted = np.zeros((rows * columns * fine, rows * columns * fine))
    middles = (np.arange(len(painted)) + 0.5) / len(painted)
    for x, y, w, h in images.values():
        left, top, right, bottom = np.tile([x, y], 2) + ends * np.tile([w, h], 2)
        painted += ((middles >= top) & (middles < bottom))[:, None] * ((middles >= left) & (middles < right))
    blocks = painted.reshape(rows, columns * fine, columns, rows * fine)
    np.testing.assert_allclose(
        coverage(places, ends[None], rows * columns)[0], blocks.mean(axis=(1, 3)).ravel(), atol=0.02
    )
    assert coverage(places, ends[None], rows * columns).sum() / (rows * columns) == pytest.approx(
        sum(w * h for *_, w, h in images.values()) * 0.45 * 0.3
    )


def test_a_token_on_the_seam_is_covered_by_boxes_of_both_images():
    """Three columns over two images: the middle one shows the right end of the first and the left of the second."""
    halves = {0: (0.0, 0.0, 0.5, 1.0), 1: (0.5, 0.0, 0.5, 1.0)}
    places = ImageTokens(((10, 10),) * 2, (Raster(0, 1, 3, halves),))
    right_end = coverage(places, np.array([[0.9, 0, 1, 1]]), 3)[0]
    left_end = coverage(places, np.array([[0, 0, 0.1, 1]]), 3)[0]
    np.testing.assert_allclose(right_end, [0, 0.15, 0.15], atol=1e-12)
    np.testing.assert_allclose(left_end, [0.15, 0.15, 0], atol=1e-12)


@pytest.mark.parametrize("size", [(0.3, 0.2), (0.05, 0.9), (0.7, 1.0), (1.0, 1.0)])
def test_expected_fractions_are_the_mean_over_random_boxes(size):
    random = np.random.default_rng(0)
    corners = random.random((20_000, 2)) * (1 - np.array(size))
    drawn = np.concatenate([corners, corners + size], axis=1)
    for places, tokens in ((PAIR, 16), (ImageTokens(SIZES, (Raster(0, 5, 3, {0: (0.1, 0.2, 0.6, 0.7)}),)), 15)):
        mean = coverage(places, drawn, tokens).mean(axis=0)
        found = expected_coverage(places, drawn[:1], tokens)[0]
        np.testing.assert_allclose(found, mean, atol=0.01)
        np.testing.assert_allclose(found.sum(), mean.sum())  # the area is the same wherever it lies


def test_tokens_inside_are_those_whose_middle_is():
    """Of four columns the middles are at 0.125, 0.375, …, of two rows at 0.25 and 0.75."""
    found = tokens_inside(PAIR, np.array([[0.1, 0.2, 0.4, 0.7], [0.8, 0.7, 1, 1]]), 16).reshape(2, 2, 4)
    assert found.tolist() == [[[True, True, False, False], [False, False, False, True]]] * 2


def test_a_small_box_has_the_token_that_shows_most_of_it():
    """A box in the second column that extends slightly over its border and contains no middle."""
    found = tokens_inside(PAIR, np.array([[0.45, 0.1, 0.52, 0.2], [0.1, 0.2, 0.3, 0.3]]), 16).reshape(2, 2, 4)
    assert found.tolist() == [[[True, True, False, False], [False] * 4]] * 2


# ---- parts -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rows", "columns", "layout", "first", "second"),
    [
        (1, 4, merged(usual((10, 20))), [0, 1], [2, 3]),
        (1, 5, merged(usual((10, 20))), [0, 1, 2], [3, 4]),  # the middle column is cut in half
        (4, 1, merged(usual((20, 10))), [0, 1], [2, 3]),
        (3, 1, merged(usual((20, 10))), [0, 1], [2]),
        (2, 4, merged_on_square(usual((10, 20)), 40), [0, 1, 4, 5], [2, 3, 6, 7]),
    ],
)
def test_a_merged_raster_is_cut_at_the_seam(rows, columns, layout, first, second):
    width, height = layout.size
    images = {n: (x / width, y / height, w / width, h / height) for n, (x, y, w, h) in layout.places.items()}
    raster = Raster(0, rows, columns, images)
    parts = {number: raster.tokens[part].ravel().tolist() for number, part in raster.parts().items()}
    assert parts == {0: first, 1: second}

"""The image tokens that causal patching copies: by hand on small rasters, and what holds for any boxes."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spd_faith.inference.images import merged, merged_on_square, usual
from spd_faith.probes.image_grid import ImageTokens, Raster
from spd_faith.probes.token_sets import TOKEN_SETS, NoTokens, token_sets

WHOLE = (0.0, 0.0, 1.0, 1.0)
SIZE = (40, 40)
PAIR = ImageTokens((SIZE, SIZE), (Raster(0, 4, 4, {0: WHOLE}), Raster(16, 4, 4, {1: WHOLE})))  # 10 pixels a token
BESIDE = ImageTokens((SIZE, SIZE), (Raster(0, 4, 8, {0: (0, 0, 0.5, 1), 1: (0.5, 0, 0.5, 1)}),))
STACKED = ImageTokens((SIZE, SIZE), (Raster(0, 8, 4, {0: (0, 0, 1, 0.5), 1: (0, 0.5, 1, 0.5)}),))


def box(x, y, w, h):
    return dict(zip("xywh", map(float, (x, y, w, h)), strict=True))


def difference(kind="remove", bbox=None, after=None):
    return {"type": kind, "category": "car", "bbox": bbox, "bbox_after": after}


def sample(*differences, unchanged=None, sample_id="easy/1"):
    still = unchanged and [{"category": "dog", "bbox": one} for one in unchanged]
    return {"sample_id": sample_id, "differences": list(differences), "unchanged": still}


def sets(places, row, number=0, seed=0, num_tokens=32):
    found = token_sets(places, num_tokens, row, number, seed)
    assert tuple(found) == TOKEN_SETS
    return {name: one if isinstance(one, NoTokens) else one.tolist() for name, one in found.items()}


CORNER = difference("color", box(0, 0, 20, 20))  # four tokens, top left


@pytest.mark.parametrize(
    ("places", "tokens", "everything"),
    [
        (PAIR, [16, 17, 20, 21], range(16, 32)),
        (BESIDE, [4, 5, 12, 13], range(32)),  # rows of eight, the second image on their right
        (STACKED, [16, 17, 20, 21], range(32)),
    ],
)
def test_a_box_of_four_tokens(places, tokens, everything):
    found = sets(places, sample(CORNER))
    assert found["difference"] == tokens
    assert found["all"] == list(everything)


@pytest.mark.parametrize(
    ("one", "tokens"),
    [
        (difference("remove", box(10, 10, 20, 10)), [21, 22]),  # where it was
        (difference("remove", None, box(30, 30, 10, 10)), [31]),  # an object that was added
        (difference("position", box(0, 0, 10, 10), box(20, 30, 20, 10)), [16, 30, 31]),  # old and new place
        (difference("color", box(4, 4, 10, 10)), [16]),  # its middle at 5, the next ones' at 15 are outside
    ],
)
def test_the_places_of_each_type(one, tokens):
    assert sets(PAIR, sample(one))["difference"] == tokens


@pytest.mark.parametrize("places", [PAIR, BESIDE, STACKED])
def test_a_box_without_the_middle_of_a_token(places):
    found = sets(places, sample(difference(bbox=box(16, 11, 9, 3)), unchanged=[box(30, 30, 10, 10)]))
    assert {name: one for name, one in found.items() if name != "all"} == dict.fromkeys(TOKEN_SETS[:3], "small_box")
    assert len(found["all"]) == (16 if places is PAIR else 32)


def test_a_box_within_a_token_is_that_token():
    """As in scenes with one object per token, however much of it the object leaves free."""
    found = sets(PAIR, sample(difference(bbox=box(13, 13, 3, 3)), unchanged=[box(33, 33, 3, 3)]))
    assert (found["difference"], found["unchanged"]) == ([21], [31])


def test_two_places_may_make_a_token_together():
    """60 % of one and 60 % of another."""
    moved = difference("position", box(0, 0, 10, 6), box(30, 30, 10, 6))
    assert sets(PAIR, sample(moved))["difference"] == [16, 31]


def test_without_a_box():
    found = sets(PAIR, sample(difference(), CORNER))
    assert [found[name] for name in TOKEN_SETS[:3]] == ["no_boxes"] * 3
    assert found["all"] == list(range(16, 32))


def test_the_box_of_another_difference_is_needed_to_keep_out_of_it():
    found = sets(PAIR, sample(difference(), CORNER, unchanged=[box(30, 30, 10, 10)]), number=1)
    assert found["difference"] == [16, 17, 20, 21]
    assert found["random"] == found["unchanged"] == "no_boxes"


def test_random_tokens_touch_no_true_box():
    """Boxes cover the rows 0, 1 and a sliver of row 2, so of 16 tokens the last four are free."""
    row = sample(CORNER, difference(bbox=box(20, 0, 20, 20.5)), difference(bbox=box(0, 19, 21, 1.5)))
    assert sets(PAIR, row)["random"] == sorted([*range(28, 32)])


def test_no_room_for_random_tokens():
    row = sample(CORNER, difference(bbox=box(0, 0, 40, 30.5)))
    assert sets(PAIR, row)["random"] == "no_room"


@pytest.mark.parametrize(
    ("unchanged", "tokens"),
    [
        (None, "no_unchanged"),
        ([], "no_unchanged"),
        ([box(10, 10, 20, 20)], "no_unchanged"),  # overlaps the difference
        ([box(30, 0, 10, 10)], [19]),
        ([box(30, 0, 10, 10), box(20, 20, 20, 20)], [26, 27, 30, 31]),  # 4 tokens as the difference, not 1
        ([box(30, 10, 10, 30), box(0, 30, 40, 10), box(30, 0, 10, 10)], [28, 29, 30, 31]),
        ([box(32, 2, 1, 1)], [19]),
    ],
)
def test_the_unchanged_object_of_the_most_similar_size(unchanged, tokens):
    assert sets(PAIR, sample(CORNER, unchanged=unchanged))["unchanged"] == tokens


def test_random_tokens_depend_on_seed_sample_and_number_alone():
    two = sample(CORNER, CORNER)
    first = sets(PAIR, two)["random"]
    assert sets(PAIR, two)["random"] == first
    others = [
        sets(PAIR, two, number=1),
        sets(PAIR, two, seed=1),
        sets(PAIR, sample(CORNER, CORNER, sample_id="easy/2")),
    ]
    assert all(one["random"] != first for one in others)
    assert sets(PAIR, {**two, "unchanged": [{"category": "dog", "bbox": box(30, 0, 9, 9)}]})["random"] == first


def test_a_token_at_the_end_belongs_to_the_second_image():
    """Some models put one behind each raster."""
    places = ImageTokens((SIZE, SIZE), (Raster(0, 4, 4, {0: WHOLE}), Raster(17, 4, 4, {1: WHOLE})))
    found = sets(places, sample(CORNER), num_tokens=34)
    assert found["difference"] == [17, 18, 21, 22]
    assert found["all"] == list(range(17, 34))


def test_random_tokens_show_the_image_not_its_margin():
    """A merged image twice as wide as high on a square of 4 × 4 tokens: the second image has four of them."""
    layout = merged_on_square(usual((10, 20)), 40)
    width, height = layout.size
    images = {n: (x / width, y / height, w / width, h / height) for n, (x, y, w, h) in layout.places.items()}
    raster = Raster(0, 4, 4, images)
    places = ImageTokens((SIZE, SIZE), (raster,))
    left, top, right, down = images[1]
    shown = {
        int(raster.tokens[row, column])
        for row in range(4)
        for column in range(4)
        if left <= (column + 0.5) / 4 <= left + right and top <= (row + 0.5) / 4 <= top + down
    }
    random = {tuple(sets(places, sample(CORNER), seed=seed, num_tokens=16)["random"]) for seed in range(30)}
    assert {token for drawn in random for token in drawn} <= shown


numbers = st.integers(0, 40)
boxes = st.builds(lambda x, y, w, h: box(x, y, w + 1, h + 1), numbers, numbers, numbers, numbers)
differences = st.lists(st.builds(difference, st.just("position"), boxes, boxes | st.none()), min_size=1, max_size=3)
LAYOUTS = [merged(usual((60, 90))), merged(usual((90, 60))), merged_on_square(usual((60, 90)), 56)]


@st.composite
def rasters(draw):
    """(places, tokens of the second image) of a pair or a merged image of any raster."""
    rows, columns = draw(st.integers(2, 9)), draw(st.integers(2, 9))
    layout = draw(st.sampled_from([None, *LAYOUTS]))
    if layout is None:
        places = ImageTokens((SIZE, SIZE), (Raster(0, 3, 5, {0: WHOLE}), Raster(15, rows, columns, {1: WHOLE})))
        return places, set(range(15, 15 + rows * columns))
    width, height = layout.size
    images = {n: (x / width, y / height, w / width, h / height) for n, (x, y, w, h) in layout.places.items()}
    raster = Raster(0, rows, columns, images)
    return ImageTokens((SIZE, SIZE), (raster,)), set(raster.tokens[raster.parts()[1]].ravel().tolist())


@given(rasters(), differences, st.none() | st.lists(boxes, max_size=4), st.integers(0, 3))
def test_sets_of_any_boxes(drawn, of_sample, unchanged, seed):
    places, second = drawn
    row = sample(*of_sample, unchanged=unchanged)
    total = places.rasters[-1].first + places.rasters[-1].tokens.size
    found = token_sets(places, total, row, 0, seed)
    tokens = {name: set(one.tolist()) for name, one in found.items() if not isinstance(one, NoTokens)}
    for name, one in tokens.items():
        assert one and len(one) == len(found[name]) and np.array_equal(found[name], sorted(one))
        assert one <= (second if name != "all" or len(places.rasters) == 2 else set(range(total)))
    if "random" in tokens:
        assert len(tokens["random"]) == len(tokens["difference"])
    for name in ("random", "unchanged"):
        assert tokens.get(name, set()).isdisjoint(tokens.get("difference", set()))
    again = token_sets(places, total, row, 0, seed)
    assert all(np.array_equal(found[name], again[name]) for name in found)

"""Which pairs are drawn for labels, and with what probability."""

from collections import Counter

import pytest

from spd_faith.core.errors import UserError
from spd_faith.judging.annotations.draw import allocate, draw_pairs

SAMPLES = [
    {"sample_id": f"{split}/{k}", "split": split}
    for split, size in (("easy", 50), ("hard", 30), ("rare", 3))
    for k in range(size)
]


@pytest.mark.parametrize(
    ("sizes", "number", "expected"),
    [
        ({"a": 50, "b": 50}, 10, {"a": 5, "b": 5}),
        ({"a": 60, "b": 30, "c": 10}, 10, {"a": 6, "b": 3, "c": 1}),
        ({"a": 98, "b": 1, "c": 1}, 10, {"a": 8, "b": 1, "c": 1}),  # at least one per split
        ({"a": 70, "b": 30}, 5, {"a": 4, "b": 1}),  # 3.5 and 1.5: the first of equal remainders
        ({"a": 3, "b": 2}, 5, {"a": 3, "b": 2}),
    ],
)
def test_allocation_is_proportional_with_at_least_one(sizes, number, expected):
    assert allocate(sizes, number) == expected


def test_the_probability_is_drawn_over_all_pairs_of_the_split():
    drawn = draw_pairs(SAMPLES, 20, seed=0)
    counts = Counter(pair.split for pair in drawn)
    assert counts == {"easy": 12, "hard": 7, "rare": 1}  # of 20: 12.05, 7.23, 0.72
    assert {pair.split: pair.probability for pair in drawn} == {"easy": 12 / 50, "hard": 7 / 30, "rare": 1 / 3}
    assert len({pair.sample_id for pair in drawn}) == 20


def test_the_seed_decides_the_draw():
    assert draw_pairs(SAMPLES, 20, seed=0) == draw_pairs(SAMPLES, 20, seed=0)
    assert draw_pairs(SAMPLES, 20, seed=0) != draw_pairs(SAMPLES, 20, seed=1)


def test_every_pair_is_drawn_as_often_as_its_probability_says():
    times = Counter(pair.sample_id for seed in range(2000) for pair in draw_pairs(SAMPLES, 20, seed))
    # a fraction of 2,000 draws has a standard error of at most 0.011
    for sample_id, expected in (("easy/7", 0.24), ("hard/29", 7 / 30), ("rare/0", 1 / 3)):
        assert times[sample_id] / 2000 == pytest.approx(expected, abs=0.045)


def test_the_order_mixes_the_splits():
    """Whoever stops early has labelled a random sample."""
    halves = Counter(pair.split for seed in range(50) for pair in draw_pairs(SAMPLES, 20, seed)[:10])
    assert halves["hard"] / 500 == pytest.approx(7 / 20, abs=0.08)


@pytest.mark.parametrize("number", [2, 84])
def test_a_draw_that_is_not_possible_is_refused(number):
    with pytest.raises(UserError, match=rf"--pairs {number}: from 3 .* to 83"):
        draw_pairs(SAMPLES, number, seed=0)

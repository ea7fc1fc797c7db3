"""The formulas on hand-computed counts and multisets, and their properties."""

import math
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spd_faith.scoring import formulas

names = st.lists(st.sampled_from(["car", "dog", "cup", "tv"]), max_size=8)
some_names = names.filter(bool)
counts = st.integers(0, 1000)


def f1_of(predicted: list, true: list) -> float:
    return float(formulas.f1(formulas.matches(predicted, true), len(predicted), len(true)))


@pytest.mark.parametrize(
    ("predicted", "true", "expected"),
    [
        (["car"], ["car"], 1),
        (["car", "car", "car"], ["car"], 1),  # each true one is matched once
        (["car", "car"], ["car", "car", "dog"], 2),
        (["dog", "car"], ["car", "dog"], 2),
        ([], ["car"], 0),
        (["car"], [], 0),
        ([None, None], [None, "car"], 0),  # unknown matches nothing, not even unknown
    ],
)
def test_matches(predicted, true, expected):
    assert formulas.matches(predicted, true) == expected


@pytest.mark.parametrize(
    ("matched", "predicted", "true", "expected"),
    [(1, 2, 3, 2 / 5), (0, 2, 3, 0), (3, 3, 3, 1), (0, 0, 3, 0), (0, 2, 0, 0), (1, 5, 1, 2 / 6)],
)
def test_f1(matched, predicted, true, expected):
    assert formulas.f1(matched, predicted, true) == pytest.approx(expected)


def test_f1_of_nothing_against_nothing_is_not_defined():
    assert math.isnan(formulas.f1(0, 0, 0))


@given(names, some_names)
def test_f1_is_symmetric_in_range_and_ignores_order(predicted, true):
    value = f1_of(predicted, true)
    assert 0 <= value <= 1
    assert value == f1_of(true, predicted)
    assert value == f1_of(sorted(predicted), true[::-1])
    assert (value == 1) == (Counter(predicted) == Counter(true))


@given(names, some_names)
def test_f1_is_the_harmonic_mean_of_precision_and_recall(predicted, true):
    left = list(true)
    matched = 0
    for name in predicted:  # one-to-one, by crossing out
        if name in left:
            left.remove(name)
            matched += 1
    precision, recall = matched / max(len(predicted), 1), matched / len(true)
    expected = 2 * precision * recall / (precision + recall) if matched else 0
    assert f1_of(predicted, true) == pytest.approx(expected)


@given(names, some_names, st.sampled_from(["wrong", None]))
def test_a_wrong_prediction_never_raises_f1(predicted, true, wrong):
    assert f1_of([*predicted, wrong], true) <= f1_of(predicted, true)


@given(names, some_names, st.sampled_from(["car", "dog"]))
def test_a_match_more_never_lowers_f1(predicted, true, name):
    assert f1_of([*predicted, name], [*true, name]) >= f1_of(predicted, true)


@pytest.mark.parametrize(
    ("n_pred", "n_gt", "recall", "exact", "by_count"),
    [
        (3, 3, 1, 1, 1),
        (2, 3, 2 / 3, 0, 2 / 3),
        (0, 3, 0, 0, 0),
        (6, 3, 1, 0, 1 / 2),  # too many: the recall is capped, the others see it
        (1000, 1, 1, 0, 1 / 1000),
        (2, 0, None, 0, 0),
        (0, 0, None, 1, 1),
    ],
)
def test_counts(n_pred, n_gt, recall, exact, by_count):
    found = formulas.quantity_recall(n_pred, n_gt)
    assert math.isnan(found) if recall is None else found == pytest.approx(recall)
    assert formulas.quantity_exact(n_pred, n_gt) == exact
    assert formulas.count_sensitivity(n_pred, n_gt) == pytest.approx(by_count)


def test_a_failed_answer_is_not_a_count_of_nothing():
    assert formulas.quantity_exact(0, 0, answered=False) == 0
    assert formulas.count_sensitivity(0, 0, answered=False) == 0


@given(counts, counts.filter(bool))
def test_the_order_that_the_evidence_rests_on(n_pred, n_gt):
    """docs/metrics.md: exact ≤ count deviation ≤ recall, on every sample and so in every mean."""
    exact, by_count = formulas.quantity_exact(n_pred, n_gt), formulas.count_sensitivity(n_pred, n_gt)
    assert exact <= by_count <= formulas.quantity_recall(n_pred, n_gt) + 1e-12


@pytest.mark.parametrize(
    ("matched", "predicted", "recall", "expected"),
    [(1, 2, 2 / 3, 4 / 7), (0, 2, 1, 0), (0, 0, 0, 0), (2, 2, 1, 1), (0, 0, 1, 0), (0, 1, math.nan, 0)],
)
def test_figure_f1(matched, predicted, recall, expected):
    assert formulas.figure_f1(matched, predicted, recall) == pytest.approx(expected)


def test_figure_f1_of_nothing_against_nothing_is_not_defined():
    assert math.isnan(formulas.figure_f1(0, 0, math.nan))


@pytest.mark.parametrize(
    ("claims", "expected"),
    [((1, 0, 0), 1), ((0, 1, 0), -1), ((0, 0, 1), 0.5), ((1, 1, 2), 0.25), ((0, 0, 0), 0), ((1, 3, 0), -0.5)],
)
def test_signed_consistency(claims, expected):
    assert formulas.signed_consistency(*claims) == expected


def test_detection():
    assert formulas.detection(np.array([0, 1, 2])).tolist() == [0, 0.5, 1]


def test_overall_is_null_where_one_of_six_is():
    found = formulas.overall([[0.1, 0.2, 0.3, 0.4, 0.5, 0.6], [0.1, 0.2, math.nan, 0.4, 0.5, 0.6]])
    assert found[0] == pytest.approx(0.35)
    assert math.isnan(found[1])

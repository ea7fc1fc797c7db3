"""Weighted correlations against scipy on points repeated according to their weights."""

import numpy as np
import pytest
from scipy import stats

from spd_faith.core.statistics import correlations


def test_weights_count_points():
    rng = np.random.default_rng(0)
    x, y = rng.choice([0.0, 0.25, 0.5, 1.0], size=(2, 12))
    weights = rng.integers(0, 5, size=(40, 12)).astype(float)
    pearson, spearman = correlations(x, y, weights)
    for row, (found, found_ranked) in zip(weights.astype(int), zip(pearson, spearman, strict=True), strict=True):
        repeated = np.repeat(x, row), np.repeat(y, row)
        assert found == pytest.approx(stats.pearsonr(*repeated).statistic)
        assert found_ranked == pytest.approx(stats.spearmanr(*repeated).statistic)


@pytest.mark.parametrize("weights", [[1.0, 0.0, 0.0], [0.0, 0.0, 0.0], [2.0, 2.0, 0.0]])
def test_undefined_where_nothing_varies(weights):
    """One point, none, two points of the same x."""
    pearson, spearman = correlations(np.array([1.0, 1.0, 2.0]), np.array([0.0, 1.0, 2.0]), np.array([weights]))
    assert np.isnan(pearson).all() and np.isnan(spearman).all()


def test_a_constant_that_binary_numbers_miss_does_not_vary():
    x, weights = np.full(3, 0.1), np.array([[1.0, 4.0, 9.0], [1.0, 1.0, 1.0]])
    assert np.isnan(correlations(x, np.array([0.0, 1.0, 2.0]), weights)).all()


def test_many_rows_are_as_one(monkeypatch):
    rng = np.random.default_rng(1)
    x, y = rng.random((2, 9))
    weights = rng.integers(0, 3, size=(25, 9)).astype(float)
    whole = correlations(x, y, weights)
    monkeypatch.setattr("spd_faith.core.statistics.CELLS_PER_CHUNK", 30)  # three rows at a time
    np.testing.assert_array_equal(correlations(x, y, weights), whole)

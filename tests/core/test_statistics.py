"""The clustered bootstrap against scipy, against a literal loop, against theory."""

import numpy as np
import pytest
from scipy import stats

from spd_faith.core import statistics
from spd_faith.core.statistics import draw_clusters, make_clusters, percentile_interval, resample_sums

N = 120


def interval_of_mean(clusters, values, resamples=10_000, seed=0, level=0.95):
    """Interval of the mean of `values` (samples,)."""
    columns = np.stack([values, np.ones(len(values))], axis=1)
    sums = resample_sums(clusters, columns, resamples, seed)
    low, high = percentile_interval(sums[:, 0] / sums[:, 1], values.mean(), level)
    return float(low), float(high)


def independent(n):
    return make_clusters(["all"] * n, [str(i) for i in range(n)])


def test_clusters_are_units_within_strata():
    clusters = make_clusters(["b", "a", "b", "a", "a"], ["1", "1", "1", "2", "1"])
    assert clusters.of_sample.tolist() == [2, 0, 2, 1, 0]
    assert clusters.first.tolist() == [0, 0, 2]
    assert clusters.stop.tolist() == [2, 2, 3]


def test_agrees_with_scipy():
    values = np.random.default_rng(1).exponential(size=N)
    found = interval_of_mean(independent(N), values)
    reference = stats.bootstrap(
        (values,), np.mean, n_resamples=10_000, method="percentile", rng=np.random.default_rng(2)
    ).confidence_interval
    # the two draw differently: an end's Monte Carlo error is about 2.7 / sqrt(10,000) standard errors
    assert found == pytest.approx(tuple(reference), abs=0.1 * values.std() / np.sqrt(N))


def test_agrees_with_a_literal_loop_over_the_same_draws():
    generator = np.random.default_rng(3)
    strata = generator.choice(["easy", "hard", "multi"], size=N)
    units = generator.integers(0, 25, size=N)
    values = generator.normal(size=(N, 3))
    clusters = make_clusters(strata, units.astype(str))
    expected = []
    for drawn in np.concatenate(list(draw_clusters(clusters, 50, seed=4))):
        rows = [row for cluster in drawn for row in np.flatnonzero(clusters.of_sample == cluster)]
        expected.append(values[rows].sum(axis=0))
    np.testing.assert_allclose(resample_sums(clusters, values, 50, seed=4), expected, atol=1e-10)


def test_draws_stay_in_their_stratum():
    clusters = make_clusters(["a"] * 3 + ["b"] * 5, list("12345678"))
    drawn = np.concatenate(list(draw_clusters(clusters, 1000, seed=0)))
    assert drawn.shape == (1000, 8)
    assert set(drawn[:, :3].ravel()) == {0, 1, 2}
    assert set(drawn[:, 3:].ravel()) == {3, 4, 5, 6, 7}


def test_strata_take_their_differences_out_of_the_interval():
    """Constant within each stratum: nothing varies between resamples, though the strata are far apart."""
    values = np.repeat([0.1, 0.9], 30)
    clusters = make_clusters(np.repeat(["easy", "hard"], 30), [str(i) for i in range(60)])
    assert interval_of_mean(clusters, values) == (values.mean(), values.mean())


def test_the_seed_alone_decides(monkeypatch):
    values = np.random.default_rng(5).normal(size=(N, 2))
    first = resample_sums(independent(N), values, 300, seed=6)
    assert np.array_equal(first, resample_sums(independent(N), values, 300, seed=6))
    assert not np.array_equal(first, resample_sums(independent(N), values, 300, seed=7))
    monkeypatch.setattr(statistics, "CELLS_PER_CHUNK", 7 * N)
    np.testing.assert_allclose(first, resample_sums(independent(N), values, 300, seed=6), atol=1e-10)


def test_nominal_coverage():
    """95% intervals of a mean of 100 normal values hold the true mean in about 95 of 100 experiments."""
    generator = np.random.default_rng(8)
    clusters = independent(100)
    data = generator.normal(loc=2.0, size=(100, 1000))  # an experiment per column, all over the same resamples
    means = resample_sums(clusters, data, 2000, seed=9) / 100
    low, high = percentile_interval(means, data.mean(axis=0))
    held = ((low <= 2.0) & (high >= 2.0)).mean()
    assert 0.92 < held < 0.965  # the percentile interval of 100 values is a little short: 94.5%


def test_nominal_coverage_of_clusters():
    """Values that share a cluster's effect: whole clusters must be drawn, single values would hold it far less."""
    generator = np.random.default_rng(10)
    data = (generator.normal(size=(60, 1, 500)) + 0.3 * generator.normal(size=(60, 5, 500))).reshape(300, 500)
    held = {}
    for name, clusters in (
        ("clustered", make_clusters(["all"] * 300, np.repeat(np.arange(60), 5).astype(str))),
        ("naive", independent(300)),
    ):
        low, high = percentile_interval(resample_sums(clusters, data, 2000, seed=11) / 300, data.mean(axis=0))
        held[name] = ((low <= 0) & (high >= 0)).mean()
    assert 0.91 < held["clustered"] < 0.97
    assert held["naive"] < 0.75


def test_copies_of_a_sample_add_no_information():
    """Each sample four times: drawn whole, the interval is that of one copy, sqrt(4) times as wide as the naive one."""
    n = 60
    values = np.random.default_rng(12).normal(size=n)
    once = interval_of_mean(independent(n), values)
    copies = np.repeat(values, 4)
    clustered = interval_of_mean(make_clusters(["all"] * 4 * n, np.repeat(np.arange(n), 4).astype(str)), copies)
    naive = interval_of_mean(independent(4 * n), copies)
    assert clustered[1] - clustered[0] == pytest.approx(once[1] - once[0], rel=0.05)
    assert (clustered[1] - clustered[0]) / (naive[1] - naive[0]) == pytest.approx(2, rel=0.05)


def test_a_constant_has_no_width():
    values = np.full(N, 1 / 3)  # sums of it round differently in each resample
    mean = values.mean()
    assert interval_of_mean(independent(N), values) == (mean, mean)


def test_what_is_not_defined_has_no_interval_and_draws_of_it_are_left_out():
    draws = np.array([[np.nan, np.nan, 1.0], [0.2, np.nan, 2.0], [0.4, np.nan, 3.0]])
    low, high = percentile_interval(draws, np.array([0.3, 0.5, np.nan]), level=1.0)
    np.testing.assert_array_equal(low, [0.2, np.nan, np.nan])
    np.testing.assert_array_equal(high, [0.4, np.nan, np.nan])


def test_percentiles_by_hand():
    low, high = percentile_interval(np.arange(101.0), np.array(50.0), level=0.9)
    assert (low, high) == pytest.approx((5, 95))

"""The clustered bootstrap against scipy, against a literal loop, against theory."""

import numpy as np
import pytest
from scipy import stats

from spd_faith.core import statistics
from spd_faith.core.statistics import (
    Clusters,
    Resampling,
    clustered_standard_error,
    count_extreme,
    draw_clusters,
    holm,
    make_clusters,
    p_value,
    percentile_interval,
    resample_sums,
)

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
    units = [*map(str, range(10, 20)), "10"]
    clusters = make_clusters(["b", "a"] * 11, np.repeat(units, 2))
    assert clusters.of_sample.tolist() == [*(c + k for c in range(10) for k in (10, 0)), 10, 0]
    assert clusters.first.tolist() == [0] * 10 + [10] * 10
    assert clusters.stop.tolist() == [10] * 10 + [20] * 10
    assert clusters.merged == ()


@pytest.mark.parametrize(
    ("sizes", "merged"),
    [
        ({"a": 10, "b": 10}, ()),
        ({"a": 12, "b": 9, "c": 30}, (("a", "b"),)),  # the next smallest, not the largest
        ({"a": 30, "b": 3, "c": 4, "d": 10}, (("b", "c", "d"),)),  # 3 + 4 is not enough: with d, not with a
        ({"a": 30, "b": 3, "c": 8, "d": 12}, (("b", "c"),)),  # 11 is enough
        ({"a": 6, "b": 6, "c": 6, "d": 6}, (("a", "b"), ("c", "d"))),
        ({"a": 2, "b": 3}, (("a", "b"),)),  # 5 in all: one stratum
        ({"a": 2}, ()),
    ],
)
def test_small_strata_are_merged_with_the_next_smallest(sizes, merged):
    strata = [name for name, size in sizes.items() for _ in range(size)]
    units = [str(unit) for size in sizes.values() for unit in range(size)]  # the same names in every stratum
    clusters = make_clusters(strata, units)
    assert clusters.merged == merged
    assert len(clusters) == len(strata)  # none is merged with its namesake
    together = {name: next((group for group in merged if name in group), (name,)) for name in sizes}
    for sample, cluster in enumerate(clusters.of_sample):
        drawn = np.flatnonzero(
            (clusters.of_sample >= clusters.first[cluster]) & (clusters.of_sample < clusters.stop[cluster])
        )
        assert {strata[other] for other in drawn} == set(together[strata[sample]])


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


def test_a_clustered_standard_error_by_hand():
    three = make_clusters(["easy"] * 3, list("abc"))
    # differences 1, 0, 0 of three images, mean 1/3: residuals (d − 1/3) / 3; variance 3/2 · (4 + 1 + 1)/81 = 1/9
    assert clustered_standard_error(three, np.array([2, -1, -1]) / 9) == pytest.approx(1 / 3)
    strata = Clusters(np.arange(5), np.array([0, 0, 0, 3, 3]), np.array([3, 3, 3, 5, 5]))
    # 3/2 · (1 + 0 + 1) + 2/1 · (4 + 4), each around the mean of its stratum
    found = clustered_standard_error(strata, np.array([[1, 2, 3, 10, 14], [0, 0, 0, 0, 0]]))
    assert found == pytest.approx([np.sqrt(19), 0])
    alone = Clusters(np.arange(4), np.array([0, 0, 0, 3]), np.array([3, 3, 3, 4]))
    assert np.isnan(clustered_standard_error(alone, np.array([1.0, 2.0, 3.0, 0.0])))


def test_draws_stay_in_their_stratum():
    clusters = make_clusters(["a"] * 10 + ["b"] * 15, list(map(str, range(25))))
    drawn = np.concatenate(list(draw_clusters(clusters, 1000, seed=0)))
    assert drawn.shape == (1000, 25)
    assert set(drawn[:, :10].ravel()) == set(range(10))
    assert set(drawn[:, 10:].ravel()) == set(range(10, 25))


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


def test_equal_resamplings_share_their_resamples():
    clusters = make_clusters(["all"] * 12, [str(unit // 2) for unit in range(12)])
    first, again = (np.concatenate(list(Resampling(clusters, 30, seed=1).weights())) for _ in range(2))
    assert np.array_equal(first, again)
    assert first.shape == (30, 6) and (first.sum(axis=1) == 6).all()
    values = np.arange(12.0)[:, None]
    np.testing.assert_array_equal(
        first @ values.reshape(6, 2).sum(axis=1), resample_sums(clusters, values, 30, 1)[:, 0]
    )


# ---- tests -----------------------------------------------------------------------------------------------------------


def test_p_by_hand():
    """An estimate of 2: draws up to 0 and from 4 on are at least as far from it as 0 is, 4 of 7 with the ties."""
    draws = np.array([-1.0, 0.0, 1.0, 2.0, 3.9, 4.0, 9.0])
    extreme = count_extreme(draws, np.array(2.0))
    assert (extreme, p_value(extreme, len(draws))) == (4, 5 / 8)
    assert count_extreme(-draws, np.array(-2.0)) == 4
    assert p_value(np.array(0), 9_999) == 1 / 10_000  # never 0


def test_a_difference_of_zero_has_a_p_of_one():
    draws = np.array([-0.1, 0.0, 0.1])
    assert count_extreme(draws, np.array(0.0)) == 3
    assert count_extreme(draws, np.array(1e-16)) == 3  # zero but for rounding
    assert p_value(np.array(3), 3) == 1


def test_ties_up_to_rounding_and_undefined_draws_count():
    assert count_extreme(np.array([0.1 + 0.2, 0.3]) - 0.3 + 5e-17, np.array(0.3)) == 2
    assert count_extreme(np.array([np.nan, 0.3]), np.array(0.3)) == 1


def test_holm_by_hand():
    """Four tests: .01 · 4; .03 · 3 = .09 at least as large as the smaller ones; .04 · 2 = .08, so .09; .005 is first:
    sorted .005 · 4 = .02, .01 · 3 = .03, .03 · 2 = .06, .04 · 1 = .04, so .06."""
    np.testing.assert_allclose(holm(np.array([0.01, 0.04, 0.03, 0.005])), [0.03, 0.06, 0.06, 0.02])


def test_holm_leaves_out_what_was_not_tested_and_stays_below_one():
    np.testing.assert_allclose(holm(np.array([0.5, np.nan, 0.6])), [1.0, np.nan, 1.0])
    np.testing.assert_allclose(holm(np.array([np.nan, 0.05])), [np.nan, 0.05])


def test_holm_as_published():
    """As p.adjust(p, "holm") of R gives it."""
    p = np.array([0.01, 0.02, 0.03, 0.04, 0.05])
    expected = [0.05, 0.08, 0.09, 0.09, 0.09]  # 5 · .01, 4 · .02, 3 · .03, then max(2 · .04, .09), max(.05, .09)
    np.testing.assert_allclose(holm(p), expected)


def test_holm_against_a_literal_step_down():
    """Reject in the order of p while p ≤ α / (tests that are left), for many α: rejected exactly where adjusted ≤ α."""
    p = np.random.default_rng(7).beta(0.3, 3, size=12)
    for alpha in np.linspace(0.003, 0.997, 50):
        rejected = set()
        for rank, test in enumerate(np.argsort(p)):
            if p[test] > alpha / (len(p) - rank):
                break
            rejected.add(int(test))
        assert set(np.flatnonzero(holm(p) <= alpha)) == rejected

"""Precision, recall, kappa and correlations of two judges, checked against worked examples and other formulas."""

import math
from collections import Counter
from fractions import Fraction

import numpy as np
import pytest
from scipy import stats

from spd_faith.judging.claims import Claim
from spd_faith.judging.comparison import ComparedJudgements, SampleJudgement, compare, estimate

F, U, Q = "faithful", "unfaithful", "unverifiable"


def sample(number: int, labels: list[tuple[str, str]], scores=(1.0, 1.0), alone=(0, 0)) -> ComparedJudgements:
    """A sample with a matched pair of claims per pair of labels, and claims of only one judge."""
    judged = [
        SampleJudgement(
            tuple(
                [Claim(f"claim {k}", pair[side]) for k, pair in enumerate(labels)]
                + [Claim(f"only {side} {k}", F) for k in range(alone[side])]
            ),
            scores[side],
        )
        for side in (0, 1)
    ]
    pairs = tuple((k, k) for k in range(len(labels)))
    return ComparedJudgements(f"s{number}", ("easy", f"image{number}"), "drf", *judged, pairs)


def value(comparisons: list[ComparedJudgements], name: str) -> float:
    return estimate(comparisons, resamples=10)[0][name].value


def test_kappa_of_a_textbook_table():
    """50 claims: 20 both yes, 15 both no, 5 and 10 different. Agreement 0.7, by chance 0.5: kappa 0.4."""
    pairs = [(F, F)] * 20 + [(F, U)] * 5 + [(U, F)] * 10 + [(U, U)] * 15
    comparisons = [sample(k, pairs[5 * k : 5 * k + 5]) for k in range(10)]
    assert value(comparisons, "kappa") == pytest.approx(0.4)
    assert value(comparisons, "kappa_faithful") == pytest.approx(0.4)
    assert value(comparisons, "kappa_unfaithful") == pytest.approx(0.4)
    assert math.isnan(value(comparisons, "kappa_unverifiable"))  # neither judge uses it


def naive_kappa(pairs: list[tuple[str, str]]) -> Fraction:
    n = len(pairs)
    first, second = Counter(one for one, _ in pairs), Counter(other for _, other in pairs)
    by_chance = sum(Fraction(first[label] * second[label], n * n) for label in first)
    return (Fraction(sum(one == other for one, other in pairs), n) - by_chance) / (1 - by_chance)


def test_kappa_against_its_definition_on_random_labels():
    rng = np.random.default_rng(5)
    for _ in range(20):
        pairs = [(str(a), str(b)) for a, b in rng.choice([F, U, Q], size=(40, 2), p=[0.5, 0.3, 0.2])]
        comparisons = [sample(k, pairs[4 * k : 4 * k + 4]) for k in range(10)]
        estimates, _ = estimate(comparisons, resamples=10)
        assert estimates["kappa"].value == pytest.approx(float(naive_kappa(pairs)))
        for label in (F, U, Q):
            rest = [("yes" if a == label else "no", "yes" if b == label else "no") for a, b in pairs]
            assert estimates[f"kappa_{label}"].value == pytest.approx(float(naive_kappa(rest)))


def test_claims_of_only_one_judge():
    """6 match; the first judge lists 2 more, the second 4 more: 6/8, 6/10, 12/18."""
    comparisons = [sample(0, [(F, F)] * 4, alone=(2, 1)), sample(1, [(U, F)] * 2, alone=(0, 3))]
    found = {name: value(comparisons, name) for name in ("precision", "recall", "f1", "label_accuracy")}
    assert found == pytest.approx({"precision": 0.75, "recall": 0.6, "f1": 2 / 3, "label_accuracy": 2 / 3})


def test_a_different_error_type_is_a_different_outcome():
    claims = [Claim("a", U, error_type="fabrication"), Claim("b", F)]
    other = [Claim("a", U, error_type="attribute_error"), Claim("b", F)]
    first, second = (SampleJudgement(tuple(made), 0.5) for made in (claims, other))
    comparison = compare("s", ("", "s"), "drf", first, second, ["a b"])
    assert value([comparison], "label_accuracy") == 1
    assert value([comparison], "outcome_accuracy") == 0.5


def test_a_sample_unscored_by_one_judge_is_excluded():
    whole = [sample(0, [(F, F), (U, U)], (0.5, 0.5)), sample(1, [(U, F)], (0.0, 1.0))]
    left_out = sample(2, [], (None, 0.25), alone=(0, 3))
    with_it, sums = estimate([*whole, left_out], resamples=50)
    without_it, _ = estimate(whole, resamples=50)
    for name, found in without_it.items():
        assert with_it[name].value == pytest.approx(found.value, nan_ok=True), name
    assert sums["scored"] == 2


def test_correlations_and_error_of_the_scores():
    scores = [(0.0, 0.5), (0.5, 0.5), (1.0, 0.0), (1.0, 1.0), (0.25, 0.5), (0.75, 1.0), (1.0, 1.0)]
    comparisons = [sample(k, [(F, F)], pair) for k, pair in enumerate(scores)]
    x, y = zip(*scores, strict=True)
    assert value(comparisons, "pearson") == pytest.approx(stats.pearsonr(x, y).statistic)
    assert value(comparisons, "spearman") == pytest.approx(stats.spearmanr(x, y).statistic)
    assert value(comparisons, "score_error") == pytest.approx(2.0 / 7)  # 0.5 + 0 + 1 + 0 + 0.25 + 0.25 + 0
    assert value(comparisons, "bias") == pytest.approx(0.0 / 7)  # -0.5 + 0 + 1 + 0 - 0.25 - 0.25 + 0
    assert value(comparisons[:3], "bias") == pytest.approx(0.5 / 3)


def test_constant_scores_have_no_correlation():
    comparisons = [sample(k, [(F, F)], (1.0, k / 4)) for k in range(4)]
    found = estimate(comparisons, resamples=20)[0]
    assert math.isnan(found["pearson"].value) and math.isnan(found["pearson"].low)
    assert math.isnan(found["spearman"].value)


def test_full_agreement_has_an_interval_of_width_zero():
    found = estimate([sample(k, [(F, F), (U, U)], (k / 9, k / 9)) for k in range(10)], resamples=200)[0]
    for name in ("f1", "label_accuracy", "kappa", "pearson", "spearman"):
        assert found[name] == pytest.approx((1, 1, 1)), name
    assert found["score_error"] == (0, 0, 0)


def test_intervals_resample_whole_images():
    """Three samples of one image agree, three of another do not: resampled by image, all or nothing is likely."""
    halves = [sample(k, [(F, F)] if k < 3 else [(U, F)]) for k in range(6)]
    images = [
        ComparedJudgements(c.key, ("easy", "a" if k < 3 else "b"), c.metric, c.first, c.second, c.pairs)
        for k, c in enumerate(halves)
    ]
    assert estimate(images, resamples=500)[0]["label_accuracy"][1:] == (0, 1)
    low, high = estimate(halves, resamples=500)[0]["label_accuracy"][1:]
    assert 0 < low < 0.5 < high < 1


def test_intervals_against_a_plain_loop():
    rng = np.random.default_rng(1)
    comparisons = [
        sample(
            k,
            [(str(a), str(b)) for a, b in rng.choice([F, U], size=(rng.integers(1, 5), 2), p=[0.7, 0.3])],
            tuple(rng.choice([0.0, 0.5, 1.0], size=2)),
        )
        for k in range(30)
    ]
    found = estimate(comparisons, resamples=4000, seed=2)[0]
    kappas, rhos = [], []
    for _ in range(2000):
        drawn = [comparisons[k] for k in rng.integers(0, 30, 30)]
        pairs = [pair for comparison in drawn for pair in comparison.labels()]
        kappas.append(float(naive_kappa(pairs)))
        rhos.append(stats.spearmanr([c.first.score for c in drawn], [c.second.score for c in drawn]).statistic)
    for name, draws in (("kappa", kappas), ("spearman", rhos)):
        assert found[name][1:] == pytest.approx(np.quantile(draws, (0.025, 0.975)), abs=0.05)


def test_mixing_two_metrics_raises():
    drf = sample(0, [(F, F)])
    cr = ComparedJudgements("s1", ("", "s1"), "cr", SampleJudgement((), 1.0), SampleJudgement((), 1.0), ())
    with pytest.raises(ValueError):
        estimate([drf, cr])

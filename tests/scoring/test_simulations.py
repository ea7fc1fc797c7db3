"""Error rates of the intervals and tests, on simulated datasets with known truth. Run with -rP to see what is measured.

The datasets of a simulation share one set of resamples. Resamples are drawn without looking at the data, so each
dataset has the error rates that it would have with its own; sharing only makes the errors of datasets depend on each
other through the rounding of p and of the quantiles to the resamples (at p = 0.05 and 4,500 resamples: 0.003), far less
than the margins here. `test_shared_resamples_give_the_same_answers` checks it with fresh ones.
"""

from collections.abc import Iterator

import numpy as np
import pytest
from scipy import stats

from spd_faith.core.statistics import Clusters, Resampling, make_clusters, percentile_interval, resample_sums
from spd_faith.scoring.comparisons import RESAMPLES_PER_PAIR, SIGNIFICANT_AT, ModelScores, Pairwise, pairs_of, pairwise
from spd_faith.scoring.metrics import METRICS

pytestmark = pytest.mark.slow

SIMULATIONS = 2_000
MODELS = 10
PAIRS = MODELS * (MODELS - 1) // 2
RESAMPLES = RESAMPLES_PER_PAIR * PAIRS  # per pair as many as any run has; a run has at least 10,000
RATES = (0.2, 0.5, 0.8)
SPLITS = ("easy", "medium", "hard", "multi_diff")
# Fractions of the variance of a latent answer
DIFFICULTY = 0.6  # shared by the models
OF_IMAGE = 0.3  # shared by the samples of an image


class Shared(Resampling):
    """Resamples that are drawn once."""

    def __init__(self, clusters: Clusters, resamples: int, seed: int) -> None:
        super().__init__(clusters, resamples, seed)
        object.__setattr__(self, "drawn", list(super().weights()))

    def weights(self) -> Iterator[np.ndarray]:
        return iter(self.drawn)


def images_of(sizes: tuple[int, ...], n: int) -> np.ndarray:
    """The image (samples,) of each of at least n samples: images have the sizes in turn."""
    return np.repeat(np.arange(n), np.resize(sizes, n))[:n]


ONE_EACH = images_of((1,), 160)
SHARED_IMAGES = images_of((1, 2, 3), 320)  # 160 images


def clusters_of(images: np.ndarray) -> Clusters:
    return make_clusters([SPLITS[image % 4] for image in images], images.astype(str))


def answers(draw: np.random.Generator, rates: np.ndarray, images: np.ndarray) -> np.ndarray:
    """Right and wrong answers (samples, models): models find the same samples hard, and samples of an image alike."""

    def latent(*models: int) -> np.ndarray:
        of_images = draw.normal(size=(images.max() + 1, *models))[images]
        return np.sqrt(OF_IMAGE) * of_images + np.sqrt(1 - OF_IMAGE) * draw.normal(size=(len(images), *models))

    mixed = np.sqrt(DIFFICULTY) * latent(1) + np.sqrt(1 - DIFFICULTY) * latent(len(rates))
    return (mixed < stats.norm.ppf(rates)).astype(float)


def compared(values: np.ndarray, resampling: Resampling) -> Pairwise:
    """All pairs of models in the mean of values (samples, models)."""
    metric = METRICS["dqr"]
    return pairwise(
        ModelScores.of((metric,), [{"dqr": model} for model in values.T]), resampling, pairs_of(values.shape[1])
    )


def held(found: Pairwise, true: float, metric: int = 0) -> np.ndarray:
    """Whether each pair's interval holds the true difference."""
    return (found.low[metric] <= true + 1e-9) & (found.high[metric] >= true - 1e-9)


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("images", [ONE_EACH, SHARED_IMAGES], ids=["one sample per image", "shared images"])
def test_ten_equal_models(rate: float, images: np.ndarray) -> None:
    """45 pairs without a difference: false differences of a pair, of any after Holm, and coverage of the intervals."""
    resampling, draw = Shared(clusters_of(images), RESAMPLES, seed=1), np.random.default_rng(int(100 * rate))
    false, any_false, holds = [], [], []
    for _ in range(SIMULATIONS):
        found = compared(answers(draw, np.full(MODELS, rate), images), resampling)
        false.append((found.p <= SIGNIFICANT_AT).mean())
        any_false.append((found.p_holm <= SIGNIFICANT_AT).any())
        holds.append(held(found, 0).mean())
    rates = f"false differences {np.mean(false):.3f}, any after Holm {np.mean(any_false):.3f}"
    print(f"rate {rate}, {len(images)} samples: {rates}, coverage {np.mean(holds):.3f}")
    assert 0.04 <= np.mean(false) <= 0.06
    assert np.mean(any_false) <= 0.06
    assert 0.93 <= np.mean(holds) <= 0.97


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("images", [ONE_EACH, SHARED_IMAGES], ids=["one sample per image", "shared images"])
def test_intervals_of_values_and_differences(rate: float, images: np.ndarray) -> None:
    """Two models that differ by 0.1: intervals of each one's mean, and of their difference."""
    true = np.array([rate, rate - 0.1])
    resampling, draw = Shared(clusters_of(images), RESAMPLES, seed=2), np.random.default_rng(int(100 * rate) + 1)
    data = [answers(draw, true, images) for _ in range(SIMULATIONS)]
    holds = np.mean([held(compared(values, resampling), 0.1) for values in data])
    values = np.concatenate(data, axis=1)
    means = resample_sums(resampling.clusters, np.column_stack([values, np.ones(len(values))]), RESAMPLES, seed=2)
    low, high = percentile_interval(means[:, :-1] / means[:, -1:], values.mean(axis=0))
    of_means = ((low <= np.tile(true, SIMULATIONS)) & (high >= np.tile(true, SIMULATIONS))).mean()
    print(f"rate {rate}, {len(images)} samples: coverage of means {of_means:.3f}, of differences {holds:.3f}")
    assert 0.93 <= of_means <= 0.97
    assert 0.93 <= holds <= 0.97


def test_a_micro_f1() -> None:
    """Two equal models in TF1, one to five true differences per pair: a ratio of sums whose denominator varies too."""
    resampling, draw = Shared(clusters_of(SHARED_IMAGES), RESAMPLES, seed=3), np.random.default_rng(3)
    p, holds = [], []
    for _ in range(SIMULATIONS):
        n_gt = draw.integers(1, 6, size=len(SHARED_IMAGES))
        models = []
        for _ in range(2):
            matched = draw.binomial(n_gt, 0.6)
            listed = matched + draw.binomial(2, 0.3, size=len(n_gt))
            counts = {"type_matched": matched, "n_listed": listed, "n_gt": n_gt}
            models.append(counts | {"not_described": np.zeros(len(n_gt))})
        scores = ModelScores.of((METRICS["tf1"],), [{k: v.astype(float) for k, v in model.items()} for model in models])
        found = pairwise(scores, resampling, pairs_of(2))
        p.append(found.p[0, 0])
        holds.append(held(found, 0)[0])
    false = np.mean(np.array(p) <= SIGNIFICANT_AT)
    print(f"TF1: false differences {false:.3f}, coverage {np.mean(holds):.3f}")
    assert 0.04 <= false <= 0.06
    assert 0.93 <= np.mean(holds) <= 0.97


def test_shared_resamples_give_the_same_answers() -> None:
    """200 datasets, each with resamples of its own as well: p differs by its Monte Carlo error, and so do the rates."""
    clusters, draw = clusters_of(ONE_EACH), np.random.default_rng(4)
    shared = Shared(clusters, RESAMPLES, seed=4)
    p = []
    for seed in range(200):
        values = answers(draw, np.full(3, 0.5), ONE_EACH)
        fresh = compared(values, Resampling(clusters, RESAMPLES, seed=100 + seed))
        p.append([compared(values, shared).p[0], fresh.p[0]])
    one, other = np.moveaxis(p, 1, 0)
    error = np.sqrt(2 * one * (1 - one) / RESAMPLES)  # of a difference of two estimated p
    assert (np.abs(one - other) <= 5 * error + 2 / RESAMPLES).all()
    assert abs(np.mean(one <= 0.05) - np.mean(other <= 0.05)) <= 0.01


def test_merging_small_strata_restores_the_coverage() -> None:
    """40 images in 20 splits of 2: apart, half of the variance is lost in each split; merged by tens, a tenth."""
    splits = np.repeat(np.arange(20), 2).astype(str)
    images = np.arange(40).astype(str)
    apart = Clusters(np.arange(40), np.arange(40) // 2 * 2, np.arange(40) // 2 * 2 + 2)
    data = np.random.default_rng(5).normal(size=(40, SIMULATIONS))
    holds = {}
    for name, clusters in (("apart", apart), ("merged", make_clusters(splits, images))):
        low, high = percentile_interval(resample_sums(clusters, data, RESAMPLES, seed=5) / 40, data.mean(axis=0))
        holds[name] = ((low <= 0) & (high >= 0)).mean()
    print(f"coverage with 2 clusters per stratum {holds['apart']:.3f}, merged {holds['merged']:.3f}")
    assert holds["apart"] < 0.86 and holds["merged"] > 0.91

"""DRF and CR corrected by human labels: values by hand, an independent formula, and the interval's coverage."""

from statistics import covariance, fmean, pvariance, variance
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pytest
from scoring.tables import judged, judgements_table, parsed, parsed_table, sample, samples_table

from spd_faith.judging.current_labels import CURRENT_LABELS
from spd_faith.scoring.correction import (
    CORRECTED,
    LEFT_OUT,
    LabelledPairs,
    _resampled,
    _resampled_stratum,
    correct,
    corrections,
)
from spd_faith.scoring.samples import score_table

NAN = float("nan")


def pairs_of(
    split: list[str], judge: list[float], label: list[float], image_id: list[str] | None = None
) -> LabelledPairs:
    """One column; a pair with a label is drawn."""
    ids = image_id or [str(number) for number in range(len(split))]
    labels = np.array(label)
    return LabelledPairs(split, ids, ~np.isnan(labels), np.array(judge)[:, None], labels[:, None])


def corrected(pairs: LabelledPairs, resamples: int = 200, seed: int = 0) -> list[float]:
    """Value, low, high and λ."""
    return [float(number) for number in correct(pairs, resamples, seed)[:, 0]]


# ---- by hand ---------------------------------------------------------------------------------------------------------


def test_the_example_of_the_docs() -> None:
    # mean judge score 3/4, var 3/16; labelled: labels 1/4, judge 1/2, cov (1/4 − 1/8) · 4/3 = 1/6
    # λ = (1/6) / ((1 + 4/8) · 3/16) = 16/27, value = 1/4 + 16/27 · (3/4 − 1/2)
    value, low, high, weight = corrected(pairs_of(["a"] * 8, [1, 1, 0, 0, 1, 1, 1, 1], [1, 0, 0, 0, *[NAN] * 4]))
    assert (value, weight) == pytest.approx((43 / 108, 16 / 27))
    assert low < value < high


def test_several_splits_against_the_formula_written_out() -> None:
    generator = np.random.default_rng(4)
    sizes, labelled = {"a": 30, "b": 12, "c": 50}, {"a": 9, "b": 12, "c": 6}
    split = [name for name, size in sizes.items() for _ in range(size)]
    judge = generator.integers(0, 5, len(split)) / 4
    truth = np.clip(judge + generator.integers(-2, 2, len(split)) / 4, 0, 1)
    has_label = np.concatenate([np.arange(size) < labelled[name] for name, size in sizes.items()])
    label = np.where(has_label, truth, NAN)
    above = below = 0.0
    for name, size in sizes.items():
        of_split = [number for number, other in enumerate(split) if other == name]
        known = [number for number in of_split if has_label[number]]
        share = size / len(split)
        above += share**2 / len(known) * covariance(truth[known].tolist(), judge[known].tolist())
        below += share**2 / len(known) * (1 + len(known) / size) * pvariance(judge[of_split].tolist())
    weight = above / below
    assert 0 < weight < 1
    value = 0.0
    for name, size in sizes.items():
        of_split = [number for number, other in enumerate(split) if other == name]
        known = [number for number in of_split if has_label[number]]
        rectifier = fmean(truth[number] - weight * judge[number] for number in known)
        value += size / len(split) * (weight * fmean(judge[of_split].tolist()) + rectifier)
    found = corrected(pairs_of(split, judge.tolist(), label.tolist()))
    assert (found[0], found[3]) == pytest.approx((value, weight))


def test_with_every_answer_labelled_it_is_the_labels_mean() -> None:
    value, low, high, _ = corrected(pairs_of(["a"] * 6, [1, 1, 1, 0, 1, 1], [0, 1, 0.5, 0, 1, 0.5]))
    assert value == pytest.approx(0.5) and low < 0.5 < high


@pytest.mark.parametrize(
    ("judge", "weight"),
    [([0.7] * 8, 0.0), ([0, 1, 1, 1, 0, 1, 0, 1], 0.0), ([0.2, 0, 0, 0, 0.2, 0, 0.2, 0], 1.0)],
    ids=["constant", "opposite", "clipped at 1"],
)
def test_the_weight_is_clipped_and_0_for_a_judge_without_variance(judge: list[float], weight: float) -> None:
    value, _, _, found = corrected(pairs_of(["a"] * 8, judge, [1, 0, 0, 0, *[NAN] * 4]))
    assert found == weight
    assert value == pytest.approx(0.25 + weight * (fmean(judge) - fmean(judge[:4])))


def test_unscored_answers_are_in_neither_sum() -> None:
    with_unscored = pairs_of(["a"] * 10, [1, 1, 0, 0, 1, 1, 1, 1, NAN, NAN], [1, 0, 0, 0, *[NAN] * 6])
    assert corrected(with_unscored)[0] == pytest.approx(43 / 108)
    with pytest.raises(ValueError, match="left unscored"):
        pairs_of(["a", "a"], [1, NAN], [1, 1])


def test_a_split_without_scores_counts_nothing() -> None:
    other = pairs_of(["a"] * 8 + ["b"], [1, 1, 0, 0, 1, 1, 1, 1, NAN], [1, 0, 0, 0, *[NAN] * 5])
    assert corrected(other)[0] == pytest.approx(43 / 108)


def test_the_interval_has_the_width_of_the_formula() -> None:
    """One split: the estimate is mean(y − w·f) of the labelled + w · mean(f) of the others, with w = λ(1 − n/N).

    Labelled and others have the same judge scores, so that λ of a resample makes no difference to first order.
    """
    generator = np.random.default_rng(1)
    n, size = 150, 600
    truth = np.tile(generator.integers(0, 5, n) / 4, 4)
    judge = np.tile(np.clip(truth[:n] - generator.integers(0, 3, n) / 4, 0, 1), 4)
    label = np.where(np.arange(size) < n, truth, NAN)
    _, low, high, weight = corrected(pairs_of(["a"] * size, judge.tolist(), label.tolist()), resamples=10_000)
    used = weight * (1 - n / size)
    error = variance((truth[:n] - used * judge[:n]).tolist()) / n + used**2 * variance(judge[n:].tolist()) / (size - n)
    assert high - low == pytest.approx(2 * 1.96 * error**0.5, rel=0.04)


def test_pairs_of_an_image_are_resampled_together() -> None:
    """Each pair three times under its image id: the interval of single pairs, not one of a third of the variance."""
    judge, label = [0.0, 1, 1, 0, 1, 0.5, 1, 1, 0, 1, 1, 1], [0.0, 1, 0.5, 0, 1, 0.5, *[NAN] * 6]
    ids = [str(number) for number in range(12)]
    once = corrected(pairs_of(["a"] * 12, judge, label), 20_000)
    thrice = corrected(pairs_of(["a"] * 36, judge * 3, label * 3, ids * 3), 20_000)
    assert thrice[2] - thrice[1] == pytest.approx(once[2] - once[1], rel=0.1)


def test_an_image_with_a_drawn_pair_is_resampled_as_a_whole_among_the_drawn() -> None:
    """Two pairs of each image with the same judge score, one of them labelled: each sum is twice the labelled one."""
    judge = [value for one in (1, 0, 0.5, 0.25, 0) for value in (one, one)]
    label = [value for one in (1, 0, 0.5, 1, 0) for value in (one, NAN)]
    _, drawn = _resampled(pairs_of(["a"] * 10, judge, label, [str(n // 2) for n in range(10)]), 50, 0)
    of_all, of_labelled = drawn[:, 0, 0, 1], drawn[:, 0, 0, 5]
    assert len(np.unique(of_all)) > 5
    assert of_all.tolist() == pytest.approx((2 * of_labelled).tolist())


def test_few_clusters_have_the_variance_that_they_stand_for() -> None:
    """The sum of m draws has m times the sample's variance (divisor m − 1), not (m − 1) / m of it."""
    values = [0.0, 0.25, 1.0, 1.0, 0.5]
    total, drawn = _resampled_stratum(np.array(values)[:, None], np.arange(5), 40_000, 0)
    assert total.tolist() == [2.75]
    assert float(drawn.mean()) == pytest.approx(2.75, abs=0.02)
    assert float(drawn.var()) == pytest.approx(5 * variance(values), rel=0.03)


def test_the_resamples_depend_on_the_seed_alone() -> None:
    pairs = pairs_of(["a"] * 8, [1, 1, 0, 0, 1, 1, 1, 1], [1, 0, 0, 0, *[NAN] * 4])
    assert corrected(pairs, 500, 3) == corrected(pairs, 500, 3)


# ---- which labels count ----------------------------------------------------------------------------------------------

IDS = [f"{split}/{row:05d}_{row}" for split in ("easy", "hard") for row in range(20)]
SAMPLES = samples_table(*(sample(name, image_id=name[-2:]) for name in IDS))


def scores(drf: list[tuple[int, int, int] | None]) -> pa.Table:
    answers = parsed_table(*(parsed(name) for name in IDS))
    judgements = judgements_table(*(judged(name, drf=one) for name, one in zip(IDS, drf, strict=True)))
    return score_table(SAMPLES, answers, judgements)


def label(sample_id: str, score: float | None = 0.5, model: str = "m", **changed: Any) -> dict[str, Any]:
    row = {"sample_id": sample_id, "model": model, "metric": "drf", "split": sample_id[:4], "probability": 0.75}
    row |= {"answer_sha": "0", "annotators": ["one"], "claims": [], "score": score, "status": "ok", "is_current": True}
    return row | changed


def labels_table(*rows: dict[str, Any]) -> pa.Table:
    return pa.Table.from_pylist(list(rows), schema=CURRENT_LABELS)


def drf_row(labels: pa.Table | None, table: pa.Table, model: str = "m") -> dict[str, Any]:
    rows = corrections(SAMPLES, {("j", "m"): table, ("j", "other"): table}, labels, 200, 0).to_pylist()
    assert [(row["model"], row["metric"]) for row in rows] == [(m, k) for m in ("m", "other") for k in ("drf", "cr")]
    return next(row for row in rows if (row["model"], row["metric"]) == (model, "drf"))


JUDGED_SCORES: list[tuple[int, int, int] | None] = [(1, 1, 0), (1, 0, 0), (0, 1, 0), (1, 3, 0)] * 10
LABELLED = IDS[:15] + IDS[20:35]


def test_enough_labels_correct_one_model_alone() -> None:
    # as in `test_with_every_answer_labelled`, no weight: labels 0 and ½ alternate within what the judge gives alike
    labels = labels_table(*(label(name, 0.5 * (row // 4 % 2)) for row, name in enumerate(LABELLED)))
    found = drf_row(labels, scores([(1, 1, 0)] * 40))
    mean = fmean(fmean(0.5 * (row // 4 % 2) for row in rows) for rows in (range(15), range(15, 30)))
    assert (found["status"], found["labelled"], found["value"]) == (CORRECTED, 30, pytest.approx(mean))
    assert found["low"] < mean < found["high"]
    other = drf_row(labels, scores(JUDGED_SCORES), "other")
    assert (other["status"], other["labelled"], other["value"]) == ("too_few_labels", 0, None)


def test_without_labels_nothing_is_corrected() -> None:
    found = drf_row(None, scores(JUDGED_SCORES))
    assert (found["status"], found["value"], found["low"], found["labelled"]) == ("no_labels", None, None, 0)


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"is_current": False}, "other_answer"),
        ({"sample_id": "easy/00099_99"}, "other_pair"),
        ({"split": "zzz"}, "other_split"),
        ({"probability": 0.0}, "not_drawn"),
        ({"probability": NAN}, "not_drawn"),
        ({"score": None}, "no_label_score"),
        ({"sample_id": IDS[39], "split": "hard"}, "no_judge_score"),
    ],
)
def test_labels_left_out_are_counted_by_reason(changed: dict[str, Any], reason: str) -> None:
    table = scores([*JUDGED_SCORES[:39], None])
    found = drf_row(labels_table(*(label(name) for name in LABELLED[1:]), label(IDS[0]) | changed), table)
    assert (found[reason], found["labelled"], found["status"]) == (1, 29, "too_few_labels")
    assert sum(found[name] for name in LEFT_OUT) == 1


@pytest.mark.parametrize("of_hard", [0.25, 1.0], ids=["one value", "one value in each split"])
def test_equal_labels_correct_nothing(of_hard: float) -> None:
    """Their interval would have no width."""
    labels = [label(name, 0.25 if name[:4] == "easy" else of_hard) for name in LABELLED]
    found = drf_row(labels_table(*labels), scores(JUDGED_SCORES))
    assert (found["status"], found["labelled"]) == ("equal_labels", 30)
    assert (found["value"], found["low"], found["judge_weight"]) == (None, None, None)
    varied = drf_row(labels_table(*labels[:-1], label(LABELLED[-1], 0.0)), scores(JUDGED_SCORES))
    assert varied["status"] == CORRECTED and varied["low"] < varied["high"]


def test_labels_of_a_model_that_is_not_in_the_run_are_counted() -> None:
    labels = labels_table(
        *(label(name, model="renamed", is_current=False) for name in LABELLED),
        label(IDS[0], model="renamed", metric="cr", is_current=False),
        label(IDS[0]),
    )
    entries = {(judge, "m"): scores(JUDGED_SCORES) for judge in ("j", "k")}
    rows = corrections(SAMPLES, entries, labels, 200, 0).to_pylist()
    found = [(row["judge"], row["model"], row["metric"], row["other_model"], row["status"]) for row in rows]
    for judge in ("j", "k"):
        assert [row for row in found if row[0] == judge] == [
            (judge, "m", "drf", 0, "too_few_labels"),
            (judge, "m", "cr", 0, "too_few_labels"),
            (judge, "renamed", "cr", 1, "not_in_run"),
            (judge, "renamed", "drf", 30, "not_in_run"),
        ]
    assert [row["labelled"] for row in rows] == [1, 0, 0, 0] * 2


def test_a_label_of_a_control_corrects_nothing() -> None:
    rows = [sample(name, image_id=name[-2:], control="none" if name != IDS[0] else "identical") for name in IDS]
    labels = labels_table(*(label(name) for name in LABELLED))
    (found, *_) = corrections(samples_table(*rows), {("j", "m"): scores(JUDGED_SCORES)}, labels, 200, 0).to_pylist()
    assert (found["labelled"], found["control"], found["other_answer"]) == (29, 1, 0)


def test_each_split_needs_labels_of_five_images() -> None:
    labels = [label(name) for name in IDS[:36] if name not in IDS[24:32]]  # 20 of easy, 8 of hard
    table = labels_table(*labels, label(IDS[24]), label(IDS[25], 1.0))
    assert drf_row(table, scores(JUDGED_SCORES))["status"] == CORRECTED
    few = labels_table(*(label(name, model="m") for name in IDS[:24]))
    assert drf_row(few, scores(JUDGED_SCORES))["status"] == "too_few_labels"
    copies = samples_table(*(sample(name, image_id="1" if name[:4] == "hard" else name[-2:]) for name in IDS))
    one_image = corrections(
        copies,
        {("j", "m"): scores(JUDGED_SCORES)},
        labels_table(*(label(name) for name in IDS[:30])),
        200,
        0,
    ).to_pylist()[0]
    assert (one_image["labelled"], one_image["status"]) == (30, "too_few_labels_in:hard")


# ---- coverage --------------------------------------------------------------------------------------------------------

SIMULATIONS = 1_000
RESAMPLES = 600
RATES = (0.5, 0.6, 0.4, 0.7)  # mean score of each split


class Design(NamedTuple):
    sizes: tuple[int, ...]
    labelled: tuple[int, ...]


SMALL = Design((60, 60, 60, 120), (8, 8, 8, 12))
UNEQUAL = Design((60, 40, 80, 200), (15, 30, 10, 60))
THIN = Design((60, 60, 60, 120), (5, 5, 5, 15))


def by_claims(generator: np.random.Generator, rate: np.ndarray) -> np.ndarray:
    claims = generator.integers(1, 5, size=rate.shape)
    return generator.binomial(claims, rate) / claims


def simulated_judge(kind: str, truth: np.ndarray, split: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    chance = generator.random(len(truth))
    return {
        "perfect": truth,
        "harsh": np.where(chance < 0.4, np.maximum(truth - 0.5, 0), truth),
        "lenient": np.where(chance < 0.5, 1.0, truth),
        "biased by split": np.where(chance < 0.6, np.where(split % 2, 0.0, 1.0), truth),
        "noise": by_claims(generator, np.full(len(truth), 0.5)),
    }[kind]


def coverage(kind: str, design: Design, rates: tuple[float, ...] = RATES, simulations: int = SIMULATIONS) -> float:
    """How often the interval holds the expected label score of the splits, weighted by their sizes."""
    split = np.repeat(np.arange(len(design.sizes)), design.sizes)
    expected = np.dot(rates, design.sizes) / sum(design.sizes)
    names, ids = [str(one) for one in split], [str(number) for number in range(len(split))]
    held = 0
    for seed in range(simulations):
        generator = np.random.default_rng(seed)
        mean = np.array(rates)[split]
        truth = by_claims(generator, generator.beta(2 * mean, 2 * (1 - mean)))
        judge = simulated_judge(kind, truth, split, generator)
        order = [generator.permutation(np.flatnonzero(split == number)) for number in range(len(design.sizes))]
        drawn = np.concatenate([one[:n] for one, n in zip(order, design.labelled, strict=True)])
        label = np.full(len(split), NAN)
        label[drawn] = truth[drawn]
        _, low, high, _ = corrected(pairs_of(names, judge.tolist(), label.tolist(), ids), RESAMPLES, seed)
        held += low <= expected <= high
    return held / simulations


@pytest.mark.slow
@pytest.mark.parametrize("design", [SMALL, UNEQUAL], ids=["small", "unequal"])
@pytest.mark.parametrize("kind", ["harsh", "lenient", "biased by split", "noise", "perfect"])
def test_the_interval_covers_what_people_would_label(kind: str, design: Design) -> None:
    assert 0.93 <= coverage(kind, design) <= 0.97

"""Comparisons of models against a literal loop over the resamples, and against values worked by hand."""

from itertools import combinations

import numpy as np
import pyarrow as pa
import pytest
from scoring.tables import judged, judgements_table, parsed, parsed_table, sample, samples_table

from spd_faith.core.errors import UserError
from spd_faith.core.statistics import draw_clusters, make_clusters
from spd_faith.scoring import comparisons
from spd_faith.scoring.comparisons import (
    COMPARISONS_SCHEMA,
    compare_models,
    rank_interval,
    significantly_better,
    standard_errors,
)
from spd_faith.scoring.metrics import HEADLINE, HEADLINE_AND_OVERALL
from spd_faith.scoring.samples import score_table

N = 60
MEANS = ("drf", "dqr", "ds", "cr")
TYPES, NAMES = ["color", "remove", "position"], ["car", "dog", "cup", "tv"]


def differences(draw, least):
    return [(draw.choice(TYPES), draw.choice(NAMES)) for _ in range(draw.integers(least, 5))]


def scores_of(samples, seed, unscored=()):
    """Random answers; the judge fails on the samples numbered `unscored` (DRF; CR of those after them)."""
    draw = np.random.default_rng(seed)
    ids = samples["sample_id"].to_pylist()
    answers = [
        parsed(i, differences(draw, 0), int(draw.integers(0, 4)), tuple(draw.choice(["differs", "same", "unclear"], 2)))
        for i in ids
    ]
    judgements = [
        judged(
            i,
            drf=None if row in unscored else (int(draw.integers(0, 4)), int(draw.integers(0, 3)), 0),
            cr=None if row - 1 in unscored else (int(draw.integers(0, 3)), 1, int(draw.integers(0, 2))),
        )
        for row, i in enumerate(ids)
    ]
    return score_table(samples, parsed_table(*answers), judgements_table(*judgements))


@pytest.fixture(scope="module")
def samples():
    draw = np.random.default_rng(0)
    return samples_table(
        *(
            sample(f"{draw.choice(['easy', 'hard'])}/{i:05d}_{i % 25}", differences(draw, 1), image_id=str(i % 25))
            for i in range(N)
        )
    )


@pytest.fixture(scope="module")
def scores(samples):
    """Two models that miss the same samples, one that misses others, one that misses none."""
    unscored = {"a": (3, 4, 5), "b": (3, 4, 5), "c": (5, 20, 40), "d": ()}
    return {("rules", model): scores_of(samples, seed, of) for seed, (model, of) in enumerate(unscored.items())}


def value(table, metric, rows, others):
    """A model's metric over the rows (repeated as drawn) that it and the other tables score."""
    if metric == "overall":
        return np.mean([value(table, name, rows, others) for name in HEADLINE])
    if metric in MEANS:
        missing = np.any([np.isnan(one[metric].to_numpy()) for one in (table, *others)], axis=0)
        return table[metric].to_numpy()[rows[~missing[rows]]].mean()
    matched = table[{"tf1": "type_matched", "cf1": "category_matched"}[metric]].to_numpy()
    return 2 * matched[rows].sum() / (table["n_listed"].to_numpy()[rows].sum() + table["n_gt"].to_numpy()[rows].sum())


def test_against_a_literal_loop(samples, scores):
    resamples = 700  # more than 100 per pair
    found = compare_models(samples, scores, resamples, seed=3)
    assert found.schema == COMPARISONS_SCHEMA and found.num_rows == 6 * 7
    keys = [samples[name].to_pylist() for name in ("split", "image_id")]
    clusters = make_clusters(*keys)
    drawn = [
        np.concatenate([np.flatnonzero(clusters.of_sample == cluster) for cluster in of])
        for of in np.concatenate(list(draw_clusters(clusters, resamples, seed=3)))
    ]
    rows = {(row["metric"], row["model"], row["other_model"]): row for row in found.to_pylist()}
    for first, second in combinations("abcd", 2):
        tables = scores["rules", first], scores["rules", second]
        for metric in HEADLINE_AND_OVERALL:
            row = rows[metric, first, second]
            difference, *draws = (
                value(tables[0], metric, of, tables) - value(tables[1], metric, of, tables)
                for of in (np.arange(N), *drawn)
            )
            assert row["difference"] == pytest.approx(difference)
            assert [row["low"], row["high"]] == pytest.approx(np.quantile(draws, [0.025, 0.975]))
            extreme = sum(abs(draw - difference) >= abs(difference) - 1e-12 for draw in draws)
            assert row["p"] == pytest.approx((extreme + 1) / (resamples + 1))


def test_standard_errors_against_a_literal_bootstrap(samples, scores):
    found = standard_errors(samples, scores)
    clusters = make_clusters(*(samples[name].to_pylist() for name in ("split", "image_id")))
    drawn = [
        np.concatenate([np.flatnonzero(clusters.of_sample == cluster) for cluster in of])
        for of in np.concatenate(list(draw_clusters(clusters, 1000, seed=8)))
    ]
    for place, (first, second) in enumerate(combinations("abcd", 2)):
        tables = scores["rules", first], scores["rules", second]
        for metric in ("drf", "tf1", "ds") if second == "d" else ("overall",):
            draws = [value(tables[0], metric, of, tables) - value(tables[1], metric, of, tables) for of in drawn]
            # the bootstrap's variance lacks a factor of c / (c − 1) clusters, here about 25/24; its own error 2%
            assert found[metric][place] == pytest.approx(np.std(draws) * np.sqrt(25 / 24), rel=0.08), metric


def test_standard_errors_of_f1_by_hand(monkeypatch):
    """Three images, one claim and one difference each; a has the third wrong, b none."""
    monkeypatch.setattr(comparisons, "LEAST_CLUSTERS", 3)
    right, wrong = [("color", "car")], [("remove", "dog")]
    of_three = samples_table(*(sample(f"easy/0000{n}_{n}", right, image_id=str(n)) for n in range(3)))

    def answered(samples, last):
        ids = samples["sample_id"].to_pylist()
        answers = [parsed(i, last if "_2" in i else right, 1) for i in ids]
        return score_table(samples, parsed_table(*answers), judgements_table(*(judged(i) for i in ids)))

    def errors(samples):
        return standard_errors(
            samples, {("rules", "a"): answered(samples, wrong), ("rules", "b"): answered(samples, right)}
        )

    # F1 of a is 4/6: residuals (2M − F(P + G)) / Σ(P + G) = 1/9, 1/9, −2/9; those of b are 0: 3/2 · 6/81 = 1/9
    once = errors(of_three)
    assert once["tf1"] == pytest.approx([1 / 3])
    # and Overall of a differs from b's by (TF1 + CF1) / 6 alone: residuals a third as large
    assert once["overall"] == pytest.approx([1 / 9])
    assert once["dqr"] == pytest.approx([0])
    # the same again for each image: clusters of two samples alike, so no new information
    twice = errors(
        samples_table(*(sample(f"easy/0000{n}{k}_{n}", right, image_id=str(n)) for n in range(3) for k in "01"))
    )
    assert twice["tf1"] == pytest.approx(once["tf1"])


def test_standard_errors_of_every_judge_and_of_none(samples, scores, monkeypatch):
    found = standard_errors(samples, scores)
    doubled = scores | {("other", model): table for (_, model), table in scores.items()}
    for metric, errors in standard_errors(samples, doubled).items():
        assert errors.tolist() == [*found[metric], *found[metric]]
    monkeypatch.setattr(comparisons, "_CLUSTERS_PER_BLOCK", 7)
    assert standard_errors(samples, scores)["cr"] == pytest.approx(found["cr"])
    assert standard_errors(samples, {("rules", "a"): scores["rules", "a"]})["drf"].shape == (0,)


def test_the_number_scored_for_both(samples, scores):
    rows = compare_models(samples, scores, 600, seed=0).to_pylist()
    n = {(row["metric"], row["model"], row["other_model"]): row["n"] for row in rows}
    assert (n["drf", "a", "b"], n["drf", "a", "c"], n["drf", "c", "d"], n["dqr", "a", "c"]) == (57, 55, 57, 60)
    # a misses DRF of 3, 4, 5 and CR of 4, 5, 6; c DRF of 5, 20, 40 and CR of 6, 21, 41
    assert (n["overall", "a", "b"], n["overall", "a", "c"], n["overall", "a", "d"]) == (56, 52, 56)


def test_a_pair_does_not_depend_on_the_other_models(samples, scores):
    """Models scored on the same samples take one path, others another: both give the same numbers."""
    together = compare_models(samples, scores, 600, seed=0).to_pylist()
    for models in ("ab", "ac"):
        alone = compare_models(samples, {("rules", model): scores["rules", model] for model in models}, 600, seed=0)
        of_both = [row for row in together if {row["model"], row["other_model"]} == set(models)]
        for row, other in zip(alone.to_pylist(), of_both, strict=True):
            assert row.pop("p_holm") <= other.pop("p_holm")  # fewer pairs to correct for
            assert list(row.values())[:5] == list(other.values())[:5]
            assert list(row.values())[5:] == pytest.approx(list(other.values())[5:])


def test_blocks_of_pairs_change_nothing(samples, scores, monkeypatch):
    whole = compare_models(samples, scores, 600, seed=0)
    monkeypatch.setattr(comparisons, "_BYTES_PER_BLOCK", 7 * 600 * 8)  # one pair
    assert compare_models(samples, scores, 600, seed=0) == whole


def test_equal_models_have_no_difference_and_a_p_of_one(samples, scores):
    equal = {("rules", "a"): scores["rules", "a"], ("rules", "again"): scores["rules", "a"]}
    for row in compare_models(samples, equal, 500, seed=0).to_pylist():
        assert [row[name] for name in ("difference", "low", "high", "p", "p_holm")] == [0, 0, 0, 1, 1]


def test_p_is_corrected_for_the_pairs_of_a_metric(samples, scores):
    """Six pairs: the smallest p six times, the next five times unless that is less, …"""
    rows = compare_models(samples, scores, 600, seed=0).to_pylist()
    for metric in HEADLINE_AND_OVERALL:
        pairs = sorted((row["p"], row["p_holm"]) for row in rows if row["metric"] == metric)
        expected = 0.0
        for left, (p, p_holm) in zip(range(6, 0, -1), pairs, strict=True):
            expected = max(expected, min(1, left * p))
            assert p_holm == pytest.approx(expected)


def test_resamples_grow_with_the_pairs(samples, scores):
    """Three models have 3 pairs, so at least 300 resamples; the smallest possible p says how many there were."""
    best = scores_of(samples, 9)
    best = best.set_column(best.schema.get_field_index("drf"), "drf", pa.array([1.0] * N))
    worst = best.set_column(best.schema.get_field_index("drf"), "drf", pa.array([0.0] * N))
    three = {("rules", "best"): best, ("rules", "worst"): worst, ("rules", "d"): scores["rules", "d"]}
    for resamples, expected in ((10, 300), (400, 400)):
        p = min(row["p"] for row in compare_models(samples, three, resamples, seed=0).to_pylist())
        assert p == pytest.approx(1 / (expected + 1))


def test_judges_are_compared_apart(samples, scores):
    two = {(judge, model): scores["rules", model] for judge in ("x", "y") for model in "ab"} | {
        ("z", "a"): scores["rules", "a"]
    }
    rows = compare_models(samples, two, 200, seed=0).to_pylist()
    assert {(row["judge"], row["model"], row["other_model"]) for row in rows} == {("x", "a", "b"), ("y", "a", "b")}
    assert [row | {"judge": "y"} for row in rows if row["judge"] == "x"] == [row for row in rows if row["judge"] == "y"]


def test_controls_are_left_out_and_a_missing_score_is_refused(samples, scores):
    rows = samples.to_pylist()
    more = samples_table(*rows, sample("easy/09999_9", true=[], control="identical"))
    with_control = {}
    for seed, model in enumerate("ab"):
        extra = scores_of(samples_table(sample("easy/09999_9", true=[], control="identical")), seed)
        with_control["rules", model] = pa.concat_tables([scores["rules", model], extra])
    without = {key: scores[key] for key in with_control}
    assert compare_models(more, with_control, 200, seed=0) == compare_models(samples, without, 200, seed=0)
    with pytest.raises(UserError, match="scores of a by rules"):
        compare_models(more, without, 200, seed=0)


def test_what_is_scored_for_neither_together_is_null(samples):
    """The judge fails on every sample of one of the two: no DRF, CR and Overall to compare, and no test to correct."""
    all_rows = tuple(range(-1, N))
    pair = {("rules", "a"): scores_of(samples, 1), ("rules", "b"): scores_of(samples, 2, all_rows)}
    for row in compare_models(samples, pair, 200, seed=0).to_pylist():
        numbers = [row[name] for name in ("difference", "low", "high", "p", "p_holm")]
        if row["metric"] in ("drf", "cr", "overall"):
            assert (row["n"], numbers) == (0, [None] * 5)
        else:
            assert row["n"] == N and None not in numbers


def test_three_images_by_hand(monkeypatch):
    """The example of docs/statistics.md, which no run would test: DQR is 1, 1, 0 and 0, 1, 0.

    Of the 27 equally likely resamples 15 are at least 1/3 away from the difference of 1/3; 8 have a difference of 0,
    and one has 1.
    """
    three = samples_table(*(sample(f"easy/{i}_{i}", [("color", "car")], image_id=str(i)) for i in range(3)))
    found = {}
    for model, right in (("a", (1, 1, 0)), ("b", (0, 1, 0))):
        answers = [parsed(i, [], stated=n) for i, n in zip(three["sample_id"].to_pylist(), right, strict=True)]
        judgements = judgements_table(*(judged(i) for i in three["sample_id"].to_pylist()))
        found["rules", model] = score_table(three, parsed_table(*answers), judgements)
    [row] = [row for row in compare_models(three, found, 10_000, seed=0).to_pylist() if row["metric"] == "dqr"]
    assert (row["difference"], row["low"], row["p"], row["p_holm"]) == (pytest.approx(1 / 3), None, None, None)

    monkeypatch.setattr(comparisons, "LEAST_CLUSTERS", 3)
    [row] = [row for row in compare_models(three, found, 50_000, seed=0).to_pylist() if row["metric"] == "dqr"]
    assert (row["n"], row["difference"], row["low"], row["high"]) == (3, pytest.approx(1 / 3), 0, 1)
    assert row["p"] == pytest.approx(15 / 27, abs=0.01)


def test_rank_intervals_by_hand():
    """a is better than c and d, b than d: a 1–2, b 1–3, c 2–4, d 3–4. Without d among the ranked: b 1–3, c 2–3."""
    pairs = {("a", "c"): 0.2, ("a", "d"): 0.5, ("b", "d"): 0.1, ("a", "b"): 0.01}
    rows = [
        {"judge": "j", "metric": "overall", "model": low, "other_model": high, "difference": -difference}
        | {"p_holm": 0.2 if (high, low) == ("a", "b") else 0.05}
        for (high, low), difference in pairs.items()
    ]
    rows.append(rows[0] | {"metric": "drf", "model": "a", "other_model": "d"})
    rows.append(rows[0] | {"p_holm": None, "difference": None, "model": "c", "other_model": "d"})
    better = significantly_better(pa.Table.from_pylist(rows, schema=COMPARISONS_SCHEMA), "overall")
    assert better == {("j", "a", "c"), ("j", "a", "d"), ("j", "b", "d")}
    ranked = [("j", model) for model in "abcd"]
    assert [rank_interval(entry, ranked, better) for entry in ranked] == [(1, 2), (1, 3), (2, 4), (3, 4)]
    assert [rank_interval(entry, ranked[:3], better) for entry in ranked[:3]] == [(1, 2), (1, 3), (2, 3)]

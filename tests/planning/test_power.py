"""Detectable differences and the pairs they take, by hand, by simulation, and of a run's scores."""

import math

import numpy as np
import pyarrow as pa
import pytest
from scoring.tables import judged, judgements_table, parsed, parsed_table, sample, samples_table

from spd_faith.core.files import read_table, write_table
from spd_faith.core.paths import ResultPaths
from spd_faith.core.schemas import SAMPLES
from spd_faith.planning import power
from spd_faith.planning.power import PairedError, assumed_error, holm_alpha, power_of
from spd_faith.planning.power_table import detectable_in_words, power_tables, where_from
from spd_faith.scoring.samples import score_table
from spd_faith.scoring.tables import SCORES

IMAGES = 40


def test_detectable_differences_by_hand():
    error = PairedError("drf", 0.01, 400)
    assert error.detectable(0.05) == pytest.approx((1.959964 + 0.84) * 0.01)
    assert error.detectable(0.005) == pytest.approx((2.807034 + 0.84) * 0.01)
    assert error.over(100).detectable(0.05) == pytest.approx(2 * error.detectable(0.05))
    assert error.over(0).detectable(0.05) == math.inf


def test_pairs_needed_by_hand():
    error = PairedError("drf", 0.04, 100)  # detects 2.799964 · 4 = 11.2 points
    assert error.pairs_for(0.05, 0.05) == 502  # 100 · (11.199856 / 5)² = 501.7
    assert error.pairs_for(0.01, 0.05) == 12_544  # 12,543.7
    assert error.pairs_for(0.02, 0.005) == 5_321  # 100 · (14.588136 / 2)² = 5,320.3
    assert error.pairs_for(error.detectable(0.05), 0.05) == 100
    assert PairedError("drf", math.nan, 100).pairs_for(0.05, 0.05) is None


def test_the_strictest_level_of_holm():
    assert [holm_alpha(models) for models in (1, 2, 5, 30)] == pytest.approx([0.05, 0.05, 0.005, 0.05 / 435])


def test_the_assumption_by_hand():
    # variance of a right/wrong answer 0.25; of the difference of two that correlate by 0.5: 2 · 0.25 · 0.5
    assert assumed_error(100).standard_error == pytest.approx(0.5 / 10)


def test_a_difference_of_that_size_is_found_in_80_percent():
    """Simulated right and wrong answers of two models that find the same images hard, and a plain z-test."""
    n, runs = 400, 4000
    draw = np.random.default_rng(5)
    margin = assumed_error(n).detectable(0.05)
    high, low = 0.5 + margin / 2, 0.5 - margin / 2
    both = 0.5 * high * low / (low - high * low)  # images that are as hard for both, so that scores correlate by 0.5
    hard = draw.random((runs, n))
    mixed = [np.where(draw.random((runs, n)) < np.sqrt(both), hard, draw.random((runs, n))) for _ in range(2)]
    first, second = mixed[0] < high, mixed[1] < low
    assert np.corrcoef(first.ravel(), second.ravel())[0, 1] == pytest.approx(0.5, abs=0.01)
    difference = first.astype(float) - second
    z = difference.mean(axis=1) / (difference.std(axis=1, ddof=1) / np.sqrt(n))
    assert (np.abs(z) > 1.959964).mean() == pytest.approx(0.80, abs=0.02)


@pytest.fixture
def results(tmp_path):
    """Two models scored on 40 images: b has DS 0.5 on each, a has 1 on each second one and else 0.5."""
    paths = ResultPaths(tmp_path)
    control = sample("easy/00000_0-identical", image_id="0", control="identical")  # counts nowhere
    samples = samples_table(*(sample(f"easy/{n:05d}_{n}", image_id=str(n)) for n in range(IMAGES)), control)
    write_table(paths.samples, samples, SAMPLES)
    for model, other in (("a", "differs"), ("b", "same")):
        rows = [(i, other if n % 2 else "same") for n, i in enumerate(samples["sample_id"].to_pylist())]
        answers = parsed_table(*(parsed(i, verdicts=("differs", verdict)) for i, verdict in rows))
        judgements = judgements_table(*(judged(i) for i, _ in rows))
        paths.scores("rules", model).parent.mkdir(parents=True, exist_ok=True)
        write_table(paths.scores("rules", model), score_table(samples, answers, judgements), SCORES)
    return paths


def of_run(paths, *models, pairs=IMAGES):
    return power_of(["rules"], models, paths, pairs)


def rows_of(power, models):
    return [[list(column.cells) for column in table.columns] for table in power_tables(power, models)]


def test_power_by_the_scores_that_are_there(results):
    power = of_run(results, "a", "b", "c")
    assert (power.models, power.compared, power.left_out) == (("a", "b"), 1, ())
    errors = {one.metric: one for one in power.errors}
    assert list(errors) == ["drf", "tf1", "cf1", "dqr", "ds", "cr", "overall"]
    # differences 0 and 0.5 on 20 images each: variance 40/39 · 0.25², over 40
    expected = math.sqrt(0.0625 / 39)
    assert errors["ds"].standard_error == pytest.approx(expected)
    assert errors["overall"].standard_error == pytest.approx(expected / 6)
    assert math.isnan(errors["drf"].standard_error)  # a and b never differ in it
    assert of_run(results, "a", "b", pairs=160).errors[4].standard_error == pytest.approx(expected / 2)
    two, three = rows_of(power, 2), rows_of(power, 3)
    assert (len(two), len(three)) == (1, 2)
    names, error, detectable, one_point, *_ = two[0]
    assert names == ["DRF", "TF1", "CF1", "DQR", "DS", "CR", "Overall"]
    assert (error[4], detectable[4], one_point[4]) == ("4.0", "11.2", "5,026")  # 40 · (2.799964 · 4.00320)²
    assert three[1][2][4] == f"{100 * (2.393980 + 0.84) * expected:.1f}"  # α 0.05 / 3
    assert [column[0] for column in two[0]] == ["DRF", "?", "?", "?", "?", "?"]
    counted, unknown = where_from(power)
    assert "1 pair of models" in counted and "ASSUMED" not in counted
    assert unknown.startswith(
        "? for DRF, TF1, CF1, DQR, CR: no two models that are scored on 10 images or more differ in it"
    )
    assert "DS 22.4" in detectable_in_words(power, 10, 2)  # a quarter of the images


@pytest.mark.parametrize("models", [(), ("a",)])
def test_without_two_scored_models_the_plan_says_what_it_assumes(results, tmp_path, models):
    for paths in (ResultPaths(tmp_path / "nothing"), results):
        power = of_run(paths, *models, pairs=100)
        assert (power.compared, power.errors) == (0, (assumed_error(100),))
        (sentence,) = where_from(power)
        assert sentence.startswith("ASSUMED") and "50%" in sentence and "0.5" in sentence
        assert rows_of(power, 5)[1][:3] == [["each metric"], ["5.0"], ["18.2"]]  # (2.807 + 0.84) · 5


def test_scores_of_other_samples_or_another_version_are_named(results):
    rows = samples_table(*(sample(f"easy/{n:05d}_{n}", image_id=str(n)) for n in range(IMAGES + 1)))
    write_table(results.samples, rows, SAMPLES)
    results.scores("rules", "b").write_bytes(b"no table")
    power = of_run(results, "a", "b")
    assert power.compared == 0 and len(power.left_out) == 2
    assert power.left_out[0].startswith("a by rules: ") and "expected exactly one row per key" in power.left_out[0]
    assert power.left_out[1].startswith("b by rules: ") and "not a Parquet file" in power.left_out[1]
    assert len(where_from(power)) == 3


def test_models_that_never_differ_do_not_make_every_difference_detectable(results):
    for model in ("c", "twin"):
        results.scores("rules", model).write_bytes(results.scores("rules", "a").read_bytes())
    same = of_run(results, "a", "c", "twin", pairs=100)
    assert same.errors == (assumed_error(100),)
    assert where_from(same)[0].startswith("ASSUMED, as no two models that are scored on 10 images or more differ")
    # 3 of 6 pairs are of equal models: the median is over the others
    ds = next(one for one in of_run(results, "a", "b", "c", "twin").errors if one.metric == "ds")
    assert ds.standard_error == pytest.approx(math.sqrt(0.0625 / 39))


@pytest.mark.parametrize(("scored", "is_known"), [(9, False), (10, True)])
def test_a_metric_scored_on_few_images_is_unknown(results, scored, is_known):
    table = read_table(results.scores("rules", "a"), SCORES)
    ds = [value if n < scored else None for n, value in enumerate(table["ds"].to_pylist())]
    table = table.set_column(table.schema.get_field_index("ds"), table.schema.field("ds"), pa.array(ds))
    write_table(results.scores("rules", "a"), table, SCORES)
    found = of_run(results, "a", "b")
    if is_known:  # differences 0 and 0.5 on 5 images each; the others add nothing: 40/39 · 10 · 0.25² / 10²
        errors = {one.metric: one.standard_error for one in found.errors}
        assert errors["ds"] == pytest.approx(math.sqrt(40 / 39 * 10 * 0.0625 / 100))
    else:
        assert found.errors == (assumed_error(IMAGES),)  # they differ in no other metric
        assert "scored on 10 images or more" in where_from(found)[0]


def test_scores_of_few_images_are_no_basis(results, monkeypatch):
    monkeypatch.setattr(power, "LEAST_CLUSTERS", IMAGES + 1)
    found = power_of(["rules"], ["a", "b"], results, IMAGES)
    assert found.errors == (assumed_error(IMAGES),) and found.compared == 0
    assert found.left_out == (f"all scores: they are of {IMAGES} images, and under {IMAGES + 1} say too little",)

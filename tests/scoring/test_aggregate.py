"""Over a dataset: values against brute force and hand-worked sums, coverage, bounds, breakdowns, counts, floors."""

import random

import numpy as np
import pyarrow as pa
import pytest
from scoring.tables import (
    BEDROOM,
    judged,
    judgements_table,
    parsed,
    parsed_table,
    sample,
    samples_table,
)

from spd_faith.core.errors import UserError
from spd_faith.scoring.aggregate import aggregate, estimates
from spd_faith.scoring.floors import constant_answers
from spd_faith.scoring.metrics import AGGREGATED, HEADLINE
from spd_faith.scoring.samples import score_table

ENTRY = ("rules", "model")
TYPE_NAMES = ["color", "remove", "position"]
NAMES = ["car", "dog", "cup", "tv", "man", "person"]


def scored(samples, answers, judgements):
    samples, judgements = samples_table(*samples), judgements_table(*judgements)
    return samples, score_table(samples, parsed_table(*answers), judgements), judgements


def by_metric(table: pa.Table, **wanted) -> dict[str, dict]:
    rows = [row for row in table.to_pylist() if all(row[key] == value for key, value in wanted.items())]
    assert len({row["metric"] for row in rows}) == len(rows)
    return {row["metric"]: row for row in rows}


def levels(table: pa.Table, kind: str) -> dict[str, int]:
    return {row["level"]: row["n"] for row in table.to_pylist() if row["kind"] == kind}


@pytest.fixture
def two():
    """A sample of three differences and one of one, with hand-computed values below; the judge fails on the second."""
    return scored(
        [sample(), sample("hard/00000_2", true=[("color", "car")], image_id="2")],
        [parsed(), parsed("hard/00000_2", predicted=[("color", "car")] * 2, verdicts=("differs", "unclear"))],
        [judged(), judged("hard/00000_2", drf=None, cr=(1, 0, 0))],
    )


def test_values(two):
    _, scores, _ = two
    found = estimates(scores)
    expected = {
        "drf": 1 / 2,  # of the one that is scored
        "cr": (1 / 4 + 1) / 2,
        "dqr": (2 / 3 + 1) / 2,
        "dqr_exact": 0,
        "ds": (1 + 1 / 2) / 2,
        "ds_count": (2 / 3 + 1 / 2) / 2,
        "tf1": 2 * (1 + 1) / ((2 + 2) + (3 + 1)),  # micro: sums first
        "cf1": 2 * (1 + 1) / ((2 + 2) + (3 + 1)),
        "pf1": 2 * (1 + 1) / ((2 + 2) + (3 + 1)),
        "tf1_figure": 2 * (2 / 4) * (5 / 6) / (2 / 4 + 5 / 6),
        "cr_verdict": 1 / 2,
        "cr_signed": (2.5 / 4 + 1) / 2,
        "drf_claims": 6,
        "cr_claims": (4 + 1) / 2,
        "unclear": 1 / 4,
        "color_precision": 2 / 3,
        "color_recall": 2 / 2,
        "color_f1": 4 / 5,
        "remove_recall": 0,
        "remove_f1": 0,
        "position_precision": 0,
        "position_f1": 0,
    }
    assert {name: found[name] for name in expected} == pytest.approx(expected)
    assert np.isnan([found["remove_precision"], found["position_recall"]]).all()
    assert found["overall"] == pytest.approx(sum(expected[name] for name in HEADLINE) / 6)


def test_coverage_and_bounds(two):
    samples, scores, judgements = two
    rows = by_metric(aggregate(samples, {ENTRY: scores}, {ENTRY: judgements}, resamples=200).metrics)
    assert list(rows) == list(AGGREGATED)
    drf = rows["drf"]
    assert (drf["n"], drf["coverage"], drf["bound_low"], drf["bound_high"]) == (2, 0.5, 0.25, 0.75)
    assert rows["overall"]["coverage"] == 0.5
    for end, value in (("bound_low", 0.25), ("bound_high", 0.75)):
        headline = [rows[name]["value"] for name in HEADLINE if name != "drf"]
        assert rows["overall"][end] == pytest.approx((sum(headline) + value) / 6)
    assert rows["drf_claims"]["bound_high"] is None  # no greatest number of claims
    content = rows["cr_content"]  # only the second pair has claims about the contents, of which none is consistent
    assert (content["value"], content["coverage"], content["bound_high"]) == (0, 0.5, 0.5)
    for name in set(AGGREGATED) - {"drf", "overall", "drf_claims", "cr_content"}:
        row = rows[name]
        assert (row["coverage"], row["bound_low"], row["bound_high"]) == (1, row["value"], row["value"])


def test_unread_verdicts_are_excluded_and_counted():
    """Three pairs with DS 1, 0.5 and unknown: 0.75 over two of them, between 1.5 / 3 and 2.5 / 3 over all."""
    samples, scores, judgements = scored(
        [sample(), sample("easy/1_2"), sample("easy/2_3")],
        [parsed(), parsed("easy/1_2", verdicts=("differs", "unclear")), parsed("easy/2_3", verdicts=(None, "differs"))],
        [judged(), judged("easy/1_2"), judged("easy/2_3", cr=None)],
    )
    rows = by_metric(aggregate(samples, {ENTRY: scores}, {ENTRY: judgements}, resamples=200).metrics)
    ds = rows["ds"]
    assert (ds["value"], ds["coverage"]) == (0.75, pytest.approx(2 / 3))
    assert (ds["bound_low"], ds["bound_high"]) == (pytest.approx(1.5 / 3), pytest.approx(2.5 / 3))
    assert (rows["unclear"]["value"], rows["cr_verdict"]["value"]) == (0.25, 0.5)
    assert rows["unclear"]["coverage"] == rows["cr_verdict"]["coverage"] == pytest.approx(2 / 3)
    assert rows["overall"]["coverage"] == pytest.approx(2 / 3)
    assert rows["ds_count"]["coverage"] == rows["dqr"]["coverage"] == 1


def test_signed_consistency_is_bounded_by_its_own_range():
    samples, scores, judgements = scored(
        [sample(), sample("easy/1_2")],
        [parsed(), parsed("easy/1_2")],
        [judged(cr=(1, 0, 0)), judged("easy/1_2", cr=None)],
    )
    row = by_metric(aggregate(samples, {ENTRY: scores}, {ENTRY: judgements}, resamples=200).metrics)["cr_signed"]
    assert (row["value"], row["bound_low"], row["bound_high"]) == (1, 0, 1)


def test_a_judge_that_failed_everywhere():
    samples, scores, judgements = scored([sample()], [parsed()], [judged(drf=None, cr=None)])
    rows = by_metric(aggregate(samples, {ENTRY: scores}, {ENTRY: judgements}, resamples=200).metrics)
    drf, overall = rows["drf"], rows["overall"]
    assert [drf[key] for key in ("value", "low", "high", "coverage", "bound_low", "bound_high")] == [None] * 3 + [
        0,
        0,
        1,
    ]
    assert overall["value"] is None
    assert overall["bound_high"] - overall["bound_low"] == pytest.approx(2 / 6)


def test_headline_definitions(many):
    samples, scores, judgements, lists = many
    entry = "rules", "one"
    answers = [parsed(i, listed) for i, listed in zip(samples["sample_id"].to_pylist(), lists["one"], strict=True)]
    scored_other = score_table(samples, parsed_table(*answers), judgements[entry], dqr="exact", ds="count")
    plain = by_metric(aggregate(samples, {entry: scores[entry]}, judgements, resamples=200).metrics)
    other = by_metric(aggregate(samples, {entry: scored_other}, judgements, resamples=200).metrics)
    keys = ("value", "low", "high")
    assert [other["dqr"][key] for key in keys] == [plain["dqr_exact"][key] for key in keys]
    assert [other["ds"][key] for key in keys] == [plain["ds_count"][key] for key in keys]
    assert plain["dqr"]["value"] != other["dqr"]["value"]
    assert other["overall"]["value"] == pytest.approx(np.mean([other[name]["value"] for name in HEADLINE]))
    for name in set(AGGREGATED) - {"dqr", "ds", "overall"}:  # the figure's variants keep the recall
        assert other[name] == plain[name]


def test_controls_are_left_out(two):
    samples, scores, judgements = two
    control = sample("easy/00009_9", true=[], control="identical")
    more = samples_table(*samples.to_pylist(), control)
    claims = pa.concat_tables([judgements, judgements_table(judged("easy/00009_9"))])
    answers = [parsed(), parsed("hard/00000_2"), parsed("easy/00009_9")]
    with_control = aggregate(more, {ENTRY: score_table(more, parsed_table(*answers), claims)}, {ENTRY: claims}, 200)
    scores = score_table(samples, parsed_table(*answers[:2]), judgements)
    assert with_control == aggregate(samples, {ENTRY: scores}, {ENTRY: judgements}, 200)


def test_nothing_but_controls_is_refused():
    samples, scores, judgements = scored([sample(control="blind")], [parsed()], [judged()])
    with pytest.raises(UserError, match="controls"):
        aggregate(samples, {ENTRY: scores}, {ENTRY: judgements}, 200)


def test_a_missing_score_is_refused(two):
    samples, scores, judgements = two
    with pytest.raises(UserError, match="scores of model by rules"):
        aggregate(samples, {ENTRY: scores.slice(1)}, {ENTRY: judgements}, 200)


@pytest.fixture(scope="module")
def many():
    """60 random samples, two models; image ids repeat."""
    draw = random.Random(0)

    def differences(least):
        return [(draw.choice(TYPE_NAMES), draw.choice(NAMES)) for _ in range(draw.randint(least, 5))]

    rows = [
        sample(f"{draw.choice(['easy', 'hard'])}/{i:05d}_{i % 25}", differences(1), image_id=str(i % 25))
        for i in range(60)
    ]
    samples = samples_table(*rows)
    scores, judgements, lists = {}, {}, {}
    for model in ("one", "two"):
        lists[model] = [differences(0) for _ in rows]
        answers = [parsed(row["sample_id"], listed) for row, listed in zip(rows, lists[model], strict=True)]
        cells = [(row["sample_id"], (draw.randint(0, 3), draw.randint(0, 3), 0)) for row in rows]
        judgements["rules", model] = judgements_table(*(judged(i, drf=claims) for i, claims in cells))
        scores["rules", model] = score_table(samples, parsed_table(*answers), judgements["rules", model])
    return samples, scores, judgements, lists


@pytest.mark.parametrize(("metric", "part"), [("tf1", 0), ("cf1", 1), ("pf1", slice(None))])
def test_micro_f1_against_brute_force(many, metric, part):
    samples, scores, _, lists = many
    for model, predicted in lists.items():
        matched = n_predicted = n_true = 0
        for row, listed in zip(samples.to_pylist(), predicted, strict=True):
            left = [(d["type"], d["category"])[part] for d in row["differences"]]
            n_true, n_predicted = n_true + len(left), n_predicted + len(listed)
            for difference in listed:
                if difference[part] in left:
                    left.remove(difference[part])
                    matched += 1
        precision, recall = matched / n_predicted, matched / n_true
        found = estimates(scores["rules", model])[metric]
        assert found == pytest.approx(2 * precision * recall / (precision + recall))


def test_intervals_against_a_literal_loop(many):
    """Whole image ids drawn within their split, the tables of the drawn samples scored again from the start."""
    samples, scores, judgements, _ = many
    rows = by_metric(aggregate(samples, scores, judgements, resamples=2000, seed=1).metrics, model="two")
    generator = np.random.default_rng(2)
    keys = list(zip(samples["split"].to_pylist(), samples["image_id"].to_pylist(), strict=True))
    found = []
    for _ in range(300):
        drawn = []
        for split in ("easy", "hard"):
            clusters = sorted({key for key in keys if key[0] == split})
            for k in generator.integers(0, len(clusters), len(clusters)):
                drawn += [i for i, key in enumerate(keys) if key == clusters[k]]
        found.append(estimates(scores["rules", "two"].take(drawn)))
    for name in ("overall", "tf1", "dqr", "drf", "tf1_figure", "color_precision"):
        draws = np.array([resample[name] for resample in found])
        # the ends of 300 draws are known to about 2.7 / sqrt(300) standard errors
        expected = np.quantile(draws, [0.025, 0.975])
        assert [rows[name]["low"], rows[name]["high"]] == pytest.approx(expected, abs=0.5 * draws.std())
        assert rows[name]["low"] < rows[name]["value"] < rows[name]["high"]


def of_splits(sizes):
    """Samples whose answers are the same within a split: all right in easy, one of two right elsewhere."""
    ids = [f"{split}/{row:05d}_{row}" for split, size in sizes.items() for row in range(size)]
    rows = [sample(i, [("color", "car"), ("remove", "cup")], image_id=i[-2:]) for i in ids]
    listed = [[("color", "car"), *[("remove", "cup")] * i.startswith("easy")] for i in ids]
    answers = [parsed(i, predicted) for i, predicted in zip(ids, listed, strict=True)]
    return scored(rows, answers, [judged(i, drf=(len(found), 1, 0)) for i, found in zip(ids, listed, strict=True)])


def test_whole_images_are_drawn_within_their_split():
    """Nothing varies within a split, so no resample differs from the dataset."""
    samples, scores, judgements = of_splits({"easy": 10, "hard": 12})
    found = aggregate(samples, {ENTRY: scores}, {ENTRY: judgements}, resamples=200)
    rows = found.metrics.to_pylist()
    assert all(row["low"] == row["value"] == row["high"] for row in rows)
    assert (found.num_clusters, found.merged_splits) == (22, ())


def test_small_splits_are_drawn_together():
    """9 hard pairs are drawn with the 12 medium ones, which are like them, rather than the 30 easy ones. Without medium
    pairs they are drawn with the easy ones, which differ."""
    for sizes, merged in (
        ({"easy": 30, "hard": 9, "medium": 12}, "hard medium"),
        ({"easy": 10, "hard": 9}, "easy hard"),
    ):
        samples, scores, judgements = of_splits(sizes)
        found = aggregate(samples, {ENTRY: scores}, {ENTRY: judgements}, resamples=200)
        assert found.merged_splits == (tuple(merged.split()),)
        tf1 = by_metric(found.metrics)["tf1"]
        assert (tf1["low"] < tf1["value"] < tf1["high"]) == ("easy" in merged)


def test_intervals_of_the_breakdown_by_split(many):
    """A split's interval is that of its samples alone, if it has 10 image ids; other breakdowns have none."""
    samples, scores, judgements, _ = many
    table = aggregate(samples, scores, judgements, resamples=2000, seed=1).breakdowns
    inside = [i for i, split in enumerate(samples["split"].to_pylist()) if split == "hard"]
    alone = aggregate(
        samples.take(inside),
        {entry: of.take(inside) for entry, of in scores.items()},
        {
            entry: pa.Table.from_pylist(
                [row for row in of.to_pylist() if row["sample_id"].startswith("hard")], schema=of.schema
            )
            for entry, of in judgements.items()
        },
        resamples=2000,
        seed=1,
    ).metrics
    for name, row in by_metric(table, model="two", by="split", group="hard").items():
        whole = by_metric(alone, model="two")[name]
        assert (row["low"], row["high"]) == pytest.approx((whole["low"], whole["high"]))
    assert by_metric(table, model="two", by="split", group="hard")["drf"]["low"] < 1
    assert all(row["low"] is None and row["high"] is None for row in table.to_pylist() if row["by"] != "split")
    few = of_splits({"easy": 9, "hard": 30})
    groups = aggregate(few[0], {ENTRY: few[1]}, {ENTRY: few[2]}, resamples=200).breakdowns
    assert by_metric(groups, by="split", group="easy")["tf1"]["low"] is None
    assert by_metric(groups, by="split", group="hard")["tf1"]["low"] is not None


def test_the_order_of_the_scores_does_not_matter(many):
    samples, scores, judgements, _ = many
    turned = {entry: table.take(list(range(table.num_rows))[::-1]) for entry, table in scores.items()}
    assert aggregate(samples, turned, judgements, 200) == aggregate(samples, scores, judgements, 200)


def test_a_constant_metric_has_no_width(many):
    samples, scores, judgements, _ = many
    rows = by_metric(aggregate(samples, scores, judgements, resamples=1000).metrics, model="one")
    for name in ("ds", "cr", "cr_signed", "unclear"):  # the same in every sample
        assert rows[name]["low"] == rows[name]["value"] == rows[name]["high"]


def test_entries_share_their_resamples_and_keep_their_order(many):
    samples, scores, judgements, _ = many
    both = aggregate(samples, scores, judgements, resamples=300).metrics.to_pylist()
    alone = [
        row
        for entry in scores
        for row in aggregate(samples, {entry: scores[entry]}, judgements, resamples=300).metrics.to_pylist()
    ]
    assert [list(row.items())[:4] for row in both] == [list(row.items())[:4] for row in alone]
    for row, other in zip(both, alone, strict=True):
        assert (row["low"], row["high"]) == pytest.approx((other["low"], other["high"]), nan_ok=True)


def test_breakdowns(many):
    """Every group's values are those of its samples alone."""
    samples, scores, judgements, _ = many
    table = aggregate(samples, scores, judgements, resamples=200).breakdowns
    groups_of = {
        "split": lambda row: {row["split"]},
        "type": lambda row: {difference["type"] for difference in row["differences"]},
        "num_differences": lambda row: {str(len(row["differences"]))},
        "box_area": lambda row: {"unknown"},
    }
    rows = samples.to_pylist()
    for by, groups in groups_of.items():
        members = {
            group: [i for i, row in enumerate(rows) if group in groups(row)]
            for group in set().union(*map(groups, rows))
        }
        assert {row["group"] for row in table.to_pylist() if row["by"] == by} == set(members)
        for group, inside in members.items():
            found = by_metric(table, model="two", by=by, group=group)
            whole = estimates(scores["rules", "two"].take(inside))
            assert list(found) == [*HEADLINE, "overall"]
            for name, row in found.items():
                assert (row["n"], row["value"], row["coverage"]) == (len(inside), pytest.approx(whole[name]), 1)


def test_box_areas():
    """Images of 10,000 pixels; the bin of the mean box, bins closed below."""
    sides = {"< 1%": [(9, 10)], "1–3%": [(10, 10)], "3–10%": [(10, 10), (50, 30)], "≥ 10%": [(50, 20)], "unknown": []}
    rows = []
    for i, boxes in enumerate(sides.values()):
        row = sample(f"easy/{i}_{i}", true=BEDROOM)
        for difference, (w, h) in zip(row["differences"], boxes, strict=False):
            difference["bbox"] = {"x": 0, "y": 0, "w": w, "h": h}
        rows.append(row)
    ids = [row["sample_id"] for row in rows]
    # the i-th sample predicts a bin of its own: i wrong differences beside nothing else
    answers = [parsed(i, predicted=[("color", "wrong")] * (k + 1), stated=k) for k, i in enumerate(ids)]
    samples, scores, judgements = scored(rows, answers, [judged(i) for i in ids])
    table = aggregate(samples, {ENTRY: scores}, {ENTRY: judgements}, 200).breakdowns
    for k, name in enumerate(sides):
        cell = by_metric(table, by="box_area", group=name)["dqr"]
        assert (cell["n"], cell["value"]) == (1, pytest.approx(min(k, 3) / 3))


def test_statuses(two):
    samples, scores, judgements = two
    table = aggregate(samples, {ENTRY: scores}, {ENTRY: judgements}, 200).statuses
    statuses = dict.fromkeys(("repaired", "free_text", "empty", "failed", "no_response"), 0)
    assert levels(table, "parse_status") == {"json": 2} | statuses
    assert levels(table, "drf_status") == {"ok": 1, "unscored:timeout": 1}
    assert levels(table, "cr_status") == {"ok": 2}


def test_drf_errors():
    rows = [sample(f"easy/{i}_{i}") for i in range(6)]
    ids = [row["sample_id"] for row in rows]
    counts = [(2, 0, 0), (4, 1, 0), (1, 1, 0), (1, 2, 0), (0, 0, 0), None]  # 1, 0.8, 0.5, 1/3, no claims, unscored
    judgements = [judged(i, drf=n) for i, n in zip(ids, counts, strict=True)]
    wrong = {"text": "x", "label": "unfaithful", "error_type": "fabrication", "severity": "critical"}
    minor = wrong | {"error_type": "attribute_error", "severity": "minor"}
    right = {"text": "x", "label": "faithful"}
    judgements[1][0]["claims"] = [right] * 4 + [minor]
    judgements[2][0]["claims"] = [right, wrong]
    judgements[3][0]["claims"] = [right, wrong, {"text": "x", "label": "unfaithful"}]
    judgements[3][1]["claims"] = [wrong]  # of cr: none of DRF's business
    samples, scores, table = scored(rows, [parsed(i) for i in ids], judgements)
    errors = aggregate(samples, {ENTRY: scores}, {ENTRY: table}, 200).drf_errors
    assert levels(errors, "error_type") == {
        "type_category_mismatch": 0,
        "type_confusion": 0,
        "attribute_error": 1,
        "fabrication": 2,
        "unstated": 1,
    }
    assert levels(errors, "severity") == {"critical": 2, "moderate": 0, "minor": 1, "unstated": 1}
    assert levels(errors, "score") == {"1.0": 1, "[0.8, 1)": 1, "[0.5, 0.8)": 1, "< 0.5": 2, "unscored": 1}
    fractions = [row["share"] for row in errors.to_pylist() if row["kind"] == "error_type"]
    assert fractions == [0, 0, 1 / 4, 1 / 2, 1 / 4]


def test_floors():
    samples = samples_table(
        *(sample(f"easy/{n}_{n}", true=(BEDROOM * 2)[:n]) for n in (1, 2, 5)),
        sample("easy/9_9", true=[], control="identical"),
    )
    table = constant_answers(samples).to_pylist()
    found = {(row["answer"], row["metric"]): row["value"] for row in table}
    assert found["No.", "ds"] == found["Yes.", "ds"] == 0.5
    assert found["They differ.", "ds"] == 1
    assert found["There are five differences.", "dqr"] == 1
    assert found["There is one difference.", "dqr"] == pytest.approx((1 + 1 / 2 + 1 / 5) / 3)


def test_floors_have_all_six_metrics_and_overall():
    """By hand: nothing is listed and no claim made. “No.” twice contradicts itself; the other answers agree."""
    samples = samples_table(*(sample(f"easy/{n}_{n}", true=(BEDROOM * 2)[:n]) for n in (1, 2, 5)))
    found = {(row["answer"], row["metric"]): row["value"] for row in constant_answers(samples).to_pylist()}
    expected = {  # DRF, TF1, CF1, DQR, DS, CR
        "No.": (0, 0, 0, 0, 1 / 2, 0),
        "Yes.": (0, 0, 0, 0, 1 / 2, 0),
        "There is one difference.": (0, 0, 0, (1 + 1 / 2 + 1 / 5) / 3, 1, 1),
        "There are five differences.": (0, 0, 0, 1, 1, 1),
    }
    for answer, values in expected.items():
        assert [found[answer, name] for name in HEADLINE] == pytest.approx(values)
        assert found[answer, "overall"] == pytest.approx(sum(values) / 6)

"""What is made of the table of causal_patching: shares, summaries, contrasts; on tables written by hand."""

import itertools

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from probes.probe_tables import ids, patched_table, responses_table
from scoring.tables import sample, samples_table

from spd_faith.core.errors import UserError
from spd_faith.leaderboard.probe_summary import not_measured, probe_summaries
from spd_faith.probes.causal_patching import CausalPatching
from spd_faith.probes.contrasts import contrast_rows
from spd_faith.probes.figure_catalogue import declared_figures
from spd_faith.probes.figures.effects import effect_sizes
from spd_faith.probes.groups import FAITHFULNESS
from spd_faith.probes.layer_range import LayerRange
from spd_faith.probes.patching_shares import first_below, shares
from spd_faith.probes.sample_values import sample_values
from spd_faith.probes.saved_tables import check_probed

A, B, C = "easy/00000_1", "easy/00001_2", "hard/00000_3"
SAMPLES = samples_table(*(sample(name, image_id=name[-1]) for name in (A, B, C)))


def effect(sample_id, difference, value, **more):
    row = {"sample_id": sample_id, "difference": difference, "image_effect": value, "type": "color"}
    return row | {"dtype": "float32", "status": "ok"} | more


def drops(sample_id, difference, by_layer, tokens="difference", direction="undone_into_changed", kind="color"):
    """A row per layer, from −1 on."""
    common = {"sample_id": sample_id, "difference": difference, "tokens": tokens, "direction": direction, "type": kind}
    common |= {"dtype": "float32", "status": "ok"}
    return [common | {"layer": layer, "drop": drop} for layer, drop in enumerate(by_layer, start=-1)]


def table(*rows):
    return pa.Table.from_pylist(list(rows), schema=CausalPatching.schema)


def summary(*rows, samples=SAMPLES, resamples=500):
    return probe_summaries(samples, {"m": {"causal_patching": table(*rows)}}, resamples, 0).iloc[0]


# ---- shares ----------------------------------------------------------------------------------------------------------


def test_a_share_is_the_ratio_of_sums_over_differences_that_have_both():
    """After layer 0: drops 6, 1 and 2 of effects 8, 2 and 10: 9 / 20. The second difference of B is not copied, C has
    no effect."""
    rows = [effect(A, 0, 8.0), effect(A, 1, 2.0), effect(B, 0, 10.0), effect(B, 1, 99.0)]
    rows += [*drops(A, 0, [8, 6, 0]), *drops(A, 1, [2, 1, 0]), *drops(B, 0, [10, 2, 0]), *drops(C, 0, [7, 7, 7])]
    found = shares(table(*rows), SAMPLES)
    assert found["layer"].tolist() == [-1, 0, 1]
    assert found["share"].tolist() == pytest.approx([1, 9 / 20, 0])
    assert found["n"].tolist() == [3, 3, 3]


def test_shares_are_those_of_a_plain_loop():
    """With intervals: a share of each draw of images within a split, as `resamples` draws without end would give."""
    names = ids(3)
    samples = samples_table(*(sample(name, image_id=name[-1]) for name in names))
    patched = patched_table(names, layers=4)
    found = shares(patched, samples, ("direction", "layer", "tokens", "type"), resamples=20_000)
    rows = patched.to_pylist()
    effects = {(row["sample_id"], row["difference"]): row["image_effect"] for row in rows if row["tokens"] is None}
    assert len(found) == 2 * 5 * 4 * 3
    for one in found.to_dict("records"):
        of_sample = {name: [0.0, 0.0] for name in names}
        for row in rows:
            if all(row[key] == one[key] for key in ("direction", "layer", "tokens", "type")):
                of_sample[row["sample_id"]][0] += row["drop"]
                of_sample[row["sample_id"]][1] += effects[row["sample_id"], row["difference"]]
        above, below = np.sum(list(of_sample.values()), axis=0)
        assert one["share"] == pytest.approx(above / below)
        draws = [np.sum(drawn, axis=0) for drawn in itertools.product(of_sample.values(), repeat=3)]
        ratios = [first / second for first, second in draws if second]
        low, high = np.quantile(np.repeat(ratios, 1000), (0.025, 0.975))
        assert (one["low"], one["high"]) == (pytest.approx(low, abs=0.02), pytest.approx(high, abs=0.02))


def test_without_an_effect_there_is_no_share():
    """Effects of both signs, whose interval holds 0; and none at all, as of a model that ignores its images."""
    names = ids(12)
    samples = samples_table(*(sample(name, image_id=name[-2:]) for name in names))
    for values in ([(-1.0) ** number * (1 + number) for number in range(12)], [0.0] * 12):
        rows = [effect(name, 0, value) for name, value in zip(names, values, strict=True)]
        rows += [row for name, value in zip(names, values, strict=True) for row in drops(name, 0, [value, 0])]
        assert shares(table(*rows), samples)[["share", "low", "high"]].isna().all(axis=None)
        found = summary(*rows, samples=samples)
        assert found["image_effect"] == pytest.approx(np.mean(values))
        assert found["image_effect_low"] <= 0 <= found["image_effect_high"]
        assert np.isnan([found["hand_over_layer"], found["hand_over_layer_low"]]).all()
        assert found["hand_over_layer_n"] == 12  # measured, and not defined


def test_a_table_without_drops_has_no_shares():
    assert shares(table(effect(A, 0, 8.0)), SAMPLES).empty
    assert shares(table({"sample_id": A, "dtype": "float32", "status": "no_answer"}), SAMPLES).empty


@pytest.mark.parametrize(
    ("curve", "layer"),
    [([1, 0.6, 0.5, 0.2, 0.7], 2), ([0.4, 1, 1, 1, 0], -1), ([1, np.nan, 0.49, 0, 0], 1), ([1, 1, 1, 1, 0.5], np.nan)],
)
def test_the_hand_over_layer_is_the_first_under_half(curve, layer):
    assert np.array_equal(first_below(np.array(curve), np.arange(-1, 4)), np.array(layer, float), equal_nan=True)


# ---- on the leaderboard ----------------------------------------------------------------------------------------------


def test_the_image_effect_is_the_mean_over_samples_of_their_differences():
    """A: 8 and 2, mean 5. B: 11, and one that is not named. C says nothing."""
    rows = [effect(A, 0, 8.0), effect(A, 1, 2.0), effect(B, 0, 11.0), effect(B, 1, None, status="not_named")]
    rows += [*drops(A, 0, [8, 6, 0]), {"sample_id": C, "dtype": "float32", "status": "no_answer"}]
    found = summary(*rows)
    assert found["image_effect"] == pytest.approx(8)
    assert (found["image_effect_n"], found["n_probed"]) == (2, 3)


def test_the_hand_over_layer_has_the_interval_of_resampled_curves():
    """A's curve falls under half after layer 0, B's, with three times the effect, after layer 1, as both do together.
    Of the draws of two images, one in four is A alone."""
    rows = [effect(A, 0, 2.0), *drops(A, 0, [2, 0, 0, 0]), effect(B, 0, 6.0), *drops(B, 0, [6, 6, 1, 0])]
    rows += drops(A, 0, [0, 0, 0, 0], tokens="random") + drops(B, 0, [6, 0, 0, 0], direction="changed_into_undone")
    found = summary(*rows)
    assert (found["hand_over_layer"], found["hand_over_layer_n"]) == (1, 2)
    assert (found["hand_over_layer_low"], found["hand_over_layer_high"]) == (0, 1)


def test_models_of_other_numbers_of_layers_stand_beside_each_other():
    one = table(effect(A, 0, 2.0), *drops(A, 0, [2, 2, 0]))
    other = table(effect(A, 0, 2.0), *drops(A, 0, [2] * 30 + [0]))
    models = {"one": {"causal_patching": one}, "other": {"causal_patching": other}, "none": {}}
    found = probe_summaries(SAMPLES, models, 100, 0).set_index("model")["hand_over_layer"]
    assert found[["one", "other"]].tolist() == [1, 29]
    assert np.isnan(found["none"])


def test_differences_without_measurements_are_counted_by_reason():
    """Of five differences or samples; a set of tokens that was not copied is a reason beside a measured effect."""
    rows = [effect(A, 0, 8.0), *drops(A, 0, [8, 0]), effect(A, 1, None, status="not_named")]
    rows += [effect(B, 0, 3.0), effect(B, 0, None, tokens="unchanged", status="no_unchanged")]
    rows += [effect(B, 0, None, tokens="random", status="no_room"), effect(B, 1, None, status="not_undone")]
    rows.append({"sample_id": C, "dtype": "float32", "status": "no_answer"})
    found = not_measured({"m": {"causal_patching": table(*rows)}})
    assert found[["status", "n", "of"]].values.tolist() == [
        [status, 1, 5] for status in ("no_answer", "no_room", "no_unchanged", "not_named", "not_undone")
    ]


# ---- contrasts -------------------------------------------------------------------------------------------------------


def test_the_mean_effect_of_a_sample_is_compared_without_a_layer():
    rows = [effect(A, 0, 8.0), effect(A, 1, 2.0), *drops(A, 0, [8, 0]), effect(B, 0, None, status="not_named")]
    values = sample_values(table(*rows), ("image_effect",), by_layer=False)
    assert values.index.tolist() == [A]
    assert values.to_numpy().tolist() == [[5.0]]


def test_faithful_and_unfaithful_samples_are_compared():
    """Eight of each, in one stratum: unfaithful ones have two nats less, within a deviation of √(2/7)."""
    names = ids(16)
    unfaithful = names[:8]
    around = [-0.5, 0.5] * 8
    rows = [
        effect(name, 0, (3.0 if name in unfaithful else 5.0) + off) for name, off in zip(names, around, strict=True)
    ]
    groups = [
        {"sample_id": name, "contrast": "faithfulness", "split": "easy", "n_gt": 1, "reason": "drf"}
        | {"group": "unfaithful" if name in unfaithful else "faithful"}
        for name in names
    ]
    found = contrast_rows(
        pd.DataFrame(groups), {"causal_patching": table(*rows)}, responses_table(names), permutations=999, seed=0
    )
    [row] = [row for row in found if row["probe"] == "causal_patching" and row["contrast"] == "faithfulness"]
    assert (row["task"], row["measure"], row["layer"], row["status"]) == (None, "image_effect", None, "ok")
    assert (row["mean_group"], row["mean_reference"], row["difference"]) == (3, 5, -2)
    assert row["hedges_g"] == pytest.approx(-2 / np.sqrt(16 * 0.25 / 14) * (1 - 3 / (4 * 14 - 1)))
    assert row["p_value"] == row["q_value"] < 0.01
    figure = effect_sizes(pd.DataFrame(found), FAITHFULNESS)  # by layer
    assert "no effect sizes" in figure.axes[0].texts[0].get_text()


def test_figures_of_effects_by_layer_need_a_probe_with_layers():
    assert [figure.name for figure in declared_figures([CausalPatching])] == [
        "image_effect",
        "patching_shares",
        "patching_by_type",
    ]


# ---- tables ----------------------------------------------------------------------------------------------------------


def test_the_input_of_the_first_layer_is_kept_with_that_layer():
    rows = table(effect(A, 0, 8.0), *drops(A, 0, [8, 6, 0]))
    assert LayerRange(0, 0)(rows)["layer"].to_pylist() == [None, -1, 0]
    assert LayerRange(1, None)(rows)["layer"].to_pylist() == [None, 1]


def test_a_probe_with_its_own_passes_may_measure_fewer_samples():
    others = pa.table({"sample_id": [A, A, A, B, B, B], "task": ["describe", "same", "different"] * 2})
    check_probed("m", {"layer_changes": others, "causal_patching": table(effect(A, 0, 1.0))}, [A, B, C])
    with pytest.raises(UserError, match="causal_patching of m"):
        check_probed("m", {"layer_changes": others, "causal_patching": table(effect("easy/9", 0, 1.0))}, [A, B, C])
    missing = pa.table({"sample_id": [A, A, A], "task": ["describe", "same", "different"]})
    with pytest.raises(UserError, match="neuron_activation of m"):
        check_probed("m", {"layer_changes": others, "neuron_activation": missing}, [A, B, C])

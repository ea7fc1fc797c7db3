"""The probes on the leaderboard, from hand-computed tables."""

import itertools

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from scoring.tables import sample, samples_table

from spd_faith.core.files import write_table
from spd_faith.leaderboard.probe_summary import not_measured, probe_summaries, read_probes
from spd_faith.probes.registry import PROBES, SUMMARIES

NAMES = [summary.name for summary in SUMMARIES]
A, B, C = "easy/00000_1", "easy/00001_2", "hard/00000_3"
SAMPLES = samples_table(*(sample(name, image_id=name[-1]) for name in (A, B, C)))


def table(probe: str, *rows: dict) -> pa.Table:
    """Rows of a probe; status `ok` and the answer to "how many?" where not given."""
    usual = {"task": "describe", "dtype": "float32", "status": "ok"}
    names = PROBES[probe].schema.names
    made = [{name: value for name, value in (usual | row).items() if name in names} for row in rows]
    return pa.Table.from_pylist(made, schema=PROBES[probe].schema)


def attention(sample_id: str, *layers: list[tuple[float, float | None]], task: str = "describe") -> list[dict]:
    """`layers` give each token's fractions of the two images."""
    return [
        {"sample_id": sample_id, "task": task, "layer": layer, "token": token, "picture_1": first, "picture_2": second}
        for layer, tokens in enumerate(layers)
        for token, (first, second) in enumerate(tokens)
    ]


def summary(samples: pa.Table = SAMPLES, resamples: int = 500, **tables: pa.Table) -> pd.Series:
    return probe_summaries(samples, {"m": tables}, resamples, 0).iloc[0]


# ---- values ----------------------------------------------------------------------------------------------------------


def test_visual_attention_is_both_images_over_layers_tokens_and_samples() -> None:
    """A: layer 0 has .5, .3, layer 1 has .3, .1: tokens of .4 and .2, mean .3. B: three tokens .6, .3, .3, mean .4."""
    rows = attention(A, [(0.3, 0.2), (0.1, 0.2)], [(0.2, 0.1), (0.0, 0.1)])
    rows += attention(B, [(0.6, None), (0.3, None), (0.3, None)])  # a merged image
    rows += attention(A, [(0.9, 0.1)], task="same")  # another question
    found = summary(generation_attention=table("generation_attention", *rows))
    assert found["visual_attention"] == pytest.approx(0.35)
    assert found["visual_attention_n"] == found["n_probed"] == 2


def test_the_slope_is_that_of_least_squares_over_the_position_in_the_answer() -> None:
    """A falls by .2 from its first token to its last. B is .6, .3, .3 at 0, ½ and 1: Σ(x − ½)(y − .4) / Σ(x − ½)² is
    (−½ · .2 + ½ · −.1) / ½ = −.3. Longer answers count no less: mean −.25."""
    rows = attention(A, [(0.4, 0.0), (0.2, 0.0)]) + attention(B, [(0.6, 0.0), (0.3, 0.0), (0.3, 0.0)])
    found = summary(generation_attention=table("generation_attention", *rows))
    assert found["visual_slope"] == pytest.approx(-0.25)


def test_the_slope_of_many_tokens_is_numpys() -> None:
    fractions = np.random.default_rng(0).random((2, 3, 17)) / 2  # samples, layers, tokens
    layers = [[[(fraction, 0.0) for fraction in tokens] for tokens in of_sample] for of_sample in fractions.tolist()]
    rows = attention(A, *layers[0]) + attention(B, *layers[1])
    expected = [np.polyfit(np.linspace(0, 1, 17), of_sample.mean(axis=0), 1)[0] for of_sample in fractions]
    found = summary(generation_attention=table("generation_attention", *rows))
    assert found["visual_slope"] == pytest.approx(np.mean(expected), rel=1e-5)


def test_an_answer_of_one_token_has_attention_and_no_slope() -> None:
    rows = attention(A, [(0.4, 0.1)]) + attention(B, [(0.2, 0.1), (0.3, 0.1)])
    found = summary(generation_attention=table("generation_attention", *rows))
    assert (found["visual_attention_n"], found["visual_slope_n"]) == (2, 1)
    assert found["visual_slope"] == pytest.approx(0.1)
    alone = summary(generation_attention=table("generation_attention", *rows[:1]))
    assert alone["visual_slope_n"] == 0 and np.isnan(alone["visual_slope"])


def test_ffn_drift_is_the_relative_change_over_layers_and_samples() -> None:
    rows = [{"sample_id": A, "layer": layer, "ffn_relative": value} for layer, value in enumerate((1.0, 0.5))]
    rows.append({"sample_id": B, "layer": 0, "ffn_relative": 0.25, "attention_relative": 9.0})
    rows.append({"sample_id": B, "layer": 0, "ffn_relative": 7.0, "task": "different"})
    assert summary(layer_changes=table("layer_changes", *rows))["ffn_drift"] == pytest.approx(0.5)


def test_grounding_ratios_are_of_mean_densities() -> None:
    """A: layers of 4 and 2 on the true boxes, mean 3, of 1 and 2 on others', mean 1.5. B: 1 and .5. Together 4 over 2.
    C, with nothing on others' boxes, has no ratio of its own and makes it 10 over 2."""
    rows = [
        {"sample_id": A, "layer": 0, "attention_true": 4.0, "attention_other_sample": 1.0, "attention_random": 1.0},
        {"sample_id": A, "layer": 1, "attention_true": 2.0, "attention_other_sample": 2.0, "attention_random": 1.0},
        {"sample_id": B, "layer": 0, "attention_true": 1.0, "attention_other_sample": 0.5},
    ]
    found = summary(grounding=table("grounding", *rows))
    assert found["grounding_ratio"] == pytest.approx(2)
    assert found["grounding_over_random"] == pytest.approx(3)  # A alone
    assert (found["grounding_ratio_n"], found["grounding_over_random_n"]) == (2, 1)
    assert found["grounding_over_unchanged_n"] == 0 and np.isnan(found["grounding_over_unchanged"])
    rows.append({"sample_id": C, "layer": 0, "attention_true": 6.0, "attention_other_sample": 0.0})
    assert summary(grounding=table("grounding", *rows))["grounding_ratio"] == pytest.approx(10 / 2)


def test_hits_are_means_of_samples_over_their_content_words() -> None:
    hits = {A: (1.0, 0.0, None, 0.5), B: (1.0,), C: (None,)}  # a sample without content words, or without boxes
    rows = [
        {"sample_id": name, "token": token, "hit": hit, "chance": None if hit is None else 0.125}
        for name, values in hits.items()
        for token, hit in enumerate(values)
    ]
    found = summary(token_activation_map=table("token_activation_map", *rows))
    assert found["tam_hit"] == pytest.approx((0.5 + 1) / 2)
    assert found["tam_chance"] == pytest.approx(0.125)
    assert (found["tam_hit_n"], found["n_probed"]) == (2, 3)


# ---- intervals -------------------------------------------------------------------------------------------------------


def test_intervals_are_of_resampled_images() -> None:
    """Three easy pairs of two images and a hard one. The image that two pairs share is drawn or not as a whole: three
    draws of (0, .3), (.9), (.6). With so few images the splits are one stratum, whose images are drawn apart."""
    names = ["easy/00000_1", "easy/00001_1", "easy/00002_2", "hard/00000_1"]
    samples = samples_table(*(sample(name, image_id=name[-1]) for name in names))
    values = dict(zip(names, (0.0, 0.3, 0.9, 0.6), strict=True))
    rows = [{"sample_id": name, "layer": 0, "ffn_relative": value} for name, value in values.items()]
    found = summary(samples, 20_000, layer_changes=table("layer_changes", *rows))
    means = []
    for drawn in itertools.product([(0.0, 0.3), (0.9,), (0.6,)], repeat=3):
        together = [value for values in drawn for value in values]
        means.append(sum(together) / len(together))
    low, high = np.quantile(np.repeat(means, 1000), (0.025, 0.975))
    assert found["ffn_drift"] == pytest.approx(0.45)
    assert (found["ffn_drift_low"], found["ffn_drift_high"]) == (pytest.approx(low), pytest.approx(high))


def test_a_constant_has_an_interval_of_no_width() -> None:
    rows = [{"sample_id": name, "layer": 0, "ffn_relative": 0.1} for name in (A, B, C)]
    found = summary(layer_changes=table("layer_changes", *rows))
    assert found["ffn_drift_low"] == found["ffn_drift"] == found["ffn_drift_high"]


def test_a_models_numbers_do_not_hang_on_the_others() -> None:
    draw = np.random.default_rng(0)
    rows = [{"sample_id": name, "layer": 0, "ffn_relative": draw.random()} for name in (A, B, C)]
    one, other = (table("layer_changes", *some) for some in (rows, rows[:2]))
    both = probe_summaries(SAMPLES, {"one": {"layer_changes": one}, "other": {"layer_changes": other}}, 500, 0)
    alone = summary(layer_changes=one)
    pd.testing.assert_series_equal(both.iloc[0].drop("model"), alone.drop("model"), check_names=False)
    assert both["n_probed"].tolist() == [3, 2]


# ---- what is not there -----------------------------------------------------------------------------------------------


def test_a_probe_that_was_not_run_has_null_counts_and_one_that_found_nothing_has_0() -> None:
    rows = [{"sample_id": name, "status": "unsupported"} for name in (A, B)]
    found = summary(layer_changes=table("layer_changes", *rows))
    assert found["n_probed"] == 2
    assert found["ffn_drift_n"] == 0
    for name in NAMES:
        assert np.isnan([found[name], found[f"{name}_low"], found[f"{name}_high"]]).all()
        assert name == "ffn_drift" or pd.isna(found[f"{name}_n"])


def test_every_probe_may_have_measured_nothing() -> None:
    tables = {probe: table(probe, {"sample_id": A, "status": "failed"}) for probe in PROBES}
    found = summary(**tables)
    assert [found[f"{name}_n"] for name in NAMES] == [0] * len(NAMES)
    assert not_measured({"m": tables})["probe"].tolist() == list(PROBES)


def test_no_model_no_row() -> None:
    found = probe_summaries(SAMPLES, {}, 500, 0)
    assert len(found) == 0
    expected = {"model", "n_probed"}
    expected |= {f"{name}{end}" for name in NAMES for end in ("", "_low", "_high", "_n")}
    assert set(found.columns) == expected


def test_answers_without_measurements_are_counted_by_reason() -> None:
    """Two answers of three, the measured one with a row a layer."""
    rows = [{"sample_id": A, "layer": layer, "ffn_relative": 1.0} for layer in range(4)]
    rows += [{"sample_id": A, "task": "same", "status": "no_answer"}, {"sample_id": B, "status": "failed"}]
    rows.append({"sample_id": C, "status": "failed"})
    similarity = table("hidden_similarity", {"sample_id": A, "status": "no_answer"}, {"sample_id": B, "layer": 0})
    found = not_measured({"m": {"layer_changes": table("layer_changes", *rows), "hidden_similarity": similarity}})
    assert found.to_dict("records") == [
        {"model": "m", "probe": "layer_changes", "status": "failed", "n": 2, "of": 4},
        {"model": "m", "probe": "layer_changes", "status": "no_answer", "n": 1, "of": 4},
        {"model": "m", "probe": "hidden_similarity", "status": "no_answer", "n": 1, "of": 2},
    ]


def test_tables_are_read_with_what_is_used(tmp_path) -> None:
    for name, probe in PROBES.items():
        write_table(probe.path_in(tmp_path), table(name, {"sample_id": A, "status": "failed"}), probe.schema)
    read = read_probes(tmp_path, ["hidden_similarity", "token_activation_map"])
    assert {name: one.column_names for name, one in read.items()} == {
        "hidden_similarity": ["sample_id", "status"],
        "token_activation_map": ["sample_id", "task", "hit", "chance", "status"],  # no maps
    }

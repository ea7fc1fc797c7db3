"""Groups of samples and what the probes' measures say of them."""

import itertools
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from probes.probe_tables import (
    ids,
    parsed_table,
    probe_tables,
    responses_table,
    samples_table,
    scores_table,
    unmeasured_tables,
    write_tables,
)
from scipy import stats

from spd_faith.core.errors import UserError
from spd_faith.core.files import read_table, write_table
from spd_faith.core.modules import module_files
from spd_faith.probes.contrast_table import CONTRAST_STATUSES, PROBE_CONTRASTS
from spd_faith.probes.contrasts import contrast_rows
from spd_faith.probes.groups import GROUP_REASONS, PROBE_GROUPS, sample_groups
from spd_faith.probes.permutation import compare_groups
from spd_faith.probes.registry import PROBES
from spd_faith.probes.sample_values import mean_over_tasks, sample_values
from spd_faith.probes.saved_tables import read_contrasted

ROOT = Path(__file__).parents[2]
AGREE = ("differs", "differs")


def compare(values, in_group, strata=None, permutations=2000, seed=0):
    values = np.asarray(values, float)
    values = values[:, None] if values.ndim == 1 else values
    in_group = np.asarray(in_group, bool)
    strata = np.zeros(len(values), int) if strata is None else np.asarray(strata)
    return compare_groups(values, in_group, strata, permutations, seed)


# ---- the permutation test --------------------------------------------------------------------------------------------


def test_four_samples():
    found = compare([1, 2, 3, 4], [0, 0, 1, 1], permutations=20_000)

    assert (found.mean_group[0], found.mean_reference[0], found.difference[0]) == (3.5, 1.5, 2)
    # deviation within the groups √½, corrected by 1 − 3/7
    assert found.hedges_g[0] == pytest.approx(2 * np.sqrt(2) * 4 / 7)
    # of the six ways to choose two samples, {3, 4} and {1, 2} are as far
    assert found.p_value[0] == pytest.approx(1 / 3, abs=0.012)


def test_two_strata():
    # differences 4 with weight 1·1/2 and 1 with weight 2·1/3: (2 + 2/3) / (7/6) = 16/7
    found = compare([5, 1, 10, 12, 10], [1, 0, 1, 1, 0], [0, 0, 1, 1, 1], permutations=20_000)

    assert found.difference[0] == pytest.approx(16 / 7)
    assert found.n_compared[0] == 5
    # six labellings: sums of what is over the stratum's mean ±2 and (−2/3, 4/3, −2/3) two at a time
    sums = [a + b for a in (2, -2) for b in (2 / 3, 2 / 3, -4 / 3)]
    assert found.p_value[0] == pytest.approx(np.mean(np.abs(sums) >= 8 / 3 - 1e-9), abs=0.012)


def test_difference_and_effect_are_those_of_a_linear_model_with_strata():
    draw = np.random.default_rng(1)
    strata, in_group = draw.integers(0, 4, 60), draw.random(60) < 0.4
    strata[:5], in_group[:5] = 9, True  # a stratum of one group tells nothing
    values = draw.normal(size=(60, 3)) + strata[:, None] + in_group[:, None] * [0, 1, 2]

    found = compare(values, in_group, strata)

    kept = strata != 9
    design = np.column_stack([in_group[kept], strata[kept][:, None] == np.arange(4)]).astype(float)
    coefficients, squares, _, _ = np.linalg.lstsq(design, values[kept], rcond=None)
    freedom = kept.sum() - 5
    np.testing.assert_allclose(found.difference, coefficients[0])
    g = coefficients[0] / np.sqrt(squares / freedom) * (1 - 3 / (4 * freedom - 1))
    np.testing.assert_allclose(found.hedges_g, g)
    assert (found.n_group[0], found.n_compared[0]) == (in_group.sum(), kept.sum())


def test_p_value_is_that_of_every_labelling_within_strata():
    draw = np.random.default_rng(2)
    strata, in_group = np.repeat([0, 1], 5), np.array([1, 1, 0, 0, 0, 1, 1, 1, 0, 0], bool)
    values = draw.normal(size=10) + in_group

    def statistic(labels):
        parts = []
        for stratum in (0, 1):
            group, rest = values[(strata == stratum) & labels], values[(strata == stratum) & ~labels]
            parts.append((group.mean() - rest.mean(), len(group) * len(rest) / 5))
        return sum(d * w for d, w in parts) / sum(w for _, w in parts)

    every = []
    for one, two in itertools.product(itertools.combinations(range(5), 2), itertools.combinations(range(5, 10), 3)):
        labels = np.zeros(10, bool)
        labels[[*one, *two]] = True
        every.append(abs(statistic(labels)))
    exact = np.mean(np.array(every) >= abs(statistic(in_group)) - 1e-12)

    assert compare(values, in_group, strata, permutations=40_000).p_value[0] == pytest.approx(exact, abs=0.01)


def test_p_value_agrees_with_scipys_permutation_test():
    draw = np.random.default_rng(3)
    group, rest = draw.normal(0.8, 1, 9), draw.normal(0, 1, 12)
    options = {"alternative": "greater", "n_resamples": 20_000, "rng": 0}
    expected = stats.permutation_test((group, rest), lambda a, b: abs(a.mean() - b.mean()), **options)

    found = compare([*group, *rest], [1] * 9 + [0] * 12, permutations=20_000)

    assert found.p_value[0] == pytest.approx(expected.pvalue, abs=0.012)


def test_about_five_percent_of_null_measures_are_rejected_though_strata_differ_in_level_and_in_groups():
    draw = np.random.default_rng(4)
    strata = np.repeat([0, 1, 2], [30, 40, 50])
    in_group = draw.random(120) < np.array([0.2, 0.5, 0.8])[strata]  # as hard samples are, unfaithful more often
    values = draw.normal(size=(120, 3000)) + 3 * strata[:, None]

    found = compare(values, in_group, strata, permutations=999)

    assert 0.038 < (found.p_value <= 0.05).mean() < 0.062  # three standard errors
    assert 0.082 < (found.p_value <= 0.1).mean() < 0.118
    naive = compare(values, in_group, permutations=199)
    assert (naive.p_value <= 0.05).mean() > 0.9  # what strata are for


def test_null_measures_of_the_smallest_groups_are_rejected_no_more_often():
    draw = np.random.default_rng(5)
    found = compare(draw.exponential(size=(24, 3000)), [1] * 8 + [0] * 16, [0, 1] * 12, permutations=999)
    assert 0.035 < (found.p_value <= 0.05).mean() < 0.062


def test_a_planted_difference_is_found_with_its_sign_and_size():
    draw = np.random.default_rng(6)
    in_group = np.arange(200) % 2 == 0
    values = draw.normal(size=(200, 2))
    values[in_group, 1] -= 0.8

    found = compare(values, in_group, np.arange(200) // 50)

    assert found.p_value[0] > 0.05 > 0.01 > found.p_value[1]
    assert found.hedges_g[1] == pytest.approx(-0.8, abs=0.3)


def test_missing_numbers_leave_out_their_samples_and_no_others():
    draw = np.random.default_rng(7)
    values, in_group, strata = draw.normal(size=(40, 3)), np.arange(40) % 3 == 0, np.arange(40) % 2
    values[:10, 1] = np.nan
    values[:, 2] = np.nan

    found = compare(values, in_group, strata)

    alone = compare(values[10:, 1], in_group[10:], strata[10:])
    for name in ("n_group", "n_compared", "mean_reference", "difference", "hedges_g", "p_value"):
        assert getattr(found, name)[1] == getattr(alone, name)[0], name
    whole = compare(values[:, 0], in_group, strata)
    assert found.p_value[0] == whole.p_value[0]  # whatever measures stand beside it
    assert (found.n_group[2], found.n_reference[2]) == (0, 0)
    assert np.isnan([found.difference[2], found.p_value[2]]).all()


def test_a_measure_that_does_not_vary_has_no_effect_and_p_1():
    # sums of 0.1 are rounded
    found = compare(np.full(30, 0.1), [1] * 10 + [0] * 20, [0, 1, 2] * 10)
    assert (found.difference[0], found.p_value[0]) == (pytest.approx(0, abs=1e-15), 1)
    assert np.isnan(found.hedges_g[0])


def test_groups_without_a_common_stratum_are_not_compared():
    found = compare(np.arange(6), [1, 1, 1, 0, 0, 0], [0, 0, 0, 1, 1, 1])
    assert (found.n_compared[0], found.mean_group[0], found.mean_reference[0]) == (0, 1, 4)
    assert np.isnan([found.difference[0], found.hedges_g[0], found.p_value[0]]).all()


def test_one_group_alone_has_means_and_nothing_else():
    found = compare([1.0, 3.0], [0, 0])
    assert found.mean_reference[0] == 2
    assert np.isnan([found.mean_group[0], found.difference[0], found.p_value[0]]).all()


def test_many_permutations_come_in_pieces(monkeypatch):
    monkeypatch.setattr("spd_faith.probes.permutation._PERMUTATIONS_AT_ONCE", 12)
    found = compare([1, 2, 3, 4], [0, 0, 1, 1], permutations=5003)
    assert found.p_value[0] == pytest.approx(1 / 3, abs=0.025)
    assert found.p_value[0] * 5004 == pytest.approx(round(found.p_value[0] * 5004))


# ---- groups ----------------------------------------------------------------------------------------------------------


def grouped(drf, labels=None, answer_labels=None, verdicts=None, controls=(), **bounds):
    """group and reason by sample and contrast."""
    rows = sample_groups(
        samples_table(dict.fromkeys(drf) | (labels or {})),
        parsed_table(dict.fromkeys(drf, AGREE) | (verdicts or {})),
        responses_table(drf, answer_labels),
        scores_table(drf, controls),
        **{"faithful_at_least": 0.8, "unfaithful_at_most": 0.5} | bounds,
    )
    assert {row["reason"] for row in rows} <= set(GROUP_REASONS)
    return {(row["sample_id"], row["contrast"]): (row["group"], row["reason"]) for row in rows}


@pytest.mark.parametrize(
    ("drf", "expected"),
    [
        (1.0, ("faithful", "drf")),
        (4 / 5, ("faithful", "drf")),
        (0.79, (None, "drf_between")),
        (0.51, (None, "drf_between")),
        (1 / 2, ("unfaithful", "drf")),
        (0.0, ("unfaithful", "drf")),
        (None, (None, "drf_unscored")),
    ],
)
def test_drf_decides_who_is_faithful(drf, expected):
    assert grouped({"easy/1": drf})["easy/1", "faithfulness"] == expected


@pytest.mark.parametrize("drf", [1.0, 0.6, 0.0, None])
def test_a_label_supplied_with_the_data_wins_over_drf(drf):
    found = grouped({"easy/1": drf, "easy/2": drf}, labels={"easy/1": True, "easy/2": False})
    assert found["easy/1", "faithfulness"] == ("faithful", "sample_label")
    assert found["easy/2", "faithfulness"] == ("unfaithful", "sample_label")


def test_a_label_of_the_answer_wins_over_one_of_the_sample():
    found = grouped(dict.fromkeys(("easy/1", "easy/2"), 0.6), {"easy/1": True}, {"easy/1": False, "easy/2": True})
    assert found["easy/1", "faithfulness"] == ("unfaithful", "answer_label")
    assert found["easy/2", "faithfulness"] == ("faithful", "answer_label")


@pytest.mark.parametrize(
    ("verdicts", "expected"),
    [
        (("differs", "differs"), ("consistent", "verdicts")),
        (("same", "same"), ("consistent", "verdicts")),
        (("same", "differs"), ("contradictory", "verdicts")),
        (("differs", "same"), ("contradictory", "verdicts")),
        (("unclear", "same"), (None, "verdict_unclear")),
        (("unclear", "unclear"), (None, "verdict_unclear")),
        (("differs", None), (None, "verdict_unclear")),
    ],
)
def test_verdicts_decide_who_is_consistent(verdicts, expected):
    assert grouped({"easy/1": 1.0}, verdicts={"easy/1": verdicts})["easy/1", "consistency"] == expected


def test_controls_are_in_no_group_whatever_their_label():
    found = grouped({"easy/1": 1.0}, labels={"easy/1": True}, controls=["easy/1"])
    assert set(found.values()) == {(None, "control")}


def test_bounds_are_the_callers_and_must_not_overlap():
    assert grouped({"easy/1": 0.6}, faithful_at_least=0.6)["easy/1", "faithfulness"] == ("faithful", "drf")
    for bounds in ({"faithful_at_least": 0.5}, {"faithful_at_least": 1.1}, {"unfaithful_at_most": -0.1}):
        with pytest.raises(UserError, match="unfaithful_at_most"):
            grouped({"easy/1": 0.6}, **bounds)


def test_scores_of_other_samples_are_refused():
    with pytest.raises(UserError, match=r"the scores.*\n.*missing: 1 \(easy/2\)"):
        sample_groups(
            samples_table(dict.fromkeys(("easy/1", "easy/2"))),
            parsed_table(dict.fromkeys(("easy/1", "easy/2"), AGREE)),
            responses_table(("easy/1", "easy/2")),
            scores_table({"easy/1": 1.0}),
            0.8,
            0.5,
        )


# ---- contrasts -------------------------------------------------------------------------------------------------------


def contrasts(sample_ids, unfaithful, tables, contradictory=(), n_gt=None, permutations=1999, **responses):
    groups = sample_groups(
        samples_table(dict.fromkeys(sample_ids)),
        parsed_table({one: ("same", "differs") if one in contradictory else AGREE for one in sample_ids}),
        responses_table(sample_ids, **responses),
        scores_table({one: 0.0 if one in unfaithful else 1.0 for one in sample_ids}, n_gt=n_gt),
        0.8,
        0.5,
    )
    answers = responses_table(sample_ids, **responses)
    rows = pd.DataFrame(contrast_rows(pd.DataFrame(groups), tables, answers, permutations, seed=0))
    assert set(rows["status"]) <= set(CONTRAST_STATUSES)
    return rows


def one_row(rows, **keys):
    for name, value in keys.items():
        rows = rows[rows[name] == value]
    assert len(rows) == 1
    return rows.iloc[0]


def test_numbers_of_a_sample_are_means_over_its_tokens_and_its_answers():
    tables = probe_tables(ids(3), layers=2, tokens=5)
    attention = tables["generation_attention"].to_pandas()

    values = sample_values(tables["generation_attention"], ["user"])

    assert list(values.index) == ids(3)
    mine = attention[(attention.sample_id == ids(3)[1]) & (attention.layer == 1)]
    same, different = (mine[mine.task == task]["user"].mean() for task in ("same", "different"))
    assert values.loc[ids(3)[1], ("same", "user", 1)] == pytest.approx(same, rel=1e-6)
    both = mean_over_tasks(values, ("same", "different"))["user"]
    assert both.loc[ids(3)[1], 1] == pytest.approx((same + different) / 2, rel=1e-6)


def test_a_planted_difference_is_the_one_that_is_found():
    sample_ids = ids(60)
    unfaithful = set(sample_ids[::3])
    planted = (unfaithful, "layer_changes", "ffn_change", 2, 0.3)
    rows = contrasts(sample_ids, unfaithful, probe_tables(sample_ids, planted=planted), permutations=9999)

    found = rows[rows["q_value"] <= 0.05]
    assert len(found) == 1
    row = found.iloc[0]
    assert (row["contrast"], row["probe"], row["measure"], row["layer"]) == (
        "faithfulness",
        "layer_changes",
        "ffn_change",
        2,
    )
    assert (row["task"], row["n_group"], row["n_reference"]) == ("describe", 20, 40)
    assert row["difference"] == pytest.approx(0.3, abs=0.1)  # unfaithful less faithful
    assert row["mean_group"] - row["mean_reference"] == pytest.approx(row["difference"])  # one stratum


def test_every_layer_and_measure_of_the_compared_answers_has_a_row():
    sample_ids = ids(20)
    rows = contrasts(sample_ids, sample_ids[:10], probe_tables(sample_ids), contradictory=sample_ids[5:15])
    keys = ["contrast", "probe", "task", "measure", "layer"]
    assert not rows.duplicated(keys).any()
    of = rows.groupby(["contrast", "probe"]).size()
    assert of["faithfulness", "layer_changes"] == 4 * 7
    assert of["consistency", "layer_changes"] == 4 * 7 * 2  # "the same?" and "different?"
    assert of["faithfulness", "hidden_similarity"] == of["consistency", "hidden_similarity"] == 4 * 13
    assert (rows["status"] == "ok").all()


def test_strata_are_splits_and_numbers_of_differences():
    sample_ids = ids(20, "easy") + ids(20, "hard")
    n_gt = {one: 1 + number % 2 for number, one in enumerate(sample_ids)}
    # all that are unfaithful have one difference, but for four of the hard split
    unfaithful = {one for one in sample_ids if n_gt[one] == 1} - set(sample_ids[20:26]) | set(sample_ids[21:28:2])
    rows = contrasts(sample_ids, unfaithful, probe_tables(sample_ids), n_gt=n_gt)
    row = one_row(rows, contrast="faithfulness", probe="neuron_activation", measure="active_share", layer=0)
    assert (row["n_group"], row["n_compared"]) == (len(unfaithful), 20)  # the hard split alone


def test_q_values_are_benjamini_and_hochbergs_over_a_contrast():
    sample_ids = ids(40)
    planted = (set(sample_ids[:20]), "hidden_similarity", "score", 0, 0.1)
    tables = probe_tables(sample_ids, planted=planted)
    rows = contrasts(sample_ids, sample_ids[:20], tables, contradictory=sample_ids[10:30])
    for _, family in rows[rows["probe"] != "answer_length"].groupby("contrast"):
        p = family["p_value"].to_numpy()
        order = np.argsort(p)
        steps = p[order] * len(p) / np.arange(1, len(p) + 1)
        expected = np.empty(len(p))
        expected[order] = np.minimum(1, np.minimum.accumulate(steps[::-1])[::-1])
        np.testing.assert_allclose(family["q_value"], expected)
    assert rows[rows["probe"] == "answer_length"]["q_value"].isna().all()


def test_simulated_null_tables_give_five_percent_before_correction_and_nothing_after():
    """From tables to p-values: hard samples have other levels and are unfaithful more often; nothing else differs."""
    draw = np.random.default_rng(8)
    sample_ids, layers = [*ids(60, "easy"), *ids(60, "hard")], 150
    hard = np.array([one.startswith("hard") for one in sample_ids])
    unfaithful = set(np.array(sample_ids)[draw.random(120) < np.where(hard, 0.7, 0.3)])
    probe = PROBES["layer_changes"]
    rows = len(sample_ids) * layers
    columns = {"sample_id": np.repeat(sample_ids, layers), "layer": np.tile(np.arange(layers), len(sample_ids))}
    columns |= {name: draw.normal(size=rows) + 3 * np.repeat(hard, layers) for name in probe.contrasted}
    constant = {"task": "describe", "dtype": "float32", "status": "ok"}
    arrays = [
        pa.array(columns[field.name]).cast(field.type)
        if field.name in columns
        else pa.repeat(pa.scalar(constant.get(field.name), field.type), rows)
        for field in probe.schema
    ]
    tables = {"layer_changes": pa.table(arrays, schema=probe.schema)}
    found = contrasts(sample_ids, unfaithful, tables, permutations=999)
    found = found[(found["contrast"] == "faithfulness") & (found["probe"] == "layer_changes")]
    assert len(found) == 7 * layers
    assert 0.03 < (found["p_value"] <= 0.05).mean() < 0.07  # three standard errors
    assert (found["q_value"] <= 0.05).sum() == 0


@pytest.mark.parametrize(("small", "status"), [(7, "small_group"), (8, "ok")])
def test_a_group_under_eight_has_no_p_value(small, status):
    sample_ids = ids(30)
    for unfaithful in (sample_ids[:small], sample_ids[small:]):
        rows = contrasts(sample_ids, unfaithful, probe_tables(sample_ids))
        rows = rows[rows["contrast"] == "faithfulness"]
        assert set(rows["status"]) == {status}
        lacks_p = status == "small_group"
        assert (rows["p_value"].isna() == lacks_p).all()
        assert rows["q_value"].isna().all() == lacks_p
        assert rows["difference"].notna().all()  # the size of a difference is still reported


def test_lengths_of_the_answers_stand_beside():
    sample_ids = ids(30)
    unfaithful = sample_ids[:15]
    rows = contrasts(
        sample_ids,
        unfaithful,
        probe_tables(sample_ids),
        tokens=lambda one, task: (20 if one in unfaithful else 10) + int(one[-1]) % 3 if task == "describe" else 4,
    )
    row = one_row(rows, contrast="faithfulness", probe="answer_length", task="describe")
    assert row["difference"] == pytest.approx(10, abs=1)
    assert row["p_value"] < 0.01
    assert one_row(rows, contrast="faithfulness", probe="answer_length", task="same")["difference"] == 0


def test_answers_without_measurements_have_rows_that_say_so():
    sample_ids = ids(20)
    rows = contrasts(sample_ids, sample_ids[:10], unmeasured_tables(sample_ids))
    assert set(rows["status"]) == {"no_measurements"}
    assert set(rows["probe"]) >= {"layer_changes", "generation_attention", "neuron_activation", "hidden_similarity"}


def test_samples_that_were_not_probed_count_for_nothing():
    sample_ids = ids(40)
    rows = contrasts(sample_ids, sample_ids[::2], probe_tables(sample_ids[:20]))
    assert set(rows[rows["contrast"] == "faithfulness"]["n_group"]) == {10}  # of the lengths, too


# ---- the command -----------------------------------------------------------------------------------------------------


def arguments_in(folder):
    names = ("samples", "responses", "parsed", "scores")
    inputs = [part for name in names for part in (f"--{name}", folder / f"{name}.parquet")]
    outputs = ["--output", folder / "contrasts.parquet", "--groups", folder / "groups.parquet"]
    return [str(part) for part in (*inputs, "--probes", folder / "probes", *outputs)]


def command(folder, *more):
    script = ROOT / "workflow_scripts/contrast_probes.py"
    return subprocess.run([sys.executable, script, *arguments_in(folder), *more], capture_output=True, text=True)


@pytest.fixture
def folder(tmp_path):
    sample_ids = ids(24)
    tables = {
        "samples": samples_table(dict.fromkeys(sample_ids)),
        "responses": responses_table(sample_ids),
        "parsed": parsed_table(dict.fromkeys(sample_ids, AGREE)),
        "scores": scores_table({one: float(number % 2) for number, one in enumerate(sample_ids)}),
    }
    for name, table in tables.items():
        write_table(tmp_path / f"{name}.parquet", table, table.schema)
    write_tables(tmp_path / "probes", probe_tables(sample_ids))
    return tmp_path


def test_the_command_writes_both_tables_and_counts_the_groups(folder):
    done = command(folder, "--permutations", "99")
    assert done.returncode == 0, done.stderr
    assert "12 unfaithful, 12 faithful" in done.stderr
    assert "0 contradictory, 24 consistent" in done.stderr
    groups = read_table(folder / "groups.parquet", PROBE_GROUPS)
    assert len(groups) == 48
    rows = read_table(folder / "contrasts.parquet", PROBE_CONTRASTS).to_pandas()
    of_faithfulness = rows[(rows["contrast"] == "faithfulness") & (rows["probe"] != "answer_length")]
    assert (of_faithfulness["p_value"] * 100).between(1 - 1e-6, 100 + 1e-6).all()
    assert pq.read_schema(folder / "contrasts.parquet").metadata[b"spd_faith"] == b'{"permutations": 99, "seed": 0}'


def test_the_command_runs_no_module_that_its_rule_does_not_list(folder):
    """Nor torch: a probe's measuring is not for those who read its tables."""
    arguments = ["contrast_probes.py", *arguments_in(folder), "--permutations", "9"]
    code = f"import sys; sys.argv = {arguments!r}; import contrast_probes; contrast_probes.main(); print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT / "workflow_scripts", capture_output=True, text=True, check=True
    )
    modules = set(done.stdout.split())
    assert not modules & {"torch", "transformers", "matplotlib"}
    files = {f"workflow_scripts/{name.replace('.', '/')}.py" for name in modules}
    ran = {file for file in files if (ROOT / file).is_file()}
    assert "workflow_scripts/spd_faith/probes/permutation.py" in ran
    assert ran <= set(module_files("contrast_probes.py", without=["probes/figures", "probes/patching"]))


def test_the_command_says_what_is_wrong(folder):
    for wrong, message in (
        (("--permutations", "0"), "--permutations 0: must be at least 1"),
        (("--faithful-at-least", "0.4"), "unfaithful_at_most"),
        (("--probes", str(folder / "none")), "no table of a probe"),
    ):
        done = command(folder, *wrong)
        assert done.returncode == 1
        assert message in done.stderr
        assert "Traceback" not in done.stderr


def test_tables_of_an_earlier_run_are_not_read(folder):
    probes = folder / "probes"
    assert set(read_contrasted(probes)) == {name for name, probe in PROBES.items() if probe.contrasted}
    assert list(read_contrasted(probes, ["token_activation_map", "grounding"])) == ["grounding"]
    (probes / "grounding.parquet").unlink()
    with pytest.raises(UserError, match=r"grounding\.parquet: no such file"):
        read_contrasted(probes, ["layer_changes", "grounding"])


def test_the_command_reads_the_named_probes_alone(folder):
    done = command(folder, "--permutations", "99", "--only", "layer_changes", "token_activation_map")
    assert done.returncode == 0, done.stderr
    rows = read_table(folder / "contrasts.parquet", PROBE_CONTRASTS)
    assert set(rows["probe"].to_pylist()) == {"layer_changes", "answer_length"}

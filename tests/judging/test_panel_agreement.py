"""Krippendorff's alpha against published examples and the definition, and the scores with a member left out."""

import json
import random
import subprocess
import sys
from collections import Counter
from itertools import permutations
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from spd_faith.core.errors import UserError
from spd_faith.core.files import write_table
from spd_faith.core.schemas import JUDGEMENTS, SAMPLES
from spd_faith.judging.panel_agreement import agreement_columns, krippendorff_alpha, panel_agreement, read_panel

COMMAND = Path("workflow_scripts/compare_judges.py")

# ---- alpha -----------------------------------------------------------------------------------------------------------


def alpha(units):
    labels = sorted({label for unit in units for label in unit})
    columns = np.array([agreement_columns([unit], labels) for unit in units])
    return float(krippendorff_alpha(columns.sum(axis=0)))


def units_of(*observers):
    """The values of each unit; a dot is no value."""
    return [[value for value in values if value != "."] for values in zip(*observers, strict=True)]


def test_alpha_of_krippendorffs_example():
    """Computing Krippendorff's Alpha-Reliability (2011), section C: four observers, twelve units, 0.743."""
    units = units_of("123321412...", "1233224125.3", ".3332342251.", "12332441251.")
    assert alpha(units) == pytest.approx(904 / 1216) == pytest.approx(0.743, abs=5e-4)


def test_alpha_of_a_second_published_example():
    """The computational example of Wikipedia's "Krippendorff's alpha": three coders, fifteen units, 0.691."""
    units = units_of(".....3412113 3.3".replace(" ", ""), "1.213343.......", "..21344.21133.4")
    assert alpha(units) == pytest.approx(0.691, abs=5e-4)


def alpha_by_definition(units):
    """One minus the mean disagreement of the pairs within units over that of all pairs, pair by pair."""
    units = [unit for unit in units if len(unit) > 1]
    values = [value for unit in units for value in unit]
    observed = sum(sum(a != b for a, b in permutations(unit, 2)) / (len(unit) - 1) for unit in units) / len(values)
    pairs = list(permutations(values, 2))
    expected = sum(a != b for a, b in pairs) / len(pairs)
    return 1 - observed / expected


def test_alpha_agrees_with_its_definition():
    chance = random.Random(0)
    for _ in range(50):
        units = [chance.choices("abc", k=chance.randint(0, 4)) for _ in range(8)]
        if len({value for unit in units if len(unit) > 1 for value in unit}) > 1:
            assert alpha(units) == pytest.approx(alpha_by_definition(units))


def test_alpha_is_one_zero_and_undefined():
    assert alpha([["a", "a"], ["b", "b", "b"]]) == 1
    assert alpha([["a", "b"], ["a", "b"]]) == pytest.approx(1 - 3 * 4 / (16 - 8))  # every pair disagrees
    assert np.isnan(alpha([["a", "a"], ["a", "a"]]))  # nothing varies
    assert np.isnan(alpha([["a"], ["b"]]))  # nothing can be compared


# ---- a panel ---------------------------------------------------------------------------------------------------------

MEMBERS = ["rules", "one", "two"]
F, X, U = "faithful", "fabrication", "unverifiable"
VOTES = {  # by sample: the labels of each member
    "easy/0": {"drf": [[F, X], [F, F], [X, F]], "cr": [["consistent"], ["contradictory"], ["contradictory"]]},
    "easy/1": {"drf": [[F], [F], None], "cr": [["ambiguous"], ["ambiguous"], ["ambiguous"]]},
    "easy/2": {"drf": [[X, F, F], [X, U, F], [F, X, F]]},
    "easy/3": {"drf": [[F], None, None], "cr": [["consistent"], ["consistent"], ["ambiguous"]]},
}
LABELS = {  # of the panel
    "easy/0": {"drf": [F, F], "cr": ["consistent", "contradictory"]},
    "easy/1": {"drf": [F], "cr": ["consistent", "ambiguous"]},
    "easy/2": {"drf": [X, U, F], "cr": ["contradictory"]},
    "easy/3": {"drf": None, "cr": ["ambiguous", "consistent"]},
    "easy/4": {"drf": [], "cr": ["consistent"]},
}
SCORES = {
    "drf": {"easy/0": 1.0, "easy/1": 1.0, "easy/2": 0.5, "easy/3": None, "easy/4": 0.0},
    "cr": {"easy/0": 0.5, "easy/1": 0.5, "easy/2": 0.0, "easy/3": 0.5, "easy/4": 1.0},
}


def samples(control="none"):
    fixed = {"split": "easy", "width": 10, "height": 10, "num_differences": 0, "differences": []}
    rows = [
        fixed | {"sample_id": f"easy/{k}", "image_id": str(k // 2), "control": control if k == 4 else "none"}
        for k in range(5)
    ]
    return pa.Table.from_pylist(rows, schema=SAMPLES)


def judgements():
    rows = []
    for sample_id, by_metric in LABELS.items():
        for metric, labels in by_metric.items():
            claims = [
                {"text": "x", "label": "unfaithful", "error_type": one} if one == X else {"text": "x", "label": one}
                for one in labels or []
            ]
            counts = Counter(claim["label"] for claim in claims)
            names = (*("faithful", "unfaithful", "unverifiable"), *("consistent", "contradictory", "ambiguous"))
            row = {"sample_id": sample_id, "metric": metric, "claims": claims, "n_invented": 0, "judge_model": "j"}
            row |= {f"n_{name}": counts[name] for name in names} | {"status": "ok"}
            rows.append(row | {"score": SCORES[metric][sample_id]})
    return pa.Table.from_pylist(rows, schema=JUDGEMENTS)


PROVENANCE = {"members": MEMBERS, "votes": VOTES}


def found(**changes):
    return panel_agreement(read_panel(samples(**changes), judgements(), PROVENANCE), MEMBERS, resamples=200)


def test_alpha_of_a_panel_is_that_of_its_claims():
    drf, cr = (found()[metric] for metric in ("drf", "cr"))
    units = [[F, F, X], [X, F, F], [F, F], [X, X, F], [F, U, X], [F, F, F]]  # easy/3 has a single label
    assert drf["statistics"]["alpha"]["value"] == pytest.approx(alpha_by_definition(units))
    units = [
        ["consistent", "contradictory", "contradictory"],
        ["ambiguous"] * 3,
        ["consistent", "consistent", "ambiguous"],
    ]
    assert cr["statistics"]["alpha"]["value"] == pytest.approx(alpha_by_definition(units))
    assert drf["counts"] == {"samples": 5, "labelled_samples": 4, "claims": 7, "claims_of_two": 6, "unscored": 1}
    assert cr["counts"] == {"samples": 5, "labelled_samples": 3, "claims": 3, "claims_of_two": 3, "unscored": 0}


def test_scores_with_a_member_left_out():
    """Worked by hand. Without the rules: easy/0 has the claims F/X (open) and F/F; easy/1 one member, so none."""
    statistics = {metric: {k: v["value"] for k, v in found()[metric]["statistics"].items()} for metric in ("drf", "cr")}
    drf, cr = statistics["drf"], statistics["cr"]
    assert list(drf) == ["alpha", "score", "score_without_rules", "score_without_one", "score_without_two"]
    assert drf["score"] == pytest.approx((1 + 1 + 0.5 + 0) / 4)
    # easy/0: F against X is open, F F is faithful: 1. easy/2: X F open, U X open, F F: 1. easy/4: 0 as before
    assert drf["score_without_rules"] == pytest.approx((1 + 1 + 0) / 3)
    # easy/0: F X open, X F open: no claim counts, 0. easy/2: X F open, F X open, F: 1
    assert drf["score_without_one"] == pytest.approx((0 + 1 + 0) / 3)
    # easy/0: F, X F open: 1. easy/1: F: 1. easy/2: X, F U open, F: 1/2. easy/4: 0
    assert drf["score_without_two"] == pytest.approx((1 + 1 + 0.5 + 0) / 4)
    # the claim about the verdicts stays as it is; easy/2 and easy/4 have nothing else
    assert cr["score"] == pytest.approx((0.5 + 0.5 + 0 + 0.5 + 1) / 5)
    # easy/0: contradictory; easy/1: ambiguous; easy/3: consistent and ambiguous are undecided: ambiguous, 0 of 2
    assert cr["score_without_rules"] == pytest.approx((0.5 + 0.5 + 0 + 0 + 1) / 5)


def test_the_interval_resamples_image_pairs_within_their_split():
    """Against a bootstrap written as a loop: the same draws, the statistics from the definition."""
    statistics = found()["cr"]["statistics"]
    clusters = [["easy/0", "easy/1"], ["easy/2", "easy/3"], ["easy/4"]]
    drawn = np.random.default_rng(0).integers(0, 3, size=(200, 3))
    scores, alphas = [], []
    for draw in drawn:
        ids = [sample_id for cluster in draw for sample_id in clusters[cluster]]
        scores.append(np.mean([SCORES["cr"][sample_id] for sample_id in ids]))
        given = [VOTES[sample_id]["cr"] for sample_id in ids if "cr" in VOTES.get(sample_id, {})]
        units = [list(unit) for votes in given for unit in zip(*votes, strict=True)]
        if len({label for unit in units for label in unit}) > 1:
            alphas.append(alpha_by_definition(units))
    for name, draws in (("score", scores), ("alpha", alphas)):
        low, high = np.quantile(draws, [0.025, 0.975])
        assert (statistics[name]["low"], statistics[name]["high"]) == pytest.approx((low, high))


def test_controls_are_excluded():
    assert found(control="identical")["drf"]["counts"]["samples"] == 4
    assert found(control="identical")["drf"]["statistics"]["score"]["value"] == pytest.approx(2.5 / 3)


def test_of_two_members_none_can_be_left_out():
    votes = {"easy/0": {"drf": [[F, X], [F, F]]}}
    table = judgements().filter(pa.array([True, True, *[False] * 8]))
    judged = read_panel(samples().slice(0, 1), table, {"votes": votes})
    statistics = panel_agreement(judged, ["rules", "one"], resamples=50)["drf"]["statistics"]
    assert statistics["score_without_one"] == {"value": None, "low": None, "high": None}


def test_a_table_that_is_no_panels_is_rejected():
    with pytest.raises(UserError, match="not those of a panel"):
        read_panel(samples(), judgements(), {})
    with pytest.raises(UserError, match=r"judgements[\s\S]*missing: 1"):
        read_panel(samples(), judgements().slice(0, 9), PROVENANCE)


# ---- the command -----------------------------------------------------------------------------------------------------


@pytest.fixture
def run_folder(tmp_path):
    write_table(tmp_path / "samples.parquet", samples(), SAMPLES)
    write_table(tmp_path / "judgements/panel/m.parquet", judgements(), JUDGEMENTS, PROVENANCE)
    return tmp_path


def compare(folder, *tables):
    command = [sys.executable, str(COMMAND), "--samples", str(folder / "samples.parquet"), "--judgements"]
    return subprocess.run(
        [*command, *map(str, tables), "--output", str(folder / "out")], capture_output=True, text=True
    )


@pytest.mark.slow
def test_the_command_reports_the_agreement_of_a_panel(run_folder):
    done = compare(run_folder, run_folder / "judgements/panel/m.parquet")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("panel: rules, one, two\n") and "score_without_one" in done.stdout
    written = json.loads((run_folder / "out/agreement.json").read_text())
    assert (written["panel"], written["members"]) == ("panel", MEMBERS)
    table = pd.read_csv(run_folder / "out/agreement.csv").set_index(["metric", "statistic"])
    assert table.loc["drf", "score"]["value"] == pytest.approx(0.625)
    assert table.loc["drf", "alpha"]["claims"] == 6
    assert sorted(path.name for path in (run_folder / "out").iterdir()) == ["agreement.csv", "agreement.json"]


@pytest.mark.slow
def test_three_tables_are_rejected(run_folder):
    table = run_folder / "judgements/panel/m.parquet"
    done = compare(run_folder, table, table, table)
    assert done.returncode == 1 and "3 tables" in done.stderr and "Traceback" not in done.stderr

"""Probes in the real workflow: from saved answers to contrasts, figures, leaderboard, and what a change reruns."""

import json
import re
import shutil
from pathlib import Path

import pandas as pd
import pytest
import yaml
from workflow.project import ROOT, Project

from spd_faith.probes.contrasts import SMALLEST_GROUP
from spd_faith.probes.registry import SUMMARIES

ERRING = ("tiny-qwen2-vl-loose", "tiny-internvl-loose")
MODEL = "tiny-qwen2-vl-early"
PROBES = ["layer_changes", "generation_attention", "neuron_activation", "hidden_similarity"]
LEADERBOARD = {"make_leaderboard": 1, "make_page": 1}
AFTER_THE_PASS = {"contrast_probes": 1, "draw_probes": 1, **LEADERBOARD}

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A model that is probed, and one that answered elsewhere."""
    project = Project.fresh(tmp_path_factory.mktemp("probed") / "project")
    project.run("results/demo/samples.parquet")
    first = project.table("samples.parquet")["sample_id"].iloc[0]
    (project.folder / "answers.json").write_text(json.dumps([{"qid": first, "response_text": "A car is gone."}]))
    with project.edited("config/models.yaml") as models:
        models["theirs"] = {"backend": "responses_file", "path": "answers.json"}
    with project.edited("config/config.yaml") as config:
        config["models"] = [MODEL, "theirs"]
        config["probes"] = {"run": PROBES, "samples_per_split": 1}
    assert {"run_probes": 1, **AFTER_THE_PASS}.items() <= project.planned().items()
    (project.folder / "output.txt").write_text(project.run("--cores", "1"))
    return project


@pytest.fixture
def project(finished: Project, tmp_path: Path) -> Project:
    return finished.copy(tmp_path / "project")


def test_probes_are_run_contrasted_and_drawn(finished: Project) -> None:
    folder = finished.folder / "results/demo/probes" / MODEL
    assert {path.stem for path in folder.glob("*.parquet")} == {*PROBES, "contrasts", "groups"}
    for probe in PROBES:
        assert pd.read_parquet(folder / f"{probe}.parquet")["sample_id"].nunique() == 4
    assert (finished.folder / "results/demo/figures" / MODEL / "contact_sheet.png").stat().st_size > 10_000
    assert finished.planned() == {}


def test_with_one_core_the_leaderboard_is_made_before_any_figure(finished: Project) -> None:
    started = re.findall(r"^(?:local)?rule (\w+):", (finished.folder / "output.txt").read_text(), re.MULTILINE)
    expected = ["make_leaderboard", "make_page", "contrast_probes", "draw_probes", "all"]
    assert started[started.index("make_leaderboard") :] == expected


def test_a_job_of_figures_that_fails_leaves_the_leaderboard(project: Project) -> None:
    (project.folder / "results/demo/leaderboard.parquet").unlink()
    shutil.rmtree(project.folder / "results/demo/figures")
    project.insert("workflow_scripts/draw_probes.py", 'import sys; sys.exit("the disk is full")')
    done = project.snakemake("--cores", "1")
    assert done.returncode != 0
    assert f"draw_probes of {MODEL}" in done.stderr and "Leaderboard" not in done.stdout
    assert "the disk is full" in (project.folder / f"results/demo/logs/draw_probes/{MODEL}.log").read_text()
    assert project.table("leaderboard.parquet")["model"].tolist()


def test_a_figure_that_cannot_be_drawn_is_named_and_the_others_are_there(project: Project) -> None:
    shutil.rmtree(project.folder / "results/demo/figures")
    project.insert(
        "workflow_scripts/draw_probes.py",
        """
        from spd_faith.probes.figures import layer_changes
        layer_changes.layer_changes = None
        """,
    )
    project.run()
    folder = project.folder / "results/demo/figures" / MODEL
    failed = [f"layer_changes_{contrast}" for contrast in ("faithfulness", "consistency")]
    lines = (folder / "not_drawn.txt").read_text().splitlines()
    assert lines == [f"{name}: TypeError: 'NoneType' object is not callable" for name in failed]
    assert not list(folder.glob("layer_changes*"))
    assert {"contact_sheet.png", "attention_by_step.pdf", "effect_sizes_consistency.png"} <= {
        path.name for path in folder.iterdir()
    }
    log = (project.folder / f"results/demo/logs/draw_probes/{MODEL}.log").read_text()
    assert "layer_changes_faithfulness was not drawn:\nTraceback" in log


def test_the_leaderboard_has_them_for_the_open_model_alone(finished: Project) -> None:
    rows = finished.table("leaderboard.parquet").set_index("model")
    ours = rows.loc[MODEL]
    assert (ours["n_probed"], ours["ffn_drift_n"], ours["visual_attention_n"]) == (4, 4, 4)
    assert 0 < ours["visual_attention_low"] <= ours["visual_attention"] <= ours["visual_attention_high"] < 1
    changes = finished.table(f"probes/{MODEL}/layer_changes.parquet").query("task == 'describe'")
    assert ours["ffn_drift"] == pytest.approx(changes["ffn_relative"].mean(), rel=1e-5)
    assert pd.isna(ours["grounding_ratio_n"])  # not run
    columns = ["n_probed", *(f"{summary.name}{end}" for summary in SUMMARIES for end in ("", "_low", "_high", "_n"))]
    assert rows.drop(MODEL)[columns].isna().all(axis=None)
    page = (finished.folder / "results/demo/leaderboard.md").read_text()
    section = page.split("## Mechanism: internals of open-weight models")[1].split("\n## ")[0]
    assert "Tiny Qwen2-VL (early)" in section and "theirs" not in section and "trained to point" in section


@pytest.mark.parametrize(
    ("judges", "after"), [(["rules", "second"], LEADERBOARD), (["second", "rules"], AFTER_THE_PASS)]
)
def test_a_new_judge_reruns_no_pass(project: Project, judges: list[str], after: dict[str, int]) -> None:
    """The first of the config groups the samples."""
    with project.edited("config/judges.yaml") as entries:
        entries["second"] = {"judge": "rules"}
    with project.edited("config/config.yaml") as config:
        config["judges"] = judges
    assert project.planned() == {"judge_responses": 2, "score_responses": 2, **after}


def test_another_choice_of_samples_reruns_the_pass(project: Project) -> None:
    with project.edited("config/config.yaml") as config:
        config["probes"]["seed"] = 1
    assert project.planned() == {"run_probes": 1, **AFTER_THE_PASS}


def test_a_table_without_a_column_of_this_version_is_measured_again(project: Project) -> None:
    """It could not be read. The answers are kept."""
    path = project.folder / "workflow_scripts/spd_faith/probes/neuron_activation.py"
    before = path.read_text()
    path.write_text(before.replace("*measure_columns(*MEASURES)", '*measure_columns(*MEASURES, "another")'))
    assert path.read_text() != before
    assert project.planned() == {"run_probes": 1, **AFTER_THE_PASS}


def test_a_probe_with_passes_of_its_own_reruns_no_other(project: Project) -> None:
    with project.edited("config/config.yaml") as config:
        config["probes"] |= {"run": [*PROBES, "causal_patching"], "samples_per_split": 1}
        config["probes"]["limits"] = {"causal_patching": {"models": [MODEL]}}
    assert project.planned() == {"run_separate_probe": 1, **AFTER_THE_PASS}
    project.run()
    table = project.table(f"probes/{MODEL}/causal_patching.parquet")
    assert table["sample_id"].nunique() == 4 and table["image_effect"].notna().any()
    contrasts = project.table(f"probes/{MODEL}/contrasts.parquet")
    assert contrasts.loc[contrasts["probe"] == "causal_patching", "layer"].isna().all()
    assert (project.folder / "results/demo/figures" / MODEL / "patching_shares.png").stat().st_size > 10_000
    assert "Hand-over layer" in (project.folder / "results/demo/leaderboard.md").read_text()
    assert project.planned() == {}
    with project.edited("config/config.yaml") as config:
        config["probes"]["limits"]["causal_patching"]["models"] = ["tiny-qwen2-vl"]  # not in this run: no limit
    assert project.planned() == LEADERBOARD


def test_maps_alone_are_drawn_and_nothing_of_layers(project: Project) -> None:
    with project.edited("config/config.yaml") as config:
        config["probes"]["run"] = ["token_activation_map"]
    project.run()
    drawn = {path.name.partition("_")[0] for path in (project.folder / "results/demo/figures" / MODEL).glob("*.pdf")}
    assert drawn == {"overlays"}


def test_a_changed_table_reruns_what_is_made_of_it(project: Project) -> None:
    path = project.folder / "results/demo/probes" / MODEL / "layer_changes.parquet"
    table = pd.read_parquet(path)
    table.assign(ffn_relative=table["ffn_relative"] * 2).to_parquet(path)
    assert project.planned() == AFTER_THE_PASS


def test_the_table_of_a_probe_that_is_run_no_more_is_not_read(project: Project) -> None:
    with project.edited("config/config.yaml") as config:
        config["probes"]["run"].remove("neuron_activation")
    output = project.run("--dry-run", "--printshellcmds")
    for command in ("contrast_probes.py", "draw_probes.py"):
        (line,) = (line for line in output.splitlines() if f"/{command} " in line)
        assert " --only generation_attention hidden_similarity layer_changes --" in line


def test_a_run_without_probes_needs_no_table_of_theirs(project: Project) -> None:
    shutil.rmtree(project.folder / "results/demo/probes")
    with project.edited("config/config.yaml") as config:
        config["probes"]["run"] = []
    assert project.planned() == LEADERBOARD
    project.run()
    rows = project.table("leaderboard.parquet")
    assert rows[["n_probed", "ffn_drift", "ffn_drift_n"]].isna().all(axis=None)
    assert "nternals of open-weight models" not in (project.folder / "results/demo/leaderboard.md").read_text()


def test_two_models_of_the_default_run_have_samples_enough_in_each_group(tmp_path: Path) -> None:
    """Eight, under which a contrast is not tested; of the samples that the default run probes."""
    project = Project.fresh(tmp_path / "project")
    shutil.copy2(ROOT / "config/datasets.yaml", project.folder / "config/datasets.yaml")
    default = yaml.safe_load((ROOT / "config/config.yaml").read_text())
    with project.edited("config/config.yaml") as config:
        config["models"] = [model for model in default["models"] if model in ERRING]
        config["probes"] = default["probes"] | {"run": ["hidden_similarity"]}
    assert tuple(config["models"]) == ERRING
    project.run(*(f"results/demo/probes/{model}/groups.parquet" for model in ERRING))
    for model in ERRING:
        probed = project.table(f"probes/{model}/hidden_similarity.parquet")["sample_id"].unique()
        assert len(probed) == 24
        groups = project.table(f"probes/{model}/groups.parquet")
        counts = groups[groups["sample_id"].isin(probed)]["group"].value_counts()
        assert counts[["faithful", "unfaithful", "contradictory", "consistent"]].min() >= SMALLEST_GROUP, model

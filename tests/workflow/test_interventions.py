"""A variant of a model and its placebo in the real workflow, beside the models that they must not move."""

from pathlib import Path

import pandas as pd
import pytest
import yaml
from workflow.project import MODELS, Project

pytestmark = pytest.mark.slow

BASE, OTHER = MODELS
CHANGE = {"image_attention": {"factor": 1.5}}


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Project:
    project = Project.fresh(tmp_path_factory.mktemp("interventions") / "project")
    with project.edited("config/models.yaml") as models:
        models["changed"] = models[BASE] | {"label": "Changed", "batch_size": 4, "intervention": CHANGE}
        models["fake"] = models["changed"] | {"label": "Fake", "intervention": CHANGE | {"placebo": True}}
    with project.edited("config/config.yaml") as config:
        config["models"] = [*MODELS, "changed", "fake"]
        config["probes"] = {"run": ["layer_changes"], "samples_per_split": 1}
    project.run()
    return project


def test_they_have_rows_without_ranks_and_comparisons_of_their_own(finished: Project) -> None:
    live = finished.table("leaderboard.parquet").query("origin == 'run'").set_index("model")
    assert live["role"].to_dict() == {BASE: "model", OTHER: "model", "changed": "variant", "fake": "placebo"}
    assert live["rank"].notna().to_dict() == {BASE: True, OTHER: True, "changed": False, "fake": False}
    assert live["overall"].notna().all()
    compared = finished.table("comparisons.parquet")
    assert {*compared["model"], *compared["other_model"]} == set(MODELS)
    own = finished.table("interventions.parquet")
    pairs = {("changed", BASE, "base"), ("changed", "fake", "placebo"), ("fake", BASE, "base")}
    assert {*zip(own["model"], own["other_model"], own["against"], strict=True)} == pairs
    assert (own["seconds_ratio"] > 0).all() and (own["probing_ratio"] > 0).all()


def test_only_the_base_has_a_figure_of_them(finished: Project) -> None:
    figures = {path.parent.name for path in (finished.folder / "results/demo/figures").glob("*/interventions.pdf")}
    assert figures == {BASE}
    html = (finished.folder / "results/demo/leaderboard.html").read_text()
    assert f"figures/{BASE}/interventions.png" in html and f"figures/{OTHER}/interventions.png" not in html
    assert "interventions_rules" in html and "Changed (variant of Tiny Qwen2-VL)" in html


def test_the_numbers_of_the_other_models_do_not_change(finished: Project, tmp_path: Path) -> None:
    alone = finished.copy(tmp_path / "project")
    with alone.edited("config/config.yaml") as config:
        config["models"] = list(MODELS)
    planned = alone.planned()
    assert set(planned) == {"make_leaderboard", "make_page", "draw_probes"} and planned["draw_probes"] == 1
    alone.run()
    tables = [project.table("comparisons.parquet") for project in (alone, finished)]
    pd.testing.assert_frame_equal(*tables)
    assert alone.table("interventions.parquet").empty
    for name in ("leaderboard", "breakdowns"):
        with_variants = finished.table(f"{name}.parquet")
        others = with_variants[~with_variants["model"].isin(["changed", "fake"])].reset_index(drop=True)
        pd.testing.assert_frame_equal(alone.table(f"{name}.parquet"), others, check_dtype=False)
    assert yaml.safe_load((alone.folder / "results/demo/run_config.json").read_text())["models"] == sorted(MODELS)

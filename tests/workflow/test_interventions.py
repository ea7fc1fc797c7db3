"""A variant of a model and its placebo in the real workflow, beside the models that they must not move."""

from pathlib import Path

import pandas as pd
import pytest
import yaml
from tiny_models import save_tiny
from workflow.project import MODELS, Project

pytestmark = pytest.mark.slow

BASE, OTHER = MODELS
UNCHANGED = {*MODELS, "post_norm"}
CHANGE = {"image_attention": {"factor": 1.5}}


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Project:
    project = Project.fresh(tmp_path_factory.mktemp("interventions") / "project")
    with project.edited("config/models.yaml") as models:
        models["changed"] = models[BASE] | {"label": "Changed", "batch_size": 4, "intervention": CHANGE}
        models["fake"] = models["changed"] | {"label": "Fake", "intervention": CHANGE | {"placebo": True}}
        models["post_norm"] = {"backend": "transformers", "model": "post_norm", "dtype": "float32", "max_new_tokens": 8}
        models["nowhere"] = models["post_norm"] | {"intervention": {"ffn_scale": {"factor": 0.5}}}
    save_tiny("llava_post_norm", project.folder / "post_norm")
    with project.edited("config/config.yaml") as config:
        config["models"] = [*UNCHANGED, "changed", "fake", "nowhere"]
        config["probes"] = {"run": ["layer_changes"], "samples_per_split": 1}
    project.run()
    return project


def test_they_have_rows_without_ranks_and_comparisons_of_their_own(finished: Project) -> None:
    live = finished.table("leaderboard.parquet").query("origin == 'run'").set_index("model")
    roles = dict.fromkeys(UNCHANGED, "model") | {"changed": "variant", "nowhere": "variant", "fake": "placebo"}
    assert live["role"].to_dict() == roles
    assert set(live.index[live["rank"].notna()]) == UNCHANGED
    assert set(live.index[live["overall"].notna()]) == {*roles} - {"nowhere"}
    compared = finished.table("comparisons.parquet")
    assert {*compared["model"], *compared["other_model"]} == UNCHANGED
    own = finished.table("interventions.parquet").query("model != 'nowhere'")
    pairs = {("changed", BASE, "base"), ("changed", "fake", "placebo"), ("fake", BASE, "base")}
    assert {*zip(own["model"], own["other_model"], own["against"], strict=True)} == pairs
    assert (own["seconds_ratio"] > 0).all() and (own["probing_ratio"] > 0).all()


def test_a_variant_without_a_place_is_shown_as_unsupported(finished: Project) -> None:
    """In a real family: a norm follows each part of a layer. The run ends well, and nothing asks again."""
    why = "ffn_scale: the output of layer 0 of Olmo2Model is not the sum of its input, its attention and its network"
    row = finished.table("leaderboard.parquet").query("model == 'nowhere'").iloc[0]
    assert (row["unsupported"], row["overall_coverage"], row["describe_not_asked"]) == (why, 0, 8)
    assert pd.isna(row["ask_again"]) and row["transport_failures"] == row["questions_asked"] == 0
    assert finished.table("interventions.parquet").query("model == 'nowhere'")["n"].eq(0).all()
    page = (finished.folder / "results/demo/leaderboard.md").read_text()
    assert f"Unsupported: an intervention has no place in its model (nowhere: {why})" in page
    assert f"*nowhere*: nothing to compare, because it was not asked. Unsupported: {why}." in page
    assert "base: post\\_norm" not in page
    statuses = finished.table("probes/nowhere/layer_changes.parquet")[["status", "error"]].drop_duplicates()
    assert statuses.to_numpy().tolist() == [["unsupported", why]]
    assert "run_inference" not in finished.planned()


def test_only_bases_have_a_figure_of_them(finished: Project) -> None:
    figures = {path.parent.name for path in (finished.folder / "results/demo/figures").glob("*/interventions.pdf")}
    assert figures == {BASE, "post_norm"}
    html = (finished.folder / "results/demo/leaderboard.html").read_text()
    assert f"figures/{BASE}/interventions.png" in html and f"figures/{OTHER}/interventions.png" not in html
    assert "interventions_rules" in html and "Changed (variant of Tiny Qwen2-VL)" in html


def test_the_numbers_of_the_other_models_do_not_change(finished: Project, tmp_path: Path) -> None:
    alone = finished.copy(tmp_path / "project")
    with alone.edited("config/config.yaml") as config:
        config["models"] = sorted(UNCHANGED)
    planned = alone.planned()
    assert set(planned) == {"make_leaderboard", "make_page", "draw_probes"} and planned["draw_probes"] == 2
    alone.run()
    tables = [project.table("comparisons.parquet") for project in (alone, finished)]
    pd.testing.assert_frame_equal(*tables)
    assert alone.table("interventions.parquet").empty
    for name in ("leaderboard", "breakdowns"):
        with_variants = finished.table(f"{name}.parquet")
        others = with_variants[~with_variants["model"].isin(["changed", "fake", "nowhere"])].reset_index(drop=True)
        pd.testing.assert_frame_equal(alone.table(f"{name}.parquet"), others, check_dtype=False)
    assert yaml.safe_load((alone.folder / "results/demo/run_config.json").read_text())["models"] == sorted(UNCHANGED)

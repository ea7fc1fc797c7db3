"""Controls through the real workflow: sharded answers, imported answers, and unchanged headline numbers."""

import json
import re
from pathlib import Path

import pandas as pd
import pytest
from workflow.project import Project

from spd_faith.core.controls import NO_CONTROL
from spd_faith.scoring.control_metrics import CONTROL_METRICS

pytestmark = pytest.mark.slow

SHARDED, THEIRS = "tiny-qwen2-vl", "theirs"
CONTROLS = {"identical": 1, "blind": 1, "swapped": 1, "undone": {"multi_diff": 2}, "null_paste": {"multi_diff": 2}}
UNASKED = {"undone": {"same", "different"}, "null_paste": {"same", "different"}}
OF_CONTROLS = "|".join(rf"^{metric.name}(_|$)" for metric in CONTROL_METRICS.values() if NO_CONTROL not in metric.kinds)
JUDGED = {"none": {"drf", "cr"}, "identical": {"drf"}, "swapped": {"cr"}}


@pytest.fixture(scope="module")
def without(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """The run without controls."""
    project = Project.fresh(tmp_path_factory.mktemp("controls") / "without")
    with project.edited("config/models.yaml") as models:
        models[THEIRS] = {"backend": "responses_file", "path": "answers.json"}
    with project.edited("config/config.yaml") as config:
        config["models"] = [SHARDED, THEIRS]
        config["inference"] = {"shards": {SHARDED: 2}}
    (project.folder / "answers.json").write_text("[]")
    project.run("results/demo/samples.parquet")
    ids = project.table("samples.parquet")["sample_id"]
    answers = [{"qid": one, "response_text": "The car moved.", "response_same": "No."} for one in ids]
    (project.folder / "answers.json").write_text(json.dumps(answers))
    project.run()
    return project


@pytest.fixture(scope="module")
def project(without: Project, tmp_path_factory: pytest.TempPathFactory) -> Project:
    """The same with controls of every kind."""
    project = without.copy(tmp_path_factory.mktemp("controls") / "with")
    with project.edited("config/datasets.yaml") as datasets:
        datasets["demo"]["controls"] = CONTROLS
    project.run()
    return project


def with_control(project: Project, table: str) -> pd.DataFrame:
    return project.table(table).merge(project.table("samples.parquet")[["sample_id", "control"]], on="sample_id")


def test_each_kind_is_asked_its_questions_in_shards(project: Project) -> None:
    rows = with_control(project, f"responses/{SHARDED}.parquet")
    assert set(rows["control"]) == {"none", *CONTROLS}
    for (control, task), some in rows.groupby(["control", "task"]):
        unasked = task in UNASKED.get(control, ())
        assert set(some["failure"].dropna()) == ({"not_asked"} if unasked else set())
        assert some["failure"].isna().all() != unasked and (some["attempts"] == 0).all() == unasked


def test_controls_of_imported_answers_were_not_asked(project: Project) -> None:
    rows = with_control(project, f"responses/{THEIRS}.parquet")
    controls = rows[rows["control"] != "none"]
    assert len(controls) and set(controls["failure"]) == {"not_asked"}


def test_each_kind_is_judged_as_declared(project: Project) -> None:
    rows = with_control(project, f"judgements/rules/{SHARDED}.parquet")
    for (control, metric), some in rows.groupby(["control", "metric"]):
        assert (some["status"] == "not_asked").all() == (metric not in JUDGED.get(control, ()))


def test_no_headline_number_depends_on_controls(without: Project, project: Project) -> None:
    for name in ("breakdowns.parquet", "leaderboard.parquet"):
        before, after = without.table(name), project.table(name)
        other = f"seconds|revision|questions_asked|_tokens|_usd|{OF_CONTROLS}"  # controls are asked and cost, too
        same = [column for column in before if not re.search(other, column)]
        pd.testing.assert_frame_equal(before[same], after[same], check_exact=True)
    for name in (SHARDED, THEIRS):
        before = without.table(f"scores/rules/{name}.parquet")
        after = with_control(project, f"scores/rules/{name}.parquet")
        assert len(after) > len(before) == 8
    assert _body(without.folder) == _body(project.folder)


def _body(folder: Path) -> str:
    """The page up to what it says of time and versions."""
    return (folder / "results/demo/leaderboard.md").read_text().partition("## Controls")[0]


def test_the_leaderboard_has_what_controls_measure_where_they_were_asked(without: Project, project: Project) -> None:
    rows = project.table("leaderboard.parquet").set_index("model")
    none_made = without.table("leaderboard.parquet").set_index("model").loc[SHARDED]
    for name in ("false_alarms", "d_prime", "false_claims", "repeatability", "order_ds", "blind_listed"):
        assert rows.loc[SHARDED, f"{name}_n"] > 0 and rows.loc[SHARDED, name] == rows.loc[SHARDED, name]
        for row in (rows.loc[THEIRS], none_made):
            assert row[f"{name}_n"] == 0 and row[name] != row[name]
    assert rows.loc[[SHARDED, THEIRS], "permuted_drf"].notna().all()
    page = (project.folder / "results/demo/leaderboard.md").read_text()
    assert "4 identical" in page and "This dataset has no controls." not in page
    assert "This dataset has no controls." in (without.folder / "results/demo/leaderboard.md").read_text()


def test_the_samples_say_how_many_controls_were_made(project: Project) -> None:
    from spd_faith.core.files import read_provenance

    samples = project.table("samples.parquet")
    counts = read_provenance(project.folder / "results/demo/samples.parquet")["controls"]
    made = samples[samples["control"] != "none"]["control"].value_counts().to_dict()
    assert {kind: one["made"] for kind, one in counts.items()} == made
    assert not any(one["left_out"] for one in counts.values())


def test_the_plan_counts_controls(project: Project) -> None:
    samples = project.table("samples.parquet")["control"].value_counts()
    asked = sum(count * (1 if kind in UNASKED else 3) for kind, count in samples.items())
    plan = project.run("plan")
    assert f"about {len(project.table('samples.parquet')) - 8} controls" in plan
    assert any(SHARDED in line and f" {asked} " in line for line in plan.splitlines()), plan

"""A model whose answers were made elsewhere, in the real workflow."""

import json
from pathlib import Path

import pandas as pd
import pytest
from workflow.project import Project

pytestmark = pytest.mark.slow

CHAIN = {
    "import_responses": 1,
    "parse_responses": 1,
    "judge_responses": 1,
    "score_responses": 1,
    "make_leaderboard": 1,
    "make_page": 1,
}


def answers(samples: pd.DataFrame) -> list[dict]:
    """True ones to everything; of the first sample a false list and no yes/no answers, of the last nothing at all."""
    records = []
    for sample in samples.iloc[:-1].itertuples():
        true = [{"type": one["type"], "category": one["category"]} for one in sample.differences]
        record = {"qid": sample.sample_id, "predicted_num": len(true), "structured_output": true, "is_faithful": 1}
        records.append(record | {"response_text": "", "response_same": "No.", "response_different": "Yes."})
    wrong = {"structured_output": [{"type": "size", "category": "moon"}], "is_faithful": 0}
    records[0] = {key: value for key, value in records[0].items() if key not in ("response_same", "response_different")}
    return [records[0] | wrong, *records[1:], {"qid": "nobody", "response_text": "x"}]


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    project = Project.fresh(tmp_path_factory.mktemp("responses_file") / "project")
    with project.edited("config/models.yaml") as models:
        models["theirs"] = {"label": "Theirs", "backend": "responses_file", "path": "answers.json"}
    with project.edited("config/config.yaml") as config:
        config["models"] = ["theirs"]
    (project.folder / "answers.json").write_text("[]")
    project.run("results/demo/samples.parquet")
    write(project.folder / "answers.json", answers(project.table("samples.parquet")))
    project.run()
    return project


def write(path: Path, records: list[dict]) -> None:
    path.write_text(json.dumps({"model": "org/theirs", "responses": records}))


def test_the_leaderboard_scores_what_is_there_and_counts_what_is_missing(project: Project) -> None:
    responses = project.table("responses/theirs.parquet").set_index(["sample_id", "task"])
    samples = project.table("samples.parquet")["sample_id"].tolist()
    assert len(responses) == 24 and responses["error"].notna().sum() == 2 + 3
    assert responses.loc[(samples[0], "describe"), "is_faithful"] is False
    assert responses.loc[(samples[1], "same"), "is_faithful"] is True
    rows = project.table("leaderboard.parquet").set_index("model")
    row = rows.loc["theirs"]
    assert (row["label"], row["model_id"], row["n"]) == ("Theirs", "org/theirs", 8) and pd.isna(row["rank"])
    assert row["model_revision"].startswith("sha256:") and pd.isna(row["dtype"])
    assert (row["ds"], row["ds_coverage"], row["ds_bound_low"], row["ds_bound_high"]) == (1, 6 / 8, 6 / 8, 1)
    assert (row["cr"], row["cr_coverage"], row["tf1_coverage"], row["overall_coverage"]) == (1, 6 / 8, 7 / 8, 6 / 8)
    counts = [row[f"{task}_not_asked"] for task in ("describe", "same", "different")]
    assert counts == [1, 2, 2] and row["transport_failures"] == 0
    assert row["n_no_response"] == 1 and row["n_json"] == 7
    record = json.loads((project.folder / "results/demo/run.json").read_text())["models"]["theirs"]
    assert (record["unknown"]["first"], record["missing"]["count"]) == (["nobody"], 5)
    log = (project.folder / "results/demo/logs/import_responses/theirs.log").read_text()
    assert "19 answers about 8 samples" in log
    assert "1 ids in the file are not in the dataset: nobody" in log


def test_a_changed_file_runs_its_chain_again_and_a_touched_one_does_not(project: Project, tmp_path: Path) -> None:
    copy = project.copy(tmp_path / "project")
    (copy.folder / "answers.json").touch()
    assert copy.planned() == {}
    write(copy.folder / "answers.json", answers(copy.table("samples.parquet"))[:-1])
    assert copy.planned() == CHAIN


def test_a_missing_file_is_told_before_any_job(project: Project, tmp_path: Path) -> None:
    copy = project.copy(tmp_path / "project")
    (copy.folder / "answers.json").unlink()
    done = copy.snakemake()
    assert done.returncode == 1
    assert "config/models.yaml: theirs.path" in done.stdout + done.stderr

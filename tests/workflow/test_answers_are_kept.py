"""Answers outlive their tables: what was answered once is not asked again, however the work is spread over jobs."""

from pathlib import Path

import pandas as pd
import pytest
from workflow.project import Project

MODEL = "tiny-qwen2-vl-early"
ANSWERS = 8 * 3
RESPONSES = f"results/demo/responses/{MODEL}.parquet"
NOT_COMPARED = ["seconds", "batch_size"]

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Project:
    project = Project.fresh(tmp_path_factory.mktemp("finished") / "project")
    with project.edited("config/config.yaml") as config:
        config["models"] = [MODEL]
    project.run(RESPONSES)
    return project


@pytest.fixture
def project(finished: Project, tmp_path: Path) -> Project:
    return finished.copy(tmp_path / "project")


def answers(project: Project) -> pd.DataFrame:
    return project.table(f"responses/{MODEL}.parquet")


def journalled(project: Project) -> int:
    """Lines of the journal, less the one per writer that says who wrote."""
    files = list((project.folder / "results/demo/journal/responses" / MODEL).glob("*.jsonl"))
    return sum(len(file.read_text().splitlines()) - 1 for file in files)


def spread(project: Project, shards: int) -> None:
    with project.edited("config/config.yaml") as config:
        config["inference"] = {"shards": {MODEL: shards}}


def test_a_deleted_table_is_made_again_without_the_model(project: Project) -> None:
    before = answers(project)
    (project.folder / RESPONSES).unlink()
    for weights in (project.folder / "resources/models" / MODEL).glob("*.safetensors"):
        weights.unlink()
    project.run(RESPONSES)
    pd.testing.assert_frame_equal(answers(project), before)
    assert journalled(project) == ANSWERS


def test_raising_generation_asks_again(project: Project) -> None:
    with project.edited("config/models.yaml") as models:
        models[MODEL]["generation"] = 2
    project.run(RESPONSES)
    assert journalled(project) == 2 * ANSWERS


def test_shards_give_the_table_of_one_job(finished: Project, project: Project) -> None:
    for path in (project.folder / "results/demo/journal/responses" / MODEL).iterdir():
        path.unlink()
    spread(project, 3)
    assert project.planned(RESPONSES) == {"run_inference_shard": 3, "gather_responses": 1}
    project.run(RESPONSES)
    shards = sorted((project.folder / "results/demo/shards" / MODEL).iterdir())
    assert [path.name for path in shards] == ["0.parquet", "1.parquet", "2.parquet"]
    assert [len(pd.read_parquet(path)) for path in shards] == [9, 9, 6]
    whole, gathered = (answers(one).drop(columns=NOT_COMPARED) for one in (finished, project))
    pd.testing.assert_frame_equal(gathered, whole)


def test_another_number_of_shards_keeps_what_was_answered(project: Project) -> None:
    before = answers(project)
    for shards in (3, 2):
        spread(project, shards)
        project.run(RESPONSES)
        pd.testing.assert_frame_equal(answers(project), before)
        assert journalled(project) == ANSWERS


@pytest.mark.parametrize(
    ("last", "jobs"),
    [
        ('        pa.field("is_faithful", pa.bool_()),  # label imported with the answer\n', {"run_inference": 1}),
        ('        pa.field("undone_difference", pa.int32()),', {"make_dataset": 1, "run_inference": 1}),
    ],
    ids=["responses", "samples"],
)
def test_a_table_without_a_column_of_this_version_is_made_again_without_the_model(
    project: Project, last: str, jobs: dict[str, int]
) -> None:
    path = project.folder / "workflow_scripts/spd_faith/core/schemas.py"
    before = path.read_text()
    path.write_text(before.replace(last, f'        pa.field("another", pa.string()),\n{last}'))
    assert path.read_text() != before
    for weights in (project.folder / "resources/models" / MODEL).glob("*.safetensors"):
        weights.unlink()
    assert project.planned(RESPONSES) == jobs
    project.run(RESPONSES)
    table = "samples.parquet" if "make_dataset" in jobs else f"responses/{MODEL}.parquet"
    assert project.table(table)["another"].isna().all()
    assert len(answers(project)) == journalled(project) == ANSWERS

"""The workflow with one model that an engine answers, on this machine and through Slurm."""

import pandas as pd
import pytest
from engine.started import on_engine
from slurm.cluster import running_cluster
from workflow.project import Project

pytestmark = pytest.mark.engine

PLAIN, ENGINE = "tiny-qwen2-vl", "tiny-qwen2-vl-vllm"
PROBE = "layer_changes"
MEASURED = ("seconds", "latency")  # parts of names of columns that differ from run to run
NAMED = {"model", "label", "backend", "rank", "pixel_backend"}


def project_in(folder, names, probes):
    project = Project.fresh(folder)
    with project.edited("config/models.yaml") as models:
        models[ENGINE] = on_engine(models[PLAIN], label="Tiny Qwen2-VL (vLLM)", resources={"mem_mb": 6000})
    with project.edited("config/config.yaml") as config:
        config["models"] = names
        config["probes"] = {"run": probes, "samples_per_split": 2}
    return project


@pytest.fixture(scope="module")
def local(tmp_path_factory):
    project = project_in(tmp_path_factory.mktemp("local") / "project", [PLAIN, ENGINE], [PROBE])
    project.run()
    return project


def results(project, model):
    """The rows of a model in every result that names models, without its name."""
    board = project.table("leaderboard.parquet")
    rows = board[board["model"] == model].reset_index(drop=True)
    measured = [column for column in rows if column in NAMED or any(part in column for part in MEASURED)]
    return rows.drop(columns=measured)


def test_an_engine_model_has_the_leaderboard_row_of_its_checkpoint(local):
    assert len(results(local, ENGINE)) == 1
    pd.testing.assert_frame_equal(results(local, ENGINE), results(local, PLAIN))


def test_an_engine_model_has_the_probes_of_its_checkpoint(local):
    found, expected = (local.table(f"probes/{model}/{PROBE}.parquet") for model in (ENGINE, PLAIN))
    assert len(found) > 0
    pd.testing.assert_frame_equal(found, expected)


def test_nothing_is_left_to_do(local):
    assert local.planned() == {}


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    with running_cluster(tmp_path_factory.mktemp("slurm")) as cluster:
        yield cluster


@pytest.mark.slurm
def test_slurm_runs_it_to_the_same_scores(local, cluster, tmp_path):
    project = project_in(tmp_path / "project", [ENGINE], [])
    project.run_on_slurm()
    scores = f"scores/rules/{ENGINE}.parquet"
    pd.testing.assert_frame_equal(project.table(scores), local.table(scores))
    assert ENGINE in set(project.table("leaderboard.parquet")["model"])  # among published rows
    jobs = {job.comment: job for job in cluster.jobs(project.folder)}
    asked = jobs[f"rule_run_inference_wildcards_demo_{ENGINE}"]
    assert (asked.state, asked.partition, asked.mem_mb) == ("COMPLETED", "cpu", 6000)

"""The default run through `--profile slurm`: the values of a local run, its GPU jobs on the GPU partition."""

from dataclasses import dataclass

import pandas as pd
import pytest
from slurm.cluster import Cluster, Job
from workflow.project import Project

pytestmark = pytest.mark.slurm

GPU_RULES = {"run_inference", "run_probes"}
_MEASURED = ["seconds", "latency"]  # parts of names of columns that differ from run to run


@dataclass(frozen=True)
class Finished:
    project: Project
    jobs: list[Job]
    output: str


@pytest.fixture(scope="module")
def finished(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Finished:
    project = Project.as_shipped(tmp_path_factory.mktemp("cluster") / "project")
    output = project.run_on_slurm()
    return Finished(project, cluster.jobs(project.folder), output)


def _rule(job: Job) -> str:
    """The rule of a job, or its group."""
    (rule,) = (rule for rule in (*GPU_RULES, "scores", "figures") if job.comment.startswith(f"rule_{rule}_"))
    return rule


def test_it_ends_with_the_leaderboard_of_a_local_run(
    finished: Finished, tmp_path_factory: pytest.TempPathFactory
) -> None:
    local = Project.as_shipped(tmp_path_factory.mktemp("local") / "project")
    local.run("results/demo/leaderboard.parquet")  # the figures, which are not compared, take as long as the rest
    for table in ("leaderboard.parquet", "breakdowns.parquet"):
        there, here = finished.project.table(table), local.table(table)
        measured = [column for column in here if any(part in column for part in _MEASURED)]
        pd.testing.assert_frame_equal(there.drop(columns=measured), here.drop(columns=measured))
    assert "results/demo/leaderboard.md" in finished.output  # its last lines say where the results are


def test_each_model_has_one_inference_and_one_probe_job_with_one_gpu_in_the_gpu_partition(finished: Finished) -> None:
    models = finished.project.models()
    for rule in GPU_RULES:
        jobs = [job for job in finished.jobs if _rule(job) == rule]
        assert sorted(job.comment.removeprefix(f"rule_{rule}_wildcards_demo_") for job in jobs) == sorted(models)
        assert {(job.partition, job.gpus, job.state) for job in jobs} == {("gpu", 1, "COMPLETED")}
        assert {job.visible_gpus for job in jobs} <= {"0", "1"}


def test_both_gpus_were_used(finished: Finished) -> None:
    assert {job.visible_gpus for job in finished.jobs if _rule(job) in GPU_RULES} == {"0", "1"}


def test_cheap_jobs_run_elsewhere_and_together(finished: Finished) -> None:
    others = [job for job in finished.jobs if _rule(job) not in GPU_RULES]
    assert {job.partition for job in others} == {"cpu"}
    assert all(job.gpus == 0 and job.visible_gpus == "" for job in others)
    assert len(finished.jobs) == 4 * len(finished.project.models())

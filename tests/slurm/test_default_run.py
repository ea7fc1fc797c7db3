"""The default run through `--profile slurm`: the values of a local run, its GPU jobs on the GPU partition."""

from dataclasses import dataclass

import pandas as pd
import pytest
from slurm.cluster import Cluster, Job
from workflow.project import Project, without_times

pytestmark = pytest.mark.slurm

GPU_RULES = {"run_inference", "run_probes"}
SEPARATE = "run_separate_probe"
PATCHED = {"tiny-qwen2-vl", "tiny-qwen2-vl-loose"}
ON_GPU = {"tiny-qwen2-vl", "tiny-qwen2-vl-loose"}


@dataclass(frozen=True)
class Finished:
    project: Project
    jobs: list[Job]
    output: str


@pytest.fixture(scope="module")
def finished(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Finished:
    project = Project.as_shipped(tmp_path_factory.mktemp("cluster") / "project")
    project.ask_for("tiny-qwen2-vl-loose", gpu=1)  # as the first model does, so that two GPUs are used
    output = project.run_on_slurm()
    return Finished(project, cluster.jobs(project.folder), output)


def _rule(job: Job) -> str:
    """The rule of a job, or its group."""
    names = (*GPU_RULES, SEPARATE, "scores", "figures", "make_page")
    (rule,) = (rule for rule in names if job.comment.startswith(f"rule_{rule}_"))
    return rule


def test_it_ends_with_the_leaderboard_of_a_local_run(
    finished: Finished, tmp_path_factory: pytest.TempPathFactory
) -> None:
    local = Project.as_shipped(tmp_path_factory.mktemp("local") / "project")
    local.run("results/demo/leaderboard.parquet")  # the figures, which are not compared, take as long as the rest
    for table in ("leaderboard.parquet", "breakdowns.parquet", "comparisons.parquet", "interventions.parquet"):
        there, here = (without_times(project.table(table)) for project in (finished.project, local))
        pd.testing.assert_frame_equal(there, here)
    assert "results/demo/leaderboard.html (also" in finished.output  # its last lines say where the results are


def _jobs_of_models(finished: Finished, rule: str) -> dict[str, Job]:
    jobs = {
        job.comment.removeprefix(f"rule_{rule}_wildcards_demo_").removesuffix("_causal_patching"): job
        for job in finished.jobs
        if _rule(job) == rule
    }
    assert {job.state for job in jobs.values()} == {"COMPLETED"}
    return jobs


@pytest.mark.parametrize("rule", sorted(GPU_RULES | {SEPARATE}))
def test_a_model_runs_where_its_entry_asks(finished: Finished, rule: str) -> None:
    """One job of each rule per model: with one GPU in the GPU partition, or with none in the other."""
    jobs = _jobs_of_models(finished, rule)
    assert set(jobs) == (PATCHED if rule == SEPARATE else set(finished.project.models()))
    for model, job in jobs.items():
        assert (job.partition, job.gpus) == (("gpu", 1) if model in ON_GPU else ("cpu", 0)), model
        assert job.visible_gpus in (("0", "1") if model in ON_GPU else ("",)), model


def test_both_gpus_were_used(finished: Finished) -> None:
    assert {job.visible_gpus for job in finished.jobs if job.partition == "gpu"} == {"0", "1"}


def test_cheap_jobs_run_elsewhere_and_together(finished: Finished) -> None:
    others = [job for job in finished.jobs if _rule(job) not in GPU_RULES | {SEPARATE}]
    assert {job.partition for job in others} == {"cpu"}
    assert all(job.gpus == 0 and job.visible_gpus == "" for job in others)
    assert len(finished.jobs) == 4 * len(finished.project.models()) + len(PATCHED) + 1  # the page

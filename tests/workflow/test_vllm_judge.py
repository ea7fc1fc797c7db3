"""A judge with an engine of its own in the real workflow: one job per judge and model, which starts it if it must."""

import re
from pathlib import Path

import pytest
from judging.test_vllm_judge import engine_variables, fields, lines
from workflow.project import Project

MODEL, ADDED = "tiny-qwen2-vl-early", "tiny-qwen2-vl"

pytestmark = pytest.mark.slow


@pytest.fixture
def project(tmp_path: Path) -> Project:
    project = Project.fresh(tmp_path / "project")
    with project.edited("config/judges.yaml") as judges:
        judges["local"] = fields(label="Local")
    judge_models(project, MODEL)
    return project


def judge_models(project: Project, *models: str) -> None:
    with project.edited("config/config.yaml") as config:
        config |= {"models": list(models), "judges": ["rules", "local"]}


def starts(project: Project) -> int:
    return len(lines(project.folder.parent / "starts.jsonl"))


def test_a_further_model_starts_one_engine_and_judges_nothing_again(project: Project) -> None:
    seen = engine_variables(project.folder.parent)
    assert "- local: 1 start, one for each model with missing judgements; no cost" in project.run("plan", **seen)
    assert starts(project) == 0
    project.run(**seen)
    assert starts(project) == 1 and project.planned() == {}
    live = project.table("leaderboard.parquet").query("origin == 'run'").set_index("judge")
    assert set(live.index) == {"rules", "local"} and live.loc["local", "judge_calls"] > 0
    assert live.loc["local", "judge_models"] == "owner/judge-7b"
    assert "- local: no start; nothing is missing" in project.run("plan", **seen)

    judge_models(project, MODEL, ADDED)
    assert "- local: 1 start" in project.run("plan", **seen)
    judging = {job for job in project.planned_of() if job[0].startswith("judge_responses")}
    assert judging == {("judge_responses_rules", ADDED), ("judge_responses_local", ADDED)}
    project.run(**seen)
    assert starts(project) == 2 and project.planned() == {}

    # a deleted table is made again from the journal; another concurrency judges nothing again, other options do
    (project.folder / f"results/demo/judgements/local/{MODEL}.parquet").unlink()
    project.run(f"results/demo/judgements/local/{MODEL}.parquet", **seen)
    assert starts(project) == 2
    with project.edited("config/judges.yaml") as judges:
        judges["local"]["concurrency"] = 2
    assert "judge_responses" not in project.planned()
    with project.edited("config/judges.yaml") as judges:
        judges["local"]["options"] = {"max_model_len": 4096}
    assert project.planned()["judge_responses"] == 2


def test_its_jobs_reserve_gpus_and_are_refused_without(project: Project) -> None:
    with project.edited("config/judges.yaml") as judges:
        judges["local"]["resources"] = {"gpu": 2, "threads": 2, "mem_mb": 5000, "partition": "large"}
    output = project.run("--dry-run")
    jobs = re.findall(r"^rule judge_responses:\n((?:    .*\n)*)", output, re.MULTILINE)
    (local,) = [job for job in jobs if "judge=local" in job]
    assert "threads: 2" in local and "gpu=2" in local and "mem_mb=5000" in local and "slurm_partition=large" in local
    done = project.snakemake()
    message = done.stdout + done.stderr
    assert done.returncode == 1 and "Traceback" not in message
    assert "No GPU is visible here, and these judges require one: local." in message
    assert not list((project.folder / "results").rglob("*.parquet"))


def test_on_a_cluster_its_jobs_are_in_no_group(project: Project) -> None:
    planned = project.planned_on_slurm()
    assert planned["judge_responses"] == planned["score_responses"] == 2

"""A run as large as a cluster's, as a dry run."""

from pathlib import Path

import pytest
from workflow.scaled import MODELS, SHARDS, scaled_project

pytestmark = pytest.mark.slow


def test_thirty_models_in_sixteen_shards_plan_as_a_moderate_number_of_jobs(tmp_path: Path) -> None:
    jobs = scaled_project(tmp_path / "project").planned()
    once = {"make_dataset": 1, "audit_dataset": 1, "make_leaderboard": 1, "make_page": 1}
    rules = "gather_responses parse_responses judge_responses score_responses"
    probes = "run_probes run_separate_probe contrast_probes draw_probes"
    per_model = dict.fromkeys(f"{rules} {probes}".split(), MODELS)
    assert jobs == {**once, **per_model, "run_inference_shard": MODELS * SHARDS}
    assert sum(jobs.values()) < 1200

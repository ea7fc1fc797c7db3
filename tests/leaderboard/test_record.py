"""What run.json records besides what other tables have: the time of the jobs, and the answers of each model."""

from pathlib import Path
from typing import Any

import pandas as pd

from spd_faith.core.paths import ResultPaths
from spd_faith.core.schemas import TASKS
from spd_faith.leaderboard.costs import COSTS
from spd_faith.leaderboard.failed_answers import FAILURE_KINDS
from spd_faith.leaderboard.record import answers_record, command_again, job_seconds


def test_the_time_of_the_runs_jobs_by_rule(tmp_path: Path) -> None:
    paths = ResultPaths(tmp_path)
    jobs = {
        ("run_inference", "a"): 3.5,
        ("run_inference", "b", "0"): 1.0,  # a shard
        ("run_inference", "b", "12"): 1.0,
        ("run_inference", "of another run"): 100.0,
        ("judge_responses", "rules", "a"): 2.0,
        ("judge_responses", "other", "a"): 100.0,
        ("make_dataset",): 7.0,
        ("make_leaderboard",): 100.0,  # of an earlier leaderboard
    }
    for (rule, *names), seconds in jobs.items():
        file = paths.benchmark(rule, *names)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f"s\th:m:s\tmax_rss\n{seconds}\t0:00:03\t12.5\n")
    found = job_seconds({"a", "b", "rules"}, paths)
    assert found == {"judge_responses": 2.0, "make_dataset": 7.0, "run_inference": 5.5}
    assert job_seconds({"a"}, ResultPaths(tmp_path / "nothing")) == {}


def test_the_command_that_makes_a_run_again_has_no_folder_of_this_machine() -> None:
    assert command_again("my pairs") == "snakemake --cores all --configfile 'results/my pairs/run_config.json'"


def test_answers_are_recorded_once_per_model() -> None:
    row: dict[str, Any] = dict.fromkeys(COSTS, 1.0) | {f"{task}_{kind}": 0 for task in TASKS for kind in FAILURE_KINDS}
    rows = [row | {"judge": judge, "model": "a", "model_usd": float("nan"), "same_cut": 2} for judge in ("x", "y")]
    found = answers_record(pd.DataFrame(rows))
    assert list(found) == ["a"] and set(found["a"]) == set(row)
    assert found["a"]["model_usd"] is None and found["a"]["same_cut"] == 2

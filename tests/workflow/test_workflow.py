"""The real workflow on a tiny config: what a run makes, and how it ends where it cannot."""

import json
import os
import re
import shutil
import signal
import subprocess
from datetime import datetime
from pathlib import Path

import pandas as pd
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from waiting import RUN_SECONDS, wait_until
from workflow.project import MODELS, Project, without_times

from spd_faith.leaderboard.columns import expanded, leaderboard_columns
from spd_faith.scoring.metrics import HEADLINE_AND_OVERALL

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Project:
    project = Project.fresh(tmp_path_factory.mktemp("finished") / "project")
    (project.folder / "output.txt").write_text(project.run())
    return project


@pytest.fixture
def project(finished: Project, tmp_path: Path) -> Project:
    return finished.copy(tmp_path / "project")


def test_every_table_has_one_row_per_key(finished: Project) -> None:
    samples = set(finished.table("samples.parquet")["sample_id"])
    assert len(samples) == 8
    assert set(finished.table("images.parquet")["sample_id"]) == samples
    by_task = {(sample, task) for sample in samples for task in ("describe", "same", "different")}
    by_metric = {(sample, metric) for sample in samples for metric in ("drf", "cr")}
    for model in MODELS:
        for folder in ("responses", "parsed"):
            rows = finished.table(f"{folder}/{model}.parquet")
            assert len(rows) == len(by_task) and set(zip(rows["sample_id"], rows["task"], strict=True)) == by_task
        rows = finished.table(f"judgements/rules/{model}.parquet")
        assert len(rows) == len(by_metric) and set(zip(rows["sample_id"], rows["metric"], strict=True)) == by_metric
        rows = finished.table(f"scores/rules/{model}.parquet")
        assert len(rows) == len(samples) and set(rows["sample_id"]) == samples


def test_the_leaderboard_ranks_the_runs_and_sets_the_published_rows_apart(finished: Project) -> None:
    rows = finished.table("leaderboard.parquet")
    live, published = rows[rows["origin"] == "run"], rows[rows["origin"] == "published"]
    assert set(live["model"]) == set(MODELS) and live["n"].eq(8).all()
    assert live["rank"].tolist() == [1, 2] and live["overall"].is_monotonic_decreasing
    assert published["rank"].isna().all() and len(published) == 6
    assert (live["rank_low"] <= live["rank"]).all() and (live["rank"] <= live["rank_high"]).all()
    assert set(finished.table("comparisons.parquet")["metric"]) == set(HEADLINE_AND_OVERALL)
    csv = pd.read_csv(finished.folder / "results/demo/leaderboard.csv").set_index("model")
    assert csv.loc["GLM-4.5V", "overall"] == 74.1
    best = live.iloc[0]
    assert csv.loc[best["model"], "drf"] == pytest.approx(100 * best["drf"], abs=0.01)
    assert r"\label{tab:spd-faith:headline}" in (finished.folder / "results/demo/leaderboard.tex").read_text()
    markdown = (finished.folder / "results/demo/leaderboard.md").read_text()
    assert markdown.index("Tiny Qwen2-VL") < markdown.index("## The published protocol") < markdown.index("GLM-4.5V")


def test_each_column_of_the_tables_is_described(finished: Project) -> None:
    for name in ("leaderboard", "breakdowns", "comparisons", "interventions"):
        table = pq.read_table(finished.folder / f"results/demo/{name}.parquet")
        rows = table.filter(pc.field("origin") == "run") if name == "leaderboard" else table
        for field in table.schema:
            described = field.metadata or {}
            assert described.get(b"description") and described.get(b"unit"), field.name
            assert described[b"null"] != b"never" or not rows[field.name].null_count, field.name
    expected = {one.name for one in expanded(leaderboard_columns())}
    assert set(pq.read_schema(finished.folder / "results/demo/leaderboard.parquet").names) == expected


def test_the_run_is_recorded_and_its_end_says_where_and_what_next(finished: Project) -> None:
    record = json.loads((finished.folder / "results/demo/run.json").read_text())
    assert record["run"]["config"]["dataset"] == "demo"
    assert record["models"]["tiny-qwen2-vl"]["revision"] == "local"
    assert set(record["prompts"]) == {"describe", "same", "different"}
    assert record["packages"]["torch"]
    output = (finished.folder / "output.txt").read_text()
    for expected in ("Overall", "Tiny Qwen2-VL", "results/demo/leaderboard.md", "config/spd_faith_bench.yaml"):
        assert expected in output


def test_a_run_ends_well_on_a_terminal_that_lacks_characters(project: Project) -> None:
    plain = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}  # ASCII everywhere
    output = project.run("--forcerun", "make_leaderboard", **plain)
    assert re.search(r"\| 1\S* +\| Tiny Qwen2-VL", output) and "config/spd_faith_bench.yaml" in output
    assert "8 pairs of demo" in project.run("plan", **plain)


def test_a_job_that_was_killed_is_listed_with_what_may_have_killed_it(project: Project) -> None:
    project.insert("workflow_scripts/make_leaderboard.py", "import os\nos.kill(os.getpid(), 9)")
    done = project.snakemake("--forcerun", "make_leaderboard")
    assert done.returncode == 1
    end = done.stderr[done.stderr.index("The run failed; completed outputs are kept.") :]
    assert "make_leaderboard of demo (results/demo/logs/make_leaderboard.log):\n    no error in the log" in end
    assert "mem_mb" in end


def test_nothing_is_left_half_written(finished: Project) -> None:
    assert not list(finished.folder.rglob("*.part"))


def test_adding_a_model_leaves_the_tables_of_the_others_alone(project: Project) -> None:
    with project.edited("config/models.yaml") as models:
        models["third"] = {**models["tiny-qwen2-vl-early"], "label": "Third"}
    with project.edited("config/config.yaml") as config:
        config["models"].append("third")
    before = {path: path.stat().st_mtime_ns for path in project.folder.glob("results/demo/*/**/*.parquet")}
    project.run()
    assert set(project.table("leaderboard.parquet")["model"]) > {"third"}
    assert {path: path.stat().st_mtime_ns for path in before} == before


def test_a_run_that_was_killed_is_finished_by_starting_it_again(finished: Project, tmp_path: Path) -> None:
    project = Project.fresh(tmp_path / "project")
    running = subprocess.Popen(
        project.command(), cwd=project.folder, env=project.environment(), start_new_session=True,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    log = project.folder / "results/demo/logs/run_inference/tiny-qwen2-vl.log"
    wait_until(lambda: log.exists() and "question" in log.read_text(), seconds=RUN_SECONDS)
    os.killpg(running.pid, signal.SIGKILL)
    running.wait()
    assert not (project.folder / "results/demo/leaderboard.parquet").exists()
    project.run("--unlock")
    project.run()
    rows, expected = (without_times(one.table("leaderboard.parquet")) for one in (project, finished))
    pd.testing.assert_frame_equal(rows, expected)


@pytest.mark.parametrize(("gpus", "together"), [("0", False), ("0,1", True)])
def test_no_more_gpu_jobs_run_at_once_than_there_are_gpus(
    finished: Project, tmp_path: Path, gpus: str, together: bool
) -> None:
    project = finished.copy(tmp_path / "project")
    shutil.rmtree(project.folder / "results/demo/journal")  # or there would be nothing to ask
    with project.edited("config/models.yaml") as models:
        for model in MODELS:
            models[model]["resources"] = {"gpu": 1}
    targets = [f"results/demo/responses/{model}.parquet" for model in MODELS]
    output = project.run("--forcerun", "run_inference", "--", *targets, CUDA_VISIBLE_DEVICES=gpus)
    (_, first_end), (second_start, _) = sorted(_spans(output, "run_inference"))
    assert (second_start < first_end) is together


def _spans(output: str, rule: str) -> list[tuple[datetime, datetime]]:
    """(start, end) of each job of a rule, from Snakemake's own log."""
    stamp = r"\[(\w{3} \w{3} +\d+ [\d:]{8} \d{4})\]"
    starts = {
        job: when for when, job in re.findall(rf"{stamp}\n(?:local)?rule {rule}:.*?jobid: (\d+)", output, re.DOTALL)
    }
    ends = {job: when for when, job in re.findall(rf"{stamp}\nFinished jobid: (\d+)", output)}
    return [(_time(starts[job]), _time(ends[job])) for job in starts]


def _time(stamp: str) -> datetime:
    return datetime.strptime(stamp, "%a %b %d %H:%M:%S %Y")


def test_broken_yaml_is_told_with_file_and_line(project: Project) -> None:
    (project.folder / "config/config.yaml").write_text("dataset: demo\nmodels: [tiny-qwen2-vl\n")
    done = project.snakemake()
    assert done.returncode == 1
    message = done.stdout + done.stderr
    assert "config/config.yaml: not valid YAML" in message and "line 3" in message
    assert "Traceback" not in message


@pytest.mark.parametrize(
    ("path", "change", "expected"),
    [
        (
            "config/config.yaml",
            {"models": ["tiny-qwen-vl"]},
            ["config/config.yaml: models", "'tiny-qwen-vl'", "nearest: tiny-qwen2-vl"],
        ),
        ("config/config.yaml", {"modles": []}, ["config/config.yaml: modles: unknown key", "nearest: models"]),
        ("config/datasets.yaml", {"demo": {"source": "dem"}}, ["config/datasets.yaml: demo.source", "nearest: demo"]),
    ],
)
def test_a_bad_config_ends_with_one_message_before_any_job(
    project: Project, path: str, change: dict, expected: list[str]
) -> None:
    with project.edited(path) as content:
        content.update(change)
    done = project.snakemake()
    assert done.returncode == 1
    message = done.stdout + done.stderr
    assert all(part in message for part in expected), message
    assert "Traceback" not in message and "Building DAG" not in message

"""Models behind endpoints in the real workflow: to the leaderboard, and the key in no file."""

import json
import shlex
from pathlib import Path

import pandas as pd
import pytest
from fault_server import FaultServer, Play, Request, echoing_headers, status
from workflow.project import Project

KEY, REFUSED_KEY = "sk-test-7f3a9c51e0d24b6886aa", "sk-test-a1908be47c3f25d0f2c7"
LOCAL = "tiny-qwen2-vl-early"

pytestmark = pytest.mark.slow


def answer(request: Request) -> str:
    if request.text.startswith("How many"):
        listed = {"predicted_num": 1, "structured_output": [{"type": "color", "category": "bus"}]}
        return f"There is one difference. The color of the bus has changed.\n{json.dumps(listed)}"
    return "No, the pictures differ." if "the same?" in request.text else "Yes, they differ."


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project.fresh(tmp_path / "project")


def serve(project: Project, server: FaultServer, **fields: object) -> None:
    with project.edited("config/models.yaml") as models:
        models["served"] = {
            "label": "Served",
            "backend": "openai",
            "base_url": server.base_url,
            "model": "served-model",
            "key_variable": "SERVED_KEY",
            "max_new_tokens": 256,
            "concurrency": 4,
            "prices": {"input": 2.0, "output": 8.0, "source": "the test", "date": "2026-11-24"},
            **fields,
        }
    with project.edited("config/config.yaml") as config:
        config["models"] = ["served", LOCAL]


def assert_no_file_holds(key: str, project: Project, output: str) -> None:
    assert key not in output
    files = [path for path in project.folder.rglob("*") if path.is_file()]
    assert {".snakemake", "results"} <= {path.relative_to(project.folder).parts[0] for path in files}
    assert [path for path in files if key.encode() in path.read_bytes()] == []


def assert_a_refused_key_is_reported(project: Project, output: str) -> None:
    log = (project.folder / "results/demo/logs/run_inference/served.log").read_text()
    assert "the key was rejected" in log and "Traceback" not in log
    end = output[output.index("The run failed; completed outputs are kept.") :]
    (error,) = [line for line in log.splitlines() if line.startswith("error: ")]
    assert (
        f"run_inference of served (results/demo/logs/run_inference/served.log):\n    {error}\n      Response: 401"
        in end
    )
    assert "Fix the cause and rerun" in end and "snakemake --cores 2 --keep-going" in end


def test_a_refused_key_fails_its_own_job_and_the_right_one_finishes_the_run(project: Project) -> None:
    def refuses_another(request: Request) -> Play | None:
        return None if request.headers["authorization"] == f"Bearer {KEY}" else echoing_headers(401)

    with FaultServer(refuses_another, answer=answer) as server:
        serve(project, server)
        done = project.snakemake("--keep-going", SERVED_KEY=REFUSED_KEY)
        assert len(server.requests) <= 4
        assert done.returncode == 1
        assert_a_refused_key_is_reported(project, done.stderr)
        assert len(project.table(f"scores/rules/{LOCAL}.parquet")) == 8

        server.requests.clear()
        output = project.run(SERVED_KEY=KEY)
        assert len(server.requests) == 8 * 3
        assert {request.headers["authorization"] for request in server.requests} == {f"Bearer {KEY}"}
        assert {request.body["model"] for request in server.requests} == {"served-model"}
        assert server.most_in_flight <= 4
    for key in (KEY, REFUSED_KEY):
        assert_no_file_holds(key, project, done.stdout + done.stderr + output)
    rows = project.table("leaderboard.parquet").set_index("model")
    assert rows.loc["served", "model_id"] == "served-model"
    assert rows.loc["served", "model_revision"] == "served-model-2026-11-24"  # as the server says
    assert rows.loc["served", "ds"] == 1
    answers = project.table("responses/served.parquet")
    assert answers["usd"].sum() == pytest.approx(8 * 3 * (100 * 2 + 10 * 8) / 1e6)
    assert answers["dtype"].isna().all() and set(answers["pixel_backend"]) == {"sent 1024 jpeg"}


def test_a_missing_key_is_told_before_any_job(project: Project) -> None:
    with FaultServer() as server:
        serve(project, server)
        done = project.snakemake()
        assert server.requests == []
    assert done.returncode == 1
    message = done.stdout + done.stderr
    assert "served: the environment variable SERVED_KEY is not set; set it to the API key." in message
    assert "Traceback" not in message and not list((project.folder / "results").rglob("*.parquet"))


def test_what_was_paid_is_kept_where_the_money_ends(project: Project) -> None:
    with FaultServer(answer=answer) as server:
        serve(
            project, server, max_usd=0.02, max_new_tokens=500
        )  # a call is bounded by about $0.017, and costs $0.00028
        done = project.snakemake("results/demo/responses/served.parquet", SERVED_KEY=KEY)
        asked = len(server.requests)
        log = (project.folder / "results/demo/logs/run_inference/served.log").read_text()
        assert done.returncode == 1 and "max_usd: $" in log and 0 < asked < 8 * 3
        serve(project, server, max_usd=5.0, max_new_tokens=500)
        project.run("results/demo/responses/served.parquet", SERVED_KEY=KEY)
        assert len(server.requests) == 8 * 3
    assert_no_file_holds(KEY, project, done.stdout + done.stderr)


def test_only_the_failed_questions_are_asked_again(project: Project) -> None:
    failing = True

    def fault(request: Request) -> Play | None:
        return status(503) if failing and "the same?" in request.text else None

    with FaultServer(fault, answer=answer) as server:
        serve(project, server, attempts=1)
        (project.folder / "config/my run.yaml").write_text("models: [served]\n")
        own = ("--configfile", "config/my run.yaml", "--config", "scoring={dqr: exact}")
        output = project.run(*own, SERVED_KEY=KEY)
        assert "WARNING: questions without a reply, which are not scored: Served 8" in output
        [line] = [line for line in output.splitlines() if line.startswith("To ask only these again: ")]
        command = shlex.split(line.partition(": ")[2])
        row = project.table("leaderboard.parquet").set_index("model").loc["served"]
        assert row["same_transport"] == 8 and row["ds_coverage"] == 0 and pd.isna(row["rank"])
        page = (project.folder / "results/demo/leaderboard.md").read_text()
        forced = ("--forcerun", "results/demo/responses/served.parquet")
        assert "Questions got no reply after all attempts (Served: 8)" in page and " ".join(forced) in page

        asked, failing = len(server.requests), False
        assert command == ["snakemake", "--cores", "2", *own, *forced]
        project.run(*command[1:], SERVED_KEY=KEY)
        again = server.requests[asked:]
    assert len(again) == 8 and all("the same?" in request.text for request in again)
    row = project.table("leaderboard.parquet").set_index("model").loc["served"]
    assert row["ds"] == 1 and row["ds_coverage"] == 1 and row["transport_failures"] == 0

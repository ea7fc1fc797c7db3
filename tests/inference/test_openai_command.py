"""The command run_inference.py on an entry with an endpoint: what is paid for is kept, what is secret is not."""

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import yaml
from core.file_systems import environment
from fault_server import FaultServer, answer_of, echoing_headers, status
from waiting import COMMAND_SECONDS

from spd_faith.core.files import read_provenance, read_table, write_table
from spd_faith.core.schemas import IMAGES, RESPONSES, SAMPLES
from spd_faith.dataset.demo import image_row, sample_demo_pair, sample_row
from spd_faith.dataset.entries import DATASETS
from spd_faith.endpoints.charges import Charges

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
KEY = "sk-0123456789abcdef"
PAIRS = 4
PRICES = {"input": 2.5, "output": 10, "source": "made up", "date": "2026-01-01"}
USD = 0.00035  # of the fault server's 100 and 10 tokens


@pytest.fixture(scope="module")
def pairs():
    demo = DATASETS.load_entry(ROOT / "config" / "datasets.yaml", "demo")
    return [sample_demo_pair(5, "easy", row, demo.splits["easy"]) for row in range(PAIRS)]


@pytest.fixture
def run(tmp_path, pairs):
    """Run the command in a folder of its own; changes are to the entry."""
    write_table(tmp_path / "samples.parquet", [sample_row(pair) for pair in pairs], SAMPLES)
    write_table(tmp_path / "images.parquet", [image_row(pair) for pair in pairs], IMAGES)

    def run(server, key=KEY, variables=None, **changes):
        entry = {"backend": "openai", "base_url": server.base_url, "model": "asked", "key_variable": "TEST_KEY"}
        entry |= {"max_new_tokens": 64, "attempts": 1, "prices": PRICES, "concurrency": 2} | changes
        (tmp_path / "models.yaml").write_text(yaml.safe_dump({"remote": entry}))
        command = [sys.executable, ROOT / "workflow_scripts" / "run_inference.py", "--model", "remote"]
        command += ["--models-file", "models.yaml", "--prompts", ROOT / "resources" / "prompts"]
        command += ["--samples", "samples.parquet", "--images", "images.parquet", "--journal", "results/journal"]
        command += ["--slots", "results/.slots", "--output", "results/responses.parquet"]
        environment = {name: value for name, value in os.environ.items() if name != "TEST_KEY"}
        environment |= ({"TEST_KEY": key} if key else {}) | (variables or {})
        return subprocess.run(
            list(map(str, command)),
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            timeout=COMMAND_SECONDS,
        )

    return run


def rows_of(folder):
    return read_table(folder / "results" / "responses.parquet", RESPONSES).to_pylist()


def test_every_question_has_its_row(run, tmp_path):
    with FaultServer() as server:
        done = run(server)
    assert done.returncode == 0, done.stderr
    rows = rows_of(tmp_path)
    assert len(rows) == 3 * PAIRS == len(server.requests)
    assert {row["response_text"] for row in rows} == {answer_of(request) for request in server.requests}
    assert {(row["finish_reason"], row["pixel_backend"], row["error"]) for row in rows} == {
        ("stop", "sent 1024 jpeg", None)
    }
    assert sum(row["usd"] for row in rows) == pytest.approx(3 * PAIRS * USD)
    provenance = read_provenance(tmp_path / "results" / "responses.parquet")
    assert provenance["revision"] == "served-model-2026-11-24"
    assert provenance["endpoint"] == server.base_url


def test_a_run_that_reached_its_limit_goes_on_where_it_stopped(run, tmp_path):
    # a call's bound is 0.0171 dollars, nearly all of it for two pictures of 448 × 448 pixels
    with FaultServer() as server:
        stopped = run(server, max_usd=0.019)
        assert stopped.returncode == 1
        assert "max_usd" in stopped.stderr
        assert "Traceback" not in stopped.stderr
        paid = len(server.requests)
        assert 0 < paid < 3 * PAIRS
        assert not (tmp_path / "results" / "responses.parquet").exists()
        done = run(server, max_usd=1)
    assert done.returncode == 0, done.stderr
    assert len(server.requests) == 3 * PAIRS  # nothing was asked twice
    assert len(rows_of(tmp_path)) == 3 * PAIRS


def test_flagged_questions_are_rows_at_every_start(run, tmp_path):
    """Of the first pair a filter took one question and two are refused; a second start asks those two alone."""
    first = []

    def script(request):
        first.extend(request.images[:1] if not first else [])
        if request.images[0] != first[0]:
            return None
        if "the same?" in request.text:
            return status(403, {"message": "flagged", "metadata": {"reasons": ["x"], "flagged_input": "y"}})
        return status(403, {"message": "not this image"})

    with FaultServer(script) as server:
        for start in (0, 1):
            done = run(server, concurrency=1)
            assert done.returncode == 0, done.stderr
            assert len(server.requests) == 3 * PAIRS + 2 * start
    rows = rows_of(tmp_path)
    assert len(rows) == 3 * PAIRS
    assert sorted(row["error"] or row["finish_reason"] for row in rows if row["finish_reason"] != "stop") == [
        "403: not this image",
        "403: not this image",
        "content_filter",
    ]


def test_a_wrong_entry_ends_the_job_and_says_what_to_change(run, tmp_path):
    said = "Unsupported parameter: 'max_tokens'. Use 'max_completion_tokens' instead."
    with FaultServer(lambda request: status(400, {"message": said})) as server:
        stopped = run(server)
        assert stopped.returncode == 1 and "Traceback" not in stopped.stderr
        assert said in stopped.stderr and "Set length_field" in stopped.stderr
        assert 10 <= len(server.requests) <= 11
    assert not (tmp_path / "results" / "responses.parquet").exists()


def test_a_missing_key_is_told_before_anything_is_asked(run):
    with FaultServer() as server:
        done = run(server, key=None)
    assert done.returncode == 1
    assert "TEST_KEY" in done.stderr
    assert "Traceback" not in done.stderr
    assert not server.requests


def test_the_key_stands_in_no_file_and_no_message(run, tmp_path):
    def script(request):
        return None if request.number < 3 else echoing_headers(400)

    with FaultServer(script) as server:
        some = run(server)
    with FaultServer(lambda request: echoing_headers(401)) as server:
        none = run(server)
    assert (some.returncode, none.returncode) == (0, 1)
    assert "[key]" in none.stderr
    assert sum("[key]" in (row["error"] or "") for row in rows_of(tmp_path)) == 3 * PAIRS - 3
    assert KEY not in some.stdout + some.stderr + none.stdout + none.stderr
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert len(files) > 5
    assert not [path for path in files if KEY.encode() in path.read_bytes()]


def test_an_outage_makes_no_table(run, tmp_path):
    with FaultServer(lambda request: status(503)) as server:
        done = run(server)
    assert done.returncode == 1
    assert "10 questions in a row failed" in done.stderr
    assert not (tmp_path / "results" / "responses.parquet").exists()


@pytest.mark.parametrize("answer", ["ENOLCK", "ENOSYS"])
def test_without_locks_two_jobs_at_the_same_work_end_with_a_whole_table(run, tmp_path, answer):
    shimmed = environment(tmp_path, answer)
    variables = {name: shimmed[name] for name in ("PYTHONPATH", "FLOCK_ANSWERS")}
    with FaultServer() as server, ThreadPoolExecutor() as threads:
        jobs = [threads.submit(run, server, variables=variables) for _ in range(2)]
        for done in [job.result() for job in jobs]:
            assert done.returncode == 0, done.stderr
            assert "work may be done and paid for twice" in done.stderr
        asked = len(server.requests)
        assert 3 * PAIRS <= asked <= 2 * 3 * PAIRS
        assert {row["response_text"] for row in rows_of(tmp_path)} == {answer_of(one) for one in server.requests}
        assert len(rows_of(tmp_path)) == 3 * PAIRS
        # every call of both is in the ledger, and nothing is asked again
        assert Charges(tmp_path / "results" / "journal" / "charges").spent_usd() == pytest.approx(asked * USD)
        assert run(server).returncode == 0
        assert len(server.requests) == asked

"""kill -9 at random moments costs at most the calls in flight at an endpoint, and no answer is paid for twice."""

import io
import os
import random
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
import yaml
from fault_server import FaultServer, held
from PIL import Image
from waiting import COMMAND_SECONDS, wait_until

from spd_faith.core.files import read_table, sha256, write_table
from spd_faith.core.journal import Journal
from spd_faith.core.schemas import IMAGES, RESPONSES, SAMPLES
from spd_faith.endpoints.charges import Charges

ROOT = Path(__file__).parents[2]
PAIRS, CONCURRENCY, KILLS = 100, 4, 25
QUESTIONS = PAIRS * 3
USD = (100 * 1 + 10 * 10) / 1e6  # of a call, by the server's count and the entry's prices

pytestmark = pytest.mark.slow


def image(red, blue):
    out = io.BytesIO()
    Image.new("RGB", (8, 8), (red, 0, blue)).save(out, "PNG")
    return out.getvalue()


@pytest.fixture
def inputs(tmp_path):
    samples, images = [], []
    for row in range(PAIRS):
        original, modified = image(row, 0), image(row, 200)
        key = {"sample_id": f"easy/{row:05d}_{row}"}
        shas = {"original_sha256": sha256(original), "modified_sha256": sha256(modified)}
        truth = {"num_differences": 1, "differences": [{"type": "color", "category": "clock"}], "control": "none"}
        samples.append(key | {"split": "easy", "image_id": str(row), "width": 8, "height": 8} | truth)
        images.append(key | {"original": original, "modified": modified} | shas)
    write_table(tmp_path / "samples.parquet", samples, SAMPLES)
    write_table(tmp_path / "images.parquet", images, IMAGES)
    return tmp_path


def start(folder, name, server):
    entry = {"backend": "openai", "base_url": server.base_url, "model": "m", "max_new_tokens": 64}
    entry |= {"concurrency": CONCURRENCY, "images": {"format": "png"}}
    entry |= {"prices": {"input": 1, "output": 10, "source": "the test", "date": "2026-11-24"}}
    (folder / "models.yaml").write_text(yaml.safe_dump({"served": entry}))
    command = [sys.executable, ROOT / "workflow_scripts/run_inference.py", "--model", "served"]
    command += ["--models-file", folder / "models.yaml", "--prompts", ROOT / "resources/prompts"]
    command += ["--samples", folder / "samples.parquet", "--images", folder / "images.parquet"]
    command += ["--slots", folder / "slots", "--journal", folder / name / "journal"]
    command += ["--output", folder / name / "responses.parquet"]
    return subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=os.environ | {"OMP_NUM_THREADS": "1"})


def finish(worker):
    _, output = worker.communicate(timeout=COMMAND_SECONDS)
    assert worker.returncode == 0, output


def responses(folder, name):
    return read_table(folder / name / "responses.parquet", RESPONSES).drop_columns(["seconds"])


def test_25_kills_cost_at_most_the_calls_in_flight(inputs):
    limit, killed = QUESTIONS, threading.Event()
    with FaultServer(lambda request: None if request.number < limit else held(killed)) as server:
        finish(start(inputs, "undisturbed", server))
        assert len(server.requests) == QUESTIONS
        moments = random.Random(5)
        before = len(server.requests)
        for _ in range(KILLS):
            killed.clear()
            begun, wanted = len(server.requests), moments.randrange(1, 9)
            limit = begun + wanted + CONCURRENCY  # however late the kill is, it leaves questions for the others
            worker = start(inputs, "killed", server)
            while len(server.requests) - begun < wanted and worker.poll() is None:
                time.sleep(0.001)
            time.sleep(moments.uniform(0, 0.005))
            assert worker.poll() is None, "a worker ended by itself: " + worker.stderr.read()
            worker.kill()
            worker.communicate()
            killed.set()
            wait_until(lambda: not server.in_flight)
        finish(start(inputs, "killed", server))
        asked = len(server.requests) - before
        assert QUESTIONS < asked <= QUESTIONS + KILLS * CONCURRENCY
        assert server.most_in_flight <= CONCURRENCY
    paid = Charges(inputs / "killed" / "journal" / "charges").spent_usd()
    assert paid >= asked * USD  # a call in flight at a kill counts its bound
    assert responses(inputs, "killed").equals(responses(inputs, "undisturbed"))
    records = Journal(inputs / "killed" / "journal").read()
    assert len(records) == QUESTIONS
    assert sum(record.content["usd"] for record in records.values()) == pytest.approx(QUESTIONS * USD)

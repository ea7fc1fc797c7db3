"""kill -9 at random moments costs at most the batch in hand, and the table is the one of an undisturbed run."""

import io
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import yaml
from PIL import Image

from spd_faith.core.files import read_table, sha256, write_table
from spd_faith.core.journal import Journal
from spd_faith.core.schemas import IMAGES, RESPONSES, SAMPLES

ROOT = Path(__file__).parents[2]
# Each batch has a pair's three questions. A worker begins its third batch at the latest, and LONGEST is about one more:
# 25 workers leave some of 110.
PAIRS, BATCH, KILLS = 110, 3, 25
LONGEST = 0.05  # seconds of the processor; a batch takes about as long
NOT_COMPARED = ["seconds", "batch_size"]

pytestmark = pytest.mark.slow


def noise(seed):
    pixels = np.random.default_rng(seed).integers(0, 256, (56, 56, 3), dtype=np.uint8)
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "PNG")
    return out.getvalue()


@pytest.fixture
def inputs(tmp_path, tiny_checkpoint):
    samples, images = [], []
    for row in range(PAIRS):
        original, modified = noise(2 * row), noise(2 * row + 1)
        key = {"sample_id": f"easy/{row:05d}_{row}"}
        shas = {"original_sha256": sha256(original), "modified_sha256": sha256(modified)}
        truth = {"num_differences": 1, "differences": [{"type": "color", "category": "clock"}], "control": "none"}
        samples.append(key | {"split": "easy", "image_id": str(row), "width": 56, "height": 56} | truth)
        images.append(key | {"original": original, "modified": modified} | shas)
    write_table(tmp_path / "samples.parquet", samples, SAMPLES)
    write_table(tmp_path / "images.parquet", images, IMAGES)
    entry = {"backend": "transformers", "model": str(tiny_checkpoint), "dtype": "float32"}
    entry |= {"max_new_tokens": 12, "batch_size": 1}
    (tmp_path / "models.yaml").write_text(yaml.safe_dump({"tiny": entry}))
    return tmp_path


def run(folder, name, kills):
    """The responses, the questions of the batches that were begun, and the keys in the order they were journalled."""
    argv = ["--model", "tiny", "--models-file", folder / "models.yaml", "--prompts", ROOT / "resources/prompts"]
    argv += ["--samples", folder / "samples.parquet", "--images", folder / "images.parquet"]
    argv += ["--journal", folder / name / "journal", "--output", folder / name / "responses.parquet"]
    counter = folder / f"{name}.count"
    task = {"argv": [str(part) for part in argv], "counter": str(counter), "kills": kills}
    task |= {"seed": 11, "longest": LONGEST}
    driver = [sys.executable, str(Path(__file__).with_name("killed_workers.py")), json.dumps(task)]
    environment = os.environ | {"HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"}
    done = subprocess.run(driver, capture_output=True, text=True, timeout=300, env=environment)
    assert done.returncode == 0, done.stdout + done.stderr
    assert sum(json.loads(done.stdout).values()) == kills
    return read_table(folder / name / "responses.parquet", RESPONSES), sum(map(int, counter.read_text().split()))


def journalled(folder):
    """The keys of all lines that end, in every file."""
    lines = [line for path in folder.glob("*.jsonl") for line in path.read_text().splitlines(True)[1:]]
    return [json.loads(line)["key"] for line in lines if line.endswith("\n")]


def test_25_kills_cost_at_most_a_batch_each_and_change_nothing(inputs):
    undisturbed, generations = run(inputs, "undisturbed", kills=0)
    assert generations == undisturbed.num_rows == PAIRS * 3
    killed, generations = run(inputs, "killed", kills=KILLS)
    assert killed.drop_columns(NOT_COMPARED).equals(undisturbed.drop_columns(NOT_COMPARED))
    assert PAIRS * 3 < generations <= PAIRS * 3 + KILLS * BATCH
    keys = journalled(inputs / "killed" / "journal")
    assert len(keys) == len(set(keys))
    assert len(Journal(inputs / "killed" / "journal").read()) == PAIRS * 3
    assert pa.compute.min(killed["generated_tokens"]).as_py() > 0

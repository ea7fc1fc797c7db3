"""The command run_inference.py, as the workflow starts it."""

import hashlib
import io
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from PIL import Image
from waiting import COMMAND_SECONDS

from spd_faith.core.files import read_provenance, read_table, write_table
from spd_faith.core.schemas import IMAGES, RESPONSES, SAMPLES

ROOT = Path(__file__).parents[2]


def encoded(*color):
    out = io.BytesIO()
    Image.new("RGB", (56, 56), color).save(out, "PNG")
    return out.getvalue()


def image_row(sample_id, original, modified):
    digests = [hashlib.sha256(data).hexdigest() for data in (original, modified)]
    return {
        "sample_id": sample_id,
        "original": original,
        "modified": modified,
        "original_sha256": digests[0],
        "modified_sha256": digests[1],
    }


def sample_row(sample_id):
    return {
        "sample_id": sample_id,
        "split": "easy",
        "image_id": sample_id,
        "width": 56,
        "height": 56,
        "num_differences": 1,
        "differences": [{"type": "color", "category": "clock"}],
        "control": "none",
    }


@pytest.fixture
def inputs(tmp_path):
    """Two pairs, the second with a damaged picture."""
    write_table(tmp_path / "samples.parquet", [sample_row("easy/00000_a"), sample_row("easy/00001_b")], SAMPLES)
    rows = [
        image_row("easy/00000_a", encoded(200, 10, 10), encoded(10, 10, 200)),
        image_row("easy/00001_b", encoded(10, 200, 10), b"no picture"),
    ]
    write_table(tmp_path / "images.parquet", rows, IMAGES)
    return tmp_path


def run(folder, model="tiny", checkpoint="resources/models", *flags, others=None):
    """Run the command with the models file that names `checkpoint`; nothing but the folder's files is used."""
    entry = {"backend": "transformers", "model": str(checkpoint), "dtype": "float32", "max_new_tokens": 6}
    (folder / "models.yaml").write_text(yaml.safe_dump({"tiny": entry} | (others or {})))
    command = [sys.executable, str(ROOT / "workflow_scripts" / "run_inference.py"), "--model", model]
    command += ["--models-file", folder / "models.yaml", "--prompts", ROOT / "resources" / "prompts"]
    command += ["--samples", folder / "samples.parquet", "--images", folder / "images.parquet"]
    command += ["--journal", folder / "journal", "--output", folder / "out" / "responses.parquet", *flags]
    environment = os.environ | {"HF_HUB_OFFLINE": "1"}
    return subprocess.run(command, capture_output=True, text=True, env=environment, timeout=COMMAND_SECONDS)


@pytest.mark.slow
def test_two_pairs_and_three_tasks_are_six_rows(inputs, tiny_checkpoint):
    done = run(inputs, "tiny", tiny_checkpoint)
    assert done.returncode == 0, done.stderr
    path = inputs / "out" / "responses.parquet"
    rows = read_table(path, RESPONSES).to_pylist()
    assert [(row["sample_id"], row["task"]) for row in rows] == [
        (sample, task) for task in ("describe", "same", "different") for sample in ("easy/00000_a", "easy/00001_b")
    ]
    answered, failed = rows[::2], rows[1::2]
    assert all(0 < len(row["response_token_ids"]) == row["generated_tokens"] <= 6 for row in answered)
    assert {row["finish_reason"] for row in answered} <= {"stop", "length"}
    assert {(row["finish_reason"], row["response_text"]) for row in failed} == {("error", "")}
    assert all(row["error"].startswith("image: ") for row in failed)
    assert {row["dtype"] for row in rows} == {"float32"}
    provenance = read_provenance(path)
    assert (provenance["model"], provenance["revision"], provenance["device"]) == (str(tiny_checkpoint), "local", "cpu")
    made_by = {"device", "hardware", "torch", "transformers", "dtype", "pixel_backend"}
    assert set(provenance) == {"model", "revision", *made_by} and "CPUs" in provenance["hardware"]
    assert "tiny: 6/6 questions" in done.stderr
    assert "3 of 6 questions failed" in done.stderr
    assert [file.name for file in path.parent.iterdir()] == ["responses.parquet"]


@pytest.mark.slow
def test_what_the_journal_holds_needs_no_model(inputs, tiny_checkpoint):
    checkpoint = shutil.copytree(tiny_checkpoint, inputs / "checkpoint")
    write_table(inputs / "samples.parquet", [sample_row("easy/00000_a")], SAMPLES)
    rows = [image_row("easy/00000_a", encoded(200, 10, 10), encoded(10, 10, 200))]
    write_table(inputs / "images.parquet", rows, IMAGES)
    output = inputs / "out" / "responses.parquet"
    assert run(inputs, "tiny", checkpoint).returncode == 0
    first = read_table(output, RESPONSES), read_provenance(output)
    output.unlink()
    shutil.rmtree(checkpoint)
    done = run(inputs, "tiny", checkpoint)
    assert done.returncode == 0, done.stderr
    assert (read_table(output, RESPONSES), read_provenance(output)) == first


def check_refused(done, folder, *words):
    """Exit code 1, one message without a traceback, no output."""
    assert done.returncode == 1
    assert done.stderr.startswith("error: ")
    assert "Traceback" not in done.stderr
    assert all(word in done.stderr for word in words), done.stderr
    assert not (folder / "out").exists()


def test_an_unknown_model_is_refused(inputs):
    check_refused(run(inputs, "tinny"), inputs, "found:   'tinny'", "nearest: tiny")


@pytest.mark.parametrize(
    "entry",
    [
        {"backend": "vllm", "model": "owner/name", "dtype": "float32", "max_new_tokens": 6},
        {"backend": "openai", "base_url": "http://127.0.0.1:9/v1", "model": "m", "max_new_tokens": 6},
        {"backend": "responses_file", "path": "answers.json"},
    ],
    ids=lambda entry: entry["backend"],
)
def test_a_device_that_the_entry_would_not_use_is_refused(inputs, entry):
    done = run(inputs, "other", "resources/models", "--device", "cpu", others={"other": entry})
    words = f"'cpu for other, whose backend is {entry['backend']}'"
    check_refused(done, inputs, "--device: not for this backend", words, "allowed: an entry with backend: transformers")


@pytest.mark.parametrize("flags", [("--shard", "1"), ("--shard", "2", "--shards", "2"), ("--shards", "0")])
def test_a_shard_that_does_not_exist_is_refused(inputs, flags):
    check_refused(run(inputs, "tiny", "resources/models", *flags), inputs, "--shard: no such shard")


def test_images_that_are_not_those_of_the_samples_are_refused(inputs):
    write_table(inputs / "samples.parquet", [sample_row("easy/00000_a"), sample_row("easy/00002_c")], SAMPLES)
    check_refused(run(inputs), inputs, "missing: 1 (easy/00002_c)", "unexpected: 1 (easy/00001_b)")


def test_missing_samples_are_refused(inputs):
    (inputs / "samples.parquet").unlink()
    check_refused(run(inputs), inputs, "samples.parquet: no such file. Create it with: snakemake")

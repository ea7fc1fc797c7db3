"""What an entry and a checkpoint say about questions reaches the engine, and a difference stops the job."""

import json
import os
import shlex
import shutil

import pandas as pd
import pytest
from engine.started import Job, command, on_engine, shipped
from workflow.project import ROOT

pytestmark = pytest.mark.engine


@pytest.fixture(scope="module")
def repetitive(tmp_path_factory):
    """The entry of a copy of a shipped checkpoint whose generation settings punish repetitions."""
    entry = shipped("tiny-qwen2-vl")
    folder = tmp_path_factory.mktemp("checkpoints") / "repetitive"
    shutil.copytree(ROOT / entry["model"], folder)
    settings = json.loads((folder / "generation_config.json").read_text())
    (folder / "generation_config.json").write_text(json.dumps({**settings, "repetition_penalty": 1.5}))
    return {**entry, "model": str(folder), "pixel_budget": {"min_pixels": 3136, "max_pixels": 50176}}


def test_the_pixel_budget_holds_and_the_checkpoints_penalty_does_not(repetitive, large_pairs, tmp_path):
    plain = {**repetitive, "model": shipped("tiny-qwen2-vl")["model"]}
    expected = Job(tmp_path / "transformers", plain, large_pairs).answered()
    found = Job(tmp_path / "engine", on_engine(repetitive), large_pairs).answered()
    pd.testing.assert_frame_equal(found.answers(), expected.answers())
    without = Job(tmp_path / "default", shipped("tiny-qwen2-vl"), large_pairs).answered().answers()
    # 1000 × 700 in 50,176 pixels is 9 × 6 tokens of 28 × 28 pixels, in the default's 12,544 pixels 4 × 3
    assert set(found.answers()["prompt_tokens"] - without["prompt_tokens"]) == {84}


def test_two_processes_share_the_layers(few_pairs, tmp_path):
    entry = shipped("tiny-qwen2-vl")
    expected = Job(tmp_path / "transformers", entry, few_pairs).answered()
    cores = sorted(os.sched_getaffinity(0))[:2]  # by default the engine keeps cores for itself and lacks them here
    assert len(cores) == 2, "requires two cores"
    bound = command(VLLM_CPU_OMP_THREADS_BIND="{}|{}".format(*cores))
    engine = on_engine(entry, resources={"gpu": 2}, command=bound)
    found = Job(tmp_path / "engine", engine, few_pairs).answered()
    assert found.provenance()["tensor_parallel_size"] == "2"
    pd.testing.assert_frame_equal(found.answers(), expected.answers())


def test_a_server_that_shows_other_images_stops_the_job(few_pairs, tmp_path):
    smaller = json.dumps({"size": {"shortest_edge": 784, "longest_edge": 3136}})
    # in a script, because entries whose commands say so are refused
    script = f'exec "$@" --mm-processor-kwargs {shlex.quote(smaller)}'
    wrapped = shlex.join(["bash", "-c", script, "bash", *shlex.split(command())])
    job = Job(tmp_path, on_engine(shipped("tiny-qwen2-vl"), command=wrapped), few_pairs)
    done = job.run()
    assert done.returncode == 1
    assert "asks another question than the transformers backend would" in done.stderr
    assert "Traceback" not in done.stderr
    assert not job.responses.exists()
    assert not list(job.journal.glob("*.jsonl"))

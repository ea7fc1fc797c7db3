"""transformers' own OpenAI-compatible server, with a reference model: the answers of the backend `transformers`."""

import os
import socket
import subprocess
import sys
import urllib.request
from contextlib import suppress
from pathlib import Path

import pytest
from waiting import COMMAND_SECONDS, PATIENCE, wait_until

from spd_faith.dataset.demo import image_row, sample_demo_pair
from spd_faith.dataset.entries import DATASETS
from spd_faith.inference.entries import MODELS, OpenAIModel
from spd_faith.inference.openai_answerer import OpenAIAnswerer
from spd_faith.inference.prompts import load_prompts
from spd_faith.inference.questions import Question

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("one_thread")]
PROJECT = Path(__file__).parents[2]
MODEL = "tiny-qwen2-vl"
CHECKPOINT = f"resources/models/{MODEL}"  # the server takes requests by just this name

# The server loads its processor as any code does, which fails without torchvision for a family with a video processor.
SERVER = """
from spd_faith.dataset.entries import DATASETS
from spd_faith.inference.entries import MODELS
from spd_faith.inference.processors import without_video_processors
with without_video_processors():
    from transformers.cli.transformers import main
    main()
"""


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    """Address of a server of the reference model; it ends with the module."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-c", SERVER, "serve", CHECKPOINT]
    command += ["--host", "127.0.0.1", "--port", str(port), "--device", "cpu", "--dtype", "float32"]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path), "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"}
    log = tmp_path_factory.mktemp("server") / "log"
    with log.open("w") as file:
        server = subprocess.Popen(command, env=environment, cwd=PROJECT, stdout=file, stderr=subprocess.STDOUT)
        try:
            _wait_until_up(f"http://127.0.0.1:{port}/health", server, log)
            yield f"http://127.0.0.1:{port}/v1"
        finally:
            server.kill()
            server.wait()


def _wait_until_up(url, server, log):
    def is_up():
        assert server.poll() is None, log.read_text()
        with suppress(OSError), urllib.request.urlopen(url, timeout=PATIENCE):
            return True

    wait_until(is_up, log.read_text, COMMAND_SECONDS)


def demo_questions():
    """Two pairs of each split, each with the three prompts of the project."""
    demo = DATASETS.load_entry(PROJECT / "config" / "datasets.yaml", "demo")
    prompts = load_prompts(PROJECT / "resources" / "prompts")
    pairs = [sample_demo_pair(99, split, row, sizes) for split, sizes in demo.splits.items() for row in range(2)]
    rows = [(pair.sample_id, image_row(pair)) for pair in pairs]
    return [
        Question(sample_id, task, prompt.text, row["original"], row["modified"])
        for task, prompt in prompts.items()
        for sample_id, row in rows
    ]


def by_question(answers):
    return {(question.sample_id, question.task): answer for question, answer in answers}


def test_it_gives_the_answers_of_the_transformers_backend(served, tmp_path, monkeypatch):
    from loading import load_answerer

    monkeypatch.chdir(PROJECT)
    entry = MODELS.load_entry(PROJECT / "config" / "models.yaml", MODEL)
    questions = demo_questions()
    local = by_question(load_answerer(entry, "cpu").answer(questions))
    fields = {"base_url": served, "model": CHECKPOINT, "max_new_tokens": entry.max_new_tokens, "concurrency": 2}
    remote_entry = OpenAIModel(backend="openai", **fields, images={"format": "png"})
    answerer = OpenAIAnswerer(remote_entry, None, 0.0, tmp_path)
    remote = by_question(answerer.answer(questions))

    assert len(remote) == len(local) == 24
    for key, answer in local.items():
        assert remote[key].error is None
        assert remote[key].response_text == answer.response_text, key
        assert remote[key].finish_reason == answer.finish_reason == "stop"
        assert remote[key].prompt_tokens == answer.prompt_tokens
    texts = {answer.response_text for answer in local.values()}
    assert len(texts) > 8  # they hang on the pictures
    assert "tiny-qwen2-vl" in answerer.provenance.revision


def test_an_answer_that_is_cut_says_so(served, tmp_path):
    fields = {"base_url": served, "model": CHECKPOINT, "max_new_tokens": 3}
    [(_, answer)] = OpenAIAnswerer(OpenAIModel(backend="openai", **fields), None, 0.0, tmp_path).answer(
        demo_questions()[:1]
    )
    assert (answer.finish_reason, answer.generated_tokens) == ("length", 3)

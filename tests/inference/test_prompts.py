"""The prompts, word for word: the reference model knows these and no others.

Where a prompt is changed on purpose, train the reference model again; then update `tests/golden/prompts/`.
"""

import shutil
from pathlib import Path

import pytest
from loading import load_answerer
from PIL import Image

from spd_faith.core.errors import UserError
from spd_faith.inference.entries import TransformersModel
from spd_faith.inference.prompts import load_prompts

ROOT = Path(__file__).parents[2]
PROMPTS = ROOT / "resources" / "prompts"
GOLDEN = ROOT / "tests" / "golden" / "prompts"

PUBLISHED_QUESTIONS = {
    "describe": "How many differences are there between the two pictures?",
    "same": "Are the two pictures the same?",
    "different": "Are the two pictures different?",
}


@pytest.mark.parametrize(("task", "question"), PUBLISHED_QUESTIONS.items())
def test_the_published_question_comes_first(task, question):
    assert load_prompts(PROMPTS)[task].text.splitlines()[0] == question


def test_every_task_has_its_prompt():
    prompts = load_prompts(PROMPTS)
    assert list(prompts) == ["describe", "same", "different"]
    assert all(prompt.task == task for task, prompt in prompts.items())


def test_digests():
    lines = (GOLDEN / "sha256sums").read_text().splitlines()
    digests = {name.removesuffix(".txt"): digest for digest, name in map(str.split, lines)}
    assert {task: prompt.sha for task, prompt in load_prompts(PROMPTS).items()} == digests


@pytest.mark.parametrize("task", PUBLISHED_QUESTIONS)
@pytest.mark.usefixtures("one_thread")
def test_what_the_model_reads(tiny_checkpoint, passed_to_model, task):
    from tiny_models import byte_tokenizer

    entry = TransformersModel(backend="transformers", model=str(tiny_checkpoint), dtype="float32", max_new_tokens=1)
    # 56 × 56 pixels are four image tokens
    images = Image.new("RGB", (56, 56), "red"), Image.new("RGB", (56, 56), "blue")
    load_answerer(entry).generator.generate([(load_prompts(PROMPTS)[task].text, *images)])
    read = byte_tokenizer().decode(passed_to_model[0]["input_ids"][0])
    assert read == (GOLDEN / f"{task}.txt").read_text(encoding="utf-8")


@pytest.fixture
def folder(tmp_path):
    return shutil.copytree(PROMPTS, tmp_path / "prompts")


def test_a_missing_prompt_is_named(folder):
    (folder / "same.txt").unlink()
    with pytest.raises(
        UserError, match=r"same\.txt: no such prompt\. Every task \(describe, same, different\) requires"
    ):
        load_prompts(folder)


def test_an_empty_prompt_is_refused(folder):
    (folder / "same.txt").write_text(" \n")
    with pytest.raises(UserError, match=r"same\.txt: the prompt is empty"):
        load_prompts(folder)


def test_a_prompt_that_is_not_utf_8_is_refused(folder):
    (folder / "same.txt").write_bytes("Größe?".encode("latin-1"))
    with pytest.raises(UserError, match=r"same\.txt: not a text file in UTF-8"):
        load_prompts(folder)


def test_white_space_around_a_prompt_does_not_count(folder):
    before = load_prompts(folder)["same"]
    text = (folder / "same.txt").read_text(encoding="utf-8")
    (folder / "same.txt").write_bytes(f"\n{text}\n\n".replace("\n", "\r\n").encode())
    assert load_prompts(folder)["same"] == before

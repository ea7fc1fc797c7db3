"""The command demo.py: one pair, one question."""

import json
import os
import shlex
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image
from waiting import COMMAND_SECONDS

from spd_faith.dataset.demo import demo_pairs, image_row
from spd_faith.dataset.encoded_images import decode
from spd_faith.dataset.entries import DemoDataset, DemoSplit
from spd_faith.inference.images import merge
from spd_faith.inference.prompts import load_prompts, opens_with, task_of
from spd_faith.original.demo_files import save_maps

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A pair with one difference, as two pictures and merged."""
    folder = tmp_path_factory.mktemp("pair")
    split = DemoSplit(pairs=1, objects=[5, 5], differences=[1, 1])
    (pair,) = demo_pairs(DemoDataset(source="demo", seed=77, splits={"medium": split}))
    row = image_row(pair)
    original, modified = decode(row["original"]), decode(row["modified"])
    original.save(folder / "original.png")
    modified.save(folder / "modified.png")
    merge(original, modified).save(folder / "merged.png")
    (difference,) = pair.scenes.differences
    (folder / "truth.json").write_text(json.dumps({"type": difference.type, "category": difference.category}))
    return folder


def demo(folder, *arguments):
    command = [sys.executable, str(ROOT / "workflow_scripts/demo.py"), "--image_path", *map(str, arguments)]
    environment = os.environ | {"CUDA_VISIBLE_DEVICES": "", "HF_HUB_OFFLINE": "1"}
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=COMMAND_SECONDS)


@pytest.mark.slow
def test_a_merged_image_and_the_published_question(folder, tmp_path):
    done = demo(
        folder, folder / "merged.png", "--question", "Are the two pictures same?", "--save_dir", tmp_path / "out"
    )
    assert done.returncode == 0, done.stderr
    assert "No GPU is visible here." in done.stdout
    assert "resources/models/tiny-qwen2-vl is a reference model" in done.stdout
    assert "Read as   verdict: differs (free_text)" in done.stdout
    saved = json.loads((tmp_path / "out" / "answer.json").read_text())
    assert (saved["task"], saved["verdict"]) == ("same", "differs")
    assert saved["answer"] in done.stdout
    assert "trained to point" in done.stdout
    words = ["No_the_two_pictures_are_not_the_same", "color", "tv", "changed"]  # The color of the tv has changed.
    maps = sorted((tmp_path / "out" / "maps").iterdir())
    assert [path.name for path in maps] == [f"{number:02d}_{word}.png" for number, word in enumerate(words, start=1)]
    seen = [np.asarray(Image.open(path).convert("RGB"), dtype=int) for path in maps]
    red = [(image[..., 0] - image[..., 1] > 60).any() for image in seen]
    assert red == [False, True, True, True]  # no image token speaks of the verdict
    for name in ("original.png", "modified.png"):
        assert Image.open(tmp_path / "out" / name).tobytes() == Image.open(folder / name).convert("RGB").tobytes()


@pytest.mark.slow
def test_the_line_of_the_readme_gives_an_answer_that_makes_sense():
    (line,) = [
        line
        for line in (ROOT / "README.md").read_text().splitlines()
        if line.startswith("python workflow_scripts/demo.py --image_path resources/")
    ]
    command = shlex.split(line, comments=True)
    environment = os.environ | {"CUDA_VISIBLE_DEVICES": "", "HF_HUB_OFFLINE": "1"}
    done = subprocess.run(
        [sys.executable, *command[1:]],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=COMMAND_SECONDS,
    )
    assert done.returncode == 0, done.stderr
    assert "Read as   verdict: differs (free_text)" in done.stdout
    assert "stop sign" in done.stdout and "tv" in done.stdout
    assert "Your question" not in done.stdout


def test_the_pair_that_ships_is_what_the_renderer_draws():
    split = DemoSplit(pairs=1, objects=[5, 5], differences=[2, 2])
    (pair,) = demo_pairs(DemoDataset(source="demo", seed=2, splits={"pair": split}))
    expected = {(difference.type, difference.category) for difference in pair.scenes.differences}
    assert expected == {("color", "stop sign"), ("remove", "tv")}
    row = image_row(pair)
    drawn = merge(decode(row["original"]), decode(row["modified"]))
    assert Image.open(ROOT / "resources/demo_pair.png").convert("RGB").tobytes() == drawn.tobytes()


@pytest.mark.slow
def test_a_reference_model_says_that_it_does_not_know_a_question(folder):
    done = demo(folder, folder / "merged.png", "--question", "Is the dog happy?")
    assert done.returncode == 0, done.stderr
    assert "Your question is not one of the three, so it is not answered: Is the dog happy?" in done.stdout


@pytest.mark.slow
def test_two_images_and_a_model_of_the_registry(folder):
    truth = json.loads((folder / "truth.json").read_text())
    pair = (folder / "original.png", folder / "modified.png")
    done = demo(folder, *pair, "--question", "How many differences are there?", "--model_path", "tiny-internvl")
    assert done.returncode == 0, done.stderr
    assert "No GPU" not in done.stdout
    assert f"Read as   1 stated, 1 listed: {truth['type']} of {truth['category']} (json)" in done.stdout


@pytest.mark.slow
def test_an_intervention_is_named(folder, tmp_path):
    images = (folder / "original.png", folder / "modified.png")
    done = demo(folder, *images, "--model_path", "tiny-qwen2-vl-loose-sage-placebo", "--save_dir", tmp_path / "out")
    assert done.returncode == 0, done.stderr
    assert "Model     resources/models/tiny-qwen2-vl-loose\nChanged   placebo of SAGE-like, after" in done.stdout
    saved = json.loads((tmp_path / "out" / "answer.json").read_text())
    assert saved["intervention"]["placebo"] and saved["intervention"]["preset"] == "sage_like"


@pytest.mark.slow
def test_flags_about_the_model(folder, tmp_path):
    flags = ["--model", "tiny-qwen2-vl", "--model-type", "qwen", "--device", "cpu", "--max-new-tokens", 1]
    done = demo(folder, folder / "merged.png", *flags, "--save-dir", tmp_path)
    assert done.returncode == 0, done.stderr
    assert "--model_type qwen changes nothing" in done.stderr
    assert json.loads((tmp_path / "answer.json").read_text())["answer"].startswith("No, the two pictures are not the")
    assert len(list((tmp_path / "maps").iterdir())) == 1


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["nowhere.png"], "nowhere.png: no such image"),
        (["README.md"], "README.md: not a readable image"),
        (["original.png"] * 3, "--image_path: one merged image or two images, not 3"),
        (["original.png"], "original.png: cannot detect how its two images were joined; set --layout"),
        (["original.png", "modified.png", "--model_path", "tiny-qwen2"], "tiny-qwen2: no such model"),
        (["merged.png", "--device", "cuda:0", "--model-path", "tiny-llava"], "--device: no such device here"),
        (["merged.png", "--max-new-tokens", "0"], "--max_new_tokens: out of range"),
        (["original.png", "modified.png", "--model_path", "gpt-4o"], "gpt-4o.backend: not what this command takes"),
    ],
)
def test_what_cannot_be_asked_is_reported(folder, arguments, expected):
    found = [str(folder / name) if name.endswith(".png") and name != "nowhere.png" else name for name in arguments]
    done = demo(folder, *found)
    assert done.returncode == 1
    assert expected in done.stderr and "Traceback" not in done.stderr


def test_maps_are_numbered_in_the_order_of_the_answer(tmp_path):
    def savefig(part, **settings):
        part.touch()

    words = [(f"word {number}", lambda: SimpleNamespace(savefig=savefig)) for number in range(1, 101)]
    save_maps(tmp_path, words)
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == [f"{number:03d}_word_{number}.png" for number in range(1, 101)]


@pytest.mark.parametrize(
    ("question", "task"),
    [
        ("How many differences are there between the two pictures?", "describe"),
        ("What has changed?", "describe"),
        ("Are the two pictures same?", "same"),
        ("Are these images identical?", "same"),
        ("Are the two pictures different?", "different"),
        ("Is there any difference?", "different"),
        ("Look closely.", "describe"),
    ],
)
def test_a_question_belongs_to_a_task(question, task):
    assert task_of(question) == task


@pytest.mark.parametrize(
    ("question", "task"),
    [
        ("Are the two pictures same?", "same"),
        ("are the two pictures the SAME", "same"),
        ("Are the two pictures different?", "different"),
        ("How many differences are there between two pictures?", "describe"),
        ("Is the dog happy?", None),
        ("Are the two pictures of the same dog?", None),
        ("", None),
    ],
)
def test_a_published_question_is_recognised_by_its_words(question, task):
    prompts = load_prompts(ROOT / "resources/prompts")
    assert [name for name, prompt in prompts.items() if opens_with(prompt.text, question)] == ([task] if task else [])

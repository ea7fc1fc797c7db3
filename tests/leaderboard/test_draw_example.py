"""The command draw_example.py on answers of any length and script, on unscored samples, and with wrong names."""

import io
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image
from waiting import COMMAND_SECONDS

from spd_faith.core.files import write_table
from spd_faith.core.schemas import IMAGES, JUDGEMENTS, RESPONSES, SAMPLES, TASKS
from spd_faith.scoring.tables import SCORES

ROOT = Path(__file__).parents[2]
SAMPLE = "easy/00000_7"
MODEL = "some_model-7b"
LONG = "The $red$ umbrella_1 | beside 100% of the chairs was removed, and a^2 \\frac remains. " * 60
SCRIPTS = [
    "自転車の色が赤から青に変わりました。" * 20,
    "تغير لون الدراجة",
    "साइकिल का रंग बदल गया",
    "🚲🔵 " * 30,
    "x" * 400,
]


def encoded(size):
    file = io.BytesIO()
    Image.linear_gradient("L").resize(size).convert("RGB").save(file, "PNG")
    return file.getvalue()


def required(schema, **row):
    """A row with zeros and empty words where a column must not be null."""
    empty = {"string": "", "int32": 0, "double": 0.0}
    return {
        field.name: empty[str(field.type)] for field in schema if not field.nullable and field.name not in row
    } | row


def write_results(folder, answers, claims=(), score=0.5, image=None):
    sample = {"split": "easy", "image_id": "7", "width": 640, "height": 480, "num_differences": 0}
    sample |= {"sample_id": SAMPLE, "control": "none", "differences": []}
    write_table(folder / "samples.parquet", [sample], SAMPLES)
    pair = dict.fromkeys(("original", "modified"), image or encoded((640, 480)))
    write_table(folder / "images.parquet", [required(IMAGES, sample_id=SAMPLE, **pair)], IMAGES)
    rows = [
        required(RESPONSES, sample_id=SAMPLE, task=task, response_text=text, finish_reason="stop" if text else "error")
        | {"error": None if text else "HTTP 500"}
        for task, text in answers.items()
    ]
    write_table(folder / f"responses/{MODEL}.parquet", rows, RESPONSES)
    judged = [
        required(JUDGEMENTS, sample_id=SAMPLE, metric=metric, claims=list(claims) if metric == "drf" else [])
        for metric in ("drf", "cr")
    ]
    write_table(folder / f"judgements/rules/{MODEL}.parquet", judged, JUDGEMENTS)
    scores = required(SCORES, sample_id=SAMPLE) | dict.fromkeys(("drf", "tf1", "cf1", "cr"), score)
    write_table(folder / f"scores/rules/{MODEL}.parquet", [scores], SCORES)
    return folder


def draw(results, output, *flags):
    named = {"--results": results, "--model": MODEL, "--sample-id": SAMPLE, "--output": output}
    named |= dict(zip(flags[::2], flags[1::2], strict=True))
    command = [
        sys.executable,
        ROOT / "workflow_scripts/draw_example.py",
        *(one for pair in named.items() for one in pair),
    ]
    return subprocess.run([*map(str, command)], capture_output=True, text=True, cwd=ROOT, timeout=COMMAND_SECONDS)


def height_of(results, output):
    done = draw(results, output)
    assert done.returncode == 0 and "Glyph" not in done.stderr, done.stderr
    with Image.open(output) as drawn:
        assert drawn.width == 12 * 130
        assert drawn.convert("L").crop((0, drawn.height - 8, drawn.width, drawn.height)).getextrema() == (255, 255)
        return drawn.height


def test_a_figure_is_as_tall_as_its_answers(tmp_path):
    claim = {"text": LONG[:300], "label": "unfaithful", "error_type": "type_confusion", "severity": None}
    short = write_results(tmp_path / "short", dict.fromkeys(TASKS, "No."))
    long = write_results(tmp_path / "long", dict.fromkeys(TASKS, LONG), [claim] * 30)
    cut = write_results(tmp_path / "cut", dict.fromkeys(TASKS, LONG * 20), [claim] * 300)
    heights = [height_of(results, tmp_path / f"{results.name}.png") for results in (short, long, cut)]
    assert heights[0] == 5.4 * 130 < heights[1] < heights[2] < 5 * 65 * 0.22 * 130


@pytest.mark.parametrize("text", SCRIPTS, ids=["Japanese", "Arabic", "Hindi", "emoji", "no space"])
def test_lines_end_within_the_figure_whatever_the_script(tmp_path, text):
    results = write_results(tmp_path / "results", dict.fromkeys(TASKS, text))
    height_of(results, tmp_path / "drawn.png")
    with Image.open(tmp_path / "drawn.png") as drawn:
        right = drawn.convert("L").crop((drawn.width - 8, 0, drawn.width, drawn.height))
    assert right.getextrema() == (255, 255)


def test_what_is_missing_is_said(tmp_path):
    """A failed answer, an answer that was not asked, no score, no known difference, an image of one line."""
    results = write_results(
        tmp_path / "results", {"describe": "", "same": "No."}, score=None, image=encoded((20_000, 10))
    )
    height_of(results, tmp_path / "drawn.png")


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (["--results", "nowhere"], "--results nowhere: no such folder"),
        (["--model", "other"], f"--model other: not in {{}}/responses, which has {MODEL}"),
        (["--judge", "gpt"], "--judge gpt: not in {}/judgements, which has rules"),
        (["--sample-id", "easy/7"], f"--sample-id easy/7: not in {{}}/responses/{MODEL}.parquet; nearest: {SAMPLE}"),
        (["--output", "."], "--output .: expected a file name that ends in .png"),
        (["--output", "drawn.pdf"], "--output drawn.pdf: expected a file name that ends in .png"),
    ],
)
def test_a_wrong_name_is_reported_with_those_that_are_there(tmp_path, flags, words):
    results = write_results(tmp_path / "results", dict.fromkeys(TASKS, "No."))
    done = draw(results, tmp_path / "drawn.png", *flags)
    assert done.returncode == 1
    assert done.stderr == f"error: {words.format(results)}\n" or words.startswith("--results")
    assert words.format(results) in done.stderr and "Traceback" not in done.stderr

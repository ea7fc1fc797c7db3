"""Answers made elsewhere as the responses of a model: which sample each is about, and the command."""

import hashlib
import json
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pytest
import yaml
from waiting import COMMAND_SECONDS

from spd_faith.core.errors import UserError
from spd_faith.core.files import read_provenance, read_table, write_table
from spd_faith.core.schemas import RESPONSES, SAMPLES, TASKS
from spd_faith.inference.answer_files import read_answer_file
from spd_faith.inference.imported_responses import import_responses

COMMAND = Path(__file__).parents[2] / "workflow_scripts" / "import_responses.py"
# the image 7 stands in two splits and as a control, 8 and 9 once
SAMPLE_IDS = ("easy/00000_7", "easy/00001_8", "hard/00000_7", "hard/00001_9", "hard/00002_9")
DATASET_IDS = SAMPLE_IDS[:-1]  # without the control


def samples_table():
    rows = []
    for sample_id in SAMPLE_IDS:
        split, image = sample_id.split("/")
        control = "identical" if sample_id == "hard/00002_9" else "none"
        row = {"sample_id": sample_id, "split": split, "image_id": image.split("_")[1], "control": control}
        rows.append(row | {"width": 8, "height": 8, "num_differences": 0, "differences": []})
    return pa.Table.from_pylist(rows, schema=SAMPLES)


def imported(folder, *records):
    path = folder / "answers.json"
    path.write_text(json.dumps(records))
    return import_responses(read_answer_file(path), samples_table())


def answer(qid, text="x", **more):
    return {"qid": qid, "response_text": text} | more


def answered(found):
    return {(row["sample_id"], row["task"]): row["response_text"] for row in found.rows if row["error"] is None}


@pytest.mark.parametrize(
    ("record", "sample_id"),
    [
        (answer("hard/00000_7"), "hard/00000_7"),  # a sample_id
        (answer("8"), "easy/00001_8"),  # an image_id
        (answer(8), "easy/00001_8"),
        (answer("7", split="hard"), "hard/00000_7"),
        (answer("9"), "hard/00001_9"),  # the control of the same picture is found by its own id alone
        (answer("hard/00002_9"), "hard/00002_9"),
        ({"sample_id": "easy/00000_7", "response_text": "x"}, "easy/00000_7"),
    ],
)
def test_a_record_finds_its_sample(tmp_path, record, sample_id):
    found = imported(tmp_path, record)
    assert answered(found) == {(sample_id, "describe"): "x"}
    assert (found.unknown, found.ambiguous) == ([], [])


def test_controls_without_answers_were_not_asked_and_are_not_missing(tmp_path):
    found = imported(tmp_path, answer("9"))
    unasked = {(row["sample_id"], row["task"]) for row in found.rows if row.get("failure") == "not_asked"}
    assert {key for key in unasked if key[0] == "hard/00002_9"} == {("hard/00002_9", task) for task in TASKS}
    assert all(sample_id != "hard/00002_9" for sample_id, _ in found.missing)
    given = imported(tmp_path, answer("hard/00002_9"))
    unasked = {row["task"] for row in given.rows if row["sample_id"] == "hard/00002_9" and row.get("failure")}
    assert unasked == {"same", "different"}


@pytest.mark.parametrize("record", [answer("10"), answer("8", split="hard"), answer("easy/00009_8")])
def test_an_id_of_no_sample_is_listed(tmp_path, record):
    found = imported(tmp_path, answer("9"), record)
    assert found.unknown == [str(record["qid"])] and found.ambiguous == []


def test_an_id_of_two_samples_is_listed_and_answers_neither(tmp_path):
    found = imported(tmp_path, answer("7"), answer("8"))
    assert (found.unknown, found.ambiguous) == ([], ["7"])
    assert set(answered(found)) == {("easy/00001_8", "describe")}


def test_every_sample_and_task_has_a_row_and_a_missing_answer_is_one_that_says_so(tmp_path):
    found = imported(tmp_path, answer("8", response_same="No.", is_faithful=0))
    assert [(row["sample_id"], row["task"]) for row in found.rows] == [(i, task) for task in TASKS for i in SAMPLE_IDS]
    rows = {(row["sample_id"], row["task"]): row for row in found.rows}
    here = rows["easy/00001_8", "same"]
    assert (here["response_text"], here["finish_reason"], here["error"]) == ("No.", "stop", None)
    assert (here["is_faithful"], here["attempts"], here["prompt_sha"]) == (False, 1, "")
    gone = rows["easy/00001_8", "different"]
    assert (gone["response_text"], gone["finish_reason"], gone["error"]) == ("", "error", "no answer in the file")
    assert (gone["is_faithful"], gone["attempts"], gone["failure"], here["failure"]) == (None, 0, "not_asked", None)
    assert len(found.missing) == 10 and ("easy/00001_8", "different") in found.missing


def test_two_records_may_answer_different_tasks_of_a_sample(tmp_path):
    found = imported(tmp_path, {"qid": "8", "response_same": "No."}, {"qid": "8", "response_different": "Yes."})
    assert answered(found) == {("easy/00001_8", "same"): "No.", ("easy/00001_8", "different"): "Yes."}


def test_two_answers_to_one_question_are_refused_with_both_places(tmp_path):
    with pytest.raises(UserError, match=r"record 2: describe: already answered at .*record 1") as raised:
        imported(tmp_path, answer("8"), answer("easy/00001_8", "y"), answer("9"), answer("9"))
    assert "record 4: describe: already answered" in str(raised.value)


def test_a_file_about_another_dataset_is_refused(tmp_path):
    with pytest.raises(UserError, match="none of its 2 records matches a sample") as raised:
        imported(tmp_path, answer("10"), answer("7"))
    assert "'10, 7'" in str(raised.value) and "easy/00000_7" in str(raised.value)


# ---- the command -----------------------------------------------------------------------------------------------------


def run(folder, entry):
    (folder / "models.yaml").write_text(yaml.safe_dump({"theirs": entry}))
    write_table(folder / "samples.parquet", samples_table(), SAMPLES)
    flags = ["--model=theirs", f"--models-file={folder / 'models.yaml'}", f"--samples={folder / 'samples.parquet'}"]
    command = [sys.executable, COMMAND, *flags, f"--output={folder / 'out' / 'theirs.parquet'}"]
    return subprocess.run(command, capture_output=True, text=True, timeout=COMMAND_SECONDS)


def test_command(tmp_path):
    path = tmp_path / "theirs.json"
    path.write_text(json.dumps({"model": "org/a", "responses": [answer("8"), *(answer(f"no{n}") for n in range(12))]}))
    done = run(tmp_path, {"backend": "responses_file", "path": str(path)})
    assert done.returncode == 0, done.stderr
    output = tmp_path / "out" / "theirs.parquet"
    assert read_table(output, RESPONSES).num_rows == 15
    digest = hashlib.sha256(path.read_bytes()).hexdigest()[:12]
    ten = [f"no{n}" for n in range(10)]
    assert read_provenance(output) == {
        "model": "org/a",
        "revision": f"sha256:{digest}",
        "path": str(path),
        "unknown": {"count": 12, "first": ten},
        "ambiguous": {"count": 0, "first": []},
        "missing": {
            "count": 11,
            "first": [
                *(f"{i} (describe)" for i in DATASET_IDS if i != "easy/00001_8"),
                *(f"{i} (same)" for i in DATASET_IDS),
                *(f"{i} (different)" for i in DATASET_IDS[:3]),
            ],
        },
    }
    assert "1 answers about 5 samples" in done.stderr
    assert f"12 ids in the file are not in the dataset: {', '.join(ten)}, …" in done.stderr
    assert "11 answers are missing in the file" in done.stderr


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        ({"backend": "responses_file", "path": "nowhere.json"}, "nowhere.json: no such answers file"),
        (
            {"backend": "transformers", "model": "a/b", "dtype": "float32", "max_new_tokens": 5},
            "theirs.backend: not what this command takes",
        ),
    ],
)
def test_command_refuses(tmp_path, entry, expected):
    done = run(tmp_path, entry)
    assert done.returncode == 1 and done.stderr.startswith("error: ")
    assert expected in done.stderr and "Traceback" not in done.stderr
    assert not (tmp_path / "out").exists()

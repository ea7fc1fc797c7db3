"""The judgements table and its command."""

import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pytest
from judging.worked_answers import TRUTHS

from spd_faith.core.errors import UserError
from spd_faith.core.files import read_table, write_table
from spd_faith.core.schemas import JUDGEMENTS, PARSED, RESPONSES, SAMPLES
from spd_faith.judging.rules import VERSION, judge_samples
from spd_faith.judging.scores import count_labels
from spd_faith.parsing.table import parse_table

ROOT = Path(__file__).parents[2]
COMMAND = ROOT / "workflow_scripts" / "judge_responses.py"
JUDGES = ROOT / "config" / "judges.yaml"
ANSWERS = {
    "easy/00000_car": {
        "describe": ("The car changed from red to blue. The dog is gone.", None),
        "same": ("No. The car changed.", "differs"),
        "different": ("Yes.", "differs"),
    },
    "easy/00001_car": {
        "describe": ("", None),
        "same": ("", "unclear"),
        "different": ("", "unclear"),
    },  # the model failed
}


def table(rows: list[dict], schema: pa.Schema) -> pa.Table:
    return pa.Table.from_pylist(rows, schema=schema)


@pytest.fixture
def tables() -> tuple[pa.Table, pa.Table, pa.Table]:
    samples, responses, parsed = [], [], []
    for key, tasks in ANSWERS.items():
        own = {"split": "easy", "image_id": "car", "num_differences": 1, "control": "none"}
        samples.append({**TRUTHS["car"], **own, "sample_id": key})
        for task, (text, verdict) in tasks.items():
            response = {"prompt_sha": "", "finish_reason": "stop" if text else "error", "seconds": 0.0, "attempts": 1}
            responses.append({**response, "sample_id": key, "task": task, "response_text": text})
            status = "free_text" if text else "no_response"
            entry = {"parse_status": status, "has_structured_output": False, "listed_num": 0, "differences": []}
            parsed.append({**entry, "sample_id": key, "task": task, "verdict": verdict})
    return table(samples, SAMPLES), table(responses, RESPONSES), table(parsed, PARSED)


def test_two_rows_per_sample(tables):
    rows = judge_samples(*tables)
    found = {(row["sample_id"], row["metric"]): row for row in rows}
    assert len(rows) == len(found) == 4
    drf = found["easy/00000_car", "drf"]
    assert (drf["n_faithful"], drf["n_unfaithful"], drf["score"], drf["status"]) == (1, 1, 0.5, "ok")
    cr = found["easy/00000_car", "cr"]
    assert (cr["n_consistent"], cr["n_ambiguous"], cr["score"]) == (1, 1, 0.5)
    assert {row["judge_model"] for row in rows} == {VERSION}


def test_a_failed_response_scores_zero(tables):
    found = {row["metric"]: row for row in judge_samples(*tables) if row["sample_id"] == "easy/00001_car"}
    assert (found["drf"]["score"], found["drf"]["status"], found["drf"]["claims"]) == (0.0, "no_claims", [])
    assert (found["cr"]["score"], found["cr"]["n_ambiguous"], len(found["cr"]["claims"])) == (0.0, 1, 1)


def test_a_missing_response_is_reported(tables):
    samples, responses, parsed = tables
    with pytest.raises(UserError, match=r"missing: 1 \(\('easy/00001_car', 'different'\)\)"):
        judge_samples(samples, responses.slice(0, 5), parsed)


def test_counts_reject_a_label_of_the_other_metric():
    with pytest.raises(ValueError, match="consistent"):
        count_labels("drf", ["faithful", "consistent"])


def test_command(tables, tmp_path):
    names = ("samples", "responses", "parsed")
    for name, rows, schema in zip(names, tables, (SAMPLES, RESPONSES, PARSED), strict=True):
        write_table(tmp_path / f"{name}.parquet", rows, schema)
    flags = [flag for name in names for flag in (f"--{name}", str(tmp_path / f"{name}.parquet"))]
    output = tmp_path / "judgements.parquet"
    command = [sys.executable, COMMAND, "--judge", "rules", "--judges-file", JUDGES, *flags, "--output", output]
    run = subprocess.run(command, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    assert read_table(output, JUDGEMENTS).num_rows == 4


def test_command_reports_a_missing_file(tmp_path):
    flags = [f"--{name}={tmp_path / name}" for name in ("samples", "responses", "parsed", "output")]
    command = [sys.executable, COMMAND, "--judge", "rules", "--judges-file", JUDGES, *flags]
    run = subprocess.run(command, capture_output=True, text=True)
    assert run.returncode == 1
    assert "no such file" in run.stderr
    assert "Traceback" not in run.stderr


CHINESE = "第一张图片中的汽车是红色的，第二张图片中的汽车是蓝色的。"
LIST = '{"predicted_num": 1, "structured_output": [{"type": "颜色", "category": "CATEGORY"}]}'
UNREAD = ("unscored:language", None)
ONE_OF_ONE = ("ok", 1.0)


@pytest.mark.parametrize(
    ("texts", "drf", "cr"),
    [
        ((CHINESE, "No.", "Yes."), UNREAD, ONE_OF_ONE),
        ((f"{CHINESE}\n{LIST}".replace("CATEGORY", "汽车"), "不同。", "是。"), UNREAD, ONE_OF_ONE),
        ((LIST.replace("CATEGORY", "汽车"), "Non.", "Oui."), ONE_OF_ONE, ONE_OF_ONE),
        ((LIST.replace("CATEGORY", "摩天轮"), CHINESE, "Yes."), UNREAD, UNREAD),  # a Ferris wheel: no category
        (("The car changed from red to blue.", "No.", "Да, они разные: машина синяя."), ONE_OF_ONE, UNREAD),
    ],
)
def test_answers_in_other_languages_are_unscored(tables, texts, drf, cr):
    samples = tables[0].slice(0, 1)
    key = samples["sample_id"][0].as_py()
    how = {"sample_id": key, "prompt_sha": "", "finish_reason": "stop", "seconds": 0.0, "attempts": 1}
    answers = dict(zip(("describe", "same", "different"), texts, strict=True))
    responses = table([{**how, "task": task, "response_text": text} for task, text in answers.items()], RESPONSES)
    rows = judge_samples(samples, responses, parse_table(responses))
    assert [(row["status"], row["score"]) for row in rows] == [drf, cr]
    assert all(row["claims"] == [] for row in rows if row["score"] is None)

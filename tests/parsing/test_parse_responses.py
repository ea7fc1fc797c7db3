"""The command: one row per response, including failures; repeated keys are rejected."""

import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pytest

from spd_faith.core.errors import UserError
from spd_faith.core.files import read_provenance, read_table, write_table
from spd_faith.core.schemas import PARSED, RESPONSES
from spd_faith.inference.answers import failure_of
from spd_faith.parsing.table import parse_table

COMMAND = Path(__file__).parents[2] / "workflow_scripts" / "parse_responses.py"


def response(sample_id: str, task: str, text: str, finish: str = "stop", error: str | None = None) -> dict:
    return {
        "sample_id": sample_id,
        "task": task,
        "prompt_sha": "0",
        "response_text": text,
        "finish_reason": finish,
        "seconds": 0.1,
        "attempts": 1,
        "error": error,
        "failure": failure_of({"response_text": text, "finish_reason": finish}),
    }


ROWS = [
    response(
        "easy/00000_a", "describe", '{"predicted_num": 1, "structured_output": [{"type": "color", "category": "car"}]}'
    ),
    response("easy/00000_a", "same", "No."),
    response("easy/00000_a", "different", "", "error", "timed out"),
    response("easy/00001_a", "describe", "", "error"),
    response("easy/00001_a", "same", ""),
    response("easy/00001_a", "different", "Yes."),
]


def run(*arguments: object) -> subprocess.CompletedProcess:
    return subprocess.run([sys.executable, COMMAND, *map(str, arguments)], capture_output=True, text=True, check=False)


def test_one_row_per_response(tmp_path):
    write_table(tmp_path / "responses.parquet", ROWS, RESPONSES, {"model": "m"})
    done = run("--responses", tmp_path / "responses.parquet", "--output", tmp_path / "parsed.parquet")
    assert done.returncode == 0, done.stderr
    rows = read_table(tmp_path / "parsed.parquet", PARSED).to_pylist()
    assert [(row["sample_id"], row["task"], row["parse_status"], row["verdict"]) for row in rows] == [
        ("easy/00000_a", "describe", "json", None),
        ("easy/00000_a", "same", "free_text", "differs"),
        ("easy/00000_a", "different", "no_response", None),
        ("easy/00001_a", "describe", "no_response", None),
        ("easy/00001_a", "same", "empty", "unclear"),
        ("easy/00001_a", "different", "free_text", "differs"),
    ]
    assert read_provenance(tmp_path / "parsed.parquet") == {"model": "m"}


def test_repeated_keys_are_rejected():
    with pytest.raises(UserError, match="repeated: 1"):
        parse_table(pa.Table.from_pylist([*ROWS, ROWS[1]], schema=RESPONSES))


def test_a_missing_table_is_reported_without_a_traceback(tmp_path):
    done = run("--responses", tmp_path / "none.parquet", "--output", tmp_path / "parsed.parquet")
    assert done.returncode == 1
    assert "none.parquet: no such file" in done.stderr
    assert "Traceback" not in done.stderr

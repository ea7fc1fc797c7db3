"""Parses responses into rows of `PARSED`."""

from typing import Any

import pyarrow as pa

from spd_faith.core.files import check_keys
from spd_faith.core.schemas import PARSED
from spd_faith.language.recognition import language_of
from spd_faith.parsing.answer_text import answer_of, readable
from spd_faith.parsing.differences import parse_differences
from spd_faith.parsing.verdicts import verdict

_NO_LIST: dict[str, Any] = {"has_structured_output": False, "predicted_num": None, "listed_num": 0, "differences": []}


def parse_response(task: str, text: str, failed: bool) -> dict[str, Any]:
    """The columns of a `PARSED` row except `sample_id`. Never raises, whatever the text.

    A yes/no answer has no differences; its status is `free_text` if the verdict is clear, else `failed`.
    """
    if failed:
        return {
            "task": task,
            "parse_status": "no_response",
            **_NO_LIST,
            "verdict": None if task == "describe" else "unclear",
            "language": None,
        }
    language = language_of(readable(answer_of(text)))
    if task == "describe":
        return {"task": task, **parse_differences(text), "language": language}
    found = verdict(text, task)
    status = "free_text" if found in ("same", "differs") else "failed" if answer_of(text).strip() else "empty"
    return {"task": task, "parse_status": status, **_NO_LIST, "verdict": found, "language": language}


def parse_table(responses: pa.Table) -> pa.Table:
    """Parse a table of `RESPONSES` row by row. Raises `UserError` if a (sample, task) is not unique."""
    columns = ("sample_id", "task", "response_text", "finish_reason", "error", "failure")
    rows = []
    given = (responses[name].to_pylist() for name in columns)
    for sample_id, task, text, reason, error, failure in zip(*given, strict=True):
        failed = reason == "error" or error is not None
        row = {"sample_id": sample_id, **parse_response(task, text, failed), "failure": failure}
        rows.append(row | {"verdict": None} if failure == "not_asked" else row)
    keys = [(row["sample_id"], row["task"]) for row in rows]
    check_keys("responses", keys, keys)
    return pa.Table.from_pylist(rows, schema=PARSED)

"""Parses responses into rows of `PARSED`."""

from typing import Any

import pyarrow as pa

from spd_faith.core.files import check_keys
from spd_faith.core.schemas import PARSED, UNANSWERED
from spd_faith.language.recognition import language_of
from spd_faith.parsing.answer_text import answer_of, readable
from spd_faith.parsing.differences import parse_differences
from spd_faith.parsing.verdicts import verdict

_NO_LIST: dict[str, Any] = {"has_structured_output": False, "predicted_num": None, "listed_num": 0, "differences": []}


def parse_response(task: str, text: str, failed: bool) -> dict[str, Any]:
    """The columns of a `PARSED` row except `sample_id` and `failure`. Never raises, whatever the text.

    `failed`: nobody answered, so there is no verdict either. A yes/no answer has no differences; its status is
    `free_text` if the verdict is clear, else `failed`.
    """
    if failed:
        return {
            "task": task,
            "parse_status": "no_response",
            **_NO_LIST,
            "verdict": None,
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
    columns = ("sample_id", "task", "response_text", "failure")
    rows = []
    for sample_id, task, text, failure in zip(*(responses[name].to_pylist() for name in columns), strict=True):
        parsed = parse_response(task, text, failed=failure in UNANSWERED)
        rows.append({"sample_id": sample_id, "failure": failure, **parsed})
    keys = [(row["sample_id"], row["task"]) for row in rows]
    check_keys("responses", keys, keys)
    return pa.Table.from_pylist(rows, schema=PARSED)

"""Reads files of answers as the benchmark's released commands do: a record that cannot be used costs itself alone.

What those commands never look at is ignored. Each record is a sample of its own, also if ids repeat.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from spd_faith.core.config_errors import raise_errors
from spd_faith.inference.answer_files import AnswerFile, GivenAnswers, from_string, read_contents, read_record

_NO_ID = "unknown"  # what the released code writes for a record without an id
_LABELS = (1, 0, -1, None)


@dataclass(frozen=True)
class AnswerRecords:
    """The usable records of a file, and the errors of those left out."""

    file: AnswerFile
    left_out: list[str]


def read_answer_records(path: Path) -> AnswerRecords:
    """Read a .json, .jsonl or .parquet file. Raises `UserError` if it cannot be read or no record can be used."""
    contents = read_contents(path)
    read = [read_record(place, _as_released(value)) for place, value in contents.records]
    left_out = [*contents.errors, *("\n".join(record) for record in read if isinstance(record, list))]
    file = contents.as_file(record for record in read if isinstance(record, GivenAnswers))
    if not file.records:
        raise_errors(left_out)
    return AnswerRecords(file, left_out)


def by_sample(records: list[GivenAnswers]) -> dict[str, list[GivenAnswers]]:
    """The records of each sample, by its id with the split if one is given, in the order of the file.

    A record about tasks that are not answered yet joins the sample of its id. One that answers a task again is another
    sample, and `#2`, `#3`, … is added to its id: the released code counts such records separately.
    """
    samples: dict[str, list[GivenAnswers]] = {}
    answered: dict[str, set[str]] = {}
    for record in records:
        name = given_id(record)
        sample_id, number = name, 1
        while answered.get(sample_id, set()) & set(record.answers):
            number += 1
            sample_id = f"{name}#{number}"
        samples.setdefault(sample_id, []).append(record)
        answered.setdefault(sample_id, set()).update(record.answers)
    return samples


def given_id(record: GivenAnswers) -> str:
    return f"{record.split}/{record.id}" if record.split else record.id


def _as_released(record: Any) -> Any:
    """The record without what the released commands ignore and `read_record` would refuse."""
    if not isinstance(record, dict):
        return record
    kept = dict(record)
    if all(kept.get(key) is None for key in ("sample_id", "qid")):
        kept["sample_id"] = _NO_ID
    if kept.get("model_response") is not None:
        kept.pop("response_text", None)
    if kept.get("parsed_response") is not None:
        kept.pop("structured_output", None)
        kept["parsed_response"] = _with_number_or_none(_from_json(kept["parsed_response"]))
    if not _is_label(kept.get("is_faithful")):
        del kept["is_faithful"]
    return _with_number_or_none(kept)


def _from_json(value: Any) -> Any:
    try:
        return from_string(value) if isinstance(value, str) else value
    except ValueError:
        return value  # `read_record` says what is wrong


def _with_number_or_none(value: Any) -> Any:
    if not isinstance(value, Mapping) or _is_number(value.get("predicted_num")):
        return value
    return {key: one for key, one in value.items() if key != "predicted_num"}


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _is_label(value: Any) -> bool:
    return not isinstance(value, list | dict) and value in _LABELS

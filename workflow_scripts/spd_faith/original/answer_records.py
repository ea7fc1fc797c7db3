"""Reads files of answers as the benchmark's released commands do: a record that cannot be used costs itself alone.

What those commands never look at is ignored. Each record is a sample of its own, also if ids repeat.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from spd_faith.core.config_errors import error_at, raise_errors
from spd_faith.inference.answer_files import (
    AnswerFile,
    GivenAnswers,
    from_string,
    is_number,
    read_contents,
    read_record,
)

_NO_ID = "unknown"  # what the released code writes for a record without an id
_LABELS = (1, 0, -1, None)
_KEYS = {
    "describe": ("response_text", "model_response", "predicted_num", "structured_output", "parsed_response"),
    "same": ("response_same",),
    "different": ("response_different",),
}
_TRUTH_KEYS = ("ground_truth", "modifications")


@dataclass(frozen=True)
class AnswerRecords:
    """The usable records of a file, and the errors of those left out."""

    file: AnswerFile
    left_out: list[str]
    ignored: list[str]
    """The errors in what the command does not need: the file or record is read without it."""


def read_answer_records(path: Path, tasks: Collection[str], with_truths: bool) -> AnswerRecords:
    """Read a .json, .jsonl or .parquet file for a command that needs the answers to `tasks`, and truths or not.

    Raises `UserError` if the file cannot be read or no record can be used.
    """
    contents = read_contents(path)
    needless = {key for task, keys in _KEYS.items() if task not in tasks for key in keys}
    needless |= set() if with_truths else set(_TRUTH_KEYS)
    left_out, ignored = list(contents.errors), [*contents.model_errors, *_several_models(path, contents.records)]
    records = []
    for place, value in contents.records:
        record, errors = _read(place, value, needless)
        if record:
            records.append(record)
        if errors:
            (ignored if record else left_out).append("\n".join(errors))
    if not records:
        raise_errors(left_out)
    return AnswerRecords(contents.as_file(records), left_out, ignored)


def _read(place: str, value: Any, needless: Collection[str]) -> tuple[GivenAnswers | None, list[str]]:
    """The record, without the `needless` keys if they have errors, and the errors."""
    record = read_record(place, _as_released(value))
    if isinstance(record, GivenAnswers):
        return record, []
    if isinstance(value, dict):
        needed = {key: one for key, one in value.items() if key not in needless}
        without = read_record(place, _as_released(needed))
        if isinstance(without, GivenAnswers):
            return without, record
    return None, record


def _several_models(path: Path, records: Iterable[tuple[str, Any]]) -> list[str]:
    named = {record["model"] for _, record in records if isinstance(record, dict) and _is_text(record.get("model"))}
    if len(named) < 2:
        return []
    what = "records of several models, which are read as one"
    return [error_at(f"{path}: model", what, ", ".join(sorted(named)), "a file for each model")]


def by_sample(records: list[GivenAnswers]) -> dict[str, list[GivenAnswers]]:
    """The records of each sample, by its id with the split if one is given, in the order of the file.

    A record about tasks that are not answered yet joins the sample of its id. One that answers a task again is another
    sample, and `#2`, `#3`, … is added to its id: the released code counts such records separately.
    """
    samples: dict[str, list[GivenAnswers]] = {}
    answered: dict[str, set[str]] = {}
    taken: dict[tuple[str, frozenset[str]], int] = {}  # the first numbers of an id where one of the tasks is answered
    for record in records:
        name, tasks = given_id(record), frozenset(record.answers)
        number = taken.get((name, tasks), 0) + 1
        while tasks & answered.get(sample_id := _numbered(name, number), set()):
            number += 1
        samples.setdefault(sample_id, []).append(record)
        answered.setdefault(sample_id, set()).update(tasks)
        taken[name, tasks] = number if tasks else 0
    return samples


def _numbered(name: str, number: int) -> str:
    return name if number == 1 else f"{name}#{number}"


def given_id(record: GivenAnswers) -> str:
    return f"{record.split}/{record.id}" if record.split else record.id


def _as_released(record: Any) -> Any:
    """The record without what the released commands ignore and `read_record` would refuse."""
    if not isinstance(record, dict):
        return record
    kept = dict(record)
    given = kept.pop("qid", None) if kept.get("sample_id") is None else kept["sample_id"]
    kept.pop("qid", None)
    kept["sample_id"] = _NO_ID if given is None else int(given) if _is_whole(given) else given
    if not _is_text(kept.get("split")):
        kept.pop("split", None)
    if kept.get("ground_truth"):
        kept.pop("modifications", None)
    if kept.get("model_response") is not None:
        kept.pop("response_text", None)
    if kept.get("parsed_response") is not None:
        kept.pop("structured_output", None)
        kept["parsed_response"] = _with_number_or_none(_from_json(kept["parsed_response"]))
    if not _is_label(kept.get("is_faithful")):
        del kept["is_faithful"]
    return _with_number_or_none(kept)


def _is_whole(value: Any) -> bool:
    """Whether a value is a float such as 12.0, which pandas writes for 12 in a column with a missing number."""
    return isinstance(value, float) and value.is_integer()


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and bool(value.strip())


def _from_json(value: Any) -> Any:
    try:
        return from_string(value) if isinstance(value, str) else value
    except ValueError:
        return value  # `read_record` says what is wrong


def _with_number_or_none(value: Any) -> Any:
    if not isinstance(value, Mapping) or is_number(value.get("predicted_num")):
        return value
    return {key: one for key, one in value.items() if key != "predicted_num"}


def _is_label(value: Any) -> bool:
    return not isinstance(value, list | dict) and value in _LABELS

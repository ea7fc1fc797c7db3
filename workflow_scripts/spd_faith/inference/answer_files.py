"""Reads files of answers generated elsewhere into one common form.

A record holds the answers about one sample, with the keys of the benchmark's README (`qid`, `response_text`,
`predicted_num`, `structured_output`, `is_faithful`) or of its released evaluation (`sample_id`, `ground_truth`,
`model_response`, `parsed_response`, `response_same`, `response_different`; files {"model", "responses": [...]}; see
eval/*.py of github.com/Johanson-colab/SPD-Faith-Bench at commit 0060864). A record may mix both.
"""

import json
import re
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any

import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from spd_faith.core.config_errors import error_at, explain, raise_errors
from spd_faith.core.errors import UserError
from spd_faith.core.files import sha256
from spd_faith.core.schemas import TASKS
from spd_faith.core.text import writable, writable_json
from spd_faith.inference.reasoning import split_reasoning

LONGEST_TEXT = 1_000_000  # characters; longer texts are not answers
_FAITHFUL = {1: True, 0: False, -1: None}  # True and False are 1 and 0
_ID_KEYS = ("sample_id", "qid")
_ANSWER_KEYS = (
    *("response_text", "model_response", "predicted_num", "structured_output", "parsed_response"),
    *("response_same", "response_different"),
)
_ALLOWED_FILE = 'a list of records, one record, or {"model": …, "responses": [records]}'
_OPENING = re.compile(r"[{\[]")
_MAX_OPENINGS = 200  # positions to try as the start of JSON


@dataclass(frozen=True)
class GivenList:
    """A describe answer as parsed elsewhere; `entries` or `number` is None if none was found."""

    entries: list[Any] | None
    number: int | float | None
    has_list: bool  # criterion of the released evaluation


@dataclass(frozen=True)
class GivenAnswers:
    """The answers about one sample, as stored in a record."""

    place: str  # location of the record for error messages
    id: str
    split: str | None
    texts: Mapping[str, str]  # by task, as given; tasks without a text are missing
    listed: GivenList | None  # None if the record has no parsed `describe` answer
    is_faithful: bool | None
    ground_truth: Mapping[str, Any] | None  # holds `modifications`

    @cached_property
    def answers(self) -> dict[str, tuple[str, str | None]]:
        """(answer, reasoning) of each answered task.

        If `describe` was parsed elsewhere and its text contains no list, the list is appended as JSON, so that it is
        parsed like any answer.
        """
        found = {task: split_reasoning(text) for task, text in self.texts.items()}
        if self.listed:
            text, reasoning = found.get("describe", ("", None))
            given = {"predicted_num": self.listed.number, "structured_output": self.listed.entries}
            given = {key: value for key, value in given.items() if value is not None}
            if given and not _holds_list(text):
                text = f"{text}\n\n{json.dumps(given, ensure_ascii=False)}".lstrip()
            found["describe"] = writable(text), reasoning
        return found


@dataclass(frozen=True)
class AnswerFile:
    path: Path
    model: str  # model name in the file, else the file's name
    sha256: str
    records: list[GivenAnswers]


@dataclass(frozen=True)
class FileContents:
    """A file of answers whose records are not read yet."""

    path: Path
    model: str
    sha256: str
    records: list[tuple[str, Any]]  # place and value
    errors: list[str]  # of lines that are not JSON
    model_errors: list[str]  # of the model's name; its file's name stands for it

    def as_file(self, records: Iterable[GivenAnswers]) -> AnswerFile:
        return AnswerFile(self.path, self.model, self.sha256, list(records))


def read_answer_file(path: Path) -> AnswerFile:
    """The answers in a .json, .jsonl or .parquet file. Raises `UserError` listing the errors of all records."""
    contents = read_contents(path)
    read = [read_record(place, value) for place, value in contents.records]
    raise_errors(
        [
            *contents.model_errors,
            *contents.errors,
            *(error for record in read if isinstance(record, list) for error in record),
        ]
    )
    return contents.as_file(record for record in read if isinstance(record, GivenAnswers))


def read_contents(path: Path) -> FileContents:
    """The records in a .json, .jsonl or .parquet file as they are. Raises `UserError` if it has none."""
    path = Path(path)
    if not path.is_file():
        raise UserError(f"{path}: no such answers file")
    if path.suffix.lower() not in _READERS:
        raise UserError(error_at(str(path), "unknown file type", path.suffix or path.name, _READERS))
    content = path.read_bytes()
    named, records, errors = _READERS[path.suffix.lower()](path, content)
    if not records and not errors:
        raise UserError(error_at(str(path), "no answers", "an empty file", _ALLOWED_FILE))
    is_name = isinstance(named, str) and bool(named.strip())
    wrong = [] if is_name or named is None else [error_at(f"{path}: model", "wrong value", named, "the model's name")]
    model = named if is_name else _shared_model(records) or path.name
    return FileContents(path, model, sha256(content), records, errors, wrong)


def one_answer_each(records: Iterable[tuple[str, GivenAnswers]]) -> dict[tuple[str, str], GivenAnswers]:
    """The record that answers each (sample id, task), from (sample id, record) pairs.

    Raises `UserError` listing all questions with more than one answer.
    """
    answered: dict[tuple[str, str], GivenAnswers] = {}
    errors = []
    for sample_id, record in records:
        for task in record.answers:
            first = answered.setdefault((sample_id, task), record)
            if first is not record:
                errors.append(
                    error_at(f"{record.place}: {task}", f"already answered at {first.place}", record.id, "once")
                )
    raise_errors(errors)
    return answered


def _shared_model(records: Iterable[tuple[str, Any]]) -> str | None:
    """The model that all records name, if they agree."""
    named = {str(record.get("model") or "") if isinstance(record, dict) else "" for _, record in records}
    return named.pop() if len(named) == 1 else None


# ---- files -----------------------------------------------------------------------------------------------------------


_Content = tuple[Any, list[tuple[str, Any]], list[str]]
"""The model that the file names, unchecked; place and value of each record; errors."""


def _read_json(path: Path, content: bytes) -> _Content:
    value = _decoded(str(path), content, ".jsonl, if it has one JSON object per line")
    model = None
    if isinstance(value, dict) and isinstance(value.get("responses"), list):
        model, value = value.get("model"), value["responses"]
    elif isinstance(value, dict) and any(key in value for key in _ID_KEYS):
        value = [value]
    if not isinstance(value, list):
        raise UserError(error_at(str(path), "not a file of answers", value, _ALLOWED_FILE))
    return model, [(f"{path}: record {number}", one) for number, one in enumerate(value, start=1)], []


def _read_lines(path: Path, content: bytes) -> _Content:
    records, errors = [], []
    for number, line in enumerate(content.split(b"\n"), start=1):
        place = f"{path}: line {number}"
        if line.strip(b"\xef\xbb\xbf \t\r"):
            try:
                records.append((place, _decoded(place, line, "one JSON object per line")))
            except UserError as error:
                errors.append(str(error))
    return None, records, errors


def _read_parquet(path: Path, content: bytes) -> _Content:
    try:
        file = pq.ParquetFile(pa.BufferReader(content))
        names = file.schema_arrow.names
        table = file.read(columns=[name for name in (*_Record.model_fields, "model") if name in names])
    except (pa.ArrowInvalid, OSError) as error:
        raise UserError(error_at(str(path), "not a Parquet file", str(error), "a Parquet table")) from None
    for what, keys in (("no column with sample ids", _ID_KEYS), ("no column with answers", _ANSWER_KEYS)):
        if not set(keys) & set(names):
            raise UserError(error_at(str(path), what, ", ".join(names), keys))
    records = [(f"{path}: row {number}", row) for number, row in enumerate(table.to_pylist(), start=1)]
    return None, records, []


_READERS: dict[str, Callable[[Path, bytes], _Content]] = {
    ".json": _read_json,
    ".jsonl": _read_lines,
    ".parquet": _read_parquet,
}


def _decoded(place: str, content: bytes, allowed: str) -> Any:
    try:
        return json.loads(writable_json(content.decode("utf-8-sig")))
    except UnicodeDecodeError as error:
        found = f"byte {content[error.start]:#x} at {error.start + 1}"
        raise UserError(error_at(place, "not in UTF-8", found, "text in UTF-8")) from None
    except json.JSONDecodeError as error:
        found = f"{error.msg} at line {error.lineno}, column {error.colno}" if content.strip() else "an empty file"
        raise UserError(error_at(place, "not valid JSON", found, f"valid JSON; or {allowed}")) from None
    except (ValueError, RecursionError) as error:  # numbers of thousands of digits, thousands of brackets
        raise UserError(error_at(place, "unreadable JSON", str(error), f"valid JSON; or {allowed}")) from None


# ---- records ---------------------------------------------------------------------------------------------------------


def _name(value: Any) -> str | None:
    if value is None or (isinstance(value, str) and value.strip()):
        return value and value.strip()
    if type(value) is int:
        return str(value)
    raise ValueError("wrong value")


def _text(value: Any) -> str | None:
    if value is None:
        return None
    if not isinstance(value, str):
        raise ValueError("not a text")
    if len(value) > LONGEST_TEXT:
        raise ValueError(f"a text of {len(value):,} characters")
    return value


def _number(value: Any) -> int | float | None:
    if value is None:
        return None
    if not is_number(value):
        raise ValueError("not a number")
    return int(value) if value == int(value) else value


def is_number(value: Any) -> bool:
    """Whether a value is a finite number, and no bool. Integers too large for a float are not finite either."""
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= sys.float_info.max


def _label(value: Any) -> bool | None:
    if value is None:
        return None
    if not (isinstance(value, int | float) and value in _FAITHFUL):
        raise ValueError("wrong value")
    return _FAITHFUL[int(value)]


def _entries(value: Any) -> list[Any] | None:
    """A list of differences; may also be nested in an object, a single difference, or any of these as a JSON string."""
    if isinstance(value, str):
        value = from_string(value)
    if isinstance(value, dict):
        inner = [item for item in value.values() if isinstance(item, list)]
        value = [value] if {"type", "category"} & set(value) else inner[0] if len(inner) == 1 else value or []
    if value is None:
        return None
    if not isinstance(value, list):
        raise ValueError("not a list of differences")
    for number, entry in enumerate(value, start=1):
        if not isinstance(entry, dict | list | str):
            raise ValueError(f"entry {number} is not a difference")
    return [_without_nulls(entry) for entry in value]


def from_string(text: str) -> Any:
    try:
        return json.loads(writable_json(text)) if text.strip() else None
    except (ValueError, RecursionError):
        raise ValueError("a string that is not JSON") from None


def _without_nulls(entry: Any) -> Any:
    """Drop null values: tables give every key to every entry."""
    return {key: value for key, value in entry.items() if value is not None} if isinstance(entry, dict) else entry


def _parsed(value: Any) -> GivenList | None:
    if isinstance(value, str):
        value = from_string(value)
    if value is None or isinstance(value, list):
        entries = _entries(value)
        return None if entries is None else GivenList(entries, None, has_list=True)
    if not isinstance(value, dict):
        raise ValueError("not an object")
    flag = value.get("has_structured_output")  # the released code takes any true value
    entries = _entries(value.get("structured_output")) if flag is None or flag else None
    return GivenList(entries, _number(value.get("predicted_num")), has_list=bool(flag))


def _truth(value: Any) -> dict[str, Any] | None:
    if value is None or value == {}:
        return None
    if not isinstance(value, dict):
        raise ValueError("not an object")
    modifications = value.get("modifications")
    if modifications is not None and not isinstance(modifications, list):
        raise ValueError("its modifications are not a list")
    return value if modifications is not None else None


def _modifications(value: Any) -> list[Any] | None:
    if value is not None and not isinstance(value, list):
        raise ValueError("not a list")
    return value


_Name = Annotated[Any, BeforeValidator(_name)]
_ALLOWED_TEXT = f"a text of at most {LONGEST_TEXT:,} characters, or null if there is no answer"
_Text = Annotated[Any, BeforeValidator(_text), Field(description=_ALLOWED_TEXT)]


class _Record(BaseModel):
    """The keys that are read; others are ignored."""

    model_config = ConfigDict(extra="ignore", use_attribute_docstrings=True)

    sample_id: _Name = None
    """the id of a sample: a text or an integer"""
    qid: _Name = None
    """the id of a sample: a text or an integer"""
    split: _Name = None
    """the name of the sample's split"""
    response_text: _Text = None
    model_response: _Text = None
    response_same: _Text = None
    response_different: _Text = None
    predicted_num: Annotated[Any, BeforeValidator(_number)] = None
    """a number, or null if the model stated none"""
    structured_output: Annotated[Any, BeforeValidator(_entries)] = None
    """a list of {"type": …, "category": …}, or null if there is none"""
    parsed_response: Annotated[Any, BeforeValidator(_parsed)] = None
    """{"has_structured_output": …, "structured_output": a list of {"type": …, "category": …}}"""
    is_faithful: Annotated[Any, BeforeValidator(_label)] = None
    """1 or true, 0 or false; -1 or null if unknown"""
    ground_truth: Annotated[Any, BeforeValidator(_truth)] = None
    """{"modifications": a list of {"type": …, "category": …}}"""
    modifications: Annotated[Any, BeforeValidator(_modifications)] = None
    """a list of {"type": …, "category": …}"""


def read_record(place: str, content: Any) -> GivenAnswers | list[str]:
    """A record in the common form, or its errors."""
    if not isinstance(content, dict):
        return [error_at(place, "not a record", content, "an object with the id of a sample and answers")]
    keys = ", ".join(content) or "nothing"
    errors = []
    if not any(content.get(key) is not None for key in _ID_KEYS):
        errors.append(error_at(place, "no sample id", keys, _ID_KEYS))
    if not set(_ANSWER_KEYS) & set(content):
        errors.append(error_at(place, "no answer", keys, _ANSWER_KEYS))
    try:
        given = _Record.model_validate(content)
    except ValidationError as error:
        return errors + [explain(place, (), _Record, details) for details in error.errors()]
    if given.response_text is not None and given.model_response is not None:
        errors.append(error_at(place, "two answers to one task", "response_text, model_response", "one of them"))
    if given.parsed_response is not None and given.structured_output is not None:
        errors.append(error_at(place, "two lists for one answer", "structured_output, parsed_response", "one of them"))
    if errors:
        return errors
    texts = zip(TASKS, (_described(given), given.response_same, given.response_different), strict=True)
    truth = {"modifications": given.modifications} if given.modifications is not None else None
    return GivenAnswers(
        place=place,
        id=given.qid if given.sample_id is None else given.sample_id,
        split=given.split,
        texts={task: text for task, text in texts if text is not None},
        listed=_listed(given),
        is_faithful=given.is_faithful,
        ground_truth=given.ground_truth or truth,
    )


def _described(given: _Record) -> str | None:
    text: str | None = given.model_response if given.response_text is None else given.response_text
    return text


def _listed(given: _Record) -> GivenList | None:
    parsed: GivenList | None = given.parsed_response
    if parsed is not None:
        return parsed
    if given.structured_output is None and given.predicted_num is None:
        return None
    return GivenList(given.structured_output, given.predicted_num, has_list=given.structured_output is not None)


def _holds_list(text: str) -> bool:
    """Whether a text contains complete JSON with a list or a count."""
    at, decoder = 0, json.JSONDecoder()
    for _ in range(_MAX_OPENINGS):
        opening = _OPENING.search(text, at)
        if not opening:
            break
        at = opening.end()
        try:
            value, at = decoder.raw_decode(text, opening.start())
        except (ValueError, RecursionError):
            continue
        if isinstance(value, list) and any(isinstance(item, dict) for item in value):
            return True
        if isinstance(value, dict) and any(isinstance(item, list) or type(item) is int for item in value.values()):
            return True
    return False

"""Loads the answers of one model for judging."""

from collections.abc import Iterable, Sequence
from pathlib import Path

import pyarrow as pa

from spd_faith.core.entries import AnswerPaths
from spd_faith.core.files import check_keys, read_table
from spd_faith.core.schemas import IMAGES, PARSED, RESPONSES, SAMPLES, TASKS
from spd_faith.judging.judge import ModelAnswers, ResponseKey, Row
from spd_faith.judging.unanswered import unjudged

_SAMPLE_COLUMNS = ["sample_id", "width", "height", "differences", "unchanged", "control"]
_RESPONSE_COLUMNS = ["sample_id", "task", "response_text", "failure"]


def load_answers(paths: AnswerPaths) -> ModelAnswers:
    """Load answers from the tables. Raises `UserError` unless each has one row per key."""
    samples = read_table(paths.samples, SAMPLES, _SAMPLE_COLUMNS)
    responses = read_table(paths.responses, RESPONSES, _RESPONSE_COLUMNS)
    parsed = read_table(paths.parsed, PARSED) if paths.parsed else None
    return as_answers(paths.responses.stem, samples, responses, parsed, paths.images)


def as_answers(
    model: str, samples: pa.Table, responses: pa.Table, parsed: pa.Table | None = None, images: Path | None = None
) -> ModelAnswers:
    """Build answers from loaded tables. Raises `UserError` unless each has one row per key."""
    rows = samples.select(_SAMPLE_COLUMNS).to_pylist()
    keys = [(row["sample_id"], task) for row in rows for task in TASKS]
    by_key = _rows_by_key("responses", responses, keys)
    return ModelAnswers(
        model,
        rows,
        by_key,
        _rows_by_key("parsed answers", parsed, keys) if parsed is not None else {},
        _image_shas(images, [row["sample_id"] for row in rows]) if images else {},
        unjudged(rows, by_key),
    )


def _rows_by_key(what: str, table: pa.Table, keys: Iterable[ResponseKey]) -> dict[ResponseKey, Row]:
    rows = table.to_pylist()
    found = [(row["sample_id"], row["task"]) for row in rows]
    check_keys(what, found, keys)
    return dict(zip(found, rows, strict=True))


def _image_shas(images: Path, sample_ids: Sequence[str]) -> dict[str, tuple[str, str]]:
    rows = read_table(images, IMAGES, ["sample_id", "original_sha256", "modified_sha256"]).to_pylist()
    check_keys(str(images), [row["sample_id"] for row in rows], sample_ids)
    return {row["sample_id"]: (row["original_sha256"], row["modified_sha256"]) for row in rows}

"""Turns answers generated elsewhere into responses of a model: one row per sample and task."""

import logging
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import pyarrow as pa

from spd_faith.core.config_errors import error_at
from spd_faith.core.controls import is_control
from spd_faith.core.errors import UserError
from spd_faith.core.schemas import TASKS
from spd_faith.inference.answer_files import AnswerFile, GivenAnswers, one_answer_each
from spd_faith.inference.answers import Answer, not_asked, outcome_columns

log = logging.getLogger(__name__)
_MAX_NAMES = 10  # names to list in messages
_NO_PROMPT = ""  # prompt_sha: the prompt is unknown


@dataclass(frozen=True)
class ImportedResponses:
    rows: list[dict[str, Any]]  # rows of `RESPONSES`
    unknown: list[str]  # ids in the file that are not in the dataset
    ambiguous: list[str]  # ids in the file that match more than one sample
    missing: list[tuple[str, str]]  # (sample, task) without an answer, except controls
    texts: dict[tuple[str, str], str]  # by (sample, task), as in the file

    def counts(self) -> dict[str, Any]:
        """The numbers of unmatched ids and missing answers, with the first names of each."""
        missing = [f"{sample_id} ({task})" for sample_id, task in self.missing]
        lists = {"unknown": self.unknown, "ambiguous": self.ambiguous, "missing": missing}
        return {name: {"count": len(names), "first": names[:_MAX_NAMES]} for name, names in lists.items()}


def import_responses(file: AnswerFile, samples: pa.Table) -> ImportedResponses:
    """The answers in a file about `samples`, which has sample_id, split, image_id and control.

    A record's id is a sample_id, or an image_id that matches one sample (of the record's split, if given); controls
    match by sample_id only. Raises `UserError` if two records answer one question, or if no record matches the dataset.
    """
    samples_of = SampleFinder(samples.select(["sample_id", "split", "image_id", "control"]).to_pylist())
    sample_ids = [str(sample_id) for sample_id in samples["sample_id"].to_pylist()]
    found: list[tuple[str, GivenAnswers]] = []
    unknown: list[str] = []
    ambiguous: list[str] = []
    for record in file.records:
        named = samples_of(record)
        if len(named) == 1:
            found.append((named[0], record))
        else:
            (ambiguous if named else unknown).append(record.id)
    if not found:
        expected = ", ".join(sample_ids[:3])
        what = f"none of its {len(file.records)} records matches a sample of the dataset"
        raise UserError(
            error_at(str(file.path), what, ", ".join([*unknown, *ambiguous][:3]), f"ids such as {expected}")
        )
    answered = one_answer_each(found)
    keys = [(sample_id, task) for task in TASKS for sample_id in sample_ids]
    controls = {row["sample_id"] for row in samples.select(["sample_id", "control"]).to_pylist() if is_control(row)}
    missing = [key for key in keys if key not in answered and key[0] not in controls]
    texts = {key: record.texts[key[1]] for key, record in answered.items() if key[1] in record.texts}
    return ImportedResponses(response_rows(keys, answered), unknown, ambiguous, missing, texts)


class SampleFinder:
    """Looks up samples by the id of a record; `samples` have sample_id, split, image_id and control."""

    def __init__(self, samples: Iterable[Mapping[str, Any]]) -> None:
        self._ids = set()
        self._by_image: dict[tuple[str | None, str], list[str]] = defaultdict(list)
        for sample in samples:
            self._ids.add(sample["sample_id"])
            if not is_control(sample):
                for split in (None, sample["split"]):
                    self._by_image[split, sample["image_id"]].append(sample["sample_id"])

    def __call__(self, record: GivenAnswers) -> list[str]:
        """The samples that a record matches."""
        return [record.id] if record.id in self._ids else self._by_image.get((record.split, record.id), [])


def response_rows(
    keys: Iterable[tuple[str, str]], answered: Mapping[tuple[str, str], GivenAnswers]
) -> list[dict[str, Any]]:
    """Rows of `RESPONSES`, one per (sample id, task) in `keys`."""
    rows = []
    for sample_id, task in keys:
        record = answered.get((sample_id, task))
        content = _content(record, task) if record else not_asked("no answer in the file")
        label = record.is_faithful if record else None
        rows.append({"sample_id": sample_id, "task": task, "prompt_sha": _NO_PROMPT, **content, "is_faithful": label})
    return rows


def _content(record: GivenAnswers, task: str) -> dict[str, Any]:
    text, reasoning = record.answers[task]
    answer = Answer(
        response_text=text,
        reasoning_text=reasoning,
        response_token_ids=None,
        finish_reason="stop",
        prompt_tokens=None,
        generated_tokens=None,
        seconds=0.0,
        usd=None,
        attempts=1,
        batch_size=None,
        error=None,
    )
    return outcome_columns(asdict(answer))


def log_import(imported: ImportedResponses, samples: int) -> None:
    """Log the number of imported answers, and what is missing or unmatched."""
    found = sum(row["error"] is None for row in imported.rows)
    log.info("%d answers about %d samples", found, samples)
    meanings = {
        "unknown": "ids in the file are not in the dataset",
        "ambiguous": "ids in the file match more than one sample; add `split`, or use the full sample_id",
        "missing": "answers are missing in the file; each is `not_asked`: not scored, and it lowers the coverage",
    }
    for name, summary in imported.counts().items():
        if summary["count"]:
            more = ", …" if summary["count"] > len(summary["first"]) else ""
            log.warning("%d %s: %s%s", summary["count"], meanings[name], ", ".join(summary["first"]), more)

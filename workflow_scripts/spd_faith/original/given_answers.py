"""Answers to probe that were generated elsewhere: the pairs they belong to, and their texts as tokens."""

import logging
from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa

from spd_faith.core.config_errors import error_at
from spd_faith.core.controls import NO_CONTROL
from spd_faith.dataset.pairs import Pair, PairTruth
from spd_faith.inference.answer_files import AnswerFile, GivenAnswers
from spd_faith.inference.imported_responses import ImportedResponses, import_responses
from spd_faith.original.found_pairs import DEFAULT_SPLIT, NO_TRUTH, FoundPair, stated_truth
from spd_faith.original.probe_folders import first_match, merged_pair, named_image
from spd_faith.original.truths import MODIFICATION_KEYS

log = logging.getLogger(__name__)


def pairs_named_by_answers(records: Iterable[GivenAnswers], folder: Path) -> Iterator[FoundPair]:
    """One pair for each id, with the image in `folder` that is named after the id.

    The truth is the record's `ground_truth`, without boxes; without one the pair has no differences.
    """
    by_id: dict[tuple[str, str], list[GivenAnswers]] = {}
    for record in records:
        by_id.setdefault((record.split or DEFAULT_SPLIT, record.id), []).append(record)
    for row, ((split, image_id), of_pair) in enumerate(by_id.items()):
        if path := named_image(folder, image_id) or first_match(folder, image_id):
            truth, errors = _truth(of_pair)
            yield FoundPair(image_id, merged_pair(path, image_id, row, truth, split), errors)
        else:
            allowed = f"{image_id}.jpg or {image_id}_*.jpg in {folder}"
            yield FoundPair(image_id, None, [error_at(of_pair[0].place, "no image of this name", image_id, allowed)])


def _truth(records: Iterable[GivenAnswers]) -> tuple[PairTruth, list[str]]:
    for record in records:
        if record.ground_truth is not None:
            known = [_without_boxes(one) for one in record.ground_truth["modifications"]]
            return stated_truth({"modifications": known}, f"{record.place}: ground_truth")
    return NO_TRUTH, []


def _without_boxes(modification: Any) -> Any:
    if not isinstance(modification, Mapping):
        return modification
    return {key: value for key, value in modification.items() if key in MODIFICATION_KEYS}


def answers_about(pairs: Iterable[Pair], file: AnswerFile) -> ImportedResponses:
    """The answers about the pairs. Logs how many records match no single pair, and how many pairs have no answer."""
    keys = [
        {"sample_id": pair.sample_id, "split": pair.split, "image_id": pair.image_id, "control": NO_CONTROL}
        for pair in pairs
    ]
    imported = import_responses(file, pa.Table.from_pylist(keys))
    if unmatched := len(imported.unknown + imported.ambiguous):
        log.warning("%d records of %s match no pair, or more than one; they are skipped", unmatched, file.path)
    if unanswered := len(keys) - len(answered_samples(imported)):
        log.warning("%d pairs have no answer in %s; they are skipped", unanswered, file.path)
    return imported


def answered_samples(imported: ImportedResponses) -> set[str]:
    """Ids of the samples that have a text."""
    return {sample_id for sample_id, _ in imported.texts}


def answers_as_tokens(imported: ImportedResponses, sample_ids: Collection[str], tokenizer: Any) -> list[dict[str, Any]]:
    """The rows of `RESPONSES` of the samples, with the token ids of the texts; the ids are null without a text.

    Only the text is tokenised: no end token is added, because it is unknown whether one was generated. A label given
    with one answer holds for all answers of its sample. `tokenizer` is a tokenizer of transformers.
    """
    texts = imported.texts
    rows = [row for row in imported.rows if row["sample_id"] in sample_ids]
    labels = {row["sample_id"]: row["is_faithful"] for row in rows if row["is_faithful"] is not None}
    keys = [key for row in rows if texts.get(key := (row["sample_id"], row["task"]))]
    encoded = tokenizer([texts[key] for key in keys], add_special_tokens=False)["input_ids"] if keys else []
    token_ids = dict(zip(keys, encoded, strict=True))
    return [
        {
            **row,
            "response_token_ids": (ids := token_ids.get((row["sample_id"], row["task"]))),
            "generated_tokens": None if ids is None else len(ids),
            "is_faithful": labels.get(row["sample_id"]),
        }
        for row in rows
    ]

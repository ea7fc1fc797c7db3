"""Answers to probe that were generated elsewhere: the pairs they belong to, and their texts as tokens."""

import logging
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa

from spd_faith.core.config_errors import error_at, raise_errors
from spd_faith.core.controls import NO_CONTROL
from spd_faith.dataset.pairs import IMAGE_FORMATS, ImageFile, Pair, PairTruth, image_errors, read_strict
from spd_faith.inference.answer_files import AnswerFile, GivenAnswers
from spd_faith.inference.imported_responses import ImportedResponses, import_responses
from spd_faith.original.truths import MODIFICATION_KEYS

_SUFFIXES = (".jpg", ".jpeg", ".png", ".webp")
_DEFAULT_SPLIT = "pairs"

log = logging.getLogger(__name__)


def holds_images(folder: Path) -> bool:
    """Whether images are in the folder itself, not in folders of pairs."""
    return any(path.suffix.lower() in _SUFFIXES for path in folder.iterdir())


def pairs_named_by_answers(records: Iterable[GivenAnswers], folder: Path, limit: int | None = None) -> list[Pair]:
    """One pair for each of the first `limit` ids, with the merged image in `folder` that is named after the id.

    The truth is the record's `ground_truth`; without one the pair has no differences. Raises `UserError` with all
    errors at once.
    """
    by_id: dict[tuple[str, str], list[GivenAnswers]] = {}
    for record in records:
        by_id.setdefault((record.split or _DEFAULT_SPLIT, record.id), []).append(record)
    pairs, errors = [], []
    for row, ((split, image_id), of_pair) in enumerate(list(by_id.items())[:limit]):
        place = of_pair[0].place
        paths = [path for suffix in _SUFFIXES if (path := folder / f"{image_id}{suffix}").is_file()]
        truth = _truth(next((one for one in of_pair if one.ground_truth is not None), None))
        if isinstance(truth, list):
            errors += truth
        elif not paths:
            allowed = f"{IMAGE_FORMATS} named {image_id}{_SUFFIXES[0]} in {folder}"
            errors.append(error_at(place, "no merged image for this id", image_id, allowed))
        else:
            pairs.append(Pair(place, split, row, image_id, {"merged": ImageFile(str(paths[0]), paths[0])}, truth))
            errors += image_errors(pairs[-1])
    raise_errors(errors)
    return pairs


def _truth(record: GivenAnswers | None) -> PairTruth | list[str]:
    if record is None or record.ground_truth is None:
        return PairTruth.model_construct(modifications=[])  # unknown, which validation would refuse
    known = [
        {key: one[key] for key in MODIFICATION_KEYS if one.get(key) is not None} if isinstance(one, Mapping) else one
        for one in record.ground_truth["modifications"]
    ]
    return read_strict(PairTruth, {"modifications": known}, f"{record.place}: ground_truth")


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

"""Answers made elsewhere, to be probed: whose pictures they are about, and their texts as tokens."""

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

_SUFFIXES = (".jpg", ".jpeg", ".png", ".webp")
_KNOWN = ("type", "category", "description", "original_color", "target_color")  # of a difference; boxes of which size?
_SPLIT = "pairs"  # of a record that names none

log = logging.getLogger(__name__)


def holds_images(folder: Path) -> bool:
    """Whether pictures lie in the folder itself, and not in folders of pairs."""
    return any(path.suffix.lower() in _SUFFIXES for path in folder.iterdir())


def pairs_named_by_answers(records: Iterable[GivenAnswers], folder: Path, limit: int | None = None) -> list[Pair]:
    """A pair for each id, the first `limit` of them, whose merged picture lies in a folder under the id's name.

    The truth is the record's `ground_truth`; without one the pair has no differences. Raises `UserError` with all
    faults at once.
    """
    by_id: dict[tuple[str, str], list[GivenAnswers]] = {}
    for record in records:
        by_id.setdefault((record.split or _SPLIT, record.id), []).append(record)
    pairs, faults = [], []
    for row, ((split, image_id), of_pair) in enumerate(list(by_id.items())[:limit]):
        place = of_pair[0].place
        paths = [path for suffix in _SUFFIXES if (path := folder / f"{image_id}{suffix}").is_file()]
        truth = _truth(next((one for one in of_pair if one.ground_truth is not None), None))
        if isinstance(truth, list):
            faults += truth
        elif not paths:
            allowed = f"{IMAGE_FORMATS} named {image_id}{_SUFFIXES[0]} in {folder}"
            faults.append(error_at(place, "no merged picture of this id", image_id, allowed))
        else:
            pairs.append(Pair(place, split, row, image_id, {"merged": ImageFile(str(paths[0]), paths[0])}, truth))
            faults += image_errors(pairs[-1])
    raise_errors(faults)
    return pairs


def _truth(told: GivenAnswers | None) -> PairTruth | list[str]:
    if told is None or told.ground_truth is None:
        return PairTruth.model_construct(modifications=[])  # not known, which a file cannot say of itself
    known = [
        {key: one[key] for key in _KNOWN if one.get(key) is not None} if isinstance(one, Mapping) else one
        for one in told.ground_truth["modifications"]
    ]
    return read_strict(PairTruth, {"modifications": known}, f"{told.place}: ground_truth")


def answers_about(pairs: Iterable[Pair], file: AnswerFile) -> ImportedResponses:
    """The answers about the pairs. Records about none of them are told, and so are pairs that none is about."""
    keys = [
        {"sample_id": pair.sample_id, "split": pair.split, "image_id": pair.image_id, "control": NO_CONTROL}
        for pair in pairs
    ]
    imported = import_responses(file, pa.Table.from_pylist(keys))
    if astray := len(imported.unknown + imported.ambiguous):
        log.warning("%d records of %s are about no pair here, or about more than one: left out", astray, file.path)
    if without := len(keys) - len(answered_samples(imported)):
        log.warning("%d pairs have no answer in %s: left out", without, file.path)
    return imported


def answered_samples(imported: ImportedResponses) -> set[str]:
    """Ids of the samples that have a text."""
    return {sample_id for sample_id, _ in imported.texts}


def answers_as_tokens(imported: ImportedResponses, sample_ids: Collection[str], tokenizer: Any) -> list[dict[str, Any]]:
    """The rows of `RESPONSES` of the samples, with the token ids of the texts; no ids where there is no text.

    Nothing is put before or after a text: no end token, for nobody knows whether one was generated. A label of one of a
    sample's answers is the sample's. `tokenizer` is one of transformers.
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

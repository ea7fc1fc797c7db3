"""The pairs that probe.py probes, and their answers if they are given."""

from dataclasses import dataclass, replace

from spd_faith.core.errors import UserError
from spd_faith.dataset.entries import FolderDataset, JsonlDataset
from spd_faith.dataset.merged import LAYOUT_NAMES
from spd_faith.dataset.own_pairs import check_pairs
from spd_faith.dataset.pairs import Pair
from spd_faith.inference.answer_files import AnswerFile, read_answer_file
from spd_faith.inference.imported_responses import ImportedResponses
from spd_faith.original.answer_tables import answered_tasks
from spd_faith.original.given_answers import answered_samples, answers_about, holds_images, pairs_named_by_answers
from spd_faith.original.probe_settings import NO_PAIRS, ProbeSettings
from spd_faith.probes.registry import PROBES

_LAYOUT_HINT = f"--layout {LAYOUT_NAMES}"


@dataclass(frozen=True)
class ProbedPairs:
    pairs: list[Pair]
    imported: ImportedResponses | None
    """The answers of `comparison_result`, with at least one for each pair; None if the model is asked."""


def read_probed_pairs(settings: ProbeSettings) -> ProbedPairs:
    """Read the first `max_samples` pairs; with `comparison_result`, the first that have an answer."""
    limit = settings.max_samples
    if settings.comparison_result is None:
        pairs, imported = _read_pairs(settings, limit), None
    else:
        file = read_answer_file(settings.comparison_result)
        _check_tasks(file, settings.probes)
        if not settings.input_file and settings.image_dir and holds_images(settings.image_dir):
            pairs = pairs_named_by_answers(file.records, settings.image_dir, limit)
        else:
            pairs = _read_pairs(settings, limit=None)
        imported = answers_about(pairs, file)
        answered = answered_samples(imported)
        pairs = [pair for pair in pairs if pair.sample_id in answered]
    pairs = [replace(pair, layout=settings.layout or pair.layout, layout_hint=_LAYOUT_HINT) for pair in pairs]
    return ProbedPairs(pairs[:limit], imported)


def _check_tasks(file: AnswerFile, probes: list[str]) -> None:
    for probe in probes:
        if missing := set(PROBES[probe].needed_tasks) - answered_tasks(file):
            keys = " or ".join(f"response_{task}" for task in sorted(missing))
            raise UserError(f"{file.path}: no record has {keys}, and {probe} compares the two answers")


def _read_pairs(settings: ProbeSettings, limit: int | None) -> list[Pair]:
    """The first `limit` pairs of each split; later images are not opened."""
    if settings.input_file:
        images = str(settings.image_dir) if settings.image_dir else None
        return check_pairs(JsonlDataset(source="jsonl", path=str(settings.input_file), image_dir=images, limit=limit))
    if (folder := settings.multi_diff_dir or settings.image_dir) is None:
        raise UserError(NO_PAIRS)
    return check_pairs(FolderDataset.of_folder(folder, limit))

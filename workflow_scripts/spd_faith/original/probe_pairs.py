"""The pairs that probe.py probes, and their answers or labels if they are given."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from spd_faith.core.config_errors import error_at
from spd_faith.core.errors import UserError
from spd_faith.dataset.merged import LAYOUT_NAMES
from spd_faith.dataset.pairs import Pair
from spd_faith.inference.answer_files import AnswerFile, read_answer_file
from spd_faith.inference.imported_responses import ImportedResponses
from spd_faith.original.answer_tables import answered_tasks
from spd_faith.original.comparison_results import Compared, compared_pairs, read_comparison
from spd_faith.original.found_pairs import FoundPair, PairChoice
from spd_faith.original.given_answers import answered_samples, answers_about, pairs_named_by_answers
from spd_faith.original.probe_folders import holds_images, pairs_of_folders, pairs_of_images
from spd_faith.original.probe_lines import line_pairs
from spd_faith.original.probe_settings import NO_PAIRS, ProbeSettings
from spd_faith.probes.registry import PROBES

_LAYOUT_HINT = f"--layout {LAYOUT_NAMES}"


@dataclass(frozen=True)
class ProbedPairs:
    pairs: list[Pair]
    imported: ImportedResponses | None = None
    """The answers of `comparison_result`, with at least one for each pair; None if the model is asked."""
    contradictory: Mapping[str, bool] = field(default_factory=dict)
    """Labels of `comparison_result` by sample."""
    records: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """What the line or record of a sample says, by sample."""


def read_probed_pairs(settings: ProbeSettings) -> ProbedPairs:
    """Read the first `max_samples` usable pairs, and log which are left out.

    With answers in `comparison_result`, the first that have one; with labels, the first of each label. Raises
    `UserError` if there is none.
    """
    choice = PairChoice(settings.sample_ids)
    contradictory: dict[str, bool] = {}
    imported = None
    if settings.comparison_result is None:
        taken = choice.take(_found_pairs(settings), settings.max_samples)
        choice.report()
    elif (compared := read_comparison(settings.comparison_result)) is not None:
        taken, contradictory = _labelled_pairs(settings, compared, choice)
        choice.report()
    else:
        file = read_answer_file(settings.comparison_result)
        _check_tasks(file, settings.probes)
        taken = choice.take(_pairs_of_answers(settings, file))
        choice.report()
        imported = answers_about(_pairs(taken), file)
        answered = answered_samples(imported)
        taken = [one for one in taken if one.pair and one.pair.sample_id in answered][: settings.max_samples]
    pairs = _pairs(taken)
    records = {pair.sample_id: one.record for pair, one in zip(pairs, taken, strict=True)}
    pairs = [replace(pair, layout=settings.layout or pair.layout, layout_hint=_LAYOUT_HINT) for pair in pairs]
    return ProbedPairs(pairs, imported, contradictory, records)


def _pairs(found: Sequence[FoundPair]) -> list[Pair]:
    return [one.pair for one in found if one.pair]


def _found_pairs(settings: ProbeSettings) -> Iterator[FoundPair]:
    if settings.input_file:
        return line_pairs(settings.input_file, settings.image_dir)
    if (folder := settings.multi_diff_dir or settings.image_dir) is None:
        raise UserError(NO_PAIRS)
    if settings.image_dir and holds_images(folder):
        return pairs_of_images(folder)
    return pairs_of_folders(folder)


def _labelled_pairs(
    settings: ProbeSettings, compared: list[Compared], choice: PairChoice
) -> tuple[list[FoundPair], dict[str, bool]]:
    """The first `max_samples` pairs of each label, in the order of the records, and the labels by sample."""
    folder = settings.image_dir or settings.multi_diff_dir
    if settings.input_file or folder is None:
        found, allowed = str(settings.comparison_result), "--image_dir FOLDER, without --input_file"
        raise UserError(error_at("--comparison_result", "its images are looked up in a folder", found, allowed))
    taken, labels = [], {}
    for label in (True, False):
        records = [record for record in compared if record.is_contradictory == label]
        of_label = choice.take(compared_pairs(records, folder), settings.max_samples)
        labels.update(dict.fromkeys((pair.sample_id for pair in _pairs(of_label)), label))
        taken += of_label
    return sorted(taken, key=lambda one: one.pair.row if one.pair else 0), labels


def _pairs_of_answers(settings: ProbeSettings, file: AnswerFile) -> Iterator[FoundPair]:
    folder = settings.image_dir
    if folder and not settings.input_file and holds_images(folder):
        return pairs_named_by_answers(file.records, folder)
    return _found_pairs(settings)


def _check_tasks(file: AnswerFile, probes: list[str]) -> None:
    for probe in probes:
        if missing := set(PROBES[probe].needed_tasks) - answered_tasks(file):
            keys = " or ".join(f"response_{task}" for task in sorted(missing))
            raise UserError(f"{file.path}: no record has {keys}, and {probe} compares the two answers")

"""Pairs as probe.py finds them. One that cannot be used is left out, counted and reported; the others stay."""

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from spd_faith.core.config_errors import NOTHING, error_at
from spd_faith.core.errors import UserError
from spd_faith.dataset.merged import LAYOUTS, MergedLayout
from spd_faith.dataset.pairs import Modification, Pair, PairTruth, file_errors, read_strict

DEFAULT_SPLIT = "pairs"
NO_TRUTH = PairTruth.model_construct(modifications=[])  # unknown, which validation would refuse

_MAX_SHOWN = 10  # errors to list in a message
_LABELS = {1: True, 0: False, -1: None, None: None}  # True and False are 1 and 0
_QUESTION_KEYS = ("question", "question_same", "question_open")

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class FoundPair:
    """What a line, a folder, an image or a record gives."""

    image_id: str | None
    """None if it cannot be read."""
    pair: Pair | None
    """None if it cannot be used."""
    errors: Sequence[str] = ()
    """Why it cannot be used; of a usable pair, why its truth or label is not."""
    record: Mapping[str, Any] = field(default_factory=dict)
    """The content of its line or record."""


class PairChoice:
    """Takes the usable pairs, all or those with given ids, and counts the others."""

    def __init__(self, ids: Sequence[str] | None) -> None:
        self._ids = ids
        self._found_ids: set[str] = set()
        self._left_out: list[str] = []
        self._without_truth: list[str] = []
        self._num_taken = 0

    def take(self, found: Iterable[FoundPair], limit: int | None = None) -> list[FoundPair]:
        """The first `limit` usable pairs; the images of later ones are not opened."""
        taken: list[FoundPair] = []
        for one in found:
            if len(taken) == limit:
                break
            if not self._is_wanted(one):
                continue
            errors = list(one.errors if one.pair is None else file_errors(one.pair))
            if one.pair is None or errors:
                self._left_out.append("\n".join(errors))
                continue
            self._without_truth += one.errors
            taken.append(one)
        self._num_taken += len(taken)
        return taken

    def report(self) -> None:
        """Log what was left out. Raises `UserError` if no pair was taken."""
        if not self._num_taken:
            raise UserError(self._why_none())
        if self._left_out:
            log.warning("pairs left out: %d\n%s", len(self._left_out), first_errors(self._left_out))
        if self._without_truth:
            what = "errors in truths and labels, which are used as unknown"
            log.warning("%s: %d\n%s", what, len(self._without_truth), first_errors(self._without_truth))
        if missing := [name for name in self._ids or () if name not in self._found_ids]:
            log.warning("--sample_ids that match no pair: %d (%s)", len(missing), ", ".join(missing))

    def _why_none(self) -> str:
        if self._left_out:
            return f"none of {len(self._left_out)} pairs can be used\n{first_errors(self._left_out)}"
        if self._ids:
            return error_at("--sample_ids", "no such pairs", ", ".join(self._ids), "ids of pairs")
        return error_at("pairs", "no pairs", NOTHING, "at least one pair")

    def _is_wanted(self, found: FoundPair) -> bool:
        if self._ids is None or found.image_id is None:
            return True
        names = {found.image_id, found.pair.sample_id if found.pair else found.image_id}
        matching = {wanted for wanted in self._ids if any(_is_same_id(wanted, name) for name in names)}
        self._found_ids |= matching
        return bool(matching)


def _is_same_id(wanted: str, name: str) -> bool:
    return wanted == name or (wanted.isdecimal() and name.isdecimal() and int(wanted) == int(name))


def first_errors(errors: Sequence[str]) -> str:
    """The first errors as lines, and how many follow."""
    more = [f"… and {len(errors) - _MAX_SHOWN} more"] if len(errors) > _MAX_SHOWN else []
    return "\n".join([*errors[:_MAX_SHOWN], *more])


def stated_truth(content: Mapping[str, Any], place: str) -> tuple[PairTruth, list[str]]:
    """The truth in a line, record or file, and the errors in it.

    Differences are those in `modifications` or `ground_truth`; further keys are ignored. Differences or a label with an
    error are unknown, like missing ones.
    """
    differences, errors = _stated_differences(content, place)
    label = content.get("is_faithful")
    if label not in list(_LABELS):  # not in the dictionary: a label may be a list
        errors.append(error_at(f"{place}: is_faithful", "wrong value", label, "1, 0, or -1 if unknown"))
        label = None
    questions = (content.get(key) for key in _QUESTION_KEYS)
    question = next((one for one in questions if isinstance(one, str)), None)
    truth = PairTruth.model_construct(modifications=differences, is_faithful=_LABELS[label], question=question)
    return truth, errors


def stated_layout(content: Mapping[str, Any]) -> MergedLayout | None:
    """The layout of the merged image; None if none is stated."""
    return next((layout for layout in LAYOUTS if layout == content.get("layout")), None)


def _stated_differences(content: Mapping[str, Any], place: str) -> tuple[list[Modification], list[str]]:
    stated = content.get("modifications")
    if stated is None:
        of_truth = content.get("ground_truth")
        stated = of_truth.get("modifications") if isinstance(of_truth, Mapping) else of_truth
    if stated is None or stated == []:
        return [], []
    if isinstance(stated, list):
        stated = [_known_keys(one) for one in stated]
    read = read_strict(PairTruth, {"modifications": stated}, place)
    return ([], read) if isinstance(read, list) else (read.modifications, [])


def _known_keys(modification: Any) -> Any:
    """A difference without unknown keys, except for the `error` of one that the released generator did not make."""
    if not isinstance(modification, Mapping):
        return modification
    known = {*Modification.model_fields, "error"}
    return {key: value for key, value in modification.items() if key in known}

"""The kinds of controls: pairs derived from pairs of the dataset, which are in no headline number.

A kind declares which questions its pairs are asked, which metrics are judged, and how its pairs are made from a base
pair. To add a kind, add it here and describe it in docs/controls.md. The images are made by `controlled_pair.py`, so
that this module loads neither Pillow nor numpy.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from spd_faith.core.difference_types import Attribute, DifferenceType
from spd_faith.core.schemas import JUDGED_METRICS, TASKS

if TYPE_CHECKING:
    from spd_faith.dataset.controlled_pair import BasePair


@dataclass(frozen=True)
class ControlPair:
    """A control made from a base pair; what is not stated is as in the base pair."""

    images: tuple[bytes, bytes]
    """Encoded bytes of the first and the second image."""
    truth: Mapping[str, Any]
    """The columns `differences` and `unchanged` of `SAMPLES`."""
    number: int | None = None
    """Index in the base pair's differences of the one that it is about, if it is about one."""


@dataclass(frozen=True)
class LeftOut:
    """A control that cannot be made, and why."""

    reason: str


Made = Iterator[ControlPair | LeftOut]


@dataclass(frozen=True)
class ControlKind:
    """A kind of control, by the value of the column `control`."""

    name: str
    tasks: tuple[str, ...]
    """The questions that its pairs are asked; the others have rows with the failure `not_asked`."""
    judged: tuple[str, ...]
    """The metrics that are judged; the others have judgements with the status `not_asked`."""
    make: Callable[["BasePair"], Made] = field(repr=False)
    """The controls made from a base pair."""


def _identical(base: "BasePair") -> Made:
    yield ControlPair((base.original, base.as_second(base.original)), base.undone_truth(range(len(base.differences))))


def _blind(base: "BasePair") -> Made:
    yield ControlPair(base.grey_images(), {"differences": [], "unchanged": None})


def _swapped(base: "BasePair") -> Made:
    differences = [_reversed(difference) for difference in base.differences]
    images = base.modified, base.as_second(base.original)
    yield ControlPair(images, {"differences": differences, "unchanged": base.unchanged})


def _undone(base: "BasePair") -> Made:
    for number in range(len(base.differences)):
        if reason := base.why_not_undone(number):
            yield LeftOut(reason)
        else:
            yield ControlPair((base.original, base.undone_image(number)), base.undone_truth([number]), number)


def _null_paste(base: "BasePair") -> Made:
    pasted = base.unchanged_pasted()
    if isinstance(pasted, LeftOut):
        yield pasted
    else:
        truth = {"differences": base.differences, "unchanged": base.unchanged}
        yield ControlPair((base.original, pasted), truth)


def _reversed(difference: Mapping[str, Any]) -> dict[str, Any]:
    """The difference seen from the modified image. The description is dropped, for it states the other direction."""
    kind = DifferenceType(difference["type"])
    boxes = {"bbox": difference["bbox_after"], "bbox_after": difference["bbox"]}
    if difference["bbox_after"] is None and kind.absent_from is None and kind.changes != Attribute.PLACE:
        boxes = {"bbox": difference["bbox"], "bbox_after": None}  # of an object that stays in place, one box is stated
    return {**difference, **boxes, "description": None}


CONTROLS = {
    kind.name: kind
    for kind in (
        ControlKind("identical", TASKS, ("drf",), _identical),
        ControlKind("blind", TASKS, (), _blind),
        ControlKind("swapped", TASKS, ("cr",), _swapped),
        ControlKind("undone", ("describe",), (), _undone),
        ControlKind("null_paste", ("describe",), (), _null_paste),
    )
}


def asked_tasks(control: str) -> tuple[str, ...]:
    """The questions about a pair with this value of the column `control`."""
    return CONTROLS[control].tasks if control in CONTROLS else TASKS


def judged_metrics(control: str) -> tuple[str, ...]:
    """The metrics judged for a pair with this value of the column `control`."""
    return CONTROLS[control].judged if control in CONTROLS else JUDGED_METRICS

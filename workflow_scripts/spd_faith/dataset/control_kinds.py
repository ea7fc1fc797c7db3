"""The kinds of controls: pairs derived from pairs of the dataset, which are in no headline number.

A kind declares which questions its pairs are asked and which metrics are judged; how its pairs are made is in
`controls.py`. To add a kind, add it here and its images there.
"""

from dataclasses import dataclass

from spd_faith.core.schemas import JUDGED_METRICS, TASKS


@dataclass(frozen=True)
class ControlKind:
    """A kind of control, by the value of the column `control`."""

    name: str
    tasks: tuple[str, ...]
    """The questions that its pairs are asked; the others have rows with the failure `not_asked`."""
    judged: tuple[str, ...]
    """The metrics that are judged; the others have judgements with the status `not_asked`."""


CONTROLS = {
    kind.name: kind
    for kind in (
        ControlKind("identical", TASKS, ("drf",)),
        ControlKind("blind", TASKS, ()),
        ControlKind("swapped", TASKS, ("cr",)),
        ControlKind("undone", ("describe",), ()),
        ControlKind("null_paste", ("describe",), ()),
    )
}


def asked_tasks(control: str) -> tuple[str, ...]:
    """The questions about a pair with this value of the column `control`."""
    return CONTROLS[control].tasks if control in CONTROLS else TASKS


def judged_metrics(control: str) -> tuple[str, ...]:
    """The metrics judged for a pair with this value of the column `control`."""
    return CONTROLS[control].judged if control in CONTROLS else JUDGED_METRICS

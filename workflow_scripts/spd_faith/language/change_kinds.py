"""The changes that an answer can assert: the benchmark's types of difference and others."""

from enum import StrEnum
from typing import Self

from spd_faith.core.difference_types import Attribute, DifferenceType


class FurtherChange(StrEnum):
    """A change outside the benchmark's types; `changes` and `absent_from` as for `DifferenceType`."""

    changes: Attribute | None
    absent_from: int | None

    def __new__(cls, name: str, absent_from: int | None = None) -> Self:
        member = str.__new__(cls, name)
        member._value_ = name
        member.changes = None
        member.absent_from = absent_from
        return member

    ADDED = "added", 0
    OTHER = "other"  # any other named change


Change = DifferenceType | FurtherChange
CHANGES: tuple[Change, ...] = (*DifferenceType, *FurtherChange)


def change_named(name: str) -> Change | None:
    """The change with this name; None if there is none ("unknown")."""
    return next((change for change in CHANGES if change == name), None)


def absence_from(image: int) -> Change:
    """The change of an object that is absent from this image (0 or 1)."""
    return next(change for change in CHANGES if change.absent_from == image)

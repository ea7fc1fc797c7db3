"""The types of difference that a pair can have, and what each one means for the object."""

from enum import StrEnum
from typing import Self


class Attribute(StrEnum):
    """An attribute of an object that an answer can state a value for."""

    COLOR = "color"
    PLACE = "place"


class DifferenceType(StrEnum):
    """A type of difference: its name in tables, and what changes.

    `changes` is the attribute that differs between the images, if any; all others are unchanged.
    `absent_from` is the image without the object: 0 the original, 1 the modified one, None if both show it.
    `published_names` are other names of the type in published datasets, in lower case. The order of the members is
    the column order of tables.
    """

    changes: Attribute | None
    absent_from: int | None
    published_names: frozenset[str]

    def __new__(
        cls,
        name: str,
        changes: Attribute | None = None,
        absent_from: int | None = None,
        published_names: tuple[str, ...] = (),
    ) -> Self:
        member = str.__new__(cls, name)
        member._value_ = name
        member.changes = changes
        member.absent_from = absent_from
        member.published_names = frozenset(published_names)
        return member

    COLOR = (
        "color",
        Attribute.COLOR,
        None,
        ("colour", "color change", "colour change", "recolor", "recolour"),
    )
    REMOVE = "remove", None, 1, ("removed", "removal", "delete", "deletion")
    POSITION = "position", Attribute.PLACE, None, ("move", "moved", "position change")

    @classmethod
    def named(cls, name: str | None) -> Self | None:
        """The type with this name, or None."""
        return next((kind for kind in cls if kind == name), None)

    @classmethod
    def published(cls, name: str) -> Self | None:
        """The type that published datasets call `name` (lower case, words separated by spaces), or None."""
        return next((kind for kind in cls if name == kind or name in kind.published_names), None)

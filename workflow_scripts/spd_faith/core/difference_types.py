"""The types of difference that a pair can have, and what is true of an object that differs so."""

from enum import StrEnum
from typing import Self


class Attribute(StrEnum):
    """What an object has in each image, and an answer gives values of."""

    COLOR = "color"
    PLACE = "place"


class DifferenceType(StrEnum):
    """A type of difference: its name in tables, and its truth.

    `changes` is the attribute that differs between the images, where one does; all others stay as they are.
    `absent_from` is the image without the object: 0 the original, 1 the modified one, None where both show it.
    `published_names` are other names that published pairs give the type, in lower case. The order of the members is
    the order of the columns of tables.
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
        """The type of this name, or None."""
        return next((kind for kind in cls if kind == name), None)

    @classmethod
    def published(cls, name: str) -> Self | None:
        """The type that a published pair calls `name` (lower case, words apart), or None."""
        return next((kind for kind in cls if name == kind or name in kind.published_names), None)

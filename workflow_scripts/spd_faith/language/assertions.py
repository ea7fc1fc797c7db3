"""What an answer asserts: differences, states of one image, sameness. No truth is known here."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import NamedTuple, Self

from spd_faith.core.difference_types import Attribute
from spd_faith.language.categories import meant_categories
from spd_faith.language.change_kinds import Change

Values = tuple[str | None, str | None]  # in the first and in the second image; None where not said
NOTHING_SAID: Values = (None, None)


class Kind(StrEnum):
    """What is asserted: that something differs, that it does not, or how it is in an image."""

    DIFFERENCE = "difference"
    SAMENESS = "sameness"
    STATE = "state"


class Span(NamedTuple):
    """Characters `[start, end)` of the answer, and its clauses by number, the first and the last one."""

    start: int = 0
    end: int = 0
    clause: int = 0
    last_clause: int = 0

    def joined(self, other: Self) -> "Span":
        """From the start of the one to the end of the other, whichever is first."""
        return Span(
            min(self.start, other.start),
            max(self.end, other.end),
            min(self.clause, other.clause),
            max(self.last_clause, other.last_clause),
        )


NOWHERE = Span()


@dataclass(frozen=True)
class Assertion:
    """One thing that an answer asserts.

    `objects` are canonical names: one of a difference, any number otherwise; none of a sameness means the images as a
    whole. `change` is the kind of a difference, or the respect in which something stays the same; None where not said.
    `image` is the one that a state is of: 0, 1 or None where not said. What is only supposed is no assertion.
    """

    text: str
    kind: Kind
    objects: tuple[str, ...] = ()
    change: Change | None = None
    image: int | None = None
    colors: Values = NOTHING_SAID
    places: Values = NOTHING_SAID
    unordered: bool = False  # "in one image … in the other": which is the first is not said
    spot: str | None = None  # of a state, a place given by another object: "on the shelf"
    span: Span = NOWHERE
    entry: tuple[int, int] | None = None  # list and number, where the answer numbers its differences
    another: bool = False  # "another chair"
    rest: bool = False  # "everything else"
    heading: bool = False
    adjectives: tuple[
        tuple[str, str], ...
    ] = ()  # of a state of several objects: object and color of those that have one
    is_verdict: bool = False  # says of the pair as a whole that it is the same
    details: frozenset[str] = frozenset()  # of a state or sameness: words for more than object, color and place

    def turned(self) -> "Assertion":
        """The same with the two images exchanged."""
        return replace(self, colors=self.colors[::-1], places=self.places[::-1])

    def of(self, name: str) -> "Assertion":
        """What is asserted of one of its objects."""
        if self.kind != Kind.STATE or len(self.objects) < 2:
            return replace(self, objects=(name,))
        color = dict(self.adjectives).get(name)
        return replace(self, objects=(name,), colors=on_side(self.side, color), adjectives=())

    def values(self, attribute: Attribute) -> Values:
        """The values that are given of an attribute."""
        return self.colors if attribute == Attribute.COLOR else self.places

    @property
    def whole(self) -> bool:
        return self.kind == Kind.SAMENESS and not self.objects

    @property
    def side(self) -> int:
        """Where a state keeps its color and place in `colors` and `places`."""
        return self.image or 0

    @property
    def bare(self) -> bool:
        """Whether no color or place is given."""
        return self.colors == self.places == NOTHING_SAID

    @property
    def absent_from(self) -> int | None:
        """The image that lacks the object by the asserted change; None where both have it or nothing is said."""
        return self.change.absent_from if self.change else None

    @property
    def topic(self) -> tuple[object, ...]:
        """What the assertion is about, its colors and places apart."""
        return self.kind, tuple(map(name_key, self.objects)), self.change, self.image, self.rest

    def shares_object(self, other: "Assertion") -> bool:
        return any(may_be_same(one, two) for one in self.objects for two in other.objects)

    def repeats(self, other: "Assertion") -> bool:
        """Whether this says what `other` said, or less."""
        mine, theirs = (*self.colors, *self.places), (*other.colors, *other.places)
        return self.topic == other.topic and all(a in (None, b) for a, b in zip(mine, theirs, strict=True))


def on_side(side: int, value: str | None) -> Values:
    """A value of one image, 0 or 1, and none of the other."""
    return (None, value) if side else (value, None)


def first_said(values: Values) -> str | None:
    """The value in the first image, or else the one in the second."""
    return values[0] or values[1]


def name_key(name: str) -> str:
    """A name without spaces and hyphens ("bed spread" is "bedspread")."""
    return name.translate(_JOINTS)


def same_name(one: str, two: str) -> bool:
    return name_key(one) == name_key(two)


def may_be_same(one: str, two: str) -> bool:
    """Whether two names can mean one object: "animal" and "cat", "icing" and "donut"."""
    return same_name(one, two) or one in meant_categories(two) or two in meant_categories(one)


_JOINTS = str.maketrans("", "", " -_'")


def colors_clash(one: str, two: str) -> bool:
    """Whether two colors exclude each other; neighbours that people name differently do not."""
    return one != two and frozenset((one, two)) not in _NEIGHBOURS


_NEIGHBOURS = frozenset(
    frozenset(pair.split())
    for pair in (
        *("silver gray", "teal cyan", "teal green", "teal blue", "cyan blue", "magenta pink", "magenta purple"),
        *("beige brown", "beige white"),
    )
)


def places_clash(one: str, two: str) -> bool:
    """Whether two places exclude each other: left and right, or top and bottom."""
    words = set(one.split()), set(two.split())
    return any(a in words[0] and b in words[1] for a, b in _OPPOSITES)


_OPPOSITES = (("left", "right"), ("right", "left"), ("top", "bottom"), ("bottom", "top"))

CLASHES: Mapping[Attribute, Callable[[str, str], bool]] = {
    Attribute.COLOR: colors_clash,
    Attribute.PLACE: places_clash,
}
"""Of each attribute, whether two of its values exclude each other."""

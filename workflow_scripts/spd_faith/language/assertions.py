"""What an answer asserts: differences, states of one image, sameness. Independent of the truth."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import cached_property
from typing import NamedTuple, Self

from spd_faith.core.difference_types import Attribute, DifferenceType
from spd_faith.language.categories import meant_categories
from spd_faith.language.change_kinds import Change

Values = tuple[str | None, str | None]  # in the first and in the second image; None if not stated
NOTHING_SAID: Values = (None, None)


class AssertionKind(StrEnum):
    """What is asserted: a difference, that something stays the same, or the state of one image."""

    DIFFERENCE = "difference"
    SAMENESS = "sameness"
    STATE = "state"


class Certainty(StrEnum):
    ASSERTED = "asserted"
    SUPPOSED = "supposed"  # a possibility, doubt, plan or question


class Span(NamedTuple):
    """Characters `[start, end)` of the answer, and the numbers of its first and last clause."""

    start: int = 0
    end: int = 0
    clause: int = 0
    last_clause: int = 0

    def joined(self, other: Self) -> "Span":
        """The smallest span that covers both."""
        return Span(
            min(self.start, other.start),
            max(self.end, other.end),
            min(self.clause, other.clause),
            max(self.last_clause, other.last_clause),
        )


NOWHERE = Span()


@dataclass(frozen=True)
class Assertion:
    """A single assertion of an answer.

    `objects` are canonical names: one for a difference, any number otherwise; a sameness without objects is about the
    images as a whole. `change` is the type of a difference, or the respect in which something stays the same; None if
    not stated. `kind` is therefore also the polarity: a sameness denies a change. `image` is the image of a state: 0, 1
    or None if not stated.
    """

    text: str
    kind: AssertionKind
    objects: tuple[str, ...] = ()
    change: Change | None = None
    image: int | None = None
    certainty: Certainty = Certainty.ASSERTED
    colors: Values = NOTHING_SAID
    places: Values = NOTHING_SAID
    unordered: bool = False  # "in one image … in the other": the order is not stated
    spot: str | None = None  # of a state: a place relative to another object, "on the shelf"
    span: Span = NOWHERE
    entry: tuple[int, int] | None = None  # list and number, if the answer numbers its differences
    another: bool = False  # "another chair"
    rest: bool = False  # "everything else"
    heading: bool = False
    adjectives: tuple[
        tuple[str, str], ...
    ] = ()  # of a state or sameness of several objects: (object, color) for those with a color
    is_verdict: bool = False  # says that the pair as a whole is the same
    details: frozenset[str] = frozenset()  # of a state or sameness: words beyond object, color and place

    def turned(self) -> "Assertion":
        """The assertion with the two images swapped."""
        return replace(self, colors=self.colors[::-1], places=self.places[::-1])

    def of(self, name: str) -> "Assertion":
        """The assertion about one of its objects."""
        if self.kind == AssertionKind.DIFFERENCE or len(self.objects) < 2:
            return replace(self, objects=(name,))
        color = dict(self.adjectives).get(name)
        if self.kind == AssertionKind.STATE:
            return replace(self, objects=(name,), colors=on_side(self.side, color), adjectives=())
        change = DifferenceType.COLOR if color else self.change
        return replace(self, objects=(name,), change=change, colors=(color, color), adjectives=())

    def values(self, attribute: Attribute) -> Values:
        """The stated values of an attribute."""
        return self.colors if attribute == Attribute.COLOR else self.places

    @property
    def whole(self) -> bool:
        return self.kind == AssertionKind.SAMENESS and not self.objects

    @property
    def side(self) -> int:
        """The index of a state's values in `colors` and `places`."""
        return self.image or 0

    @property
    def bare(self) -> bool:
        """Whether no color or place is stated."""
        return self.colors == self.places == NOTHING_SAID

    @property
    def absent_from(self) -> int | None:
        """The image without the object according to the change; None if both have it or nothing is stated."""
        return self.change.absent_from if self.change else None

    @cached_property
    def topic(self) -> tuple[object, ...]:
        """What the assertion is about, apart from colors and places."""
        return self.kind, tuple(map(name_key, self.objects)), self.change, self.image, self.rest

    def shares_object(self, other: "Assertion") -> bool:
        return any(may_be_same(one, two) for one in self.objects for two in other.objects)

    def repeats(self, other: "Assertion") -> bool:
        """Whether this says nothing beyond `other`."""
        mine, theirs = (*self.colors, *self.places), (*other.colors, *other.places)
        return self.topic == other.topic and all(a in (None, b) for a, b in zip(mine, theirs, strict=True))


def on_side(side: int, value: str | None) -> Values:
    """The value for image `side` (0 or 1), None for the other image."""
    return (None, value) if side else (value, None)


def first_said(values: Values) -> str | None:
    """The value in the first image, else the one in the second."""
    return values[0] or values[1]


def name_key(name: str) -> str:
    """A name without spaces, hyphens and apostrophes ("bed spread" is "bedspread")."""
    return name.translate(_JOINTS)


def same_name(one: str, two: str) -> bool:
    return name_key(one) == name_key(two)


def may_be_same(one: str, two: str) -> bool:
    """Whether two names can refer to one object: "animal" and "cat", "icing" and "donut"."""
    if same_name(one, two) or one in meant_categories(two) or two in meant_categories(one):
        return True
    short, long = sorted((one, two), key=len)
    return bool(meant_categories(short)) and long.endswith(f" {short}")  # "jacket" and "person jacket"


_JOINTS = str.maketrans("", "", " -_'")


def colors_clash(one: str, two: str) -> bool:
    """Whether two colors exclude each other; similar colors that people name differently do not.

    Several colors ("blue white") exclude others only if they lack one of them.
    """
    fewer, more = sorted((one.split(), two.split()), key=len)
    return not all(any(_are_alike(a, b) for b in more) for a in fewer)


def _are_alike(one: str, two: str) -> bool:
    return one == two or frozenset((one, two)) in _NEIGHBOURS


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
"""For each attribute, the test whether two values exclude each other."""

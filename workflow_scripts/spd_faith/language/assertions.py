"""What an answer asserts: differences, states of one picture, sameness. No truth is known here."""

from dataclasses import dataclass, replace

from spd_faith.language.categories import meant_categories

Values = tuple[str | None, str | None]  # in the first and in the second picture; None where not said
NOTHING_SAID: Values = (None, None)


@dataclass(frozen=True)
class Assertion:
    """One thing that an answer asserts.

    `kind` is `difference`, `state` (of the picture `picture`: 0, 1 or None where not said) or `sameness`. `objects` are
    canonical names: one of a difference, any number otherwise; none of a sameness means the pictures as a whole.
    `change` is the type of a difference, or the respect in which something stays the same: color, remove, position,
    added, `other` (named, but none of these) or None (not said).
    """

    text: str
    kind: str
    objects: tuple[str, ...] = ()
    change: str | None = None
    picture: int | None = None
    colors: Values = NOTHING_SAID
    places: Values = NOTHING_SAID
    unordered: bool = False  # "in one picture … in the other": which is the first is not said
    spot: str | None = None  # of a state, where another object tells it: "on the shelf"
    start: int = 0  # characters of the answer, and its clauses by number
    end: int = 0
    clause: int = 0
    last_clause: int = 0
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
        """The same with the two pictures exchanged."""
        return replace(self, colors=self.colors[::-1], places=self.places[::-1])

    def of(self, name: str) -> "Assertion":
        """What is asserted of one of its objects."""
        if self.kind != "state" or len(self.objects) < 2:
            return replace(self, objects=(name,))
        color = dict(self.adjectives).get(name)
        colors = tuple(color if k == self.side else None for k in (0, 1))
        return replace(self, objects=(name,), colors=colors, adjectives=())

    @property
    def whole(self) -> bool:
        return self.kind == "sameness" and not self.objects

    @property
    def side(self) -> int:
        """Where a state keeps its color and place in `colors` and `places`."""
        return self.picture or 0

    @property
    def bare(self) -> bool:
        """Whether no color or place is said."""
        return self.colors == self.places == NOTHING_SAID

    def shares_object(self, other: "Assertion") -> bool:
        return any(may_be_same(one, two) for one in self.objects for two in other.objects)

    @property
    def topic(self) -> tuple[object, ...]:
        """What the assertion is about, its colors and places apart."""
        return self.kind, tuple(map(name_key, self.objects)), self.change, self.picture, self.rest

    def repeats(self, other: "Assertion") -> bool:
        """Whether this says what `other` said, or less."""
        mine, theirs = (*self.colors, *self.places), (*other.colors, *other.places)
        return self.topic == other.topic and all(a in (None, b) for a, b in zip(mine, theirs, strict=True))


def name_key(name: str) -> str:
    """A name without spaces and hyphens ("bed spread" is "bedspread")."""
    return name.translate(_JOINTS)


def same_name(one: str, two: str) -> bool:
    return name_key(one) == name_key(two)


def may_be_same(one: str, two: str) -> bool:
    """Whether two names can mean one object: "animal" and "cat", "icing" and "donut"."""
    return same_name(one, two) or one in meant_categories(two) or two in meant_categories(one)


_JOINTS = str.maketrans("", "", " -_'")


def off_color(one: str, two: str) -> bool:
    """Whether two colors exclude each other; neighbours that people name differently do not."""
    return one != two and frozenset((one, two)) not in _NEIGHBOURS


_NEIGHBOURS = frozenset(
    frozenset(pair.split())
    for pair in (
        *("silver gray", "teal cyan", "teal green", "teal blue", "cyan blue", "magenta pink", "magenta purple"),
        *("beige brown", "beige white"),
    )
)


def off_side(one: str, two: str) -> bool:
    """Whether two places exclude each other: left and right, or top and bottom."""
    words = set(one.split()), set(two.split())
    return any(a in words[0] and b in words[1] for a, b in _OPPOSITES)


_OPPOSITES = (("left", "right"), ("right", "left"), ("top", "bottom"), ("bottom", "top"))

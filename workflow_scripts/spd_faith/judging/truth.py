"""What is known of a pair of pictures, and whether it bears out what an answer asserts."""

from dataclasses import dataclass, field, replace
from typing import Any

from spd_faith.language.assertions import Assertion, off_color, same_name
from spd_faith.language.categories import canonical_category, meant_categories
from spd_faith.language.reading import read_assertions
from spd_faith.language.words import words_of

Pair = tuple[Any, Any]  # of the original and of the modified picture; None where not known
Point = tuple[float, float]  # of a box's centre, as fractions of width and height, y downwards

_MARGIN = 0.1  # a centre this far beyond the middle line contradicts the other side's name


@dataclass(frozen=True)
class TrueDifference:
    type: str
    names: frozenset[str]
    colors: Pair = (None, None)
    centres: Pair = (None, None)

    def named(self, name: str) -> bool:
        return any(same_name(name, own) for own in self.names)

    def contradicts(self, assertion: Assertion) -> bool:
        """Whether a difference of this type and object is asserted with a color or place that is not this one's."""
        return self._denies(assertion) and not (assertion.unordered and not self._denies(assertion.turned()))

    def _denies(self, assertion: Assertion) -> bool:
        colors, places = assertion.colors, assertion.places
        before, after = self.centres
        if self.type != "position":  # it has one place, and its color too unless that is what changed
            return self._off_color(colors) or off_place(places[0] or places[1], before or after)
        moved = (after[0] - before[0], after[1] - before[1]) if before and after else (0.0, 0.0)
        back = (-moved[0], -moved[1])
        return self._off_color(colors) or off_place(places[0], before, back) or off_place(places[1], after, moved)

    def _off_color(self, said: Pair) -> bool:
        if self.type in ("remove", "added"):
            said_once, true_once = said[0] or said[1], self.colors[0] or self.colors[1]
            return bool(said_once and true_once and off_color(said_once, true_once))
        return any(a and b and off_color(a, b) for a, b in zip(said, self.colors, strict=True))


@dataclass(frozen=True)
class Truth:
    """The true differences of a sample, in an order of their own, and where the unchanged objects are."""

    differences: tuple[TrueDifference, ...]
    unchanged: dict[str, list[Point]] = field(default_factory=dict)
    words: frozenset[str] = frozenset()
    """Of the descriptions and of the names of the objects."""

    def of(self, name: str) -> list[TrueDifference]:
        """The differences of the object that a name means: that has it, or that it may stand for where none has."""
        named = [difference for difference in self.differences if difference.named(name)]
        if named or any(same_name(name, other) for other in self.unchanged):
            return named
        meant = meant_categories(name)
        return [difference for difference in self.differences if any(difference.named(other) for other in meant)]

    def still(self, name: str) -> list[Point]:
        """Where the unchanged objects that a name means are; none where a difference is meant rather."""
        named = [at for other, centres in self.unchanged.items() if same_name(name, other) for at in centres]
        if named or self.of(name):
            return named
        meant = meant_categories(name) - {"person"}  # clothes are no proof of the one who wears them
        return [at for other, centres in self.unchanged.items() if other in meant for at in centres]

    def holds(self, state: Assertion) -> tuple[bool | None, str | None]:
        """Whether a state of one picture is true (None: not known), and the error type where it is false.

        A state that names no picture is false only where it is false of both.
        """
        pictures = (0, 1) if state.picture is None else (state.picture,)
        found = [self._holds_in(state, picture) for picture in pictures]
        for wanted in (True, None):
            if any(known is wanted for known, _ in found):
                return (None if self.lacks(state) else wanted), None
        return found[0]

    def lacks(self, said: Assertion) -> bool:
        """Whether something is said that no description tells, so that it cannot be known to be true."""
        names = {word for name in said.objects for word in name.split()}
        return not said.details - names <= self.words

    def _holds_in(self, state: Assertion, picture: int) -> tuple[bool | None, str | None]:
        found = [self._object_holds(name, state.of(name), picture) for name in state.objects]
        false = [outcome for outcome in found if outcome[0] is False]
        unknown = [outcome for outcome in found if outcome[0] is None]
        return (false or unknown or [(True, None)])[0]

    def _object_holds(self, name: str, state: Assertion, picture: int) -> tuple[bool | None, str | None]:
        color, place = state.colors[state.side], state.places[state.side]
        gone = {"remove": 1, "added": 0}  # the picture that lacks the object
        spots = [(d.colors[picture], d.centres[picture]) for d in self.of(name) if gone.get(d.type) != picture]
        spots += [(None, centre) for centre in self.still(name)]
        if not spots:
            return (False, "type_confusion") if self.of(name) else (None, None)
        fits = [_fits(color, place, *spot) for spot in spots]
        if True in fits:
            return True, None
        return (None, None) if None in fits else (False, "attribute_error")


def _fits(color: str | None, place: str | None, true_color: str | None, centre: Point | None) -> bool | None:
    if (color and true_color and off_color(color, true_color)) or off_place(place, centre):
        return False
    return None if (color and not true_color) or (place and not centre) else True


def off_place(place: str | None, centre: Point | None, moved: Point = (0.0, 0.0)) -> bool:
    """Whether a place's name ("top right", "center") cannot be meant of a box's centre.

    A name also fits an object that moved that way: "to the left" may mean the left side or leftwards.
    """
    if not place or not centre:
        return False
    (x, y), (dx, dy), words = centre, moved, set(place.split())
    return (
        ("left" in words and x > 0.5 + _MARGIN and dx >= 0)
        or ("right" in words and x < 0.5 - _MARGIN and dx <= 0)
        or ("top" in words and y > 0.5 + _MARGIN and dy >= 0)
        or ("bottom" in words and y < 0.5 - _MARGIN and dy <= 0)
    )


def read_truth(sample: dict[str, Any]) -> Truth:
    """The truth of a row of `SAMPLES`. Colors come from the descriptions, places from the boxes.

    A description may tell of other differences too: each takes what its own says, else what another's says of it.
    """
    size = sample["width"], sample["height"]
    rows = [(row, _told(row["description"])) for row in sample["differences"]]
    rows.sort(key=lambda pair: repr(pair[0]))
    everything = [assertion for _, told in rows for assertion in told]
    differences = []
    for row, told in rows:
        name = canonical_category(row["category"]) or " ".join(row["category"].lower().split())
        true = TrueDifference(
            row["type"], frozenset({name}), centres=(_centre(row["bbox"], size), _centre(row["bbox_after"], size))
        )
        if len(told) == 1 and told[0].change == true.type:  # its own words may name the object otherwise
            true = replace(true, names=true.names | set(told[0].objects), colors=told[0].colors)
        elif own := _telling(true, told) or _telling(true, everything):
            everything.remove(own)
            true = replace(true, colors=own.colors)
        if true.type == "position":  # a moved object keeps its color
            kept = true.colors[0] or true.colors[1]
            true = replace(true, colors=(kept, kept))
        differences.append(true)
    unchanged: dict[str, list[Point]] = {}
    for row in sample.get("unchanged") or []:
        unchanged.setdefault(canonical_category(row["category"]) or row["category"], []).append(
            _centre(row["bbox"], size)
        )
    told = " ".join([*unchanged, *(f"{row['category']} {row['description'] or ''}" for row, _ in rows)])
    return Truth(tuple(differences), unchanged, frozenset(word.text for word in words_of(told.lower())))


def _told(description: str | None) -> list[Assertion]:
    return [assertion for assertion in read_assertions(description or "") if assertion.kind == "difference"]


def _telling(true: TrueDifference, told: list[Assertion]) -> Assertion | None:
    return next((a for a in told if a.change == true.type and true.named(a.objects[0])), None)


def _centre(box: dict[str, float] | None, size: tuple[int, int]) -> Point | None:
    if not box:
        return None
    return (box["x"] + box["w"] / 2) / size[0], (box["y"] + box["h"] / 2) / size[1]

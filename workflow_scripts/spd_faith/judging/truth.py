"""What is known of a pair of images, and whether it bears out what an answer asserts."""

from dataclasses import dataclass, field, replace
from typing import Any

from spd_faith.core.difference_types import Attribute, DifferenceType
from spd_faith.language.assertions import NOTHING_SAID, Assertion, Kind, Values, colors_clash, first_said, same_name
from spd_faith.language.categories import canonical_category, meant_categories
from spd_faith.language.reading import read_assertions
from spd_faith.language.words import words_of

Point = tuple[float, float]  # of a box's centre, as fractions of width and height, y downwards
Points = tuple[Point | None, Point | None]  # in the original and in the modified image; None where not known

_MARGIN = 0.1  # a centre this far beyond the middle line contradicts the other side's name


@dataclass(frozen=True)
class TrueDifference:
    type: DifferenceType
    names: frozenset[str]
    colors: Values = NOTHING_SAID
    centres: Points = (None, None)

    def named(self, name: str) -> bool:
        return any(same_name(name, own) for own in self.names)

    def contradicts(self, assertion: Assertion) -> bool:
        """Whether a difference of this type and object is asserted with a color or place that is not this one's."""
        return self._denies(assertion) and not (assertion.unordered and not self._denies(assertion.turned()))

    def _denies(self, assertion: Assertion) -> bool:
        return self._denies_colors(assertion.colors) or self._denies_places(assertion.places)

    def _denies_colors(self, said: Values) -> bool:
        true = self.colors
        if self.type.absent_from is not None:  # it has one color, whichever image it is said of
            said, true = (first_said(said), None), (first_said(true), None)
        return any(a and b and colors_clash(a, b) for a, b in zip(said, true, strict=True))

    def _denies_places(self, said: Values) -> bool:
        before, after = self.centres
        if self.type.changes != Attribute.PLACE:  # it has one place
            return is_off_place(first_said(said), before or after)
        moved = (after[0] - before[0], after[1] - before[1]) if before and after else (0.0, 0.0)
        back = (-moved[0], -moved[1])
        return is_off_place(said[0], before, back) or is_off_place(said[1], after, moved)


Known = tuple[bool | None, str | None]  # whether something is true, and the error type where it is false


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

    def holds(self, state: Assertion) -> Known:
        """Whether a state of one image is true (None: not known), and the error type where it is false.

        A state that names no image is false only where it is false of both.
        """
        images = (0, 1) if state.image is None else (state.image,)
        found = [self._holds_in(state, image) for image in images]
        for wanted in (True, None):
            if any(known is wanted for known, _ in found):
                return (None if self.lacks(state) else wanted), None
        return found[0]

    def lacks(self, said: Assertion) -> bool:
        """Whether something is said that no description states, so that it cannot be known to be true."""
        names = {word for name in said.objects for word in name.split()}
        return not said.details - names <= self.words

    def _holds_in(self, state: Assertion, image: int) -> Known:
        found = [self._object_holds(name, state.of(name), image) for name in state.objects]
        false = [outcome for outcome in found if outcome[0] is False]
        unknown = [outcome for outcome in found if outcome[0] is None]
        return (false or unknown or [(True, None)])[0]

    def _object_holds(self, name: str, state: Assertion, image: int) -> Known:
        color, place = state.colors[state.side], state.places[state.side]
        shown = [(true.colors[image], true.centres[image]) for true in self.of(name) if true.type.absent_from != image]
        shown += [(None, centre) for centre in self.still(name)]
        if not shown:
            return (False, "type_confusion") if self.of(name) else (None, None)
        fits = [_fits(color, place, *one) for one in shown]
        if True in fits:
            return True, None
        return (None, None) if None in fits else (False, "attribute_error")


def _fits(color: str | None, place: str | None, true_color: str | None, centre: Point | None) -> bool | None:
    if (color and true_color and colors_clash(color, true_color)) or is_off_place(place, centre):
        return False
    return None if (color and not true_color) or (place and not centre) else True


def is_off_place(place: str | None, centre: Point | None, moved: Point = (0.0, 0.0)) -> bool:
    """Whether a place's name ("top right", "center") cannot be meant of a box's centre.

    A name also fits an object that moved that way: "to the left" may mean the left side or leftwards.
    """
    if not place or not centre:
        return False
    beyond = {
        "left": (centre[0] - 0.5, moved[0]),
        "right": (0.5 - centre[0], -moved[0]),
        "top": (centre[1] - 0.5, moved[1]),
        "bottom": (0.5 - centre[1], -moved[1]),
    }
    sides = (beyond[word] for word in place.split() if word in beyond)
    return any(distance > _MARGIN and further >= 0 for distance, further in sides)


def read_truth(sample: dict[str, Any]) -> Truth:
    """The truth of a row of `SAMPLES`. Colors come from the descriptions, places from the boxes.

    A description may state other differences too: each takes what its own says, else what another's says of it.
    """
    size = sample["width"], sample["height"]
    rows = [(row, _described(row["description"])) for row in sample["differences"]]
    rows.sort(key=lambda pair: repr(pair[0]))
    everything = [assertion for _, described in rows for assertion in described]
    differences = []
    for row, described in rows:
        true = _true_difference(row, size)
        if len(described) == 1 and described[0].change == true.type:  # its own words may name the object otherwise
            true = replace(true, names=true.names | set(described[0].objects), colors=described[0].colors)
        elif own := _describing(true, described) or _describing(true, everything):
            everything.remove(own)
            true = replace(true, colors=own.colors)
        differences.append(_with_kept_color(true))
    unchanged = _unchanged(sample, size)
    texts = " ".join([*unchanged, *(f"{row['category']} {row['description'] or ''}" for row, _ in rows)])
    return Truth(tuple(differences), unchanged, frozenset(word.text for word in words_of(texts.lower())))


def _true_difference(row: dict[str, Any], size: tuple[int, int]) -> TrueDifference:
    name = canonical_category(row["category"]) or " ".join(row["category"].lower().split())
    centres = _centre(row["bbox"], size), _centre(row["bbox_after"], size)
    return TrueDifference(DifferenceType(row["type"]), frozenset({name}), centres=centres)


def _with_kept_color(true: TrueDifference) -> TrueDifference:
    """An object that is in both images, and whose color did not change, with one color in both."""
    if true.type.absent_from is not None or true.type.changes == Attribute.COLOR:
        return true
    kept = first_said(true.colors)
    return replace(true, colors=(kept, kept))


def _unchanged(sample: dict[str, Any], size: tuple[int, int]) -> dict[str, list[Point]]:
    """The centres of the objects that did not change, by name."""
    unchanged: dict[str, list[Point]] = {}
    for row in sample.get("unchanged") or []:
        if centre := _centre(row["bbox"], size):
            unchanged.setdefault(canonical_category(row["category"]) or row["category"], []).append(centre)
    return unchanged


def _described(description: str | None) -> list[Assertion]:
    """The differences that a description states."""
    return [assertion for assertion in read_assertions(description or "") if assertion.kind == Kind.DIFFERENCE]


def _describing(true: TrueDifference, described: list[Assertion]) -> Assertion | None:
    return next((a for a in described if a.change == true.type and a.objects and true.named(a.objects[0])), None)


def _centre(box: dict[str, float] | None, size: tuple[int, int]) -> Point | None:
    if not box:
        return None
    return (box["x"] + box["w"] / 2) / size[0], (box["y"] + box["h"] / 2) / size[1]

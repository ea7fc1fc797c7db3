"""The known truth about an image pair, and whether it supports an assertion."""

from dataclasses import dataclass, field, replace
from typing import Any

from spd_faith.core.difference_types import Attribute, DifferenceType
from spd_faith.language.assertions import (
    NOTHING_SAID,
    Assertion,
    AssertionKind,
    Values,
    colors_clash,
    first_said,
    same_name,
)
from spd_faith.language.categories import canonical_category, is_worn, may_be_same_garment, meant_categories
from spd_faith.language.reading import read_assertions
from spd_faith.language.words import words_of

Point = tuple[float, float]  # centre of a box in fractions of width and height, y downwards
Points = tuple[Point | None, Point | None]  # in the original and the modified image; None if unknown

_WEARER = frozenset({"person"})
_MARGIN = 0.1  # a centre must be this far beyond the middle to contradict a side


@dataclass(frozen=True)
class TrueDifference:
    type: DifferenceType
    names: frozenset[str]
    colors: Values = NOTHING_SAID
    centres: Points = (None, None)
    number: int = 0
    """Index in the list of the sample."""

    def named(self, name: str) -> bool:
        return any(same_name(name, own) for own in self.names)

    def contradicts(self, assertion: Assertion) -> bool:
        """Whether an asserted difference of this type and object has another color or place."""
        return self._denies(assertion) and not (assertion.unordered and not self._denies(assertion.turned()))

    def _denies(self, assertion: Assertion) -> bool:
        return self._denies_colors(assertion.colors) or self._denies_places(assertion.places)

    def _denies_colors(self, said: Values) -> bool:
        true = self.colors
        if self.type.absent_from is not None:  # a single color, whichever image the answer names
            said, true = (first_said(said), None), (first_said(true), None)
        return any(a and b and colors_clash(a, b) for a, b in zip(said, true, strict=True))

    def _denies_places(self, said: Values) -> bool:
        before, after = self.centres
        if self.type.changes != Attribute.PLACE:  # a single place
            return is_off_place(first_said(said), before or after)
        moved = (after[0] - before[0], after[1] - before[1]) if before and after else (0.0, 0.0)
        back = (-moved[0], -moved[1])
        return is_off_place(said[0], before, back) or is_off_place(said[1], after, moved)


Known = tuple[bool | None, str | None]  # whether something is true (None: unknown), and the error type if false


@dataclass(frozen=True)
class SampleTruth:
    """The true differences of a sample in a fixed order, and the positions of unchanged objects."""

    differences: tuple[TrueDifference, ...]
    unchanged: dict[str, list[Point]] = field(default_factory=dict)
    words: frozenset[str] = frozenset()
    """Words of the descriptions and of the object names."""

    def of(self, name: str) -> list[TrueDifference]:
        """The differences of objects with this name, else of objects that the name can refer to.

        Clothes stand for a person whose color changed, but not for one who is gone: others wear clothes, too.
        """
        named = [difference for difference in self.differences if difference.named(name)]
        if named or any(same_name(name, other) for other in self.unchanged):
            return named
        meant = meant_categories(name)
        found = [difference for difference in self.differences if any(difference.named(other) for other in meant)]
        if meant != _WEARER:
            return found
        return [difference for difference in found if difference.type == DifferenceType.COLOR and self._wears(name)]

    def _wears(self, name: str) -> bool:
        """Whether the person whose color changed wears this garment, or nobody knows which one changed."""
        worn = [word for word in self.words if is_worn(word)]
        return not worn or any(may_be_same_garment(word, name.split()[-1]) for word in worn)

    def still(self, name: str) -> list[Point]:
        """The positions of unchanged objects that a name refers to; empty if it refers to a difference."""
        named = [at for other, centres in self.unchanged.items() if same_name(name, other) for at in centres]
        if named or self.of(name):
            return named
        meant = meant_categories(name) - _WEARER  # clothes do not identify their wearer
        return [at for other, centres in self.unchanged.items() if other in meant for at in centres]

    def holds(self, state: Assertion) -> Known:
        """Whether a state is true (None: unknown), and the error type if it is false.

        A state that names no image is false only if it is false for both.
        """
        images = (0, 1) if state.image is None else (state.image,)
        found = [self._holds_in(state, image) for image in images]
        for wanted in (True, None):
            if any(known is wanted for known, _ in found):
                return (None if self.has_unknown_details(state) else wanted), None
        return found[0]

    def has_unknown_details(self, said: Assertion) -> bool:
        """Whether an assertion has details that no description states, so its truth is unknown."""
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
    """Whether a place ("top right", "center") contradicts the centre of a box.

    A place also fits an object that moved in that direction: "to the left" may mean the left side or leftwards.
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


def read_truth(sample: dict[str, Any]) -> SampleTruth:
    """The truth of a row of `SAMPLES`. Colors come from the descriptions, places from the boxes.

    A description may also state other differences. Each difference uses its own description, else another one's.
    """
    size = sample["width"], sample["height"]
    rows = [(number, row, _described(row["description"])) for number, row in enumerate(sample["differences"])]
    rows.sort(key=lambda numbered: repr(numbered[1]))
    everything = [assertion for _, _, described in rows for assertion in described]
    differences = []
    for number, row, described in rows:
        true = _true_difference(number, row, size)
        if len(described) == 1 and described[0].change == true.type:  # may use another name for the object
            true = replace(true, names=true.names | set(described[0].objects), colors=described[0].colors)
        elif own := _describing(true, described) or _describing(true, everything):
            everything.remove(own)
            true = replace(true, colors=own.colors)
        differences.append(_with_kept_color(true))
    unchanged = _unchanged(sample, size)
    texts = " ".join([*unchanged, *(f"{row['category']} {row['description'] or ''}" for _, row, _ in rows)])
    return SampleTruth(tuple(differences), unchanged, frozenset(word.text for word in words_of(texts.lower())))


def _true_difference(number: int, row: dict[str, Any], size: tuple[int, int]) -> TrueDifference:
    name = canonical_category(row["category"]) or " ".join(row["category"].lower().split())
    centres = _centre(row["bbox"], size), _centre(row["bbox_after"], size)
    return TrueDifference(DifferenceType(row["type"]), frozenset({name}), centres=centres, number=number)


def _with_kept_color(true: TrueDifference) -> TrueDifference:
    """Set the same color for both images if the object is in both and its color did not change."""
    if true.type.absent_from is not None or true.type.changes == Attribute.COLOR:
        return true
    kept = first_said(true.colors)
    return replace(true, colors=(kept, kept))


def _unchanged(sample: dict[str, Any], size: tuple[int, int]) -> dict[str, list[Point]]:
    """The centres of the unchanged objects, by name."""
    unchanged: dict[str, list[Point]] = {}
    for row in sample.get("unchanged") or []:
        if centre := _centre(row["bbox"], size):
            unchanged.setdefault(canonical_category(row["category"]) or row["category"], []).append(centre)
    return unchanged


def _described(description: str | None) -> list[Assertion]:
    """The differences that a description states."""
    return [assertion for assertion in read_assertions(description or "") if assertion.kind == AssertionKind.DIFFERENCE]


def _describing(true: TrueDifference, described: list[Assertion]) -> Assertion | None:
    return next((a for a in described if a.change == true.type and a.objects and true.named(a.objects[0])), None)


def _centre(box: dict[str, float] | None, size: tuple[int, int]) -> Point | None:
    if not box:
        return None
    return (box["x"] + box["w"] / 2) / size[0], (box["y"] + box["h"] / 2) / size[1]

"""Removes repetitions from the assertions of an answer and joins the two sides of a difference."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace

from spd_faith.core.difference_types import Attribute, DifferenceType
from spd_faith.language.assertions import (
    CLASHES,
    Assertion,
    AssertionKind,
    Values,
    colors_clash,
    may_be_same,
    places_clash,
)
from spd_faith.language.change_kinds import Change
from spd_faith.language.layout import quoted
from spd_faith.language.name_index import NameIndex


def fold(assertions: Sequence[Assertion], text: str = "", apart: bool = False) -> list[Assertion]:
    """The claims that result from the assertions read in `text`.

    Drops headings and unnamed changes of an object if the text says more about it, and repeated states and samenesses.
    Two states of an object, one per image, become one difference, and a difference absorbs the states of its object:
    those in adjacent clauses or, with `apart`, anywhere. Repeated differences are kept: the judge decides whether they
    count.
    """
    kept: list[Assertion] = []
    sides = _Sides(kept)
    before: dict[tuple[object, ...], list[Assertion]] = defaultdict(list)
    for said in _without_headings(assertions):
        if not (said.kind == AssertionKind.DIFFERENCE and said.change):
            if any(said.repeats(earlier) for earlier in before[said.topic]):
                continue
            before[said.topic].append(said)
        at = sides.find(said, apart)
        if at is not None:
            kept[at] = _joined(kept[at], said, text)
        elif kept and _sums_up(said, kept[-1]):
            continue
        else:
            at = len(kept)
            kept.append(said)
        sides.add(at)
    return kept


class _Sides:
    """Finds the assertion that another one joins, by the kind and the name of its object."""

    def __init__(self, kept: list[Assertion]) -> None:
        self._kept = kept
        self._places: dict[tuple[AssertionKind, str], list[int]] = defaultdict(list)
        self._names = NameIndex()

    def add(self, at: int) -> None:
        """Enter the assertion at an index, also again after it has changed."""
        if _is_side_or_difference(said := self._kept[at]):
            self._names.add(said.objects[0])
            self._places[said.kind, said.objects[0]].append(at)

    def find(self, said: Assertion, apart: bool) -> int | None:
        """The index of the last assertion that `said` joins."""
        if not _is_side_or_difference(said):
            return None
        others = (AssertionKind.STATE, AssertionKind.DIFFERENCE)[: 1 + (said.kind == AssertionKind.STATE)]
        names = self._names.matches(said.objects[0])
        places = {k for name in names for kind in others for k in self._places.get((kind, name), ())}
        return next((k for k in sorted(places, reverse=True) if _joins(self._kept[k], said, apart)), None)


def _sums_up(said: Assertion, earlier: Assertion) -> bool:
    """Whether an assertion such as "so it did not change" only sums up the one before."""
    return (
        earlier.kind == said.kind == AssertionKind.SAMENESS
        and said.change is None
        and said.objects == earlier.objects != ()
        and said.span.clause - earlier.span.last_clause == 1
    )


_Topic = tuple[AssertionKind, Change | None]


def _without_headings(assertions: Sequence[Assertion]) -> list[Assertion]:
    """Drop headings and unnamed changes of an object if the text says more about it."""
    topics: dict[str, set[_Topic]] = defaultdict(set)  # by object, outside headings
    for said in assertions:
        for name in said.objects if not said.heading else ():
            topics[name].add((said.kind, said.change))
    names = NameIndex(topics)
    return [said for said in assertions if not _is_only_heading(said, topics, names)]


def _is_only_heading(said: Assertion, topics: dict[str, set[_Topic]], names: NameIndex) -> bool:
    is_vague = said.kind == AssertionKind.DIFFERENCE and said.change is None
    if not (said.heading or is_vague):
        return False
    of_objects = (topic for own in said.objects for name in names.matches(own) for topic in topics[name])
    return any(
        said.heading or kind == AssertionKind.STATE or (kind == AssertionKind.DIFFERENCE and change)
        for kind, change in of_objects
    )


def _joins(earlier: Assertion, said: Assertion, apart: bool) -> bool:
    """Whether two assertions are the two sides of a difference, or a difference and one of its sides."""
    is_near = said.span.clause - earlier.span.last_clause <= 1 and earlier.entry == said.entry
    if not _may_join(earlier, said) or not (apart or is_near):
        return False
    if not may_be_same(earlier.objects[0], said.objects[0]):
        return False
    if earlier.kind == said.kind:
        return {earlier.image, said.image} == {0, 1} and _contrast(earlier, said) is not None
    state, difference = (earlier, said) if earlier.kind == AssertionKind.STATE else (said, earlier)
    return _is_side(state, difference)


def _may_join(earlier: Assertion, said: Assertion) -> bool:
    """Whether both are about one object, and one of them is a state."""
    are_sides = _is_side_or_difference(earlier) and _is_side_or_difference(said)
    return are_sides and AssertionKind.STATE in (earlier.kind, said.kind)


def _is_side_or_difference(said: Assertion) -> bool:
    """Whether an assertion is a state or a difference of one object, outside headings."""
    return said.kind != AssertionKind.SAMENESS and not said.heading and len(said.objects) == 1


def _is_side(state: Assertion, difference: Assertion) -> bool:
    """Whether a state describes one side of a difference."""
    if state.image is None or difference.absent_from == state.image:
        return False
    changed = difference.change.changes if difference.change else None
    if changed and not any(state.values(changed)) and not state.bare:
        return False  # about another attribute
    return not any(_clash(difference, state, attribute) for attribute in Attribute)


def _clash(difference: Assertion, state: Assertion, attribute: Attribute) -> bool:
    """Whether a state contradicts its side of a difference."""
    one, other = difference.values(attribute)[state.side], state.values(attribute)[state.side]
    return bool(one and other and CLASHES[attribute](one, other))


def _contrast(earlier: Assertion, said: Assertion) -> _Topic | None:
    """The topic that results from two states of an object, one per image."""
    colors, places = _filled(earlier.colors, said.colors), _filled(earlier.places, said.places)
    if colors[0] and colors[1] and colors_clash(colors[0], colors[1]):
        return AssertionKind.DIFFERENCE, DifferenceType.COLOR
    are_apart = bool(places[0] and places[1] and places_clash(places[0], places[1]))
    if are_apart or (earlier.spot and said.spot and earlier.spot != said.spot):
        return AssertionKind.DIFFERENCE, DifferenceType.POSITION
    if colors[0] and colors[1]:
        return AssertionKind.SAMENESS, DifferenceType.COLOR
    return (AssertionKind.SAMENESS, DifferenceType.POSITION) if places[0] and places[0] == places[1] else None


def _filled(known: Values, more: Values) -> Values:
    return known[0] or more[0], known[1] or more[1]


def _joined(earlier: Assertion, said: Assertion, text: str) -> Assertion:
    whole, part = (earlier, said) if earlier.kind == AssertionKind.DIFFERENCE else (said, earlier)
    contrast = _contrast(earlier, said) if earlier.kind == said.kind else None
    kind, change = contrast or (whole.kind, whole.change)
    return replace(
        whole,
        kind=kind,
        change=change,
        image=None,
        colors=_filled(whole.colors, part.colors),
        places=_filled(whole.places, part.places),
        text=_words(earlier, said, text),
        span=earlier.span.joined(said.span),
    )


def _words(earlier: Assertion, said: Assertion, text: str) -> str:
    """The text of both assertions; a quote of the text if they are adjacent."""
    if said.span.clause == earlier.span.last_clause or said.span.start < earlier.span.end:
        return earlier.text
    if said.span.clause - earlier.span.last_clause == 1 and text:
        return quoted(text[earlier.span.start : said.span.end])
    return f"{earlier.text} … {said.text}"

"""CR: labels the claims of the answers to "the same?" and "different?". Rules and examples: docs/judging_rules.md."""

import re
from collections import defaultdict, deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import NamedTuple

from spd_faith.core.difference_types import Attribute, DifferenceType
from spd_faith.judging.claims import Claim
from spd_faith.language.assertions import CLASHES, Assertion, AssertionKind
from spd_faith.language.categories import is_aspect
from spd_faith.language.change_kinds import absence_from
from spd_faith.language.folding import fold
from spd_faith.language.name_index import NameIndex
from spd_faith.language.places import find_places
from spd_faith.language.reading import read_assertions
from spd_faith.language.recognition import MAX_READ
from spd_faith.language.shown import is_of_things, shown_in_both
from spd_faith.parsing.answer_text import answer_of, readable

_OPENING = re.compile(r"\w[^.!?\n]*")
_MAX_QUOTED = 200  # characters of an opening


class YesNoAnswer(NamedTuple):
    text: str
    verdict: str | None  # differs, same, unclear; None in a language that cannot be read


def judge_consistency(same: YesNoAnswer, different: YesNoAnswer) -> list[Claim] | None:
    """The claim about the verdicts, followed by the claims about the contents in either answer.

    None if an answer is in a language that cannot be read.
    Claims are in the order of the answer to "the same?", then those only in the answer to "different?". A claim in both
    quotes both, the answer to "the same?" first. Of each answer the first `MAX_READ` characters are read.
    """
    if None in (same.verdict, different.verdict):
        return None
    ours, theirs = _contents(same.text), _contents(different.text)
    pairs = _pair(ours, theirs)
    claims = [judge_verdicts(same, different)]
    met = {j for j, _ in pairs.values()}
    for i, said in enumerate(ours):
        if i in pairs:
            j, label = pairs[i]
            claims.append(Claim(said.text, label, theirs[j].text))
        else:
            claims.append(Claim(said.text, "ambiguous"))
    return claims + [Claim(said.text, "ambiguous") for j, said in enumerate(theirs) if j not in met]


def num_unread(same: YesNoAnswer, different: YesNoAnswer) -> int:
    """The number of characters of both answers that are beyond what `judge_consistency` reads."""
    return sum(max(len(readable(answer_of(answer.text))) - MAX_READ, 0) for answer in (same, different))


def judge_verdicts(same: YesNoAnswer, different: YesNoAnswer) -> Claim:
    """The claim that every pair of answers has: whether the verdicts agree."""
    openings = [_OPENING.search(readable(answer_of(answer.text))) for answer in (same, different)]
    opening = [match.group().strip()[:_MAX_QUOTED] if match else "" for match in openings]
    verdicts = {same.verdict, different.verdict}
    label = "ambiguous" if verdicts - {"same", "differs"} else "consistent" if len(verdicts) == 1 else "contradictory"
    return Claim(opening[0], label, opening[1] or None)


def _contents(text: str) -> list[Assertion]:
    """The distinct assertions about the contents, one object each.

    What is said of the pair or of the rest ("everything else is the same") belongs to the verdict.
    """
    text = readable(answer_of(text))[:MAX_READ]
    stated = [said for said in read_assertions(text) if not (said.is_verdict or said.whole) and is_of_things(said)]
    stated = [said for said in stated if not _is_of_aspect(said)]
    answer = _Stated(stated)
    by_object = [answer.in_one_alone(one, whole) for whole in stated for one in _by_object(whole)]
    contents: list[Assertion] = []
    by_topic: dict[tuple[object, ...], list[Assertion]] = defaultdict(list)
    for said in fold(_without_shared(by_object), text, apart=True):
        if not any(said.repeats(earlier) for earlier in by_topic[said.topic]):
            by_topic[said.topic].append(said)
            contents.append(said)
    return sorted(contents, key=lambda said: said.span.start)


def _is_of_aspect(said: Assertion) -> bool:
    """Whether an assertion is about no thing but how an image was taken: "the lighting is brighter"."""
    return bool(said.objects) and all(map(is_aspect, said.objects))


def _by_object(said: Assertion) -> list[Assertion]:
    return [one.of(name) for one in shown_in_both(said) for name in one.objects] or [said]


def _without_shared(assertions: Sequence[Assertion]) -> list[Assertion]:
    """Merge the two mentions of an object listed for both images into a sameness."""
    kept: list[Assertion] = []
    listed = _BareStates()
    for said in assertions:
        at = listed.pop_counterpart(said)
        if at is None:
            listed.add(said, len(kept))
            kept.append(said)
        else:
            kept[at] = replace(said, kind=AssertionKind.SAMENESS, change=DifferenceType.REMOVE, image=None)
    return kept


class _Stated:
    """What an answer states, by object and by clause."""

    def __init__(self, stated: Sequence[Assertion]) -> None:
        self._differing = _differing(stated)
        self._states: dict[tuple[int, int | None], list[Assertion]] = defaultdict(list)  # by clause and image
        for said in stated:
            if said.kind == AssertionKind.STATE:
                self._states[said.span.clause, said.image].append(said)

    def in_one_alone(self, said: Assertion, whole: Assertion) -> Assertion:
        """Turn a state into a removal or an addition if two adjacent lists name its object for one image only."""
        if said.kind != AssertionKind.STATE or said.image is None:
            return said
        if self._differing.has_any(said.objects):
            return said  # asserted explicitly elsewhere
        clauses = said.span.clause - 1, said.span.clause + 1
        other = [state for clause in clauses for state in self._states.get((clause, 1 - said.image), ())]
        if len(other) != 1 or max(len(whole.objects), len(other[0].objects)) < 2 or said.shares_object(other[0]):
            return said
        return replace(said, kind=AssertionKind.DIFFERENCE, change=absence_from(1 - said.image), image=None)


class _BareStates:
    """The bare states of one image and one object each, by image, object and places."""

    def __init__(self) -> None:
        self._names = NameIndex()
        self._numbers: dict[tuple[int, str, frozenset[str]], deque[int]] = defaultdict(deque)

    def add(self, said: Assertion, number: int) -> None:
        """Enter an assertion if it is such a state."""
        if (image := _image_of_bare(said)) is not None:
            self._names.add(said.objects[0])
            self._numbers[image, said.objects[0], _where(said)].append(number)

    def pop_counterpart(self, said: Assertion) -> int | None:
        """The number of the first state that names the same object in the other image, which is taken out."""
        if (image := _image_of_bare(said)) is None:
            return None
        where = _where(said)
        found = (self._numbers.get((1 - image, name, where)) for name in self._names.matches(said.objects[0]))
        first = min(filter(None, found), key=lambda numbers: numbers[0], default=None)
        return first.popleft() if first else None


def _image_of_bare(said: Assertion) -> int | None:
    return said.image if said.kind == AssertionKind.STATE and said.bare and said.objects else None


def _where(state: Assertion) -> frozenset[str]:
    """The places that a state names, also those relative to another object: "left of the tree"."""
    return frozenset(place.value for place in find_places(state.text))


def _differing(assertions: Iterable[Assertion]) -> NameIndex:
    """The objects of the differences."""
    return NameIndex(name for said in assertions if said.kind == AssertionKind.DIFFERENCE for name in said.objects)


def _pair(ours: list[Assertion], theirs: list[Assertion]) -> dict[int, tuple[int, str]]:
    """Match assertions one to one by index: equal ones first, then compatible ones, then contradictory ones."""
    relations = {(i, j): _relation(ours[i], theirs[j]) for i, j in _comparable(ours, theirs)}
    pairs: dict[int, tuple[int, str]] = {}
    met: set[int] = set()
    for wanted, label in (("equal", "consistent"), ("fits", "consistent"), ("disagree", "contradictory")):
        for (i, j), relation in relations.items():
            if relation == wanted and i not in pairs and j not in met:
                pairs[i] = j, label
                met.add(j)
    return pairs


def _comparable(ours: list[Assertion], theirs: list[Assertion]) -> Iterator[tuple[int, int]]:
    """The pairs, by index, that share an object, in order."""
    places: dict[str, list[int]] = defaultdict(list)
    for j, other in enumerate(theirs):
        for name in other.objects:
            places[name].append(j)
    names = NameIndex(places)
    for i, one in enumerate(ours):
        shared = {j for own in one.objects for name in names.matches(own) for j in places[name]}
        yield from ((i, j) for j in sorted(shared))


def _relation(one: Assertion, other: Assertion) -> str | None:
    """`equal`, `fits` (one says less), `disagree`, or None if the two cannot be compared."""
    if not one.shares_object(other):
        return None
    first, second = sorted((one, other), key=lambda said: _ORDER.index(said.kind))
    return _COMPARE[first.kind, second.kind](first, second)


def _compare_differences(one: Assertion, other: Assertion) -> str | None:
    if one.change and other.change and one.change != other.change:  # it may have moved and changed its color
        return None if one.absent_from is None and other.absent_from is None else "disagree"
    either_way = [one, one.turned()] if one.unordered or other.unordered else [one]
    if all(_agree(said, other, [(0, 0), (1, 1)]) is False for said in either_way):
        return "disagree"
    return "equal" if one.change == other.change else "fits"


def _compare_difference_and_sameness(difference: Assertion, sameness: Assertion) -> str | None:
    touched = None in (difference.change, sameness.change) or difference.change == sameness.change
    return "disagree" if touched or difference.absent_from is not None else None


def _compare_difference_and_state(difference: Assertion, state: Assertion) -> str | None:
    if state.image is not None and difference.absent_from == state.image:
        return "disagree"
    sides = [(state.side, state.side)] if state.image is not None else [(0, state.side), (1, state.side)]
    fits = [_agree(difference, state, [side]) for side in sides]
    if True in fits or (None in fits and _gives_side(difference, state)):
        return "fits"
    return None if None in fits else "disagree"


def _gives_side(difference: Assertion, state: Assertion) -> bool:
    """Whether a state gives one side of a change that states none: "it is red in the second"."""
    changed = difference.change.changes if difference.change else None
    if state.image is None or changed is None:
        return False
    return not any(difference.values(changed)) and any(state.values(changed))


def _compare_sameness_and_state(sameness: Assertion, state: Assertion) -> str | None:
    agreed = _agree(sameness, state, [(state.side, state.side)])
    return None if agreed is None else "fits" if agreed else "disagree"


def _compare_samenesses(one: Assertion, other: Assertion) -> str | None:
    if one.change == other.change:
        return "disagree" if _agree(one, other, [(0, 0)]) is False else "equal"
    fits = None in (one.change, other.change) or DifferenceType.REMOVE in (one.change, other.change)
    return "fits" if fits else None  # "a mug" and "a red mug" in both


def _compare_states(one: Assertion, other: Assertion) -> str | None:
    if {one.image, other.image} == {0, 1}:
        return None
    agreed = _agree(one, other, [(one.side, other.side)])
    if agreed is None:  # they only share the object's presence
        return "fits" if one.bare or other.bare else None
    return "equal" if agreed else "disagree"


_ORDER = (AssertionKind.DIFFERENCE, AssertionKind.SAMENESS, AssertionKind.STATE)
_COMPARE = {
    (AssertionKind.DIFFERENCE, AssertionKind.DIFFERENCE): _compare_differences,
    (AssertionKind.DIFFERENCE, AssertionKind.SAMENESS): _compare_difference_and_sameness,
    (AssertionKind.DIFFERENCE, AssertionKind.STATE): _compare_difference_and_state,
    (AssertionKind.SAMENESS, AssertionKind.SAMENESS): _compare_samenesses,
    (AssertionKind.SAMENESS, AssertionKind.STATE): _compare_sameness_and_state,
    (AssertionKind.STATE, AssertionKind.STATE): _compare_states,
}
"""By the kinds of both assertions, in the order of `_ORDER`."""


def _agree(one: Assertion, other: Assertion, sides: Iterable[tuple[int, int]]) -> bool | None:
    """Whether no color or place clashes with its counterpart in `sides`; None if nothing can be compared."""
    fits = []
    for ours, theirs in sides:
        for attribute in Attribute:
            value, counterpart = one.values(attribute)[ours], other.values(attribute)[theirs]
            if value and counterpart:
                fits.append(not CLASHES[attribute](value, counterpart))
    return all(fits) if fits else None

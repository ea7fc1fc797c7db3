"""Leaves out of what an answer asserts what it says twice, and joins the two sides of one difference."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace

from spd_faith.language.assertions import Assertion, Values, may_be_same, off_color, off_side
from spd_faith.language.layout import without_marks

_GONE_FROM = {"remove": 1, "added": 0}  # the picture that lacks the object


def fold(assertions: Sequence[Assertion], text: str = "", apart: bool = False) -> list[Assertion]:
    """The claims that assertions, read in `text`, amount to.

    Left out are headings, and changes that are not named, of an object that something more is said of, and states and
    samenesses said before. The two sides of an object become one difference, and a difference takes the sides of its
    object that are told beside it: where they follow each other, or, with `apart`, wherever they stand.
    Differences said twice stay: whether the second is a repetition or counts is for the judge.
    """
    kept: list[Assertion] = []
    before: list[Assertion] = []
    for said in _without_headings(assertions):
        is_change = said.kind == "difference" and said.change
        if not is_change and any(said.repeats(earlier) for earlier in before):
            continue
        before.append(said)
        at = next((k for k in reversed(range(len(kept))) if _joins(kept[k], said, apart)), None)
        if at is not None:
            kept[at] = _joined(kept[at], said, text)
        elif not (kept and _sums_up(said, kept[-1])):
            kept.append(said)
    return kept


def _sums_up(said: Assertion, earlier: Assertion) -> bool:
    """Whether "so it did not change" only sums up what was said right before."""
    return (
        earlier.kind == said.kind == "sameness"
        and said.change is None
        and said.objects == earlier.objects != ()
        and said.clause - earlier.last_clause == 1
    )


def _without_headings(assertions: Sequence[Assertion]) -> list[Assertion]:
    """Without headings, and changes that are not named, of an object of which something more is said."""
    told = defaultdict(set)  # of each object, outside headings: the changes that are named, and the other kinds
    for said in assertions:
        for name in said.objects:
            if not said.heading:
                told[name].add((said.kind, said.change))
    kept = []
    for said in assertions:
        more = {one for name, all_told in told.items() if _names(said, name) for one in all_told}
        vague = said.kind == "difference" and said.change is None
        if said.heading and more:
            continue
        if vague and any(kind == "state" or (kind == "difference" and change) for kind, change in more):
            continue
        kept.append(said)
    return kept


def _names(said: Assertion, name: str) -> bool:
    return any(may_be_same(name, own) for own in said.objects)


def _joins(earlier: Assertion, said: Assertion, apart: bool) -> bool:
    """Whether two assertions of one object are the sides of one difference, or a difference and one of its sides."""
    kinds = {earlier.kind, said.kind}
    if "state" not in kinds or not kinds <= {"state", "difference"} or earlier.heading or said.heading:
        return False
    if not (apart or said.clause - earlier.last_clause <= 1) or len(earlier.objects) != 1 or len(said.objects) != 1:
        return False
    if not may_be_same(earlier.objects[0], said.objects[0]):
        return False
    if kinds == {"state"}:
        return {earlier.picture, said.picture} == {0, 1} and _contrast(earlier, said) is not None
    state, difference = (earlier, said) if earlier.kind == "state" else (said, earlier)
    return _is_side(state, difference)


def _is_side(state: Assertion, difference: Assertion) -> bool:
    """Whether a state tells how the object is in one picture, as far as the difference is concerned."""
    if state.picture is None or _GONE_FROM.get(difference.change) == state.picture:
        return False
    told = {"color": state.colors, "position": state.places}.get(difference.change)
    if told and not any(told) and not state.bare:
        return False  # of another respect
    clashes = (
        (difference.colors[state.side], state.colors[state.side], off_color),
        (difference.places[state.side], state.places[state.side], off_side),
    )
    return not any(one and other and off(one, other) for one, other, off in clashes)


def _contrast(earlier: Assertion, said: Assertion) -> tuple[str, str] | None:
    """What two states of one object, one of each picture, amount to: kind and change."""
    colors, places = _filled(earlier.colors, said.colors), _filled(earlier.places, said.places)
    if all(colors):
        return ("difference" if off_color(*colors) else "sameness"), "color"
    if (all(places) and off_side(*places)) or (earlier.spot and said.spot and earlier.spot != said.spot):
        return "difference", "position"
    if all(places) and places[0] == places[1]:
        return "sameness", "position"
    return None


def _filled(known: Values, more: Values) -> Values:
    return known[0] or more[0], known[1] or more[1]


def _joined(earlier: Assertion, said: Assertion, text: str) -> Assertion:
    whole, part = (earlier, said) if earlier.kind == "difference" else (said, earlier)
    kind, change = _contrast(earlier, said) if earlier.kind == said.kind else (whole.kind, whole.change)
    return replace(
        whole,
        kind=kind,
        change=change,
        picture=None,
        colors=_filled(whole.colors, part.colors),
        places=_filled(whole.places, part.places),
        text=_words(earlier, said, text),
        start=min(earlier.start, said.start),
        end=max(earlier.end, said.end),
        clause=min(earlier.clause, said.clause),
        last_clause=max(earlier.last_clause, said.last_clause),
    )


def _words(earlier: Assertion, said: Assertion, text: str) -> str:
    """The words of both, as they stand in the text where they follow each other."""
    if said.clause == earlier.last_clause or said.start < earlier.end:
        return earlier.text
    if said.clause - earlier.last_clause == 1 and text:
        return " ".join(without_marks(text[earlier.start : said.end]).split())
    return f"{earlier.text} … {said.text}"

"""CR: the claims across the answers to "the same?" and "different?". The rules with examples: docs/judging_rules.md."""

import re
from collections.abc import Iterable
from dataclasses import replace
from typing import NamedTuple

from spd_faith.judging.assertions import Assertion, Values, fold, off_side, read_assertions
from spd_faith.judging.claims import Claim

_OPENING = re.compile(r"\w[^.!?\n]*")
_QUOTED = 200  # characters of an opening that are quoted at most


class Answer(NamedTuple):
    text: str
    verdict: str | None  # differs, same, unclear; None where not parsed


def judge_consistency(same: Answer, different: Answer) -> list[Claim]:
    """The agreement of the verdicts first, then each claim about the contents that either answer makes."""
    ours, theirs = _contents(same.text), _contents(different.text)
    pairs = _pair(ours, theirs)
    claims = [_verdicts(same, different)]
    for i, said in enumerate(ours):
        if i in pairs:
            j, label = pairs[i]
            claims.append(Claim(said.text, label, theirs[j].text))
    left = [said for i, said in enumerate(ours) if i not in pairs]
    met = {j for j, _ in pairs.values()}
    other_left = [said for j, said in enumerate(theirs) if j not in met]
    denials, left, other_left = _deny(left, other_left)
    claims += denials
    claims += [_alone(said, different) for said in left]
    claims += [_alone(said, same) for said in other_left]
    return claims


def _verdicts(same: Answer, different: Answer) -> Claim:
    opening = [match.group().strip()[:_QUOTED] if (match := _OPENING.search(a.text)) else "" for a in (same, different)]
    verdicts = {same.verdict, different.verdict}
    label = "ambiguous" if verdicts - {"same", "differs"} else "consistent" if len(verdicts) == 1 else "contradictory"
    return Claim(opening[0], label, opening[1] or None)


def _contents(text: str) -> list[Assertion]:
    """What an answer says of the contents, once each; a state that is one side of a difference goes into it."""
    assertions = fold([said for said in read_assertions(text) if not said.is_verdict])
    contents: list[Assertion] = []
    for said in sorted(assertions, key=lambda said: said.kind != "difference"):
        if any(said.repeats(earlier) for earlier in contents):
            continue
        whole = next((i for i, earlier in enumerate(contents) if _is_part(said, earlier)), None)
        if whole is None:
            contents.append(said)
        else:
            colors, places = _fill(contents[whole].colors, said.colors), _fill(contents[whole].places, said.places)
            contents[whole] = replace(contents[whole], colors=colors, places=places)
    return sorted(contents, key=lambda said: said.start)


def _fill(known: Values, more: Values) -> Values:
    return known[0] or more[0], known[1] or more[1]


def _is_part(said: Assertion, whole: Assertion) -> bool:
    """Whether a state is one side of a difference of the same answer."""
    return (
        said.kind == "state"
        and said.picture is not None
        and whole.kind == "difference"
        and said.shares_object(whole)
        and _relation(said, whole) != "disagree"
    )


def _pair(ours: list[Assertion], theirs: list[Assertion]) -> dict[int, tuple[int, str]]:
    """Partners by index, one to one: the same change first, then what only fits, then what disagrees."""
    relations = {(i, j): _relation(one, other) for i, one in enumerate(ours) for j, other in enumerate(theirs)}
    pairs: dict[int, tuple[int, str]] = {}
    met: set[int] = set()
    for wanted, label in (("equal", "consistent"), ("fits", "consistent"), ("disagree", "contradictory")):
        for (i, j), relation in relations.items():
            if relation == wanted and i not in pairs and j not in met:
                pairs[i] = j, label
                met.add(j)
    return pairs


def _relation(one: Assertion, other: Assertion) -> str | None:
    """`equal`, `fits` (one says less), `disagree`, or None where the two cannot be compared."""
    if one.whole and other.whole:
        return "equal" if (one.change, one.rest) == (other.change, other.rest) else None
    if one.whole or other.whole or not one.shares_object(other):
        return None
    # by kind: difference before sameness before state
    first, second = sorted((one, other), key=lambda said: said.kind)
    return _COMPARE[first.kind, second.kind](first, second)


def _compare_differences(one: Assertion, other: Assertion) -> str:
    if one.change and other.change and one.change != other.change:
        return "disagree"
    if _agree(one, other, [(0, 0), (1, 1)]) is False:
        return "disagree"
    return "equal" if one.change == other.change else "fits"


def _compare_difference_and_sameness(difference: Assertion, sameness: Assertion) -> str | None:
    touched = None in (difference.change, sameness.change) or difference.change == sameness.change
    return "disagree" if touched or difference.change in _GONE_FROM else None


def _compare_difference_and_state(difference: Assertion, state: Assertion) -> str | None:
    if state.picture is not None and _GONE_FROM.get(difference.change) == state.picture:
        return "disagree"
    agreed = _agree(difference, state, [(state.side, state.side)])
    return None if agreed is None else "fits" if agreed else "disagree"


def _compare_samenesses(one: Assertion, other: Assertion) -> str | None:
    if one.change == other.change:
        return "equal"
    return "fits" if None in (one.change, other.change) else None


def _compare_states(one: Assertion, other: Assertion) -> str | None:
    if {one.picture, other.picture} == {0, 1}:
        return None
    agreed = _agree(one, other, [(one.side, other.side)])
    if agreed is None:  # they share no more than the object's presence
        return "fits" if one.bare or other.bare else None
    return "equal" if agreed else "disagree"


_GONE_FROM = {"remove": 1, "added": 0}  # the picture that lacks the object
_COMPARE = {
    ("difference", "difference"): _compare_differences,
    ("difference", "sameness"): _compare_difference_and_sameness,
    ("difference", "state"): _compare_difference_and_state,
    ("sameness", "sameness"): _compare_samenesses,
    ("sameness", "state"): lambda sameness, state: None,
    ("state", "state"): _compare_states,
}


def _agree(one: Assertion, other: Assertion, sides: Iterable[tuple[int, int]]) -> bool | None:
    """Whether no color or place clashes with its counterpart in `sides`; None where nothing can be compared."""
    fits = []
    for mine, theirs in sides:
        if one.colors[mine] and other.colors[theirs]:
            fits.append(one.colors[mine] == other.colors[theirs])
        if one.places[mine] and other.places[theirs]:
            fits.append(not off_side(one.places[mine], other.places[theirs]))
    return all(fits) if fits else None


def _deny(ours: list[Assertion], theirs: list[Assertion]) -> tuple[list[Claim], list[Assertion], list[Assertion]]:
    """Differences of one answer against "nothing changed" or "everything else is the same" of the other."""
    claims = []
    left = [list(ours), list(theirs)]
    for here, there in ((0, 1), (1, 0)):
        for said in (ours, theirs)[here]:
            denial = next((o for o in (ours, theirs)[there] if o.whole and o.change in (None, said.change)), None)
            if said.kind == "difference" and denial:
                claims.append(Claim(said.text, "contradictory", denial.text))
                left[here].remove(said)
                left[there] = [other for other in left[there] if other is not denial]
    return claims, *left


def _alone(said: Assertion, other: Answer) -> Claim:
    """A claim of one answer only; that nothing at all changed agrees with a verdict of sameness."""
    if said.whole and not said.rest and said.change is None and other.verdict == "same":
        return Claim(said.text, "consistent", other.text.strip()[:_QUOTED])
    return Claim(said.text, "ambiguous")

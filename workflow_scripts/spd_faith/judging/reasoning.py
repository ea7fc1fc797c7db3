"""DRF: the claims of a describe answer, each judged by the truth. The rules with examples: docs/judging_rules.md."""

import re
from collections import Counter, defaultdict
from collections.abc import Iterator
from typing import Any

from spd_faith.judging.claims import Claim
from spd_faith.judging.truth import TrueDifference, Truth, off_place, read_truth
from spd_faith.language.assertions import Assertion, off_color
from spd_faith.language.categories import canonical_category
from spd_faith.language.folding import fold
from spd_faith.language.reading import read_assertions
from spd_faith.parsing.answer_text import answer_of, readable

_JSON_START = re.compile(
    r"```|~~~|\{\s*[\"'“”‘’„\\]{0,6}\w[\w -]{0,40}[\"'“”‘’\\]{0,6}\s*[:：]|\[\s*[\[{\]]|[｛［]|\{\\n"
)
_JSON_END = re.compile(r"```|~~~|[}\]｝］]")
Outcome = tuple[str, str | None]  # label and error type
_FAITHFUL = ("faithful", None)
_UNVERIFIABLE = ("unverifiable", None)


def judge_reasoning(sample: dict[str, Any], text: str, parsed: dict[str, Any]) -> list[Claim]:
    """Claims of the answer to `describe`.

    `sample` is a row of `SAMPLES`, `parsed` of `PARSED`. Judged is the prose before the JSON, else the prose after it;
    where neither claims anything, the entries of the list.
    """
    truth = read_truth(sample)
    for prose in _prose(readable(answer_of(text))):
        if claims := _judge(fold(read_assertions(prose), prose), truth):
            return claims
    return _judge(_entries(parsed), truth)


def _prose(text: str) -> Iterator[str]:
    start = _JSON_START.search(text)
    if not start:
        yield text
        return
    yield text[: start.start()]
    *_, end = [start, *_JSON_END.finditer(text, start.end())]
    yield text[end.end() :]


def _entries(parsed: dict[str, Any]) -> list[Assertion]:
    if not parsed["has_structured_output"]:
        return []
    if not parsed["differences"] and not parsed["predicted_num"]:
        return [Assertion("no differences", "sameness")]
    assertions = []
    for number, entry in enumerate(parsed["differences"]):
        words = [entry["raw_type"] or entry["type"], entry["raw_category"] or entry["category"]]
        name = canonical_category(entry["category"] or "") or entry["category"]
        change = entry["type"] or ("other" if entry["raw_type"] else None)
        text = " ".join(word for word in words if word) or "(an entry without words)"
        assertions.append(Assertion(text, "difference", (name,) if name else (), change, entry=(0, number)))
    return assertions


def _judge(assertions: list[Assertion], truth: Truth) -> list[Claim]:
    told = [assertion for assertion in assertions if assertion.kind == "difference"]
    differences = _Differences(truth)
    claims = []
    for assertion in assertions:
        if assertion.kind == "difference":
            outcome = differences.label(assertion)
        elif assertion.kind == "state":
            outcome = _state(assertion, truth)
        else:
            outcome = _sameness(assertion, truth, told)
        if outcome:
            label, error_type = outcome
            claims.append(Claim(assertion.text, label, error_type=error_type))
    return claims


def _unfaithful(error_type: str) -> Outcome:
    return "unfaithful", error_type


class _Differences:
    """Labels the difference claims of one answer in their order; each true difference answers one of them."""

    def __init__(self, truth: Truth) -> None:
        self._truth = truth
        self._open = list(truth.differences)
        self._earlier: dict[tuple, list[Assertion]] = defaultdict(list)
        self._counted: Counter[tuple] = Counter()

    def label(self, said: Assertion) -> Outcome | None:
        """The label, or None where the claim only repeats an earlier one."""
        earlier = self._earlier[said.topic]
        further = not earlier or self._is_further(said, earlier)
        outcome = None if not further and any(map(said.repeats, earlier)) else self._outcome(said, further)
        earlier.append(said)
        if outcome:
            self._counted[said.topic] += 1
        return outcome

    def _is_further(self, said: Assertion, earlier: list[Assertion]) -> bool:
        """Whether a difference of its own is counted: "another", or one more number of a list than claims so far."""
        if said.another or not said.entry:
            return said.another
        numbers = {a.entry for a in (*earlier, said) if a.entry and a.entry[0] == said.entry[0]}
        return len(numbers) > self._counted[said.topic]

    def _outcome(self, said: Assertion, further: bool) -> Outcome | None:
        same_object = self._truth.of(said.objects[0]) if said.objects else []
        if said.change is None:
            return _FAITHFUL if same_object else _unfaithful("fabrication")
        matching = [true for true in same_object if true.type == said.change]
        candidates = sorted((true for true in matching if true in self._open), key=lambda true: true.contradicts(said))
        if candidates:
            self._open.remove(candidates[0])
            return _unfaithful("attribute_error") if candidates[0].contradicts(said) else _FAITHFUL
        if not further:  # the same difference with other words: judged again only where they are wrong
            wrong = matching and all(true.contradicts(said) for true in matching)
            return _unfaithful("attribute_error") if wrong else None
        if matching:
            return _unfaithful("fabrication")
        if same_object:
            return _unfaithful("type_confusion")
        of_type = any(true.type == said.change for true in self._truth.differences)
        return _unfaithful("type_category_mismatch" if of_type else "fabrication")


def _state(said: Assertion, truth: Truth) -> Outcome:
    known, error_type = truth.holds(said)
    if known is None:
        return _UNVERIFIABLE
    return _FAITHFUL if known else _unfaithful(error_type)


def _sameness(said: Assertion, truth: Truth, told: list[Assertion]) -> Outcome:
    if not said.objects:
        broken = [true for true in truth.differences if said.change in (None, true.type)]
        if said.rest:  # "everything else": but for what the answer tells
            broken = [true for true in broken if not any(_tells(a, true, truth) for a in told)]
        return _unfaithful("type_category_mismatch") if broken else _FAITHFUL
    outcomes = [_stays(name, said, truth) for name in said.objects]
    false = [outcome for outcome in outcomes if outcome[0] == "unfaithful"]
    return (false or [outcome for outcome in outcomes if outcome == _UNVERIFIABLE] or [_FAITHFUL])[0]


def _tells(said: Assertion, true: TrueDifference, truth: Truth) -> bool:
    return said.change in (None, true.type) and any(true in truth.of(name) for name in said.objects)


def _stays(name: str, said: Assertion, truth: Truth) -> Outcome:
    """Whether the object stays the same, in the one respect that is named if any."""
    changed = truth.of(name)
    unchanged = truth.still(name)
    if bool(changed) == bool(unchanged):  # unknown, or two of a name and no telling which is meant
        return _UNVERIFIABLE
    touched = {true.type for true in changed} & {said.change, "remove", "added"}
    if touched or (changed and said.change is None):
        return _unfaithful("type_confusion")
    colors = {color for true in changed for color in true.colors if color}
    if said.colors[0] and colors and all(off_color(said.colors[0], color) for color in colors):
        return _unfaithful("attribute_error")
    if unchanged and all(off_place(said.places[0] or said.places[1], at) for at in unchanged):
        return _unfaithful("attribute_error")
    unknown = (said.change == "color" and said.colors[0] and not colors) or truth.lacks(said)
    return _UNVERIFIABLE if unknown else _FAITHFUL

"""DRF: labels the claims of a describe answer by the truth. Rules and examples: docs/judging_rules.md."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from spd_faith.core.difference_types import DifferenceType
from spd_faith.judging.claims import Claim
from spd_faith.judging.truth import Point, SampleTruth, TrueDifference, is_off_place, read_truth
from spd_faith.language.assertions import Assertion, AssertionKind, colors_clash, first_said
from spd_faith.language.categories import canonical_category
from spd_faith.language.change_kinds import Change, FurtherChange
from spd_faith.language.document import read_document
from spd_faith.language.itemised import read_claims
from spd_faith.language.recognition import MAX_READ, is_unread
from spd_faith.parsing.answer_text import answer_of, prose_spans, readable

Outcome = tuple[str, str | None]  # label and error type
_Found = tuple[Outcome | None, TrueDifference | None]  # the label, and the true difference that the claim names
_FAITHFUL = ("faithful", None)
_UNVERIFIABLE = ("unverifiable", None)


def judge_reasoning(sample: dict[str, Any], text: str, parsed: dict[str, Any]) -> list[Claim] | None:
    """Label the claims of a describe answer; None if it is in a language that cannot be read.

    `sample` is a row of `SAMPLES`, `parsed` a row of `PARSED`. The claims are those of the prose before the JSON, else
    of the prose after it, else the entries of the list. Of each prose the first `MAX_READ` characters are read.
    """
    text = readable(answer_of(text))
    if is_unread(text):
        return None
    truth = read_truth(sample)
    for prose in claims_by_prose(text):
        if claims := _judge(prose.claims, truth):
            return claims
    return None if any(map(_is_unread_entry, parsed["differences"])) else _judge(_entries(parsed), truth)


class ProseClaims(NamedTuple):
    """The claims of one prose of an answer, which starts at character `start`; of its text as far as it is read."""

    start: int
    text: str
    claims: list[Assertion]


def claims_by_prose(text: str) -> Iterator[ProseClaims]:
    """The claims of the prose before the JSON of an answer, then of the prose after it; spans count from `start`."""
    for start, end in prose_spans(text):
        read = text[start : min(end, start + MAX_READ)]
        yield ProseClaims(start, read, read_claims(read, read_document(read)))


def num_unread(text: str) -> int:
    """The number of characters of prose in a describe answer that are beyond what `judge_reasoning` reads."""
    return sum(max(end - start - MAX_READ, 0) for start, end in prose_spans(readable(answer_of(text))))


def _entries(parsed: dict[str, Any]) -> list[Assertion]:
    if not parsed["has_structured_output"]:
        return []
    if not parsed["differences"] and not parsed["predicted_num"]:
        return [Assertion("no differences", AssertionKind.SAMENESS)]
    return [entry_claim(number, entry) for number, entry in enumerate(parsed["differences"])]


def _is_unread_entry(entry: dict[str, str | None]) -> bool:
    """Whether a list entry names its type or object in words of another language that the lexicon lacks."""
    raw_type, raw_category = entry["raw_type"] or "", entry["raw_category"] or ""
    is_named = entry["category"] != raw_category.lower() or canonical_category(raw_category)
    return is_unread(" ".join(("" if entry["type"] else raw_type, "" if is_named else raw_category)))


def entry_words(entry: dict[str, str | None]) -> str:
    """The text of a claim that a list entry makes."""
    words = [entry["raw_type"] or entry["type"], entry["raw_category"] or entry["category"]]
    return " ".join(word for word in words if word) or "(an entry without words)"


def entry_claim(number: int, entry: dict[str, str | None]) -> Assertion:
    """Entry `number` of a list, a struct of the column `differences`, as an asserted difference."""
    name = canonical_category(entry["category"] or "") or entry["category"]
    change: Change | None = DifferenceType.named(entry["type"])
    if change is None and entry["raw_type"]:
        change = FurtherChange.OTHER
    return Assertion(entry_words(entry), AssertionKind.DIFFERENCE, (name,) if name else (), change, entry=(0, number))


def _judge(assertions: list[Assertion], truth: SampleTruth) -> list[Claim]:
    labelled = label_claims(assertions, truth)
    return [Claim(said.text, outcome[0], error_type=outcome[1]) for said, outcome, _ in labelled if outcome]


class LabelledClaim(NamedTuple):
    """A claim, its label and error type, and the true difference that it is the first to name.

    Without a label it only repeats an earlier claim.
    """

    said: Assertion
    outcome: Outcome | None
    true: TrueDifference | None = None


def label_claims(assertions: Sequence[Assertion], truth: SampleTruth) -> Iterator[LabelledClaim]:
    """The claims of an answer with their labels, in order. A claim names a difference by its object and type."""
    differences = _Differences(truth)
    asserted = [assertion for assertion in assertions if assertion.kind == AssertionKind.DIFFERENCE]
    for assertion in assertions:
        match assertion.kind:
            case AssertionKind.DIFFERENCE:
                yield LabelledClaim(assertion, *differences.label(assertion))
            case AssertionKind.STATE:
                yield LabelledClaim(assertion, _label_of_state(assertion, truth))
            case AssertionKind.SAMENESS:
                yield LabelledClaim(assertion, _label_of_sameness(assertion, truth, asserted))


def _unfaithful(error_type: str) -> Outcome:
    return "unfaithful", error_type


class _Differences:
    """Labels the difference claims of an answer in order; each true difference matches at most one."""

    def __init__(self, truth: SampleTruth) -> None:
        self._truth = truth
        self._open = list(truth.differences)
        self._earlier: dict[tuple[object, ...], list[Assertion]] = defaultdict(list)
        self._counted: Counter[tuple[object, ...]] = Counter()

    def label(self, said: Assertion) -> _Found:
        """The label, or None if the claim only repeats an earlier one."""
        earlier = self._earlier[said.topic]
        further = not earlier or self._is_further(said, earlier)
        repeats = not further and any(map(said.repeats, earlier))
        outcome, true = (None, None) if repeats else self._found(said, further)
        earlier.append(said)
        if outcome:
            self._counted[said.topic] += 1
        return outcome, true

    def _is_further(self, said: Assertion, earlier: list[Assertion]) -> bool:
        """Whether a repeated claim counts separately: "another", or a new number of a list."""
        if said.another or not said.entry:
            return said.another
        numbers = {a.entry for a in (*earlier, said) if a.entry and a.entry[0] == said.entry[0]}
        return len(numbers) > self._counted[said.topic]

    def _found(self, said: Assertion, further: bool) -> _Found:
        of_object = self._truth.of(said.objects[0]) if said.objects else []
        if said.change is None:
            return _FAITHFUL if of_object else _unfaithful("fabrication"), None
        matching = [true for true in of_object if true.type == said.change]
        if candidates := [true for true in matching if true in self._open]:
            return self._answered(said, candidates)
        if not further:  # the same difference in other words counts only if they are wrong
            wrong = matching and all(true.contradicts(said) for true in matching)
            return _unfaithful("attribute_error") if wrong else None, None
        return _unfaithful(self._error_type(said, of_object, matching)), None

    def _answered(self, said: Assertion, candidates: list[TrueDifference]) -> _Found:
        """The label of a claim with `candidates` of its type and object; prefers one that fits."""
        answer = min(candidates, key=lambda true: true.contradicts(said))
        self._open.remove(answer)
        return _unfaithful("attribute_error") if answer.contradicts(said) else _FAITHFUL, answer

    def _error_type(self, said: Assertion, of_object: list[TrueDifference], matching: list[TrueDifference]) -> str:
        """The error type of a claim without a matching true difference."""
        if matching:
            return "fabrication"
        if of_object:
            return "type_confusion"
        of_type = any(true.type == said.change for true in self._truth.differences)
        return "type_category_mismatch" if of_type else "fabrication"


def _label_of_state(said: Assertion, truth: SampleTruth) -> Outcome:
    known, error_type = truth.holds(said)
    if known is None:
        return _UNVERIFIABLE
    return _FAITHFUL if known else ("unfaithful", error_type)


def _label_of_sameness(said: Assertion, truth: SampleTruth, asserted: list[Assertion]) -> Outcome:
    """`asserted` are the differences in the answer, which "everything else is the same" excludes."""
    if not said.objects:
        excepted = asserted if said.rest else []
        broken = [true for true in truth.differences if said.change in (None, true.type)]
        unnamed = [true for true in broken if not any(_names(one, true, truth) for one in excepted)]
        return _unfaithful("type_category_mismatch") if unnamed else _FAITHFUL
    outcomes = [_label_of_unchanged(name, said.of(name), truth) for name in said.objects]
    return max(outcomes, key=_weight)


def _weight(outcome: Outcome) -> int:
    """For a claim about several objects, an unfaithful one decides, then an unverifiable one."""
    return {"unfaithful": 2, "unverifiable": 1}.get(outcome[0], 0)


def _names(said: Assertion, true: TrueDifference, truth: SampleTruth) -> bool:
    return said.change in (None, true.type) and any(true in truth.of(name) for name in said.objects)


def _label_of_unchanged(name: str, said: Assertion, truth: SampleTruth) -> Outcome:
    """Whether the object stays the same, in the stated respect if any."""
    changed, unchanged = truth.of(name), truth.still(name)
    if bool(changed) == bool(unchanged):  # unknown, or ambiguous between two objects of that name
        return _UNVERIFIABLE
    if any(_touches(true, said) for true in changed):
        return _unfaithful("type_confusion")
    colors = {color for true in changed for color in true.colors if color}
    if _is_other_color(said.colors[0], colors) or _is_elsewhere(first_said(said.places), unchanged):
        return _unfaithful("attribute_error")
    is_unknown_color = said.change == DifferenceType.COLOR and said.colors[0] and not colors
    return _UNVERIFIABLE if is_unknown_color or truth.has_unknown_details(said) else _FAITHFUL


def _is_other_color(color: str | None, colors: set[str]) -> bool:
    return bool(color and colors) and all(color and colors_clash(color, true) for true in colors)


def _is_elsewhere(place: str | None, centres: list[Point]) -> bool:
    return bool(centres) and all(is_off_place(place, centre) for centre in centres)


def _touches(true: TrueDifference, sameness: Assertion) -> bool:
    """Whether a true difference contradicts a sameness of its object; a removal or addition always does."""
    return sameness.change in (None, true.type) or true.type.absent_from is not None

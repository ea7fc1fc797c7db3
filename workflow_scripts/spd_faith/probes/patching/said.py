"""Which tokens of a describe answer say what: the claim that names each true difference, the count, the JSON.

Only the answer counts: what a model reasons before it is not what it says. Claims are those of the rules judge, read
from the same prose and matched with the truth alike, so a difference is named here if that judge counts it as named.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from spd_faith.core.text import places_in
from spd_faith.judging.reasoning import LabelledClaim, ProseClaims, claims_by_prose, entry_claim, label_claims
from spd_faith.judging.truth import SampleTruth, TrueDifference, read_truth
from spd_faith.language.assertions import Assertion, AssertionKind, may_be_same
from spd_faith.language.change_kinds import FurtherChange
from spd_faith.language.counts import find_count_phrase
from spd_faith.language.document import Document, read_document
from spd_faith.language.objects import find_objects
from spd_faith.language.reading import read_assertions
from spd_faith.language.recognition import MAX_READ, is_unread
from spd_faith.parsing.answer_text import answer_of, prose_spans, readable
from spd_faith.parsing.entry_places import placed_entries
from spd_faith.parsing.verdicts import find_differing
from spd_faith.probes.words import decoded_tokens

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

Tokens = tuple[int, ...]
"""Indices of tokens of the answer, ascending."""
_ROW_NUMBER = re.compile(r"\W{0,4}\d{1,2}\s{0,4}[|.)]")
_Spans = list[tuple[int, int]]  # characters of the text that is read


@dataclass(frozen=True)
class Said:
    """What an answer says of one true difference. Of the first four, no two share a token; empty: not said."""

    claim: Tokens = ()
    """The first claim in prose that names it, by its object and type of change."""
    count: Tokens = ()
    """The words that state the number of differences."""
    json_copy: Tokens = ()
    """Its entry in the JSON list."""
    other_claims: Tokens = ()
    """Claims in prose about something else. What is said again of this difference is left out."""
    verdict: Tokens = ()
    """The words that say that the images differ, where this is the only difference; they may be those of the count."""


def said(tokenizer: PreTrainedTokenizerFast, token_ids: Sequence[int], sample: Mapping[str, Any]) -> list[Said]:
    """What an answer says of each true difference of a row of `SAMPLES`, in order."""
    text, token_spans = decoded_tokens(tokenizer, token_ids)
    answer = _Answer(text, read_truth(dict(sample)))
    tokens = _TokensOf(token_spans, answer.places)
    return [_said(answer, number, tokens) for number in range(len(sample["differences"]))]


def _said(answer: _Answer, number: int, tokens: _TokensOf) -> Said:
    claim = tokens(answer.claim(number), set())
    count = tokens(answer.count, {*claim})
    json_copy = tokens(answer.entry(number), {*claim, *count})
    others = tokens(answer.others(number), {*claim, *count, *json_copy})
    verdict = tokens(answer.verdict, {*claim, *json_copy, *others}) if len(answer.truth.differences) == 1 else ()
    return Said(claim, count, json_copy, others, verdict)


class _TokensOf:
    """Maps spans of the text that is read to tokens: those that show a letter or more of it."""

    def __init__(self, token_spans: Sequence[tuple[int, int]], places: Sequence[int]) -> None:
        self._token_spans = token_spans
        self._places = places

    def __call__(self, spans: _Spans, taken: set[int]) -> Tokens:
        placed = [(self._places[start], self._places[end - 1] + 1) for start, end in spans]
        return tuple(
            number
            for number, (first, last) in enumerate(self._token_spans)
            if number not in taken and any(first < end and start < last for start, end in placed)
        )


class _Answer:
    """The parts of an answer, as spans of its readable text."""

    def __init__(self, text: str, truth: SampleTruth) -> None:
        answer = answer_of(text)
        self.text = readable(answer)
        of_answer = places_in(text, answer)
        self.places = [of_answer[place] for place in places_in(answer, self.text)]
        """The place of each character in the decoded text."""
        self.truth = truth
        self._placed = placed_entries(self.text)
        self._entries = list(self._read_entries())
        self._prose, self._claims = self._read_claims()
        counts = ((start, find_count_phrase(prose)) for start, prose in self._proses())
        count = next(((start, found) for start, found in counts if found), None)
        self.count = self._words([(count[0] + count[1].start, count[0] + count[1].end)] if count else [])
        denies = count is not None and count[1].number == 0
        self.verdict = [] if denies else self._first_verdict()

    def claim(self, number: int) -> _Spans:
        """The words of the first claim that names a true difference."""
        claims = (one.said for one in self._claims if one.true and one.true.number == number)
        spans = next((self._words(self._prose.spans_of(claim)) for claim in claims), [])
        return self._words(_apart_from(self.count, spans)) or spans  # "The only difference is the car: …"

    def entry(self, number: int) -> _Spans:
        return next(([span] for span, true in self._entries if true and true.number == number), [])

    def others(self, number: int) -> _Spans:
        """The words of the claims about something else than a true difference."""
        [true] = [one for one in self.truth.differences if one.number == number]
        others = (one for one in self._claims if one.outcome and one.said.objects and self._is_other(one, true))
        return [span for one in others for span in self._words(self._prose.spans_of(one.said))]

    def _is_other(self, one: LabelledClaim, true: TrueDifference) -> bool:
        if one.true:
            return one.true is not true
        is_typed = one.said.kind == AssertionKind.DIFFERENCE and one.said.change not in (None, FurtherChange.OTHER)
        if is_typed and one.said.change != true.type:
            return True
        return not any(true in self.truth.of(name) for name in one.said.objects)

    def _read_claims(self) -> tuple[_Prose, list[LabelledClaim]]:
        """The prose that the rules judge reads, with its claims."""
        if not is_unread(self.text):
            for prose in claims_by_prose(self.text):
                if self._is_json(prose.start):
                    continue
                labelled = list(label_claims(prose.claims, self.truth))
                if any(one.outcome for one in labelled):
                    return _Prose(prose), labelled
        return _Prose(ProseClaims(0, "", [])), []

    def _read_entries(self) -> Iterator[tuple[tuple[int, int], TrueDifference | None]]:
        stated = [((start, end), one) for start, end, differences in self._placed for one in differences]
        claims = [entry_claim(number, one) for number, (_, one) in enumerate(stated)]
        for (span, _), labelled in zip(stated, label_claims(claims, self.truth), strict=True):
            yield span, labelled.true

    def _proses(self) -> Iterator[tuple[int, str]]:
        for start, end in prose_spans(self.text):
            if not self._is_json(start):
                yield start, self.text[start : min(end, start + MAX_READ)]

    def _is_json(self, start: int) -> bool:
        """Whether what starts here, behind the first JSON, is the rest of a list that was cut off."""
        return start > 0 and any(start <= entry.start for entry in self._placed)

    def _first_verdict(self) -> _Spans:
        stated = ((start, find_differing(prose)) for start, prose in self._proses())
        found = [(start + span[0], start + span[1]) for start, span in stated if span]
        return self._words(found[:1] if not self.count else [min([*found, *self.count])])

    def _words(self, spans: _Spans) -> _Spans:
        """The spans without the marks at their ends and the number of a row, as one where only marks part them."""
        kept: _Spans = []
        for start, end in spans:
            number = _ROW_NUMBER.match(self.text, start, end)
            letters = self._letters(number.end() if number else start, end)
            if letters and kept and not self._letters(kept[-1][1], letters[0]):
                kept[-1] = kept[-1][0], max(kept[-1][1], letters[-1] + 1)
            elif letters:
                kept.append((letters[0], letters[-1] + 1))
        return kept

    def _letters(self, start: int, end: int) -> list[int]:
        """The places of the letters and digits in a span."""
        return [place for place in range(start, end) if self.text[place].isalnum()]


class _Prose:
    """A prose with its claims; finds the words of each."""

    def __init__(self, prose: ProseClaims) -> None:
        self._start = prose.start
        self._text = prose.text
        self._document: Document = read_document(prose.text)
        self._assertions = read_assertions(prose.text)

    def spans_of(self, claim: Assertion) -> _Spans:
        """Where a claim stands: the assertions that it joins, and the title above if only that names its object.

        What lies between two sides of a claim is about something else, as is what stays the same.
        """
        start, end = claim.span.start, claim.span.end
        within = [one for one in self._assertions if start <= one.span.start and one.span.end <= end]
        about = self._naming(claim, _without_repetitions([one for one in within if one.shares_object(claim)]))
        spans = [(one.span.start, one.span.end) for one in about]
        if not spans or len(about) == len(within):
            spans = [(start, end)]
        spans = self._with_title(claim, spans)
        return [(self._start + first, self._start + last) for first, last in spans]

    def _naming(self, claim: Assertion, about: list[Assertion]) -> list[Assertion]:
        """Of the assertions of a difference, those of its change, if they name the object without the others."""
        changes = [one for one in about if one.kind != AssertionKind.SAMENESS]
        is_named = any(self._names(claim, one.span.start, one.span.end) for one in changes)
        return changes if is_named and claim.kind == AssertionKind.DIFFERENCE else about

    def _with_title(self, claim: Assertion, spans: _Spans) -> _Spans:
        """The spans with the title above them if they do not name the object, else without it."""
        start, end = self._title_at(claim.span.start)
        body = [(max(end, first), last) for first, last in spans if last > end]
        if not body or any(self._names(claim, *span) for span in body):
            return body or spans
        return [(start, end), *body] if self._names(claim, start, end) else spans

    def _title_at(self, place: int) -> tuple[int, int]:
        """The title of the item at a place, else the heading of its section."""
        if item := self._document.item_at(place):
            return item.start, item.title_end
        start = next((one.start for one in self._document.sections if one.start <= place < one.end), 0)
        return start, max(self._text.find("\n", start, place), start)

    def _names(self, claim: Assertion, start: int, end: int) -> bool:
        """Whether characters of the prose name the object of a claim."""
        named = [mention.value for mention in find_objects(self._text[start:end])]
        return any(may_be_same(own, name) for own in claim.objects for name in named)


def _apart_from(taken: _Spans, spans: _Spans) -> _Spans:
    """The parts of spans that lie outside of others."""
    for first, last in taken:
        spans = [part for start, end in spans for part in ((start, min(end, first)), (max(start, last), end))]
    return [(start, end) for start, end in spans if start < end]


def _without_repetitions(assertions: Sequence[Assertion]) -> list[Assertion]:
    """The assertions that a claim joins, without a difference that only says again what those before it say: one of
    them, or the states in both images."""
    kept: list[Assertion] = []
    for one in assertions:
        sides = {state.image for state in kept if state.kind == AssertionKind.STATE}
        is_said = any(map(one.repeats, kept)) or (one.bare and {0, 1} <= sides)
        if one.kind != AssertionKind.DIFFERENCE or not is_said:
            kept.append(one)
    return kept

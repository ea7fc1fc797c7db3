"""Reads the assertions of a text, clause by clause."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from spd_faith.language.asides import without_remarks
from spd_faith.language.assertions import Assertion, AssertionKind, Certainty, Span
from spd_faith.language.changes import find_types
from spd_faith.language.clause_assertions import opens_exception, parts_of, read_part
from spd_faith.language.clauses import Clause, split_clauses
from spd_faith.language.difference_nouns import COUNTED_NOUNS
from spd_faith.language.document import FIELDS, Document, object_of_title, read_document, without_respects
from spd_faith.language.hedges import after_lead_in, is_unasserted, taking_back
from spd_faith.language.layout import Lines, quoted, without_marks
from spd_faith.language.lexicon import LexiconFile, PhraseList, any_of, load_lexicon
from spd_faith.language.listings import Listing, is_bare, listed, listing_of
from spd_faith.language.objects import find_objects
from spd_faith.language.reference import Context
from spd_faith.language.side_by_side import find_pairs
from spd_faith.language.spelling import place_in, respell
from spd_faith.language.words import with_following


class _Reading(LexiconFile):
    but: PhraseList


_WORDS = load_lexicon("reading", _Reading)
_LABEL = re.compile(rf"{any_of(FIELDS)}\s?:\s?", re.I)
_COUNTED = re.compile(rf"[^:\n]{{0,160}}\b{any_of(COUNTED_NOUNS)}\b[^:\n]{{0,30}}:\s(?=\S)", re.I)
_BUT = re.compile(rf"[^.!?\n]*\b{any_of(_WORDS.but)}\b", re.I)
_OPENING = 8  # characters of a clause that contain its conjunction

_Parts = list[tuple[int, list[Assertion]]]  # (start in the clause, assertions) of each part


def read_assertions(text: str, supposed: bool = False) -> list[Assertion]:
    """All assertions of a text in order, including repetitions and, with `supposed`, what it only supposes."""
    respelt, shifts = respell(text)
    found = _read_all(respelt, supposed)
    return found if respelt == text else [_in_original(said, text, shifts) for said in found]


def _in_original(said: Assertion, text: str, shifts: list[tuple[int, int]]) -> Assertion:
    start, end = place_in(shifts, said.span.start), place_in(shifts, said.span.end)
    return replace(said, text=quoted(text[start:end]), span=said.span._replace(start=start, end=end))


def _read_all(text: str, supposed: bool) -> list[Assertion]:
    document = read_document(text)
    plain = without_respects(without_marks(text), document.items)
    assertions, rest = find_pairs(plain)
    clauses = split_clauses(without_remarks(rest))
    names_only = bool(clauses) and all(is_bare(clause.text) for clause in clauses)
    reader = _Reader(rest, Lines(text, plain), document, names_only, supposed)
    context = Context()
    for number, (clause, following) in enumerate(with_following(clauses)):
        opening = _opening_of(clause.text)
        if opening.takes_back and not opening.objects:  # it takes back the clause before
            assertions = [one for one in assertions if one.span.last_clause < number - 1]
        found, context = reader.read(number, clause, opening, following, context)
        assertions += found
    return sorted(assertions, key=lambda said: said.span.start)


@dataclass(frozen=True)
class _Reader:
    """Reads the clauses of a text; `names_only`: every clause only names objects."""

    plain: str
    lines: Lines
    document: Document
    names_only: bool
    supposed: bool

    def read(
        self, number: int, clause: Clause, opening: "_Opening", following: Clause | None, context: Context
    ) -> tuple[list[Assertion], Context]:
        """The assertions of clause `number`, and the context of the next clause."""
        earlier, context = context, _entered(context, clause, self.lines, self.plain)
        item = self.document.item_at(clause.start)
        context = context._replace(entry=item.entry if item else None)
        if item and item.title and context.entry != earlier.entry:
            named = object_of_title(item.title)
            context = context._replace(objects=(named,) if named else ())
        context = context._replace(objects=opening.objects or context.objects)
        words, is_heading = clause.text[opening.end :], self.lines.is_heading(context.line)
        if self._is_supposed(words, clause):
            certainty = Certainty.SUPPOSED
            parts = _read_clause(words, context, self.names_only, is_heading)[0] if self.supposed else []
            after = context._replace(objects=_first_object(words) or context.objects)
        else:
            certainty = Certainty.ASSERTED
            parts, after = _read_clause(words, context, self.names_only, is_heading)
        if _is_excepted(parts, clause, following, self.plain):
            parts = [(at, [one for one in found if not one.is_verdict]) for at, found in parts]
        is_heading = is_heading or opening.is_labelled
        place = _Place(clause.start + opening.end, number, context.entry, is_heading, certainty)
        return [_placed(one, at, place) for at, found in parts for one in found], after

    def _is_supposed(self, words: str, clause: Clause) -> bool:
        return self.plain[clause.end : clause.end + 1] == "?" or is_unasserted(words)


class _Place(NamedTuple):
    """Where and how a clause makes its assertions."""

    start: int  # of the part that was read
    clause: int
    entry: tuple[int, int] | None
    is_heading: bool
    certainty: Certainty


def _placed(said: Assertion, at: int, place: _Place) -> Assertion:
    """An assertion of the part that starts `at` characters after the start of the place."""
    start = place.start + at
    return replace(
        said,
        text=" ".join(said.text.split()),
        span=Span(start, start + len(said.text), place.clause, place.clause),
        entry=place.entry,
        heading=place.is_heading,
        certainty=place.certainty,
    )


def _entered(context: Context, clause: Clause, lines: Lines, plain: str) -> Context:
    """The context updated by the clause's line: image, heading."""
    line = lines.at(clause.start)
    is_new = line != context.line
    if is_new or plain[max(clause.start - 8, 0) : clause.start].rstrip()[-1:] in ".!?":
        context = context._replace(image=lines.image(line))
    if is_new and lines.is_heading(line):
        context = context._replace(listing=listing_of(clause.text))
    return context._replace(line=line)


class _Opening(NamedTuple):
    """The introduction of a clause."""

    end: int  # characters
    is_labelled: bool
    takes_back: bool = False
    objects: tuple[str, ...] = ()  # the object of a retraction, if named


def _opening_of(text: str) -> _Opening:
    span = taking_back(text)
    start = span[1] if span else 0
    objects = _first_object(text[:start]) if span else ()
    label = _LABEL.match(text, start)
    if label:
        start = label.end()
    start += after_lead_in(text[start:])
    counted = _COUNTED.match(text, start)
    if counted and not (is_bare(text[counted.end() :]) or find_objects(counted.group())):
        start = counted.end()  # "I see the following difference: the car is red now"
    return _Opening(start, bool(label), bool(span), objects)


def _first_object(text: str) -> tuple[str, ...]:
    return tuple(mention.value for mention in find_objects(text)[:1])


def _read_clause(text: str, context: Context, names_only: bool, is_heading: bool) -> tuple[_Parts, Context]:
    """The assertions of each part of a clause, and the context of the next clause."""
    listing = Listing(AssertionKind.DIFFERENCE) if names_only else context.listing
    if context.image is None and (names := listed(text, listing)):
        return [names], context
    if is_heading and not find_objects(text):
        return [], context
    parts = []
    for at, part in parts_of(text):
        found, context = read_part(part, context)
        parts.append((at, found))
    return parts, context


def _is_excepted(
    parts: Sequence[tuple[int, list[Assertion]]], clause: Clause, following: Clause | None, plain: str
) -> bool:
    """Whether an exception follows the statement that the pair is the same ("…, but the car moved")."""
    if len(parts) > 1 and any(one.kind == AssertionKind.DIFFERENCE for _, found in parts for one in found):
        return True
    if following is None:
        return False
    joined = _BUT.match(plain, clause.end, following.start + _OPENING) and find_types(following.text)
    return bool(opens_exception(following.text) or joined)

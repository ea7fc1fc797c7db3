"""What a text asserts, clause by clause."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from spd_faith.language.assertions import Assertion, Kind, Span
from spd_faith.language.changes import find_types
from spd_faith.language.clause_assertions import opens_exception, parts_of, read_part
from spd_faith.language.clauses import Clause, split_clauses
from spd_faith.language.counts import COUNTED_NOUNS
from spd_faith.language.hedges import after_lead_in, is_unasserted, taking_back
from spd_faith.language.layout import Lines, closes_list, ordinal_of, quoted, without_marks
from spd_faith.language.lexicon import LexiconFile, PhraseList, any_of, load_lexicon
from spd_faith.language.listings import Listing, is_bare, listed, listing_of
from spd_faith.language.objects import find_objects
from spd_faith.language.reference import Context
from spd_faith.language.side_by_side import find_pairs
from spd_faith.language.spelling import place_in, respell


class _Reading(LexiconFile):
    labels: PhraseList
    but: PhraseList


_WORDS = load_lexicon("reading", _Reading)
_LABEL = re.compile(rf"{any_of(_WORDS.labels)}\s?:\s?", re.I)
_COUNTED = re.compile(rf"[^:\n]{{0,160}}\b{any_of(COUNTED_NOUNS)}\b[^:\n]{{0,30}}:\s(?=\S)", re.I)
_BUT = re.compile(rf"[^.!?\n]*\b{any_of(_WORDS.but)}\b", re.I)
_OPENING = 8  # characters of a clause that hold its conjunction

_Parts = list[tuple[int, list[Assertion]]]  # where in a clause each part starts, and what it asserts


def read_assertions(text: str) -> list[Assertion]:
    """Everything that a text asserts, in its order, repetitions and all."""
    respelt, shifts = respell(text)
    found = _read_all(respelt)
    return found if respelt == text else [_in_original(said, text, shifts) for said in found]


def _in_original(said: Assertion, text: str, shifts: list[tuple[int, int]]) -> Assertion:
    start, end = place_in(shifts, said.span.start), place_in(shifts, said.span.end)
    return replace(said, text=quoted(text[start:end]), span=said.span._replace(start=start, end=end))


def _read_all(text: str) -> list[Assertion]:
    plain = without_marks(text)
    lines = Lines(text, plain)
    assertions, plain = find_pairs(plain)
    clauses = split_clauses(plain)
    names_only = bool(clauses) and all(is_bare(clause.text) for clause in clauses)
    context = Context()
    for number, (clause, following) in enumerate(zip(clauses, [*clauses[1:], None], strict=False)):
        context = _entered(context, clause, lines, plain)
        opening = _opening_of(clause.text)
        if opening.taken_back:
            context = replace(context, objects=opening.objects or context.objects)
            assertions = assertions if opening.objects else _without_last(assertions, number)
        words = clause.text[opening.end :]
        if plain[clause.end : clause.end + 1] == "?" or is_unasserted(words):
            context = replace(context, objects=_first_object(words) or context.objects)
            continue
        is_heading = lines.is_heading(context.line)
        parts, context = _read_clause(words, context, names_only, is_heading)
        if _is_excepted(parts, clause, following, plain):
            parts = [(at, [one for one in found if not one.is_verdict]) for at, found in parts]
        placed = _placed(parts, clause.start + opening.end, number, context)
        assertions += [replace(one, heading=is_heading or opening.is_labelled) for one in placed]
    return sorted(assertions, key=lambda said: said.span.start)


def _without_last(assertions: Sequence[Assertion], number: int) -> list[Assertion]:
    """Without what the clause before clause `number` asserts."""
    return [one for one in assertions if one.span.last_clause < number - 1]


def _placed(parts: _Parts, start: int, number: int, context: Context) -> Iterator[Assertion]:
    """What the parts of clause `number` assert, with its place; `start` is the one of the text that was read."""
    for at, found in parts:
        for one in found:
            span = Span(start + at, start + at + len(one.text), number, number)
            yield replace(one, text=" ".join(one.text.split()), span=span, entry=context.entry)


def _entered(context: Context, clause: Clause, lines: Lines, plain: str) -> Context:
    """The context with what the clause's line says: the entry of a list, the image, what a heading lists."""
    line = lines.at(clause.start)
    is_new = line != context.line
    context = _with_entry(context, clause, lines.number(line) if is_new else None, plain)
    if is_new or plain[max(clause.start - 8, 0) : clause.start].rstrip()[-1:] in ".!?":
        context = replace(context, image=lines.image(line))
    if is_new and lines.is_heading(line):
        context = replace(context, listing=listing_of(clause.text))
    return replace(context, line=line)


def _with_entry(context: Context, clause: Clause, number: int | None, plain: str) -> Context:
    """The number of a line, or a clause's own ordinal, opens an entry; a summary closes all."""
    if number is None:
        number = ordinal_of(clause.text)
    if number is None:
        return replace(context, entry=None) if closes_list(plain, clause.start) else context
    if context.entry is None or number <= context.entry[1]:
        context = replace(context, lists=context.lists + 1)
    return replace(context, entry=(context.lists, number))


@dataclass(frozen=True)
class _Opening:
    """What a clause says before it comes to the point."""

    end: int  # characters
    is_labelled: bool
    taken_back: bool = False
    objects: tuple[str, ...] = ()  # the one of which something is taken back, if it is named


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
    """What a clause asserts by its parts, and the context of the next one; `names_only`: so are all clauses."""
    listing = Listing(Kind.DIFFERENCE) if names_only else context.listing
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
    """Whether the sameness of the pair is said only to make an exception of it ("…, but the car moved")."""
    if len(parts) > 1 and any(one.kind == Kind.DIFFERENCE for _, found in parts for one in found):
        return True
    if following is None:
        return False
    joined = _BUT.match(plain, clause.end, following.start + _OPENING) and find_types(following.text)
    return bool(opens_exception(following.text) or joined)

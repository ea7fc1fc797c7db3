"""Lists the differences that prose reports, as a careful reader would: by entry of a list, and by clause elsewhere."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from spd_faith.core.difference_types import DifferenceType
from spd_faith.language.assertions import Assertion, AssertionKind
from spd_faith.language.categories import canonical_category
from spd_faith.language.change_kinds import FurtherChange
from spd_faith.language.changes import find_types
from spd_faith.language.clauses import split_clauses
from spd_faith.language.counts import find_count
from spd_faith.language.document import Document, Item, Role, read_document
from spd_faith.language.itemised import read_claims
from spd_faith.language.mentions import read_clause
from spd_faith.language.name_index import NameIndex
from spd_faith.language.objects import find_objects
from spd_faith.language.words import Mention
from spd_faith.parsing.listed_objects import category_of
from spd_faith.parsing.listed_types import adds_more, as_listed, is_landmark, says_again


@dataclass(frozen=True)
class ReportedDifference:
    """A difference that a text reports, with the words for its type and object; empty where there are none."""

    type: DifferenceType | None
    raw_type: str
    raw_category: str
    category: str
    """The words for the object, or the COCO category that it belongs to if they do not name it themselves."""


@dataclass(frozen=True)
class Prose:
    """The differences and the count that a text reports, and, without any, the number of changes without an object."""

    reported: list[ReportedDifference]
    count: int | None
    nameless: int


def read_prose(text: str) -> Prose:
    """Read an answer without JSON."""
    document = read_document(text)
    reported = [_reported(said, item, text) for said, item in _listed(read_claims(text, document), document)]
    return Prose(reported, find_count(text), 0 if reported else _nameless(text))


def _listed(claims: Sequence[Assertion], document: Document) -> Iterator[tuple[Assertion, Item | None]]:
    """The claims that make the list, each with its item.

    Descriptions before a comparison and summaries after a list do not count, nor do repetitions, nor what an item
    adds of other things without category and type: "The trees are denser. The hills are hazier."
    """
    compares = any(section.role == Role.COMPARISON for section in document.sections)
    listed: dict[tuple[DifferenceType | None, Item | None], NameIndex] = {}  # by type, in all and by item
    for said in _as_listed(claims):
        item, role = document.item_at(said.span.start), document.role_at(said.span.start)
        if item is None and ((role == Role.DESCRIPTION and compares) or (role == Role.SUMMARY and listed)):
            continue
        kind, name = _type(said), said.objects[0] if said.objects else ""
        known = listed.get((kind, item))
        is_known = known is not None and bool(known.matches(name))
        is_plain = kind is None and not canonical_category(name) and not adds_more(said)
        is_aside = bool(item and known) and is_plain
        if said.another or not (is_known or is_aside):
            for of_item in {None, item}:
                listed.setdefault((kind, of_item), NameIndex()).add(name)
            yield said, item


def _as_listed(claims: Sequence[Assertion]) -> Iterator[Assertion]:
    """The differences with the types and objects that a reader lists.

    A landmark gives way to what was named before it.
    """
    earlier: tuple[str, ...] = ()
    for claim in claims:
        said = as_listed(claim) if claim.kind == AssertionKind.DIFFERENCE else None
        if said and earlier and is_landmark(said):
            said = replace(said, objects=earlier)
        if said and not says_again(said, earlier):
            yield said
        earlier = (said or claim).objects or earlier


def _type(said: Assertion) -> DifferenceType | None:
    if said.change == FurtherChange.ADDED:
        return DifferenceType.REMOVE
    return said.change if isinstance(said.change, DifferenceType) else None


def _reported(said: Assertion, item: Item | None, answer: str) -> ReportedDifference:
    """The difference with the answer's own words for its type and object."""
    clause = read_clause(said.text)
    kind = next((one for one in clause.changes if one.value == said.change), next(iter(clause.changes), None))
    mention = next((one for one in clause.objects if one.value in said.objects), None)
    words = mention.text if mention else " ".join(said.objects)
    name = said.objects[0] if said.objects else ""
    category = category_of(name, said.text, item, answer) or words
    named = words if canonical_category(words) == category else category
    return ReportedDifference(_type(said), kind.text if kind else "", words, named)


def _nameless(text: str) -> int:
    """The number of clauses that report a change of a known type without an object."""
    return sum(any(map(_is_named, find_types(clause))) and not find_objects(clause) for clause in split_clauses(text))


def _is_named(kind: Mention) -> bool:
    return DifferenceType.named(kind.value) is not None or kind.value == FurtherChange.ADDED

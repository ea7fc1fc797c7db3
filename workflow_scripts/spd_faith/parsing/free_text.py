"""Lists the differences that prose reports, as a careful reader would: by entry of a list, and by clause elsewhere."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from spd_faith.core.difference_types import DifferenceType
from spd_faith.language.assertions import Assertion, AssertionKind
from spd_faith.language.categories import canonical_category, meant_categories, whole_category
from spd_faith.language.change_kinds import FurtherChange
from spd_faith.language.changes import find_types
from spd_faith.language.clauses import split_clauses
from spd_faith.language.counts import find_count
from spd_faith.language.document import Document, Item, Role, read_document
from spd_faith.language.grammar import CLITIC
from spd_faith.language.itemised import read_claims
from spd_faith.language.mentions import read_clause
from spd_faith.language.name_index import NameIndex
from spd_faith.language.objects import find_objects
from spd_faith.language.words import Mention, words_of

_LONGEST_OWNER = 3  # words, including "s"


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
    claims = [said for said in read_claims(text, document) if said.kind == AssertionKind.DIFFERENCE]
    reported = [_reported(said, item) for said, item in _listed(claims, document)]
    return Prose(reported, find_count(text), 0 if reported else _nameless(text))


def _listed(claims: Sequence[Assertion], document: Document) -> Iterator[tuple[Assertion, Item | None]]:
    """The claims that make the list, each with its item.

    Descriptions before a comparison and summaries after a list do not count, nor do repetitions, nor what an item
    adds of other things without category and type: "The trees are denser. The hills are hazier."
    """
    compares = any(section.role == Role.COMPARISON for section in document.sections)
    listed: dict[tuple[DifferenceType | None, Item | None], NameIndex] = {}  # by type, in all and by item
    for said in claims:
        item, role = document.item_at(said.span.start), document.role_at(said.span.start)
        if item is None and ((role == Role.DESCRIPTION and compares) or (role == Role.SUMMARY and listed)):
            continue
        kind, name = _type(said), said.objects[0] if said.objects else ""
        known = listed.get((kind, item))
        is_known = known is not None and bool(known.matches(name))
        is_aside = bool(item and known) and kind is None and not canonical_category(name)
        if said.another or not (is_known or is_aside):
            for of_item in {None, item}:
                listed.setdefault((kind, of_item), NameIndex()).add(name)
            yield said, item


def _type(said: Assertion) -> DifferenceType | None:
    if said.change == FurtherChange.ADDED:
        return DifferenceType.REMOVE
    return said.change if isinstance(said.change, DifferenceType) else None


def _category(said: Assertion, item: Item | None) -> str | None:
    """The COCO category of the object: its own, that of its whole, or that which the title of its item names."""
    name = said.objects[0] if said.objects else ""
    if category := canonical_category(name) or whole_category(name):
        return category
    meant = meant_categories(name)
    if len(meant) == 1 and " " in name:  # "stuffed animal"; one word is too general: "sign"
        return next(iter(meant))
    owners = (_owner(name, text) for text in ((item.title, said.text) if item else (said.text,)))
    return next((owner for owner in owners if owner in meant), None)


def _owner(name: str, text: str) -> str | None:
    """The category of what owns a part in a text: "the laptop screen", "the dog's tail"; None if it names no owner."""
    words = [word.text for word in words_of(text)]
    part = words_of(name)
    last = next((k for k in range(1, len(words)) if part and words[k] == part[0].text), 0)
    before = words[max(last - _LONGEST_OWNER, 0) : last]
    while before and before[-1] == CLITIC:
        before.pop()
    return next(filter(None, (canonical_category(" ".join(before[k:])) for k in range(len(before)))), None)


def _reported(said: Assertion, item: Item | None) -> ReportedDifference:
    """The difference with the answer's own words for its type and object."""
    clause = read_clause(said.text)
    kind = next((one for one in clause.changes if one.value == said.change), next(iter(clause.changes), None))
    mention = next((one for one in clause.objects if one.value in said.objects), None)
    words = mention.text if mention else " ".join(said.objects)
    category = _category(said, item) or words
    named = words if canonical_category(words) == category else category
    return ReportedDifference(_type(said), kind.text if kind else "", words, named)


def _nameless(text: str) -> int:
    """The number of clauses that report a change of a known type without an object."""
    return sum(any(map(_is_named, find_types(clause))) and not find_objects(clause) for clause in split_clauses(text))


def _is_named(kind: Mention) -> bool:
    return DifferenceType.named(kind.value) is not None or kind.value == FurtherChange.ADDED

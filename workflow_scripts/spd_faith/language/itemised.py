"""Reads an answer as a whole: its assertions, with each entry of a list as one claim."""

from collections.abc import Sequence

from spd_faith.language.assertions import Assertion, AssertionKind, Span
from spd_faith.language.change_kinds import FurtherChange
from spd_faith.language.clauses import Clause, split_clauses
from spd_faith.language.document import Document, Item, Role, object_of_title
from spd_faith.language.folding import fold
from spd_faith.language.hedges import is_unasserted, taking_back
from spd_faith.language.layout import quoted, without_marks
from spd_faith.language.reading import read_assertions
from spd_faith.language.sameness import find_sameness
from spd_faith.language.states import says_both, stays


def read_claims(text: str, document: Document) -> list[Assertion]:
    """What an answer with this structure asserts: sides joined, repetitions left out, one claim for an item at least.

    An item of a list of differences that only describes its object, or that no rule can read, asserts a difference
    without a known type, unless it says that nothing changed, takes it back, or only supposes it.
    """
    return complete_items(fold(read_assertions(text), text), document, text)


def complete_items(claims: Sequence[Assertion], document: Document, text: str) -> list[Assertion]:
    """The claims in order, with those of the items completed."""
    of_items: dict[Item, list[Assertion]] = {item: [] for item in document.items}
    others: list[Assertion] = []
    items = iter(document.items)
    item = next(items, None)
    for said in claims:
        while item and item.end <= said.span.start:
            item = next(items, None)
        (of_items[item] if item and item.start <= said.span.start else others).append(said)
    for number, (item, found) in enumerate(of_items.items()):
        others += _completed(item, found, text, number)
    return sorted(others, key=lambda said: said.span.start)


def _completed(item: Item, found: list[Assertion], text: str, number: int) -> list[Assertion]:
    """The claims of an item, given those that were read in it."""
    if any(said.kind != AssertionKind.STATE for said in found):
        return found
    if item.role != Role.COMPARISON and not any(said.image is not None for said in found):
        return found
    if not found and not _asserts_change(item, text):
        return found
    return [_difference(item, found, text, number)]


def _asserts_change(item: Item, text: str) -> bool:
    """Whether an item that no rule could read still says that something differs."""
    return all(map(_may_assert, _clauses(item, text))) and bool(item.title or item.end > item.title_end)


def _clauses(item: Item, text: str) -> list[Clause]:
    return split_clauses(without_marks(text[item.start : item.end]))


def _may_assert(clause: Clause) -> bool:
    said = clause.text
    if is_unasserted(said) or taking_back(said) or said.endswith("?"):
        return False
    return not (find_sameness(said) or stays(said) or says_both(said))


def _difference(item: Item, found: Sequence[Assertion], text: str, number: int) -> Assertion:
    """The difference without a known type that an item asserts."""
    start, end = (found[0].span.start, found[-1].span.end) if found else (item.start, item.end)
    first, last = (found[0].span.clause, found[-1].span.last_clause) if found else (0, 0)
    return Assertion(
        quoted(text[start:end]),
        AssertionKind.DIFFERENCE,
        (_object_of(item, found),),
        FurtherChange.OTHER,
        span=Span(start, end, first, last),
        entry=found[0].entry if found else (-1, number),
    )


def _object_of(item: Item, found: Sequence[Assertion]) -> str:
    """The object that the title of an item names, else that of its first description, else the title itself."""
    if named := object_of_title(item.title):
        return named
    described = [name for said in found for name in said.objects]
    return described[0] if described else item.title.lower()

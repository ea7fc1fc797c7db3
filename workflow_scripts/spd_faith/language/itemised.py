"""Reads an answer as a whole: its assertions, with each entry of a list as one claim."""

from collections.abc import Sequence
from dataclasses import replace

from spd_faith.language.assertions import Assertion, AssertionKind, Span, Values
from spd_faith.language.change_kinds import FurtherChange
from spd_faith.language.clauses import Clause, split_clauses
from spd_faith.language.document import Document, Item, Role, object_of_title
from spd_faith.language.folding import fold
from spd_faith.language.hedges import is_unasserted, taking_back
from spd_faith.language.image_words import find_images
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
    for said in _without_summary(claims, document):
        while item and item.end <= said.span.start:
            item = next(items, None)
        (of_items[item] if item and item.start <= said.span.start else others).append(said)
    for item, found in of_items.items():
        others += _completed(item, found, text)
    return sorted(others, key=lambda said: said.span.start)


def _without_summary(claims: Sequence[Assertion], document: Document) -> list[Assertion]:
    """The claims without the differences and states that a summary repeats."""
    return [
        said
        for said in claims
        if said.kind == AssertionKind.SAMENESS
        or document.role_at(said.span.start) != Role.SUMMARY
        or not _stands_before(said, claims)
    ]


def _stands_before(said: Assertion, claims: Sequence[Assertion]) -> bool:
    return bool(claims) and claims[0] is not said


def _completed(item: Item, found: list[Assertion], text: str) -> list[Assertion]:
    """The claims of an item, given those that were read in it."""
    found = _merged([said for said in found if not _is_title(said, item)], text)
    if any(said.kind != AssertionKind.STATE for said in found):
        return found
    if not found and not _asserts_change(item, text):
        return found
    if item.role != Role.COMPARISON and not _names_image(item, text):
        return found
    return [_difference(item, found, text)]


def _is_title(said: Assertion, item: Item) -> bool:
    """Whether an assertion is only the title of an item, which names its object."""
    return said.kind == AssertionKind.STATE and said.span.end <= item.title_end


def _merged(found: Sequence[Assertion], text: str) -> list[Assertion]:
    """The claims of an item, with what it says twice of an object, and a state of an object that differs, as one."""
    kept: list[Assertion] = []
    for said in found:
        at = next((k for k, earlier in enumerate(kept) if _is_same_claim(earlier, said)), None)
        if at is None:
            kept.append(said)
        else:
            kept[at] = _as_one(kept[at], said, text)
    return kept


def _is_same_claim(earlier: Assertion, said: Assertion) -> bool:
    """Whether two claims of an item are about the same change, or one is a side of the other."""
    if AssertionKind.SAMENESS in (earlier.kind, said.kind) or not earlier.shares_object(said) or said.another:
        return False
    if earlier.kind == said.kind == AssertionKind.DIFFERENCE:
        return earlier.change == said.change or None in (earlier.change, said.change)
    return AssertionKind.DIFFERENCE in (earlier.kind, said.kind)


def _as_one(earlier: Assertion, said: Assertion, text: str) -> Assertion:
    whole = earlier if earlier.kind == AssertionKind.DIFFERENCE and earlier.change else said
    span = earlier.span.joined(said.span)
    return replace(
        whole,
        text=quoted(text[span.start : span.end]),
        span=span,
        colors=_sides(earlier.colors, said.colors),
        places=_sides(earlier.places, said.places),
    )


def _sides(before: Values, after: Values) -> Values:
    """What two claims about an object say of its sides: of the first from the earlier, of the second from the later."""
    return before[0] or after[0], after[1] or before[1]


def _names_image(item: Item, text: str) -> bool:
    return any(image.value != "both" for image in find_images(text[item.title_end : item.end]))


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


def _difference(item: Item, found: Sequence[Assertion], text: str) -> Assertion:
    """The difference without a known type that an item asserts."""
    start, end = (found[0].span.start, found[-1].span.end) if found else (item.start, item.end)
    first, last = (found[0].span.clause, found[-1].span.last_clause) if found else (0, 0)
    return Assertion(
        quoted(text[start:end]),
        AssertionKind.DIFFERENCE,
        (_object_of(item, found),),
        FurtherChange.OTHER,
        span=Span(start, end, first, last),
        entry=item.entry,
    )


def _object_of(item: Item, found: Sequence[Assertion]) -> str:
    """The object that the title of an item names, else that of its first description, else the title itself."""
    if named := object_of_title(item.title):
        return named
    described = [name for said in found for name in said.objects]
    return described[0] if described else item.title.lower()

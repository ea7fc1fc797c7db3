"""Reads an answer as a whole: its assertions, with each entry of a list as one claim."""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from spd_faith.core.difference_types import DifferenceType
from spd_faith.language.assertions import Assertion, AssertionKind, Span, Values, may_be_same, on_side
from spd_faith.language.attributes import one_image
from spd_faith.language.categories import whole_category
from spd_faith.language.change_kinds import FurtherChange
from spd_faith.language.changes import find_types
from spd_faith.language.clauses import Clause, split_clauses
from spd_faith.language.document import Document, Item, Role, object_of_title
from spd_faith.language.folding import fold
from spd_faith.language.hedges import is_unasserted, taking_back
from spd_faith.language.image_words import find_images
from spd_faith.language.layout import quoted, without_marks
from spd_faith.language.name_index import NameIndex
from spd_faith.language.reading import read_assertions
from spd_faith.language.sameness import find_sameness
from spd_faith.language.sides import Contrast, Passage, contrasts, find_passages, picks_out
from spd_faith.language.states import says_both, stays

_CHANGES_OF_NUMBER = (DifferenceType.REMOVE, FurtherChange.ADDED)


def read_claims(text: str, document: Document) -> list[Assertion]:
    """What an answer with this structure asserts: sides joined, repetitions left out, one claim for an item at least.

    An item of a list of differences that only describes its object, or that no rule can read, asserts a difference
    of another kind, unless it says that nothing changed, takes it back, or only supposes it.
    """
    return complete_items(fold([_of_one_image(said) for said in read_assertions(text)], text), document, text)


def _of_one_image(said: Assertion) -> Assertion:
    """A sameness as the state that it is if "the same" only picks out its object: "in image 2, the same car is red"."""
    image = one_image(find_images(said.text)) if said.kind == AssertionKind.SAMENESS and said.colors[0] else None
    if image is None or not picks_out(said.text):
        return said
    return replace(said, kind=AssertionKind.STATE, change=None, image=image, colors=on_side(image, said.colors[0]))


def complete_items(claims: Sequence[Assertion], document: Document, text: str) -> list[Assertion]:
    """The claims in order, with those of the items and of the passages outside them completed."""
    kept = _without_summary(claims, document)
    completed: list[Assertion] = []
    at = 0
    plain = without_marks(text)
    for part in _parts(document, plain):
        first = bisect_left(kept, part.start, key=lambda said: said.span.start)
        last = bisect_left(kept, part.end, key=lambda said: said.span.start)
        found = kept[first:last]
        completed += kept[at:first]
        if isinstance(part, Item):
            completed += [replace(said, entry=part.entry) for said in _completed(part, found, text, plain)]
        else:
            completed += _contrasted(part, None, found, text)
        at = last
    return sorted([*completed, *kept[at:]], key=lambda said: said.span.start)


def _parts(document: Document, plain: str) -> Iterator[Item | Passage]:
    """The items, and the passages outside them that set the images apart, in order."""
    parts: list[Item | Passage] = [*document.items]
    items = {item.start for item in document.items}
    for section in document.sections:
        holds_items = section.start in items or document.item_after(section.start, section.end)
        if section.role in (Role.COMPARISON, Role.OPEN) and not holds_items:
            parts += find_passages(plain, section.start, section.end)
    yield from sorted(parts, key=lambda part: part.start)


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


def _completed(item: Item, found: list[Assertion], text: str, plain: str) -> list[Assertion]:
    """The claims of an item, given those that were read in it."""
    found = _merged([said for said in found if not _is_title(said, item)], text)
    title = object_of_title(item.title) if item.title else None
    is_named = len(found) == 1 and found[0].change not in (None, FurtherChange.OTHER, DifferenceType.COLOR)
    for passage in () if is_named else find_passages(plain, item.title_end, item.end):
        within = [said for said in found if said.span.start < passage.end and said.span.end > passage.start]
        others = [said for said in found if said not in within]
        found = sorted([*others, *_contrasted(passage, title, within, text)], key=lambda said: said.span.start)
    if any(said.kind != AssertionKind.STATE for said in found):
        return found
    if not found and not _asserts_change(item, text):
        return found
    if item.role != Role.COMPARISON and not _names_image(item, text):
        return found
    return [_difference(item, found, text)]


def _contrasted(passage: Passage, title: str | None, found: Sequence[Assertion], text: str) -> list[Assertion]:
    """The claims of a passage, given those that were read in it.

    The contrasts between its sides replace the states, the unnamed changes and, if they name colors of objects, the
    changes of color; a removal or a move that was read stays. Outside items, a list of what an image shows stays too.
    """
    if any(said.kind == AssertionKind.SAMENESS for said in found):
        return list(found)
    asserted = [said for said in found if said.kind == AssertionKind.DIFFERENCE]
    named = [said for said in asserted if said.change not in (None, FurtherChange.OTHER, DifferenceType.COLOR)]
    differing = contrasts(passage, title)
    if title is None and not _describes_one_object(found):
        differing = [one for one in differing if one.change in _CHANGES_OF_NUMBER]
    known = [one for one in differing if one.change != FurtherChange.OTHER and not _is_named(one, named)]
    if known:
        colored = any(one.change == DifferenceType.COLOR for one in known)
        kept = [said for said in asserted if said.change == DifferenceType.COLOR and not colored]
        return [*named, *kept, *_as_claims(known, passage, found, text)]
    return list(found) if asserted or not differing else _as_claims(differing, passage, found, text)


def _describes_one_object(found: Sequence[Assertion]) -> bool:
    """Whether clauses outside items do not only list what an image shows, or repeat what was said before."""
    return not found or (
        all(len(said.objects) <= 1 or all(map(whole_category, said.objects)) for said in found)
        and any(said.kind == AssertionKind.STATE or said.change == DifferenceType.COLOR for said in found)
    )


def _is_named(contrast: Contrast, named: Sequence[Assertion]) -> bool:
    """Whether an object of a contrast already has a named difference."""
    return any(may_be_same(contrast.name, name) for said in named for name in said.objects)


def _as_claims(
    differing: Sequence[Contrast], passage: Passage, found: Sequence[Assertion], text: str
) -> list[Assertion]:
    """The contrasts of a passage as differences, quoting the assertions in their place or the passage itself."""
    start, end = (found[0].span.start, found[-1].span.end) if found else (passage.start, passage.end)
    clauses = (found[0].span.clause, found[-1].span.last_clause) if found else (0, 0)
    return [
        Assertion(
            quoted(text[start:end]),
            AssertionKind.DIFFERENCE,
            (one.name,) if one.name else (),
            one.change,
            colors=one.colors,
            span=Span(start, end, *clauses),
        )
        for one in differing
    ]


def _is_title(said: Assertion, item: Item) -> bool:
    """Whether an assertion is only the title of an item, which names its object."""
    return said.kind == AssertionKind.STATE and said.span.end <= item.title_end


def _merged(found: Sequence[Assertion], text: str) -> list[Assertion]:
    """The claims of an item, with what it says twice of an object, and a state of an object that differs, as one."""
    kept: list[Assertion] = []
    joined: set[int] = set()
    names, places = NameIndex(), defaultdict[str, set[int]](set)
    for said in found:
        near = sorted({k for own in said.objects for name in names.matches(own) for k in places[name]})
        at = next((k for k in near if _is_same_claim(kept[k], said)), None)
        if at is None:
            at = len(kept)
            kept.append(said)
        else:
            kept[at] = _as_one(kept[at], said)
            joined.add(at)
        for name in kept[at].objects:
            names.add(name)
            places[name].add(at)
    for at in joined:
        span = kept[at].span
        kept[at] = replace(kept[at], text=quoted(text[span.start : span.end]))
    return kept


def _is_same_claim(earlier: Assertion, said: Assertion) -> bool:
    """Whether two claims of an item are about the same change, or one is a side of the other."""
    if AssertionKind.SAMENESS in (earlier.kind, said.kind) or not earlier.shares_object(said) or said.another:
        return False
    if earlier.kind == said.kind == AssertionKind.DIFFERENCE:
        return earlier.change == said.change or None in (earlier.change, said.change)
    return AssertionKind.DIFFERENCE in (earlier.kind, said.kind)


def _as_one(earlier: Assertion, said: Assertion) -> Assertion:
    """Two claims as one, still with the words of one of them."""
    whole = earlier if earlier.kind == AssertionKind.DIFFERENCE and earlier.change else said
    span = earlier.span.joined(said.span)
    return replace(
        whole,
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


def _clauses(item: Item, text: str) -> tuple[Clause, ...]:
    return split_clauses(without_marks(text[item.start : item.end]))


def _may_assert(clause: Clause) -> bool:
    said = clause.text
    if is_unasserted(said) or taking_back(said) or said.endswith("?"):
        return False
    return not (find_sameness(said) or stays(said) or says_both(said))


def _difference(item: Item, found: Sequence[Assertion], text: str) -> Assertion:
    """The difference that an item asserts: of the type that its title names if its states say so, else of no type."""
    start, end = (found[0].span.start, found[-1].span.end) if found else (item.start, item.end)
    first, last = (found[0].span.clause, found[-1].span.last_clause) if found else (0, 0)
    colors, places = (_both(said.colors for said in found), _both(said.places for said in found))
    titled = {mention.value for mention in find_types(item.title)}
    stated = {DifferenceType.COLOR: colors, DifferenceType.POSITION: places}
    change = next((kind for kind, values in stated.items() if any(values) and kind in titled), FurtherChange.OTHER)
    return Assertion(
        quoted(text[start:end]),
        AssertionKind.DIFFERENCE,
        (_object_of(item, found),),
        change,
        colors=colors,
        places=places,
        span=Span(start, end, first, last),
    )


def _both(stated: Iterable[Values]) -> Values:
    """The first value that several states give for each image."""
    sides = list(stated)
    before, after = (next(filter(None, (values[side] for values in sides)), None) for side in (0, 1))
    return before, after


def _object_of(item: Item, found: Sequence[Assertion]) -> str:
    """The object that the title of an item names, else that of its first description, else the title itself."""
    if named := object_of_title(item.title):
        return named
    described = [name for said in found for name in said.objects]
    return described[0] if described else item.title.lower()

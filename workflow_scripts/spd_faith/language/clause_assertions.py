"""Reads the assertions of one clause in the context of the clauses before it."""

import re
from collections.abc import Sequence
from dataclasses import replace

from spd_faith.core.difference_types import DifferenceType
from spd_faith.language.asserted_changes import asserted_changes, is_vague, lost_objects
from spd_faith.language.assertions import NOTHING_SAID, Assertion, AssertionKind
from spd_faith.language.attributes import by_described, colors_by_image, own_colors, places_by_image
from spd_faith.language.categories import is_aspect, is_part
from spd_faith.language.change_kinds import Change, FurtherChange, change_named
from spd_faith.language.counts import find_count
from spd_faith.language.difference_nouns import DIFFERENCE_NOUNS
from spd_faith.language.image_words import ASKED_NOUNS, ASKED_PLURALS
from spd_faith.language.lexicon import LexiconFile, PhraseList, any_of, load_lexicon
from spd_faith.language.mentions import ReadClause, read_clause
from spd_faith.language.reference import SHORT, Context, Subjects, carried_objects, subjects_of
from spd_faith.language.states import is_in_neither, presence_in_both, sameness, shown_again, state, stays
from spd_faith.language.words import Mention


class _ClauseAssertions(LexiconFile):
    yes_no: PhraseList
    after_yes_no: PhraseList
    joints: PhraseList
    showing: PhraseList
    the: PhraseList
    but: PhraseList
    there_is: PhraseList
    no: PhraseList
    excepting: PhraseList
    apart_from: PhraseList
    except_words: PhraseList
    same: PhraseList
    same_but: PhraseList
    articles: PhraseList
    that: PhraseList
    rest: PhraseList
    except_for: PhraseList
    such_as: PhraseList
    everything_else: PhraseList
    they: PhraseList
    look: PhraseList
    alike: PhraseList
    alike_things: PhraseList
    unlike: PhraseList
    of: PhraseList
    nearly: PhraseList
    contents: PhraseList
    another: PhraseList
    not_another: PhraseList
    in_one: PhraseList
    one: PhraseList
    and_the_same: PhraseList
    so: PhraseList
    so_verbs: PhraseList
    too: PhraseList
    opening_and: PhraseList
    opening_too: PhraseList
    negations: PhraseList
    not_endings: PhraseList


_WORDS = load_lexicon("clause_assertions", _ClauseAssertions)
_THAT = rf"{any_of(_WORDS.that)}\b"

_YES_NO = re.compile(rf"{any_of(_WORDS.yes_no)}[\s,.:;–—-]{{1,4}}(?={any_of(_WORDS.after_yes_no)}\b)", re.I)
_JOINT = re.compile(rf",?\s{any_of(_WORDS.joints)}\s|,\s", re.I)
_SHOWING_SAME = re.compile(rf",?\s{any_of(_WORDS.showing)}\s{any_of(_WORDS.the)}?\s?(?={any_of(_WORDS.same)}\s)", re.I)
_BUT_NO = re.compile(
    rf"(?:,?\s{any_of(_WORDS.but)}\s|,\s)(?=(?:{any_of(_WORDS.there_is)} )?{any_of(_WORDS.no)}\s)", re.I
)
_EXCEPT = re.compile(
    rf"\b(?:{any_of(_WORDS.excepting)}(?! {any_of(_WORDS.except_words)} {_THAT})"
    rf"|{any_of(_WORDS.apart_from)}(?! {_THAT}))\b"
    rf"|(?:{'|'.join(f'(?<={same} )' for same in _WORDS.same)}){any_of(_WORDS.same_but)}"
    rf"(?= {any_of(_WORDS.articles)} )",
    re.I,
)
_REST = re.compile(rf"\b(?:{any_of(_WORDS.rest)}|{any_of(_WORDS.except_for)} {_THAT})\b", re.I)
_SUCH_AS = re.compile(rf"\b{any_of(_WORDS.such_as)}\b", re.I)
_EVERYTHING_ELSE = re.compile(rf"\b{any_of(_WORDS.everything_else)}\b", re.I)
_PLURAL = any_of(ASKED_PLURALS)
_OF_IMAGES = re.compile(
    rf"\b{any_of(_WORDS.same)} {any_of((*ASKED_NOUNS, *ASKED_PLURALS))}\b"
    rf"|\b{_PLURAL}(?:\b.{{1,60}}?\b{any_of(_WORDS.they)})? {any_of(_WORDS.look)} (?:\w+ ){{0,2}}?"
    rf"{any_of(_WORDS.alike)}\b(?! {any_of(_WORDS.alike_things)}\b)",
    re.I,
)
_IMAGES_DIFFER = re.compile(  # "the images show a dog, but they are not alike"
    rf"\b{_PLURAL}(?: {any_of(_WORDS.of)}(?: \w+){{1,4}}?|\b.{{1,80}}?\b{any_of(_WORDS.they)})?"
    rf" {any_of(_WORDS.look)} (?:\w+ ){{0,3}}?"
    rf"{any_of((*_WORDS.alike, *_WORDS.unlike))}\W*$",
    re.I,
)
_NEARLY = re.compile(rf"\b{any_of(_WORDS.nearly)}\b", re.I)
_CONTENTS = re.compile(rf"\b{any_of((*DIFFERENCE_NOUNS, *_WORDS.contents))}\b", re.I)
_ANOTHER = re.compile(rf"\b{any_of(_WORDS.another)}\s(?!{any_of((*ASKED_NOUNS, *_WORDS.not_another))})", re.I)
_IN_ONE = re.compile(
    rf"\b(?:{any_of(_WORDS.in_one)}\b|{any_of(_WORDS.one)} {any_of(ASKED_NOUNS)})(?! {any_of(_WORDS.and_the_same)})",
    re.I,
)
_SO_WAS = re.compile(rf"{any_of(_WORDS.so)} {any_of(_WORDS.so_verbs)}\b", re.I)
_TOO = re.compile(
    rf"\b{any_of(_WORDS.too)}\W{{0,3}}$|^(?:{any_of(_WORDS.opening_and)} )?{any_of(_WORDS.opening_too)}\b", re.I
)
_IS_NOT = re.compile(
    rf"\b{any_of(_WORDS.so_verbs)}(?: {any_of(_WORDS.negations)}|{any_of(_WORDS.not_endings)})\W*$", re.I
)


def parts_of(text: str) -> list[tuple[int, str]]:
    """(start, text) of the parts of a clause, without a leading yes or no.

    A clause is split between a difference and a sameness ("moved, but its color is the same"), and between what is
    present and what is absent ("a car and a bench, but no dog"), and before the things that same images show ("they are
    identical, with the same car").
    """
    if answered := _YES_NO.match(text):
        return [(answered.end() + start, part) for start, part in parts_of(text[answered.end() :])]
    clause = read_clause(text)
    joint = _before_absence(clause) or _between_change_and_sameness(clause) or _before_shown(clause)
    return [(0, text[: joint.start()]), (joint.end(), text[joint.end() :])] if joint else [(0, text)]


def _before_absence(clause: ReadClause) -> re.Match[str] | None:
    """The conjunction between what is present and what is absent."""
    but_no = _BUT_NO.search(clause.text)
    if not but_no or clause.changes[1:] or not clause.objects:
        return None
    is_led = any(image.end == but_no.start() for image in clause.images)  # "in the second image, there is no …"
    is_between = clause.objects[0].start < but_no.start() and clause.objects[-1].start > but_no.end()
    return but_no if is_between and not is_led else None


def _before_shown(clause: ReadClause) -> re.Match[str] | None:
    """The word between the sameness of the images and the things that both show."""
    joint = _SHOWING_SAME.search(clause.text, clause.same[0].end) if clause.same and not clause.changes else None
    if not joint or not clause.objects or clause.objects[0].start < joint.end():
        return None
    return joint


def _between_change_and_sameness(clause: ReadClause) -> re.Match[str] | None:
    if not clause.changes or not clause.same or is_exception(clause.text) or _is_rest_the_same(clause):
        return None
    first, second = sorted([mention.start for mention in mentions] for mentions in (clause.changes, clause.same))
    return _JOINT.search(clause.text, first[-1], second[0])


def _is_rest_the_same(clause: ReadClause) -> bool:
    """Whether words for changes only list what stays the same: "everything else, their pose, … is the same"."""
    if not clause.changes or not clause.same or clause.changes[-1].start > clause.same[0].start:
        return False
    return bool(_EVERYTHING_ELSE.search(clause.text, 0, clause.changes[0].start))


def is_exception(text: str) -> bool:
    """Whether a clause states an exception: "except the car"."""
    return bool(_EXCEPT.search(text))


def opens_exception(text: str) -> bool:
    """Whether a clause starts with an exception."""
    return bool(_EXCEPT.match(text))


def read_part(text: str, context: Context) -> tuple[list[Assertion], Context]:
    """The assertions of a part of a clause, and the context of the next part. Spans are not set."""
    clause = read_clause(text)
    exception = _EXCEPT.search(text)
    mentions = _excepted(clause, exception) if exception else clause.objects
    lost = lost_objects(text, mentions) or carried_objects(clause, mentions)
    subjects = subjects_of(clause, lost or mentions, context, bool(lost))
    context = subjects.context
    if clause.image is not None:
        context = context._replace(image=clause.image)
    draft = Assertion(
        text,
        AssertionKind.DIFFERENCE,
        subjects.names,
        colors=colors_by_image(text, _own_colors(clause, subjects), clause.images, subjects.mentions),
        places=places_by_image(text, clause.places, clause.images),
        another=bool(_ANOTHER.search(text)),
        unordered=bool(_IN_ONE.search(text)),
    )
    changes = asserted_changes(clause, draft, bool(lost)) or ([None] if exception else [])
    assertions = _recolored(clause, draft) or _assertions(clause, draft, changes, context)
    if any(one.objects for one in assertions):
        context = context._replace(asserted=tuple(assertions))
    return assertions, context


def _own_colors(clause: ReadClause, subjects: Subjects) -> Sequence[Mention]:
    """The colors of a clause without those of other objects: "the red car is next to a blue bus"."""
    others = [
        one
        for one in clause.objects
        if one not in subjects.mentions and one.value not in subjects.names and not is_part(one.value)
    ]
    return own_colors(clause.colors, others) if subjects.mentions else clause.colors


def _recolored(clause: ReadClause, draft: Assertion) -> list[Assertion]:
    """The differences of objects that are each described with another color: "a red tie …, and a blue tie …"."""
    named = clause.named_changes
    is_changed = clause.sets_images_apart or any(map(is_vague, clause.changes))
    if named != [DifferenceType.COLOR] and (named or not is_changed):
        return []
    described = by_described(clause.text, clause.colors, clause.images, clause.objects)
    return [
        replace(draft, objects=(name,), change=DifferenceType.COLOR, colors=colors)
        for name, colors in described.items()
        if colors[0] != colors[1]
    ]


def _excepted(clause: ReadClause, exception: re.Match[str]) -> Sequence[Mention]:
    """The objects of an exception; a leading one ends at its comma ("apart from the car, nothing changed")."""
    after = [mention for mention in clause.objects if mention.start > exception.end()]
    comma = clause.text.find(",", exception.end()) if exception.start() == 0 else -1
    return [mention for mention in after if comma < 0 or mention.start < comma] or after or clause.objects


def _assertions(
    clause: ReadClause, draft: Assertion, changes: Sequence[Change | None], context: Context
) -> list[Assertion]:
    """The assertions of a clause about the objects of `draft`, given the changes that it asserts."""
    if changes == [None] and _IMAGES_DIFFER.search(clause.text):
        return []
    is_kept = _is_rest_the_same(clause) or (changes == [DifferenceType.REMOVE] and is_in_neither(clause.text))
    if changes and not is_kept:
        return _differences(clause, draft, changes)
    if draft.objects and (likewise := _likewise(clause, draft, context)):
        return likewise
    if clause.same or (draft.objects and stays(clause.text)) or _counts_nothing(clause, draft):
        return _samenesses(clause, draft)
    again = presence_in_both(clause, draft) or shown_again(clause, draft)
    return again or state(clause, draft, context.image)


def _likewise(clause: ReadClause, draft: Assertion, context: Context) -> list[Assertion]:
    """The assertions of "so was the tv", "the bed too", "the giraffe did not"."""
    earlier = [one for one in context.asserted if one.kind != AssertionKind.STATE]
    if earlier and not clause.same and _is_too(clause):
        different = {one.change: one for one in earlier}.values()
        return [
            replace(one, text=clause.text, objects=(name,), colors=NOTHING_SAID, places=NOTHING_SAID)
            for name in draft.objects
            for one in different
        ]
    if earlier and _IS_NOT.search(clause.text) and (opposite := _opposite(draft, earlier[0], clause)):
        return [replace(opposite, objects=(name,)) for name in draft.objects]
    return []


def _is_too(clause: ReadClause) -> bool:
    """Whether a clause says that the same applies to other objects."""
    if _SO_WAS.match(clause.text):
        return True
    return len(clause.words) <= SHORT and bool(_TOO.search(clause.text))


def _opposite(draft: Assertion, earlier: Assertion, clause: ReadClause) -> Assertion | None:
    """`draft` as the opposite of what was asserted of other objects before."""
    if earlier.kind == AssertionKind.DIFFERENCE:  # "the zebra moved, the giraffe did not"
        return replace(draft, kind=AssertionKind.SAMENESS, change=earlier.change)
    return None if clause.same else draft  # "the table is the same, the vase is not"


def _differences(clause: ReadClause, draft: Assertion, changes: Sequence[Change | None]) -> list[Assertion]:
    near = _nearest(clause) if len(changes) > 1 and len(draft.objects) > 1 else {}
    return [
        replace(draft, objects=(name,), change=FurtherChange.OTHER if change and is_aspect(name) else change)
        for name in draft.objects
        for change in ([near[name]] if name in near else changes)
    ]


def _nearest(clause: ReadClause) -> dict[str, Change | None]:
    """The change nearest to each object: "the car (color) and the dog (missing)"."""
    named = [change for change in clause.changes if change_named(change.value)]
    if not named:
        return {}
    nearest = ((thing, min(named, key=lambda change: abs(change.start - thing.start))) for thing in clause.objects)
    return {thing.value: change_named(change.value) for thing, change in nearest}


def _counts_nothing(clause: ReadClause, draft: Assertion) -> bool:
    """Whether a clause says that there are no differences."""
    return not draft.objects and bool(_CONTENTS.search(clause.text)) and find_count(clause.text) == 0


def _samenesses(clause: ReadClause, draft: Assertion) -> list[Assertion]:
    is_rest = bool(_REST.search(clause.text))
    of_rest = (is_rest and _SUCH_AS.search(clause.text)) or _EVERYTHING_ELSE.search(clause.text)
    if of_rest or _OF_IMAGES.search(clause.text):
        draft = replace(draft, objects=())
    if not draft.objects and (is_exception(clause.text) or (_NEARLY.search(clause.text) and not is_rest)):
        return []
    return sameness(clause, draft, is_rest)

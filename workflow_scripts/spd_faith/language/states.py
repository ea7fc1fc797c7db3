"""Reads states and samenesses: what a clause says about one image, or that something stays the same."""

import re
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

from spd_faith.core.difference_types import DifferenceType
from spd_faith.language.assertions import NOTHING_SAID, Assertion, AssertionKind, first_said, on_side
from spd_faith.language.categories import is_part
from spd_faith.language.change_kinds import Change, FurtherChange, absence_from, change_named
from spd_faith.language.changes import find_types
from spd_faith.language.colors import find_colors
from spd_faith.language.difference_nouns import DIFFERENCE_NOUNS
from spd_faith.language.image_words import ASKED_NOUNS, ASKED_PLURALS
from spd_faith.language.lexicon import LexiconFile, PhraseList, WordSet, any_of, load_lexicon
from spd_faith.language.mentions import ReadClause, find_spots
from spd_faith.language.places import find_places
from spd_faith.language.word_classes import CONJUNCTIONS, PREPOSITIONS
from spd_faith.language.words import BROKEN, JOINED, Mention, words_of, words_within


class _States(LexiconFile):
    looking_stems: PhraseList
    was: PhraseList
    formerly: PhraseList
    is_there: PhraseList
    openers: PhraseList
    no_verbs: PhraseList
    in_both: PhraseList
    each: PhraseList
    as_in: PhraseList
    image_ordinals: PhraseList
    lines: PhraseList
    in_neither: PhraseList
    of_images: PhraseList
    both: PhraseList
    show: PhraseList
    similar: PhraseList
    stayed: PhraseList
    in_place: PhraseList
    as_before: PhraseList
    how: PhraseList
    where: PhraseList
    pronouns: PhraseList
    being: PhraseList
    having_been: PhraseList
    are: PhraseList
    exactly: PhraseList
    any_change: PhraseList
    change_or: PhraseList
    same: PhraseList
    same_respects: PhraseList
    same_fillers: PhraseList
    relatives: PhraseList
    now: PhraseList
    joined: WordSet
    within: PhraseList
    wearing: PhraseList
    viewers: PhraseList
    view: PhraseList
    neither: PhraseList
    absent: WordSet
    plain_words: WordSet
    postures: WordSet


_WORDS = load_lexicon("states", _States)
_LOOKING = re.compile(rf"\b{any_of(_WORDS.looking_stems)}", re.I)
_COUNTS = re.compile(rf"\b{any_of(DIFFERENCE_NOUNS)}\b", re.I)
_WAS = re.compile(rf"\b{any_of(_WORDS.was)}\b", re.I)
_FORMERLY = re.compile(rf"\b{any_of(_WORDS.formerly)}\b", re.I)
_IS_THERE = re.compile(rf"\b{any_of(_WORDS.is_there)}\b", re.I)
_OPENS = re.compile(rf"(?:{any_of(_WORDS.openers)}\s)?(?:\w+\s){{0,1}}$", re.I)
_VERB_AFTER = re.compile(rf"\s(?!{any_of(_WORDS.no_verbs)})[a-z]{{3,}}\b", re.I)
_BOTH_SHOW = re.compile(
    rf"\b{any_of(_WORDS.both)}(?: {any_of(ASKED_PLURALS)})? {any_of(_WORDS.show)}"
    rf"|\b{any_of(_WORDS.each)}(?: {any_of(ASKED_NOUNS)})? {any_of(_WORDS.show)}",
    re.I,
)
_IN_BOTH = re.compile(
    rf"\b{any_of(_WORDS.in_both)}\b"
    rf"|\b{any_of(_WORDS.as_in)} {any_of(_WORDS.image_ordinals)}\b(?! \w+ {any_of(_WORDS.lines)})"
    rf"|\b{any_of(_WORDS.in_neither)} {any_of((*ASKED_NOUNS, *_WORDS.of_images))}"
    rf"|{_BOTH_SHOW.pattern}",
    re.I,
)
_SIMILAR = re.compile(rf"\b{any_of(_WORDS.similar)}\b", re.I)
_STAYED = re.compile(
    rf"\b{any_of(_WORDS.stayed)} (?:{any_of(_WORDS.in_place)}"
    rf"|{any_of(_WORDS.where)} {any_of(_WORDS.pronouns)} {any_of(_WORDS.being)})\b"
    rf"|\b{any_of(_WORDS.are)} (?:{any_of(_WORDS.exactly)} )?{any_of(_WORDS.where)} {any_of(_WORDS.pronouns)}"
    rf" {any_of(_WORDS.having_been)}\b",
    re.I,
)
_AS_BEFORE = re.compile(
    rf"\b(?:{any_of(_WORDS.as_before)}|{any_of(_WORDS.how)} {any_of(_WORDS.pronouns)} {any_of(_WORDS.having_been)})\b",
    re.I,
)
_ANY_CHANGE = re.compile(rf"\b{any_of(_WORDS.any_change)}|\b{any_of(_WORDS.change_or)}\b", re.I)
_WEARS_SAME = re.compile(rf"\b{any_of(_WORDS.wearing)} (?:exactly )?the {any_of(_WORDS.same)}\b", re.I)
_USED_TO_BE = re.compile(  # "the table, which used to be round, is square now"
    rf"\b{any_of(_WORDS.relatives)} {any_of(_WORDS.was)} [^,.;]{{1,60}},"
    rf" (?:{any_of(_WORDS.now)} )?{any_of(_WORDS.are)}\b",
    re.I,
)
_IN_NEITHER = re.compile(rf"\b{any_of(_WORDS.neither)} {any_of(ASKED_NOUNS)}\b", re.I)
_UNTELLING = _WORDS.plain_words - _WORDS.postures
_CALLED_SAME = re.compile(rf"\b{any_of(_WORDS.same)} (?:\w+ )?$", re.I)
_REACH = 30  # characters before an object that can call it the same
_SHOW_SAME = re.compile(
    rf"\b{any_of((*ASKED_PLURALS, *_WORDS.viewers))} (?:\w+ )?{any_of((*_WORDS.show, *_WORDS.view))}"
    rf" (?:exactly )?the {any_of(_WORDS.same)}\b",
    re.I,
)
_SAME_WHAT = re.compile(
    rf"(?P<where>\b{any_of(_WORDS.within)} the )?\b{any_of(_WORDS.same)}"
    rf" (?!{any_of(_WORDS.same_respects)}|{any_of(_WORDS.same_fillers)}\b)(?P<what>[a-z]+)",
    re.I,
)


def is_as_before(text: str) -> bool:
    """Whether a clause says "as before", "how it was"."""
    return bool(_AS_BEFORE.search(text))


def stays(text: str) -> bool:
    """Whether a clause says that its objects stay the same, without a word for sameness."""
    return bool(_SIMILAR.search(text) or _STAYED.search(text) or _AS_BEFORE.search(text))


def is_in_neither(text: str) -> bool:
    """Whether a clause denies something of both images: "no hat in either picture"."""
    return bool(_IN_NEITHER.search(text))


def says_both(text: str) -> bool:
    """Whether a clause says that both images show something."""
    return bool(_IN_BOTH.search(text))


def sameness(clause: ReadClause, draft: Assertion, is_rest: bool) -> list[Assertion]:
    """The samenesses that a clause asserts: one per object of `draft`, else one of the images or of the rest."""
    kept = first_said(draft.colors)
    said = replace(draft, kind=AssertionKind.SAMENESS, change=_respect_kept(clause), colors=(kept, kept), another=False)
    if not said.objects:
        return [replace(said, rest=is_rest, is_verdict=said.change is None and not is_rest)]
    details = _same_in(clause)
    return [replace(said, objects=(name,), details=details) for name in said.objects]


def _same_in(clause: ReadClause) -> frozenset[str]:
    """What a clause says is the same of its objects beyond themselves and their parts: "shows the same hour"."""
    is_worn = bool(_WEARS_SAME.search(clause.text))
    found = [
        (what["what"].lower(), bool(what["where"]))
        for what in _SAME_WHAT.finditer(clause.text)
        if is_worn or not _is_in(what.start("what"), clause.objects)
    ]
    return frozenset(word for word, is_where in found if is_worn or is_where or not is_part(word))


def _called_same(clause: ReadClause) -> list[str]:
    """The objects that a clause calls the same: "the same bus and the same people"."""
    return [
        thing.value
        for thing in clause.objects
        if _CALLED_SAME.search(clause.text, max(thing.start - _REACH, 0), thing.start)
    ]


def shown_again(clause: ReadClause, draft: Assertion) -> list[Assertion]:
    """The samenesses of "they show the same bus and the same people", "she wears the same dress", one per object."""
    if draft.objects and _WEARS_SAME.search(clause.text):
        return sameness(clause, draft, is_rest=False)
    if not draft.objects or not _SHOW_SAME.search(clause.text):
        return []
    names = tuple(dict.fromkeys((*draft.objects, *_called_same(clause))))
    return sameness(clause, replace(draft, objects=names), is_rest=False)


def _respect_kept(clause: ReadClause) -> Change | None:
    """The respect in which a clause says that something stays the same, if it names exactly one."""
    if _STAYED.search(clause.text):
        respects = {str(DifferenceType.POSITION)}
    else:
        respects = {change.value for mention in clause.same for change in find_types(mention.text)}
    named = {change for respect in respects if (change := change_named(respect))}
    if named == {DifferenceType.REMOVE, FurtherChange.ADDED}:  # "nothing was added or removed"
        return DifferenceType.REMOVE
    in_an_unnamed_one = len(named) < len(respects) and _ANY_CHANGE.search(clause.text)
    if len(named) > 1 or in_an_unnamed_one:
        return None
    if clause.same and any(color.start >= clause.same[0].end for color in clause.colors):  # "it remains gray"
        return DifferenceType.COLOR
    return named.pop() if named else None


def presence_in_both(clause: ReadClause, draft: Assertion) -> list[Assertion]:
    """The samenesses that "in both" asserts: of the color or place of the objects, else of their presence.

    "The dog and the cat are in both" says it of each object; "both show a dog and a cat" describes an image once.
    """
    if not draft.objects or not _IN_BOTH.search(clause.text):
        return []
    said = replace(draft, kind=AssertionKind.SAMENESS, change=DifferenceType.REMOVE, details=_details(clause))
    names = _shown(clause, draft) if _BOTH_SHOW.search(clause.text) else ()
    if len(names) > 1:
        return [replace(said, objects=names, colors=NOTHING_SAID, places=NOTHING_SAID, adjectives=_adjectives(clause))]
    placed = any(draft.places) or find_spots(clause.text)
    respect = DifferenceType.COLOR if any(draft.colors) else DifferenceType.POSITION if placed else said.change
    kept = first_said(draft.colors)
    return [replace(said, objects=(name,), change=respect, colors=(kept, kept)) for name in draft.objects]


def _shown(clause: ReadClause, draft: Assertion) -> tuple[str, ...]:
    """The objects that an image shows, without those that say where: "a man on the beach with a board"."""
    shown = [thing.value for thing in clause.objects if thing.value in draft.objects or _stands_with(clause, thing)]
    return tuple(dict.fromkeys(shown or draft.objects))


def _stands_with(clause: ReadClause, thing: Mention) -> bool:
    """Whether "with", "and" or a comma comes before an object and its adjectives, not the preposition of a place."""
    words = clause.words
    k = words_within(words, 0, thing.start).stop
    while k and words[k].tie != BROKEN and words[k - 1].text not in PREPOSITIONS | CONJUNCTIONS:
        k -= 1
    return bool(k) and (words[k].tie == BROKEN or words[k - 1].text in _WORDS.joined)


def state(clause: ReadClause, draft: Assertion, image: int | None) -> list[Assertion]:
    """The state of one image that a clause asserts, if any; `image` is the image in context."""
    if not draft.objects or _LOOKING.search(clause.text) or _COUNTS.search(clause.text):
        return []
    if _USED_TO_BE.search(clause.text):
        return [replace(draft, objects=(name,), change=FurtherChange.OTHER) for name in draft.objects]
    if clause.sets_images_apart and (change := _contrast(clause)):
        return [replace(draft, objects=(name,), change=change) for name in draft.objects]
    if _is_of_former(clause, draft, image):
        image = 0
    if image is None and not _says_how_it_is(clause, draft):
        return []
    side = image or 0
    after_first = clause.objects[0].end if clause.objects else 0
    return [
        replace(
            draft,
            kind=AssertionKind.STATE,
            image=image,
            colors=on_side(side, first_said(draft.colors)),
            places=on_side(side, first_said(draft.places)),
            spot=next(iter(find_spots(clause.text, after_first)), None),
            another=False,
            details=_details(clause),
            adjectives=_adjectives(clause) if len(draft.objects) > 1 else (),
        )
    ]


def _contrast(clause: ReadClause) -> Change | None:
    """The change of a clause that says something else of each image: "open in the first and closed in the second"."""
    apart = [image for image in clause.images if image.value in ("first", "second")]
    last = next(image for image in reversed(apart) if image.value != apart[0].value)
    leads = not clause.text[: apart[0].start].strip() or any(thing.start > last.end for thing in clause.objects)
    joint = last.start if leads else apart[0].end
    said = [
        {word.text for word in clause.words if (word.start < joint) == is_first and word.text not in _UNTELLING}
        for is_first in (True, False)
    ]
    absent = [not words.isdisjoint(_WORDS.absent) for words in said]
    if absent[0] != absent[1]:
        in_first = absent[0] == (apart[0].value == "first")
        return absence_from(0 if in_first else 1)
    return FurtherChange.OTHER if said[1] - said[0] else None


def _is_of_former(clause: ReadClause, draft: Assertion, image: int | None) -> bool:
    """Whether a clause in the past tense describes the first image."""
    if image is None and not draft.bare and _WAS.search(clause.text):
        return True
    return clause.image is None and bool(_FORMERLY.search(clause.text))


def _says_how_it_is(clause: ReadClause, draft: Assertion) -> bool:
    if _IS_THERE.search(clause.text) and (clause.objects or not draft.bare):
        return True
    return _opens_with_subject(clause)


def _adjectives(clause: ReadClause) -> tuple[tuple[str, str], ...]:
    """(object, color) for each object with a color directly before it: "a silver car and a dog"."""
    owned: dict[str, str] = {}
    for color in clause.colors:
        described = next((mention for mention in clause.objects if mention.start >= color.end), None)
        if described:
            owned.setdefault(described.value, color.value)
    return tuple(owned.items())


def _opens_with_subject(clause: ReadClause) -> bool:
    """Whether a clause starts with an object and continues ("passengers wait under the roof")."""
    if not clause.objects or not _OPENS.match(clause.text[: clause.objects[0].start]):
        return False
    return bool(_VERB_AFTER.match(clause.text, clause.objects[0].end))


def further_words(text: str) -> frozenset[str]:
    """The words of a description beyond presence, color and place."""
    known = [*find_colors(text), *find_places(text)]
    return frozenset(
        word.text for word in words_of(text) if word.text not in _WORDS.plain_words and not _is_in(word.start, known)
    )


def _details(clause: ReadClause) -> frozenset[str]:
    """The words of a clause beyond presence, colors and places; objects as the words of their canonical names."""
    mentioned = (*clause.colors, *clause.places, *clause.images, *clause.objects)
    owners = {
        word.start for word, following in pairwise(clause.words) if following.text == "s" and following.tie == JOINED
    }
    others = (word for word in clause.words if word.start not in owners and not _is_in(word.start, mentioned))
    details = {word.text for word in others if word.text not in _WORDS.plain_words and not is_part(word.text)}
    return frozenset(details.union(*(one.value.split() for one in clause.objects if not is_part(one.value))))


def _is_in(place: int, mentions: Sequence[Mention]) -> bool:
    return any(mention.start <= place < mention.end for mention in mentions)

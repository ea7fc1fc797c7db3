"""Finds the type and object of what prose lists, where a careful reader takes more than the words of change."""

import re
from collections.abc import Sequence
from dataclasses import replace

from spd_faith.core.difference_types import DifferenceType
from spd_faith.language.assertions import Assertion
from spd_faith.language.categories import canonical_category
from spd_faith.language.change_kinds import FurtherChange
from spd_faith.language.changes import find_types
from spd_faith.language.color_words import COLOR_WORDS
from spd_faith.language.difference_nouns import DIFFERENCE_NOUNS
from spd_faith.language.lexicon import LexiconFile, PhraseList, any_of, load_lexicon
from spd_faith.language.objects import find_objects
from spd_faith.language.words import words_of


class _ListedTypes(LexiconFile):
    turned: PhraseList
    no_longer: PhraseList
    postures: PhraseList
    spots: PhraseList
    rather: PhraseList
    fastened: PhraseList
    being: PhraseList
    new: PhraseList
    elements: PhraseList
    in_addition: PhraseList
    more: PhraseList
    numbers: PhraseList
    uncounted: PhraseList
    lights: PhraseList
    appears: PhraseList
    instead: PhraseList
    there_is: PhraseList
    articles: PhraseList
    same_spot: PhraseList
    negations: PhraseList
    comparing: PhraseList
    determiners: PhraseList
    also: PhraseList
    going_on: PhraseList
    no: PhraseList
    shades: PhraseList
    of_shades: PhraseList
    lying: PhraseList
    sides: PhraseList
    holding: PhraseList
    held_where: PhraseList
    nothing: PhraseList
    impressions: PhraseList


_WORDS = load_lexicon("listed_types", _ListedTypes)
_THE = any_of(_WORDS.determiners)
_TURNED = re.compile(rf"\b{any_of(_WORDS.turned)}\b", re.I)
_LEFT_ITS_SPOT = re.compile(
    rf"\b{any_of(_WORDS.no_longer)} (?:{any_of(_WORDS.postures)} )?{any_of(_WORDS.spots)} {_THE} ", re.I
)
_ELSEWHERE = re.compile(rf"\b{any_of(_WORDS.rather)} (?:\w+ )?{any_of(_WORDS.spots)} {_THE} ", re.I)
_UNFASTENED = re.compile(rf"\b{any_of(_WORDS.no_longer)} {any_of(_WORDS.fastened)}\b", re.I)
_IS_NEW = re.compile(
    rf"(?:\b|(?<=\w)){any_of(_WORDS.being)} (?:{_THE} )?{any_of(_WORDS.new)} {any_of(_WORDS.elements)}\b", re.I
)
_IN_ADDITION = re.compile(rf"\W{{0,3}}{any_of(_WORDS.in_addition)}\b", re.I)
_MORE = re.compile(rf"\b{any_of(_WORDS.more)} (?:of the )?(?=\w)", re.I)
_MORE_UNCOUNTED = re.compile(rf"\b{any_of(_WORDS.numbers)} (?:\w+ )?{any_of(_WORDS.uncounted)}\b", re.I)
_APPEARS = re.compile(rf"\b{any_of(_WORDS.appears)}\b", re.I)
_INSTEAD = re.compile(
    rf"\W{{0,3}}{any_of(_WORDS.instead)},? {any_of(_WORDS.there_is)} {any_of(_WORDS.articles)} ", re.I
)
_SAME_SPOT = re.compile(rf"\b{any_of(_WORDS.same_spot)}\b", re.I)
_NEGATION = re.compile(rf"\b{any_of(_WORDS.negations)}\b", re.I)
_BEFORE_LANDMARK = re.compile(rf"\b{any_of(_WORDS.comparing)} {_THE} (?:\w+ )?$", re.I)
_ALSO = re.compile(rf"\b{any_of(_WORDS.also)}\b", re.I)
_GOES_ON = re.compile(rf"{any_of(_WORDS.going_on)}\b", re.I)
_NO_DIFFERENCES = re.compile(rf"\b{any_of(_WORDS.no)} (?:\w+ )?{any_of(DIFFERENCE_NOUNS)}\b", re.I)
_SHADE = re.compile(
    rf"\b(?:(?:more|less) \w+|{any_of(_WORDS.shades)}) (?:{any_of(_WORDS.of_shades)} )?{any_of(COLOR_WORDS)}\b", re.I
)
_LIES = re.compile(
    rf"(?:\b|(?<=\w)){any_of(_WORDS.lying)} (?P<spot>{any_of(_WORDS.spots)} {_THE} (?!{any_of(_WORDS.sides)}\b)\w+)",
    re.I,
)
_HELD = re.compile(
    rf"\b{any_of(_WORDS.holding)} {_THE} (?P<held>\w+(?: \w+)?) (?:\w+ly )?{any_of(_WORDS.held_where)}\b", re.I
)
_ARROW = re.compile(r"\s?(?:→|->|=>)\s?")
_NOTHING = re.compile(rf"(?:^|[:\s]){any_of(_WORDS.nothing)}\W{{0,3}}$", re.I)
_BARE_NOTHING = re.compile(rf"\W{{0,3}}{any_of(_WORDS.nothing)}\W{{0,3}}", re.I)
_LONGEST_MOVE = 4  # words that say that something moved; longer ones are two sides
_NEXT = 2  # words between "more" and what there is more of


def as_listed(said: Assertion) -> Assertion | None:
    """A difference with the type and object that a reader would list; None if it is no difference of a thing."""
    if not said.objects:
        return said
    if said.objects[0] in _WORDS.impressions or _stays_there(said) or _only_joins(said) or _denies(said):
        return None
    if changed := _of_arrow(said) or _held(said):
        return changed
    return _typed(_counted(said))


def is_landmark(said: Assertion) -> bool:
    """Whether the object of a move only says where something moved to: "closer to the train"."""
    if said.change != DifferenceType.POSITION:
        return False
    named = next((one for one in find_objects(said.text) if one.value in said.objects), None)
    return named is not None and bool(_BEFORE_LANDMARK.search(said.text[: named.start]))


def adds_more(said: Assertion) -> bool:
    """Whether a clause says itself that it adds to the one before: "the crop also appears tighter"."""
    return bool(_ALSO.search(said.text))


def says_again(said: Assertion, earlier: Sequence[str]) -> bool:
    """Whether a clause only goes on about one of the objects named before it: "…, with some closer to the pier"."""
    return bool(_GOES_ON.match(said.text)) and not set(earlier).isdisjoint(said.objects)


def _stays_there(said: Assertion) -> bool:
    is_same = said.change == DifferenceType.POSITION and _SAME_SPOT.search(said.text)
    return bool(is_same) and not _NEGATION.search(said.text)


def _denies(said: Assertion) -> bool:
    """Whether what is gone are only further differences: "I see no other differences – the dog …"."""
    return said.change == DifferenceType.REMOVE and bool(_NO_DIFFERENCES.search(said.text))


def _only_joins(said: Assertion) -> bool:
    """Whether the only words of an addition are those that join a sentence to the one before."""
    opening = _IN_ADDITION.match(said.text) if said.change == FurtherChange.ADDED else None
    return opening is not None and all(one.value != said.change for one in find_types(said.text[opening.end() :]))


def _of_arrow(said: Assertion) -> Assertion | None:
    """The difference of "empty → a woman is sitting on it": what is on one side only."""
    sides = _ARROW.split(said.text) if said.change in (None, FurtherChange.OTHER) else []
    if len(sides) != 2:
        return None
    before, after = sides
    if _BARE_NOTHING.fullmatch(after):
        return replace(said, change=DifferenceType.REMOVE)
    if not _NOTHING.search(before):
        return None
    new = find_objects(after)
    named = (new[0].value,) if new and canonical_category(new[0].value) else said.objects
    return replace(said, change=FurtherChange.ADDED, objects=named)


def _held(said: Assertion) -> Assertion | None:
    """The move of "holds the bat lower": that of what is held."""
    found = _HELD.search(said.text) if said.change in (None, FurtherChange.OTHER) else None
    held = find_objects(said.text[found.start("held") :]) if found else []
    return replace(said, change=DifferenceType.POSITION, objects=(held[0].value,)) if held else None


def _counted(said: Assertion) -> Assertion:
    """An addition or removal with the object that there is more or less of: "carries an additional suitcase"."""
    if said.change not in (DifferenceType.REMOVE, FurtherChange.ADDED):
        return said
    for more in _MORE.finditer(said.text):
        named = next((one for one in find_objects(said.text) if one.start >= more.end()), None)
        if named and len(said.text[more.end() : named.start].split()) < _NEXT:
            return replace(said, objects=(named.value,))
    return said


def _typed(said: Assertion) -> Assertion:
    change = said.change
    if change == DifferenceType.POSITION:
        change = _type_of_move(said)
    elif change in (DifferenceType.REMOVE, FurtherChange.ADDED):
        change = _type_of_number(said)
    elif _SHADE.search(said.text) and any(said.colors):
        change = DifferenceType.COLOR
    elif change == DifferenceType.COLOR:
        change = FurtherChange.OTHER if _is_light(said) else change
    elif left := _LEFT_ITS_SPOT.search(said.text):
        is_elsewhere = _ELSEWHERE.search(said.text, left.end())
        change = DifferenceType.POSITION if is_elsewhere else DifferenceType.REMOVE
    elif _IS_NEW.search(said.text):
        change = FurtherChange.ADDED
    elif len({spot["spot"].lower() for spot in _LIES.finditer(said.text)}) > 1:
        change = DifferenceType.POSITION
    return said if change == said.change else replace(said, change=change)


def _type_of_move(said: Assertion) -> DifferenceType | FurtherChange:
    if _INSTEAD.match(said.text):
        return FurtherChange.ADDED
    is_turned = _TURNED.search(said.text) and not _moves(said.text)
    return FurtherChange.OTHER if is_turned else DifferenceType.POSITION


def _moves(text: str) -> bool:
    """Whether words say that something moved, other than "away from", where it looks."""
    words = (one for one in find_types(text) if len(words_of(one.text)) <= _LONGEST_MOVE)
    return any(one.value == DifferenceType.POSITION for one in words)


def _type_of_number(said: Assertion) -> DifferenceType | FurtherChange:
    if _UNFASTENED.search(said.text) or _MORE_UNCOUNTED.search(said.text):
        return FurtherChange.OTHER
    is_seen = all(said.places) and said.places[0] != said.places[1] and _APPEARS.search(said.text)
    if is_seen:
        return DifferenceType.POSITION
    return DifferenceType.REMOVE if said.change == DifferenceType.REMOVE else FurtherChange.ADDED


def _is_light(said: Assertion) -> bool:
    """Whether a traffic light only shows another light."""
    is_one = canonical_category(said.objects[0]) == "traffic light"
    return is_one and all(color in _WORDS.lights for color in said.colors if color)

"""Finds the changes that a clause asserts of its objects, through change words or through a contrast."""

import re
from collections.abc import Sequence

from spd_faith.core.difference_types import Attribute, DifferenceType
from spd_faith.language.assertions import Assertion, places_clash
from spd_faith.language.change_kinds import Change, FurtherChange, absence_from
from spd_faith.language.contrasts import has_arrow, image_of_condition, is_contrast
from spd_faith.language.counts import NUMBERS
from spd_faith.language.difference_nouns import DIFFERENCE_NOUNS
from spd_faith.language.image_words import FRAMES
from spd_faith.language.lexicon import LexiconFile, PhraseList, WordSet, any_of, load_lexicon
from spd_faith.language.mentions import ReadClause, find_spots
from spd_faith.language.words import Mention, word_before


class _AssertedChanges(LexiconFile):
    vague_stems: PhraseList
    different: PhraseList
    vague_respects: PhraseList
    different_fillers: PhraseList
    now: PhraseList
    instead: PhraseList
    is_verbs: PhraseList
    is_or_looks: PhraseList
    no_time: PhraseList
    negations: PhraseList
    not_endings: PhraseList
    anymore: PhraseList
    no_longer: PhraseList
    postures: PhraseList
    spot_relations: PhraseList
    spot_openers: PhraseList
    having: PhraseList
    articles: PhraseList
    new: PhraseList
    is_difference: PhraseList
    conditions: PhraseList
    instead_of: PhraseList
    the: PhraseList
    where: PhraseList
    whereabouts: PhraseList
    other: PhraseList
    sides: PhraseList
    side_relations: PhraseList
    side_openers: PhraseList
    opposite: PhraseList
    to: PhraseList
    article: PhraseList
    side_names: PhraseList
    wearing: PhraseList
    another: PhraseList
    no_features: PhraseList
    no_feature: PhraseList
    from_words: PhraseList
    from_openers: PhraseList
    to_places: PhraseList
    to_openers: PhraseList
    only: PhraseList
    were: PhraseList
    does_not: PhraseList
    is_none: PhraseList
    subjects: PhraseList
    is_not: PhraseList
    showing: PhraseList
    none: PhraseList
    lacks: PhraseList
    has: PhraseList
    of: PhraseList
    spoken_of: PhraseList
    cannot: PhraseList
    find: PhraseList
    anywhere: PhraseList
    owns_not: PhraseList
    owns: PhraseList
    misses: PhraseList
    lost_openers: PhraseList
    has_not: PhraseList
    no: PhraseList
    no_more: PhraseList
    same_as_before: PhraseList
    places: PhraseList
    reading: WordSet
    used_to_be: PhraseList
    empty: PhraseList
    going: PhraseList


_WORDS = load_lexicon("asserted_changes", _AssertedChanges)
_NOT = rf"(?:\b{any_of(_WORDS.negations)}|{any_of(_WORDS.not_endings)})"
_NOW_WORD = rf"\b{any_of(_WORDS.now)}"

_VAGUE = re.compile(any_of(_WORDS.vague_stems), re.I)
_DIFFERENT_WHAT = re.compile(  # "a different time", "another pattern": says what differs
    rf"\b{any_of(_WORDS.different)} (?!{any_of(_WORDS.vague_respects)}|{any_of(_WORDS.different_fillers)}\b)"
    r"[a-z]{3,}",
    re.I,
)
_NOW = re.compile(rf"\b{any_of((*_WORDS.now, *_WORDS.instead))}\b", re.I)
_IS_NOW = re.compile(
    rf"\b{any_of(_WORDS.is_verbs)}\b.*{''.join(f'(?<!{word} )' for word in _WORDS.no_time)}{_NOW_WORD}\b"
    rf"|{_NOW_WORD} {any_of(_WORDS.is_or_looks)}\b",
    re.I,
)
_NO_MORE = re.compile(rf"{_NOT}\b.{{1,40}}\b{any_of(_WORDS.anymore)}\b", re.I)
_HAS_NEW = re.compile(rf"\b{any_of(_WORDS.having)} (?:{any_of(_WORDS.articles)} )?{any_of(_WORDS.new)}\b", re.I)
_IS_DIFFERENCE = re.compile(rf"\b{any_of(DIFFERENCE_NOUNS)} {any_of(_WORDS.is_difference)}", re.I)
_LEFT_PLACE = re.compile(  # may have moved rather than disappeared
    rf"\b{any_of(_WORDS.no_longer)} (?:{any_of(_WORDS.postures)} )?{any_of(_WORDS.spot_relations)}"
    rf" {any_of(_WORDS.spot_openers)} (?!(?:\w+ )?{any_of(FRAMES)})",
    re.I,
)
_LEFT_ITS_PLACE = re.compile(  # "no longer in that same location", "no longer where it was"
    rf"\b{any_of(_WORDS.no_longer)} (?:{any_of(_WORDS.postures)} )?(?:{any_of(_WORDS.where)}\b"
    rf"|{any_of(_WORDS.spot_relations)} (?:{any_of(_WORDS.same_as_before)} ){{1,3}}{any_of(_WORDS.places)}\b)",
    re.I,
)
_IS_SO = re.compile(rf"^{any_of(_WORDS.conditions)}$", re.I)
_INSTEAD = re.compile(rf"\b{any_of(_WORDS.instead_of)} {any_of(_WORDS.the)}\b", re.I)
_OTHER_SIDE = re.compile(
    rf"\b{any_of(_WORDS.where)} {any_of(_WORDS.whereabouts)}\b|\b{any_of(_WORDS.other)} {any_of(_WORDS.sides)}\b", re.I
)
_WHERE_IT_WAS = re.compile(
    rf"\b{any_of(_WORDS.where)} {any_of(_WORDS.whereabouts)} [^,.;]{{1,40}}\b{any_of(_WORDS.used_to_be)}\b"
    rf"|\b{any_of(_WORDS.instead_of)} {any_of(_WORDS.the)} .{{1,60}}\b{any_of(_WORDS.is_or_looks)}\b",
    re.I,
)
_EMPTY = re.compile(rf"\b{any_of(_WORDS.empty)}\b", re.I)
_USED_TO_BE = re.compile(rf"\b{any_of(_WORDS.used_to_be)}\b.{{1,60}}\b{any_of(_WORDS.is_verbs)}\b", re.I)
_GOES_FROM = re.compile(
    rf"\b{any_of(_WORDS.going)} {any_of(_WORDS.from_words)} .{{1,60}}\b{any_of(_WORDS.to)} \w", re.I
)
_ON_OTHER_SIDE = re.compile(
    rf"\b{any_of(_WORDS.side_relations)} {any_of(_WORDS.side_openers)} {any_of(_WORDS.opposite)}"
    rf" {any_of(_WORDS.sides)}\b"
    rf"|:[^:.;]{{2,40}}\b{any_of(_WORDS.to)} (?:{any_of(_WORDS.article)} )?{any_of(_WORDS.side_names)}\b",
    re.I,
)
_IN_ANOTHER = re.compile(  # "looks in another direction", "has another face"
    rf"\b{any_of(_WORDS.wearing)} (?:{any_of(_WORDS.now)} )?{any_of(_WORDS.another)}"
    rf" (?!{any_of(_WORDS.no_features)}|{any_of(_WORDS.no_feature)}\b)[a-z]+",
    re.I,
)
_FROM_PLACE = re.compile(
    rf"\b{any_of(_WORDS.from_words)} {any_of(_WORDS.from_openers)} [\w ]{{2,30}}?"
    rf"\b{any_of(_WORDS.to_places)} {any_of(_WORDS.to_openers)}\b",
    re.I,
)
_FROM_TO = re.compile(
    rf"\b{any_of(_WORDS.from_words)} \w+ {any_of(_WORDS.to)} \w+|\b{any_of(_WORDS.only)} \w+"
    rf"|\b{any_of(_WORDS.were)}\b.{{1,60}}{_NOW_WORD}\b",
    re.I,
)
_LACKS = re.compile(
    rf"\b{any_of(_WORDS.cannot)} {any_of(_WORDS.find)} {any_of(_WORDS.spoken_of)}"
    rf"(?: {any_of(_WORDS.anywhere)})?\W{{0,3}}$"
    rf"|\b(?:{any_of(_WORDS.does_not)}|{any_of(_WORDS.is_none)}|{any_of(_WORDS.subjects)} {any_of(_WORDS.is_not)}"
    rf"|{any_of(_WORDS.showing)} {any_of(_WORDS.none)}|{any_of(_WORDS.lacks)})"
    rf"(?: {any_of(_WORDS.has)})?(?: (?:{any_of(_WORDS.of)} )?{any_of(_WORDS.spoken_of)})?\W{{0,3}}$",
    re.I,
)
_LOSES = re.compile(
    rf"(?:\b{any_of(_WORDS.cannot)} {any_of(_WORDS.find)}"
    rf"|(?:\b{any_of(_WORDS.owns_not)}|{any_of(_WORDS.not_endings)}) (?:{any_of(_WORDS.anymore)} )?"
    rf"{any_of(_WORDS.owns)}"
    rf"|\b{any_of(_WORDS.misses)})\s(?={any_of(_WORDS.lost_openers)}\b)"
    rf"|\b{any_of(_WORDS.has_not)} {any_of(_WORDS.no)}\s(?!{any_of(_WORDS.no_more)})",
    re.I,
)


_QUOTES = frozenset("\"'“”‘’")


def is_vague(change: Mention) -> bool:
    """Whether a change word names no type: "different", "changed"."""
    return change.value == "unknown" and bool(_VAGUE.search(change.text))


def ends_in_denial(text: str) -> bool:
    """Whether a clause ends by denying the object mentioned before: "the second does not", "there is none"."""
    return bool(_LACKS.search(text))


def lost_objects(text: str, objects: Sequence[Mention]) -> list[Mention]:
    """The objects that a person or an image no longer has: "she lost her bag", "I cannot find the kite"."""
    loses = _LOSES.search(text)
    return [mention for mention in objects if mention.start >= loses.end()] if loses else []


def asserted_changes(clause: ReadClause, draft: Assertion, are_lost: bool) -> list[Change | None]:
    """The changes that a clause asserts of the objects of `draft`; `[None]` for a change of unknown type.

    `draft` has the objects of the clause with their colors and places; `are_lost` marks them as `lost_objects`.
    """
    if change := _of_former_place(clause):
        return [change]
    if clause.changes:
        return [] if _only_describes(clause) else _changes_in_words(clause, draft)
    if are_lost:
        return [absence_from(0 if clause.image == 0 else 1)]
    if change := _denied_image(clause):
        return [change]
    compared = _counted(clause) or _set_against(clause, draft)
    if not compared and draft.objects:
        compared = _implied(clause, draft)
    return [compared] if compared else []


def _of_former_place(clause: ReadClause) -> Change | None:
    """The change of what used to be where something else or nothing is now: "where the gull used to be"."""
    if set(clause.named_changes) - {DifferenceType.POSITION} or not _WHERE_IT_WAS.search(clause.text):
        return None
    is_replaced = len(clause.objects) > 1 and not _EMPTY.search(clause.text)
    return FurtherChange.OTHER if is_replaced else DifferenceType.REMOVE


def _only_describes(clause: ReadClause) -> bool:
    """Whether the change words only describe one image: "in the second image, the mirror is cracked"."""
    if not clause.images or clause.sets_images_apart or image_of_condition(clause):
        return False
    return all(_IS_SO.search(mention.text) for mention in clause.changes)


def _denied_image(clause: ReadClause) -> Change | None:
    """The change if the last named image is said not to have the object: "the second does not"."""
    lack = _LACKS.search(clause.text)
    named = [image.value for image in clause.images if lack and image.end <= lack.start()]
    if not named or named[-1] == "both":
        return None
    return absence_from(1 if named[-1] == "second" else 0)


def _changes_in_words(clause: ReadClause, draft: Assertion) -> list[Change | None]:
    named = clause.named_changes
    if DifferenceType.REMOVE in named and _LEFT_ITS_PLACE.search(clause.text):
        return [DifferenceType.POSITION]
    if named == [DifferenceType.REMOVE] and _LEFT_PLACE.search(clause.text):
        return [None]
    if named == [FurtherChange.ADDED] and _HAS_NEW.search(clause.text):
        return [FurtherChange.OTHER]  # "the train has a new livery"
    if named:
        return [*named]
    if change := _counted(clause) or _set_against(clause, draft):
        return [change]
    in_no_way = all(map(is_vague, clause.changes)) and not _DIFFERENT_WHAT.search(clause.text)
    return [None if in_no_way else FurtherChange.OTHER]


def _set_against(clause: ReadClause, draft: Assertion) -> Change | None:
    """The change implied by two contrasting colors or places, or by a new one."""
    if draft.colors[0] and _NO_MORE.search(clause.text):
        return DifferenceType.COLOR
    for change in DifferenceType:
        if change.changes and _is_set_against(clause, draft, change.changes):
            return change
    return None


def _is_set_against(clause: ReadClause, draft: Assertion, attribute: Attribute) -> bool:
    before, after = draft.values(attribute)
    if not after:
        return False
    if before and (places_clash(before, after) if attribute == Attribute.PLACE else before != after):
        return True
    is_changed = any(map(is_vague, clause.changes)) and not before
    return bool(is_changed or (_NOW.search(clause.text) and not clause.images))


def _implied(clause: ReadClause, draft: Assertion) -> Change | None:
    """The change of a clause without a change word and without a contrast of colors or places."""
    text, is_colored = clause.text, any(draft.colors)
    if _NO_MORE.search(text) and not is_colored:
        return DifferenceType.REMOVE
    if not clause.images and (change := _implied_by_now(clause)):
        return change
    if is_colored and _IS_DIFFERENCE.search(text):
        return DifferenceType.COLOR
    if not is_colored and clause.sets_images_apart and len(set(find_spots(text))) > 1:
        return DifferenceType.POSITION
    if len(draft.objects) == 1 and is_contrast(clause, draft.objects[0]):
        return FurtherChange.OTHER
    if image_of_condition(clause) or has_arrow(text) or _USED_TO_BE.search(text) or _GOES_FROM.search(text):
        return FurtherChange.OTHER
    if is_colored:
        return None
    if _FROM_PLACE.search(text):
        return DifferenceType.POSITION
    return FurtherChange.OTHER if _INSTEAD.search(text) else None


def _implied_by_now(clause: ReadClause) -> Change | None:
    """The change implied by how the object is now: "on the other side", "in another dress"."""
    text = clause.text
    is_now = bool(_NOW.search(text))
    if _ON_OTHER_SIDE.search(text) or (is_now and find_spots(text)):
        return DifferenceType.POSITION
    if _OTHER_SIDE.search(text) and (is_now or ":" in text):
        return DifferenceType.POSITION
    is_otherwise = _IS_NOW.search(text) or _IN_ANOTHER.search(text)
    return FurtherChange.OTHER if is_otherwise and not clause.same else None


def _counted(clause: ReadClause) -> Change | None:
    """The change implied by two counts of an object: "three chairs … and only two in …"."""
    if not _FROM_TO.search(clause.text) and not clause.sets_images_apart:
        return None
    counts = [
        NUMBERS[word.text] if word.text in NUMBERS else int(word.text)
        for k, word in enumerate(clause.words)
        if _is_number(word.text)
        and not any(image.start <= word.start < image.end for image in clause.images)
        and not _is_read(clause, k)
    ]
    if len(counts) != 2 or counts[0] == counts[1]:
        return None
    return absence_from(1 if counts[0] > counts[1] else 0)


def _is_read(clause: ReadClause, k: int) -> bool:
    """Whether a number is what a thing reads rather than how many there are: 'the sign reads "3"', "number 12"."""
    word = clause.words[k]
    return clause.text[word.start - 1 : word.start] in _QUOTES or word_before(clause.words, k) in _WORDS.reading


def _is_number(word: str) -> bool:
    return word in NUMBERS or (word.isdecimal() and len(word) < 4)

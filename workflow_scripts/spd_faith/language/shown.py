"""Reads what a clause says both images show, thing by thing: "both show a desk with a laptop and a red mug"."""

import re
from dataclasses import replace

from spd_faith.core.difference_types import DifferenceType
from spd_faith.language.assertions import NOTHING_SAID, Assertion, AssertionKind
from spd_faith.language.lexicon import LexiconFile, PhraseList, WordSet, any_of, load_lexicon
from spd_faith.language.mentions import ReadClause, read_clause
from spd_faith.language.nouns import MODIFIERS
from spd_faith.language.objects import find_objects
from spd_faith.language.word_classes import DETERMINERS, PREPOSITIONS
from spd_faith.language.words import BROKEN, Mention, words_within


class _Shown(LexiconFile):
    both: PhraseList
    images: PhraseList
    show: PhraseList
    the_same: PhraseList
    same_image: PhraseList
    with_things: WordSet
    no_things: WordSet
    scenes: PhraseList


_WORDS = load_lexicon("shown", _Shown)
_SHOW = rf"{any_of(_WORDS.show)}\b"
_SUBJECT = rf"{any_of(_WORDS.both)}(?: {any_of(_WORDS.images)})?"
_IN_BOTH = re.compile(
    rf"\b(?:both|each)(?: {any_of(_WORDS.images)})? {_SHOW}"
    rf"|\b{_SUBJECT} (?:both )?{_SHOW}(?P<same> {any_of(_WORDS.the_same)})",
    re.I,
)
_SCENE = re.compile(rf"\s{any_of(tuple(sorted(_WORDS.no_things)))}\b", re.I)
_SAME_IMAGE = re.compile(rf"\b{any_of(_WORDS.same_image)}\b", re.I)


def is_of_things(said: Assertion) -> bool:
    """Whether an assertion is about things that one can point at, not about the images, the light, the camera."""
    if said.kind == AssertionKind.SAMENESS and (_SAME_IMAGE.search(said.text) or _is_of_scene(said)):
        return False
    return not said.objects or not _WORDS.no_things.issuperset(said.objects)


def _is_of_scene(said: Assertion) -> bool:
    """Whether a sameness is of the whole scene: "the room looks the same", "the street scene is unchanged"."""
    if len(said.objects) != 1 or said.change not in (None, DifferenceType.REMOVE):
        return False
    if said.objects[0] in _WORDS.scenes:
        return True
    named = (thing for thing in find_objects(said.text) if thing.value == said.objects[0])
    return any(_SCENE.match(said.text, thing.end) for thing in named)


def shown_in_both(said: Assertion) -> list[Assertion]:
    """One sameness per thing that both images show according to an assertion; the assertion itself without any."""
    match = _IN_BOTH.search(said.text) if said.kind != AssertionKind.DIFFERENCE else None
    clause = read_clause(said.text)
    things = [thing for thing in clause.objects if match and thing.start >= match.end() and _is_shown(clause, thing)]
    if not match or not things:
        return [said]
    return [_sameness(said, clause, thing, is_same=bool(match["same"])) for thing in things]


def _is_shown(clause: ReadClause, thing: Mention) -> bool:
    """Whether a thing is more than the place of another: "under a red umbrella", not "under the umbrella"."""
    words = clause.words
    k = words_within(words, 0, thing.start).stop
    passed = DETERMINERS | MODIFIERS | {word for color in clause.colors for word in color.text.lower().split()}
    while k and words[k - 1].text in passed and words[k].tie != BROKEN:
        k -= 1
    before = words[k - 1].text if k and words[k].tie != BROKEN else ""
    is_place = before in PREPOSITIONS and before not in _WORDS.with_things
    return not is_place or _color_of(clause, thing) is not None


def _color_of(clause: ReadClause, thing: Mention) -> str | None:
    """The color before a thing and after the thing before it."""
    after = max((other.end for other in clause.objects if other.end <= thing.start), default=0)
    return next((color.value for color in clause.colors if after <= color.start and color.end <= thing.start), None)


def _sameness(said: Assertion, clause: ReadClause, thing: Mention, is_same: bool) -> Assertion:
    color = _color_of(clause, thing)
    presence = None if is_same else DifferenceType.REMOVE
    return replace(
        said,
        kind=AssertionKind.SAMENESS,
        objects=(thing.value,),
        change=DifferenceType.COLOR if color else presence,
        image=None,
        colors=(color, color),
        places=NOTHING_SAID,
        adjectives=(),
        is_verdict=False,
    )

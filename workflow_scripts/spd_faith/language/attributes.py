"""Assigns the colors and places of a clause to the images."""

import re
from collections import defaultdict
from collections.abc import Sequence
from typing import NamedTuple

from spd_faith.language.assertions import Values
from spd_faith.language.image_words import FRAMES
from spd_faith.language.lexicon import LexiconFile, PhraseList, any_of, load_lexicon
from spd_faith.language.words import Mention


class _Attributes(LexiconFile):
    of: PhraseList
    side: PhraseList
    pronouns: PhraseList
    of_openers: PhraseList
    links: PhraseList
    leaving: PhraseList
    not_endings: PhraseList
    reaching: PhraseList
    to: PhraseList
    was_so: PhraseList
    is_so: PhraseList
    dated_nouns: PhraseList
    earlier: PhraseList
    later: PhraseList


_WORDS = load_lexicon("attributes", _Attributes)
_OF = re.compile(
    rf"\s(?:{any_of(_WORDS.side)}\s)?{any_of(_WORDS.of)}\s"
    rf"(?:{any_of(_WORDS.pronouns)}\b|{any_of(_WORDS.of_openers)}\s)(?!{any_of(FRAMES)})",
    re.I,
)
_REACH = 48  # characters before a value that can indicate its image
_NAMED = 1  # the weakness of evidence by a word or by the name of an image
_ADJACENT = 2  # characters between a color and what it describes

_LINK = rf"\s(?:{any_of(_WORDS.links)}\s){{0,3}}$"
_LEAVES = re.compile(rf"(?:\b{any_of(_WORDS.leaving)}|{any_of(_WORDS.not_endings)}){_LINK}", re.I)
_REACHES = re.compile(rf"(?:\b{any_of(_WORDS.reaching)}|->|→|=>){_LINK}", re.I)
_WAS_SO = re.compile(rf"\b{any_of(_WORDS.was_so)}{_LINK}", re.I)
_IS_SO = re.compile(rf"\b{any_of(_WORDS.is_so)}{_LINK}", re.I)
_DATED = re.compile(  # "on the right before, on the left now"
    rf"(?:\s{any_of(_WORDS.dated_nouns)})?\s(?:(?P<before>{any_of(_WORDS.earlier)})|{any_of(_WORDS.later)})\b", re.I
)
_NEXT = re.compile(r"\s([a-z]{3,})", re.I)
_TO_ANOTHER = re.compile(rf"\s?(?:{any_of(_WORDS.to)}|->|→|=>)\s", re.I)


def is_relative(text: str, place: Mention, images: Sequence[Mention]) -> bool:
    """Whether a place is relative to another object: "left of the chair", not "the left side of the first image"."""
    of = _OF.match(text, place.end)
    return of is not None and not any(of.start() < image.start <= of.end() for image in images)


class _Sign(NamedTuple):
    """Evidence for the image of a value; the strongest sorts first."""

    weakness: int
    distance: int  # characters
    image: int


def places_by_image(text: str, places: Sequence[Mention], images: Sequence[Mention]) -> Values:
    """The place in each image, judged by the words before it, the nearest image, tense and order."""
    sides: list[str | None] = [None, None]
    for sign, place in _ranked(text, places, images, ()):
        free = next((at for at in (sign.image, 1 - sign.image) if sides[at] is None), None)
        if free is not None and place.value not in sides:
            sides[free] = place.value
    return sides[0], sides[1]


def colors_by_image(
    text: str, colors: Sequence[Mention], images: Sequence[Mention], subjects: Sequence[Mention]
) -> Values:
    """The colors in each image, judged as the places; several of one image are joined as in `find_colors`."""
    sides: tuple[set[str], set[str]] = (set(), set())
    nouns: set[str] = set()
    for sign, color in _ranked(text, colors, images, subjects):
        values, noun = set(color.value.split()), _noun_after(text, color)
        is_of_other = sign.weakness > _NAMED or noun in nouns or _is_dated_apart(text, color, sign.image)
        at = 1 - sign.image if sides[sign.image] and is_of_other else sign.image
        if values not in sides and not (is_of_other and sides[at]):
            sides[at].update(values)
        nouns.update([noun] if noun else [])
    return _joined(sides[0]), _joined(sides[1])


def _noun_after(text: str, color: Mention) -> str:
    """The word right after a color: one noun in each image has one color."""
    after = _NEXT.match(text, color.end)
    return after[1].lower() if after else ""


def _joined(colors: set[str]) -> str | None:
    return " ".join(sorted(colors)) or None


def _is_dated_apart(text: str, value: Mention, image: int) -> bool:
    """Whether the tense before a value speaks of the other image."""
    sign = _sign_of_tense(text, value)
    return sign is not None and sign.image != image


def _ranked(
    text: str, values: Sequence[Mention], images: Sequence[Mention], subjects: Sequence[Mention]
) -> list[tuple[_Sign, Mention]]:
    """The values with the evidence for their images, the strongest first."""
    named = [image for image in images if image.value != "both"]
    ranked = sorted((_sign(text, value, values, named, subjects), k) for k, value in enumerate(values))
    return [(sign, values[k]) for sign, k in ranked]


def own_colors(colors: Sequence[Mention], others: Sequence[Mention]) -> Sequence[Mention]:
    """The colors that do not stand right before one of the other objects; all if none is left."""
    return [color for color in colors if not any(_describes(color, one) for one in others)] or colors


def _describes(color: Mention, thing: Mention) -> bool:
    """Whether a color stands right before an object: "a blue shirt"."""
    return 0 < thing.start - color.end <= _ADJACENT


def by_described(
    text: str, colors: Sequence[Mention], images: Sequence[Mention], objects: Sequence[Mention]
) -> dict[str, Values]:
    """The colors in each image of the objects that stand right after a different one in each.

    "A blue shirt and gray pants in the first image, a red shirt and black pants in the second" has two.
    """
    described: dict[str, list[Mention]] = defaultdict(list)
    for color in colors:
        if owner := next((one for one in objects if _describes(color, one)), None):
            described[owner.value].append(color)
    found = {name: colors_by_image(text, own, images, ()) for name, own in described.items() if len(own) > 1}
    return {name: values for name, values in found.items() if values[0] and values[1]}


def _sign(
    text: str, value: Mention, values: Sequence[Mention], named: Sequence[Mention], subjects: Sequence[Mention]
) -> _Sign:
    return (
        _sign_of_words(text, value)
        or _sign_of_image(value, values, named)
        or _sign_of_tense(text, value)
        or _sign_of_order(value, values, subjects)
    )


def _window(value: Mention) -> tuple[int, int]:
    """Where the words before a value are searched."""
    return max(value.start - _REACH, 0), value.start


def _sign_of_words(text: str, value: Mention) -> _Sign | None:
    if _LEAVES.search(text, *_window(value)) or _TO_ANOTHER.match(text, value.end):
        return _Sign(0, 0, 0)
    if _REACHES.search(text, *_window(value)):
        return _Sign(0, 0, 1)
    if dated := _DATED.match(text, value.end):
        return _Sign(0, 0, 0 if dated["before"] else 1)
    return None


def _sign_of_image(value: Mention, values: Sequence[Mention], named: Sequence[Mention]) -> _Sign | None:
    """The image named after the value ("red in the first, blue in the second") or before it ("in the first …")."""
    if not named:
        return None
    earlier = [image for image in named if image.start < value.start]
    later = [image for image in named if image.start > value.start]
    image = later[0] if later and (not earlier or values[0].start < named[0].start) else (earlier or named)[-1]
    return _Sign(1, abs(image.start - value.start), 0 if image.value == "first" else 1)


def _sign_of_tense(text: str, value: Mention) -> _Sign | None:
    if _WAS_SO.search(text, *_window(value)):
        return _Sign(2, 0, 0)
    return _Sign(2, 0, 1) if _IS_SO.search(text, *_window(value)) else None


def _sign_of_order(value: Mention, values: Sequence[Mention], subjects: Sequence[Mention]) -> _Sign:
    described = any(value.end < subject.start <= value.end + 2 for subject in subjects)
    return _Sign(3, 0, 0 if described or len(values) > 1 else 1)


def one_image(mentions: Sequence[Mention]) -> int | None:
    """The image (0 or 1) if all mentions are of the same one."""
    values = {mention.value for mention in mentions}
    return ("first", "second").index(values.pop()) if len(values) == 1 and "both" not in values else None

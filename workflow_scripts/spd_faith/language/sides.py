"""Finds passages that set the two images against each other, and compares what they say of each."""

import re
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from spd_faith.core.difference_types import DifferenceType
from spd_faith.language.assertions import Values, colors_clash, may_be_same
from spd_faith.language.categories import canonical_category
from spd_faith.language.change_kinds import Change, FurtherChange
from spd_faith.language.colors import find_colors
from spd_faith.language.counts import NUMBERS
from spd_faith.language.hedges import is_unasserted
from spd_faith.language.image_words import ASKED_NOUNS, find_images
from spd_faith.language.lexicon import LexiconFile, PhraseList, any_of, load_lexicon
from spd_faith.language.nouns import ATTRIBUTES
from spd_faith.language.objects import find_objects
from spd_faith.language.sameness import find_sameness
from spd_faith.language.subjects import BY_PHRASES, find_subjects
from spd_faith.language.word_classes import FUNCTION_WORDS, VERBS
from spd_faith.language.words import Mention, words_of


class _Sides(LexiconFile):
    contrasting: PhraseList
    joining: PhraseList
    one: PhraseList
    other: PhraseList
    before_image: PhraseList
    linking: PhraseList
    same: PhraseList
    alike: PhraseList
    writer: PhraseList
    counting: PhraseList
    articles: PhraseList


_WORDS = load_lexicon("sides", _Sides)

_SENTENCE_END = re.compile(r"[.!?][\"'”’)*_]{0,4}\s|\n")
_JOINTS = (
    re.compile(r"[.!?][\"'”’)*_]{0,4}\s|\n|;\s"),
    re.compile(rf"[,–—]?\s{any_of(_WORDS.contrasting)}\b", re.I),
    re.compile(rf",\s{any_of(_WORDS.joining)}\s", re.I),
    re.compile(rf"\s{any_of(_WORDS.joining)}\s|,\s", re.I),
)
_UNORDERED = re.compile(
    rf"\b(?:(?P<first>{any_of(_WORDS.one)} {any_of(ASKED_NOUNS)})|{any_of(_WORDS.other)}(?: {any_of(ASKED_NOUNS)})?\b)",
    re.I,
)
_BEFORE_IMAGE = re.compile(rf"(?:\b{any_of(_WORDS.before_image)}\s)?$", re.I)
_THE_SAME = re.compile(rf"\b{any_of(_WORDS.same)}\s(?=\w)", re.I)
_SAME_THING = re.compile(rf"\b{any_of(_WORDS.same)}\s((?:[\w-]+\s){{1,3}}?){any_of(_WORDS.linking)}\b", re.I)
_ALIKE = re.compile(rf"\b{any_of(_WORDS.alike)}\b", re.I)
_WRITER = re.compile(rf"\W{{0,3}}(?:\w+\W{{1,3}}){{0,3}}?{any_of(_WORDS.writer)}\b", re.I)
_COUNTED = re.compile(rf"\b(\d{{1,3}}|{any_of((*NUMBERS, *_WORDS.articles))})\s(?:\w+\s){{0,2}}$", re.I)
_BARE_COUNT = re.compile(
    rf"\W{{0,3}}(?:{any_of(_WORDS.counting)}\s){{0,3}}(\d{{1,3}}|{any_of(NUMBERS)})\W{{0,3}}$", re.I
)
_REACH = 300  # characters between the names of the images
_BEFORE = 40  # characters before an object that are searched for a number


class Passage(NamedTuple):
    """Characters `[start, end)` that say something of the first and something of the second image."""

    start: int
    end: int
    first: str
    second: str


class Contrast(NamedTuple):
    """A difference between the two sides of a passage."""

    name: str
    change: Change
    colors: Values = (None, None)


def find_passages(text: str, start: int, end: int) -> Iterator[Passage]:
    """The passages between `start` and `end` that name one image after the other."""
    part = text[start:end]
    named = _named(part)
    if len(named) < 2:
        return
    stops = [match.end() for match in _SENTENCE_END.finditer(part)]
    begin = 0
    k = 0
    while k + 1 < len(named):
        one, other = named[k], named[k + 1]
        if not _are_apart(named, k, stops):
            k += 1
            continue
        begin = max(begin, _last(stops, one.start))
        stop = _next(stops, other.end, len(part))
        if k + 2 < len(named) and named[k + 2].start < stop and (joint := _joint(part, other.end, named[k + 2].start)):
            stop = joint[0]
        if passage := _passage(part, begin, stop, one, other):
            yield passage._replace(start=passage.start + start, end=passage.end + start)
        begin = stop
        k += 2


def _named(part: str) -> list[Mention]:
    """The names of single images, in order."""
    named = [image for image in find_images(part) if image.value != "both"]
    if named:
        return named
    return [
        Mention(match.start(), match.end(), match.group(), "first" if match["first"] else "second")
        for match in _UNORDERED.finditer(part)
    ]


def _are_apart(named: Sequence[Mention], k: int, stops: Sequence[int]) -> bool:
    """Whether two neighboring names are the two sides of one passage: not if the second goes better with the next."""
    one, other = named[k], named[k + 1]
    between = bisect_right(stops, other.start) - bisect_right(stops, one.start)
    if one.value == other.value or between > 1 or other.start - one.end > _REACH:
        return False
    following = named[k + 2] if between and k + 2 < len(named) else None
    is_paired = (
        following and following.value != other.value and _next(stops, other.end, following.start) >= following.start
    )
    return not is_paired


def _last(stops: Sequence[int], place: int) -> int:
    at = bisect_right(stops, place)
    return stops[at - 1] if at else 0


def _next(stops: Sequence[int], place: int, end: int) -> int:
    at = bisect_right(stops, place)
    return stops[at] if at < len(stops) else end


def _joint(part: str, start: int, end: int) -> tuple[int, int] | None:
    """The span of the strongest joint, the last of its kind, between two places."""
    for pattern in _JOINTS:
        if found := list(pattern.finditer(part, start, end)):
            return found[-1].span()
    return None


def _passage(part: str, start: int, end: int, one: Mention, other: Mention) -> Passage | None:
    joint = _joint(part, one.end, other.start)
    if not joint:
        return None
    sides = _without(part, start, joint[0], one), _without(part, joint[1], end, other)
    if one.value == "second":
        sides = sides[1], sides[0]
    return Passage(start, end, *sides) if all(map(words_of, sides)) else None


def _without(part: str, start: int, end: int, image: Mention) -> str:
    """A side without the name of its image."""
    before = _BEFORE_IMAGE.sub("", part[start : image.start])
    return f"{before} {part[image.end : end]}".strip(" ,:.\n*-–—")


def contrasts(passage: Passage, title: str | None) -> list[Contrast]:
    """The differences between two sides: of the colors and numbers of objects on both, else one of another kind.

    `title` is the object of the item that the passage stands in. Empty if a side is only supposed, or says that
    something stays the same.
    """
    sides = passage.first, passage.second
    if any(is_unasserted(side) or _is_alike(side) for side in sides) or _is_of_writer(sides):
        return []
    if found := [*_colored(sides)] or [*counted(sides, title)]:
        return found
    if words_of(sides[0]) and [word.text for word in words_of(sides[0])] == [word.text for word in words_of(sides[1])]:
        return []
    return [Contrast(title or _subject(sides), FurtherChange.OTHER)]


def picks_out(side: str) -> bool:
    """Whether "the same" only says which object is meant: "the same small boat is red", not "the same color is"."""
    found = _SAME_THING.search(side)
    return found is not None and ATTRIBUTES.isdisjoint(word.text for word in words_of(found[1]))


def _is_of_writer(sides: tuple[str, str]) -> bool:
    """Whether the writer speaks of themself: "I can only see one image, so I cannot compare it with a second one"."""
    return bool(_WRITER.match(sides[0])) and not find_objects(sides[0])


def _is_alike(side: str) -> bool:
    """Whether a side says that something is as on the other: not "the same woman with a red bag"."""
    return bool(_ALIKE.search(side) or find_sameness(_THE_SAME.sub("", side)))


def _colored(sides: tuple[str, str]) -> Iterator[Contrast]:
    """The objects that have different colors on the two sides."""
    before, after = map(_colors_of, sides)
    for name, color in before.items():
        if (other := after.get(name)) and colors_clash(color, other):
            yield Contrast(name, DifferenceType.COLOR, (color, other))


def _colors_of(side: str) -> dict[str, str]:
    """The color directly before each object: "a red jacket and black pants"."""
    found: dict[str, str] = {}
    objects = find_objects(side)
    for color in find_colors(side):
        described = next((one for one in objects if one.start >= color.end), None)
        if described and len(words_of(side[color.end : described.start])) <= 1:
            found.setdefault(described.value, color.value)
    return found


def counted(sides: tuple[str, str], title: str | None) -> Iterator[Contrast]:
    """The objects whose number differs between the two sides: one of them is in one image only."""
    before, after = (_numbers_of(side, title) for side in sides)
    for name, number in before.items():
        if (other := after.get(name)) is not None and other != number:
            is_part = title and not canonical_category(name) and not may_be_same(name, title)
            change = DifferenceType.REMOVE if number > other else FurtherChange.ADDED
            yield Contrast(title, FurtherChange.OTHER) if title and is_part else Contrast(name, change)


def _numbers_of(side: str, title: str | None) -> dict[str, int]:
    found: dict[str, int] = {}
    for one in find_objects(side):
        if number := _COUNTED.search(side, max(one.start - _BEFORE, 0), one.start):
            found.setdefault(one.value, _value(number[1]))
    if title and not found and (number := _BARE_COUNT.match(side)):
        found[title] = _value(number[1])
    return found


def _value(number: str) -> int:
    return int(number) if number.isdigit() else NUMBERS.get(number.lower(), 1)


def _subject(sides: tuple[str, str]) -> str:
    """The object that the sides describe: the first that is not only a landmark, else the first noun-like words."""
    for side in sides:
        if found := find_subjects(side, find_objects(side), BY_PHRASES):
            return found[0].value
    words = (word.text for side in sides for word in words_of(side))
    return next((word for word in words if word not in FUNCTION_WORDS and word not in VERBS), "")

"""Within one clause: which objects it is about, and which of its colors and places belong to which picture."""

import re
from collections.abc import Iterable
from itertools import pairwise

from spd_faith.language.assertions import Values
from spd_faith.language.words import Mention

_FREE_WORDS = r"(?:(?!(?:the|a|an|his|her|its|their|some|is|are|was|were)\b)[\w-]+\s){0,2}"
_RELATED = re.compile(
    r"\b(?:on|in|at|near|by|besides?|under|behind|above|below|over|around|inside|against|along|between|with|from|to"
    r"|into|towards?|like|than|onto|off|through|across|next to|close to|closer to|in front of|instead of|riding|holding"
    r"|wearing|carrying|using|matching"
    r"|(?:left|right|side|top|front|back|bottom|edge|corner|middle|center|centre|end|foot|rim|half|part) of)\s"
    rf"(?:(?:the|a|an|his|her|its|their|some|another|this|that)\s)?{_FREE_WORDS}$",
    re.I,
)
_JOINED = re.compile(
    rf"(?:\s?\([^)]{{1,40}}\)|['’]s\s(?:colou?r|position|location|place))?"
    rf"(?:,\s|,?\s(?:and|or|nor|&|as well as|along with)\s)(?:(?:the|a|an|his|her|its|both|also)\s)?{_FREE_WORDS}$",
    re.I,
)
_TOO = re.compile(r"\s(?:too|as well|also)\W{0,3}$", re.I)  # "the clock was removed, the lamp too"
_OWNS = re.compile(r"['’]s?\s(?:(?!(?:and|or|colou?r|position|location)\b)[\w-]+\s){0,3}", re.I)
_OF = re.compile(
    r"\s(?:side\s)?of\s(?:(?:it|them|him|her)\b|(?:the|a|an|its)\s)(?!picture|image|photo|scene|frame|shot)", re.I
)
_REACH = 48  # characters before a mention that can relate it to something


def find_subjects(text: str, mentions: list[Mention]) -> list[Mention]:
    """The objects that a clause is about: not those that only say where; several only where they are coordinated."""
    mentions = [m for m, following in pairwise([*mentions, None]) if not _is_owner(text, m, following)]
    subjects = free_mentions(text, mentions)[:1] or mentions[:1]
    for before, mention in pairwise(mentions[mentions.index(subjects[0]) :] if subjects else []):
        if not _JOINED.fullmatch(text, before.end, mention.start):
            break
        subjects.append(mention)
    return subjects + [m for m in mentions if m not in subjects and _TOO.match(text, m.end)]


def free_mentions(text: str, mentions: list[Mention]) -> list[Mention]:
    """The objects that no word relates to another one."""
    return [m for m in mentions if not _RELATED.search(text, max(m.start - _REACH, 0), m.start)]


def _is_owner(text: str, mention: Mention, following: Mention | None) -> bool:
    """Whether an object only tells whose the next one is: "the pedestrian's leather handbag"."""
    return following is not None and bool(_OWNS.fullmatch(text, mention.end, following.start))


def is_relative(text: str, place: Mention) -> bool:
    """Whether a place is told by another object: "left of the chair"."""
    return bool(_OF.match(text, place.end))


_LINK = r"\s(?:(?:the|a|an|its|being|in|at|on|color|colour|far|of)\s){0,3}$"
_LEAVES = re.compile(
    rf"(?:\b(?:from|originally|initially|previously|formerly|used to be|instead of|rather than|no longer|not)|n['’]t)"
    rf"{_LINK}",
    re.I,
)
_REACHES = re.compile(rf"(?:\b(?:to|into|now|becomes?|became|become|turns?|turned|towards?)|->|→|=>){_LINK}", re.I)
_WAS_SO = re.compile(rf"\b(?:was|were|before){_LINK}", re.I)
_IS_SO = re.compile(rf"\b(?:is|are|appears){_LINK}", re.I)
_DATED = re.compile(  # "on the right before, on the left now"
    r"(?:\s(?:side|end))?\s(?:(?P<before>before|earlier|previously|originally)|now|afterwards|later)\b", re.I
)
_TO_ANOTHER = re.compile(r"\s?(?:to|into|->|→|=>)\s", re.I)


def by_picture(text: str, values: list[Mention], pictures: list[Mention], subjects: list[Mention]) -> Values:
    """Which value belongs to which picture: by the words before it, the picture beside it, tense, order."""
    named = [picture for picture in pictures if picture.value != "both"]
    ranked = sorted((_side(text, value, values, named, subjects), k) for k, value in enumerate(values))
    sides: list[str | None] = [None, None]
    for (*_, side), k in ranked:
        free = next((at for at in (side, 1 - side) if sides[at] is None), None)
        if free is not None and values[k].value not in sides:
            sides[free] = values[k].value
    return sides[0], sides[1]


def _side(
    text: str, value: Mention, values: list[Mention], named: list[Mention], subjects: list[Mention]
) -> tuple[int, int, int]:
    """How weak the sign is that tells a value's picture, how far it stands, and the picture: 0 or 1."""
    window = max(value.start - _REACH, 0), value.start
    if _LEAVES.search(text, *window) or _TO_ANOTHER.match(text, value.end):
        return 0, 0, 0
    if _REACHES.search(text, *window):
        return 0, 0, 1
    if dated := _DATED.match(text, value.end):
        return 0, 0, 0 if dated["before"] else 1
    if named:
        earlier = [picture for picture in named if picture.start < value.start]
        later = [picture for picture in named if picture.start > value.start]
        # "red in the first, blue in the second", or "in the first it is red, in the second blue"
        picture = later[0] if later and (not earlier or values[0].start < named[0].start) else earlier[-1]
        return 1, abs(picture.start - value.start), 0 if picture.value == "first" else 1
    if _WAS_SO.search(text, *window):
        return 2, 0, 0
    if _IS_SO.search(text, *window):
        return 2, 0, 1
    described = any(value.end < subject.start <= value.end + 2 for subject in subjects)
    return 3, 0, 0 if described or len(values) > 1 else 1


def one_picture(mentions: Iterable[Mention]) -> int | None:
    """The picture, 0 or 1, where the mentions are of one and the same."""
    values = {mention.value for mention in mentions}
    return ("first", "second").index(values.pop()) if len(values) == 1 and "both" not in values else None

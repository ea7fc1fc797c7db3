"""What one clause says of one picture, or of both: how something is, or that it stays as it is."""

import re
from dataclasses import replace
from itertools import pairwise

from spd_faith.language.assertions import Assertion
from spd_faith.language.attributes import one_picture
from spd_faith.language.categories import is_part
from spd_faith.language.changes import find_types
from spd_faith.language.colors import find_colors
from spd_faith.language.mentions import Mentions, find_spots
from spd_faith.language.places import find_places
from spd_faith.language.words import JOINED, Mention, word_set, words_of

_LOOKING = re.compile(r"\b(?:compar|examin|inspect|analy[sz]|check|focus|consider|look(?:ed|ing)? at)", re.I)
_WAS = re.compile(r"\b(?:was|were|used to be)\b", re.I)
_USED_TO = re.compile(r"\b(?:used to|previously|formerly|originally|before|earlier|initially)\b", re.I)
_IS_THERE = re.compile(
    r"\bthere['’]s\b|\b(?:shows?|contains?|depicts?|displays?|features?|includes?|has|have|see|present|visible|is|are|was"
    r"|were|sits?|stands?|lies|hangs?)\b",
    re.I,
)
_OPENS = re.compile(r"(?:(?:the|a|an|some|two|three|several|many)\s)?(?:\w+\s){0,1}$", re.I)
_VERB_AFTER = re.compile(r"\s(?!and|or|in|on|at|of|with|to|by|near|under|behind|from|as)[a-z]{3,}\b", re.I)
_IN_BOTH = re.compile(
    r"\bin both\b|\b(?:as|like) in the (?:first|second|other|original|previous)\b(?! \w+ (?:row|column))"
    r"|\b(?:both|two)(?: (?:pictures|images|photos))? (?:show|contain|have|depict|display|feature|include)",
    re.I,
)
_SIMILAR = re.compile(r"\bsimilar\b", re.I)
_STAYED = re.compile(
    r"\b(?:stay|remain)(?:s|ed)? (?:put|in (?:its )?place|where (?:it|they) (?:was|were|is|are))\b", re.I
)
_AS_BEFORE = re.compile(r"\b(?:as before|as (?:it|they) (?:was|were)|how (?:it|they) (?:was|were)|like before)\b", re.I)
_ANY_CHANGE = re.compile(r"\b(?:or|nor) (?:been )?chang|\bchanged? (?:or|nor)\b", re.I)
_SAME_WHAT = re.compile(  # "the same hour": more than that it is the same
    r"\bsame (?!colou?r|place|position|spot|location|side|object|same|one|way|throughout|(?:in|as|to|for|and|but)\b)"
    r"([a-z]+)",
    re.I,
)
_TOLD_BY_TRUTH = word_set(
    "a an the this that these those there is are was were be been in on at of to it its his her their one s he "
    "she they and with i we you what see can has have had shows show shown contains contain depicts features includes "
    "displays appears seen visible present picture image photo pictures images photos first second original "
    "modified other both two left right top bottom upper lower center centre middle side corner part edge end "
    "half area located positioned placed sits stands lies sit stand lie standing sitting lying also still clearly "
    "here now before colored coloured color colour as like just same yes unchanged"
)


def is_as_before(clause: str) -> bool:
    """Whether a clause says that something is "as before", "how it was"."""
    return bool(_AS_BEFORE.search(clause))


def stays(clause: str) -> bool:
    """Whether a clause says of its objects that they are alike, without a word for sameness."""
    return bool(_SIMILAR.search(clause) or _STAYED.search(clause) or _AS_BEFORE.search(clause))


def sameness(clause: str, said: Assertion, same: list[Mention], rest: bool) -> list[Assertion]:
    """The samenesses that a clause asserts, one of each object of `said`, or one of the pictures, or of the rest."""
    respects = {change.value for mention in same for change in find_types(mention.text)}
    if not _ANY_CHANGE.search(clause):
        respects -= {"unknown"}
    if _STAYED.search(clause):
        respects = {"position"}
    change = respects.pop() if len(respects) == 1 and "unknown" not in respects else None
    kept = said.colors[0] or said.colors[1]
    if not respects and any(same and color.start >= same[0].end for color in find_colors(clause)):  # "it remains gray"
        change = "color"
    said = replace(said, kind="sameness", change=change, colors=(kept, kept), another=False)
    if not said.objects:
        return [replace(said, rest=rest, is_verdict=change is None and not rest)]
    what = _SAME_WHAT.search(clause)
    details = frozenset([what[1].lower()] if what else [])
    return [replace(said, objects=(name,), details=details) for name in said.objects]


def presence_in_both(clause: str, found: Mentions, said: Assertion) -> list[Assertion]:
    """What "in both" says of each object: that its color or its place stays, or else that it is in both."""
    if not said.objects or not _IN_BOTH.search(clause):
        return []
    placed = any(said.places) or find_spots(clause)
    respect = "color" if any(said.colors) else "position" if placed else "remove"
    kept = said.colors[0] or said.colors[1]
    details = _details(clause, found)
    return [
        replace(said, kind="sameness", objects=(name,), change=respect, colors=(kept, kept), details=details)
        for name in said.objects
    ]


def state(clause: str, found: Mentions, said: Assertion, picture: int | None) -> list[Assertion]:
    """The state of one picture that a clause asserts, if any; `picture` is the one that is spoken of."""
    if not said.objects or _LOOKING.search(clause):
        return []
    was_so = picture is None and not said.bare and _WAS.search(clause)
    if was_so or (one_picture(found.pictures) is None and _USED_TO.search(clause)):
        picture = 0
    is_there = _IS_THERE.search(clause) and (found.objects or not said.bare)
    if picture is None and not is_there and not _tells_of_subject(clause, found.objects):
        return []
    side = picture or 0
    colors, places = (
        tuple((values[0] or values[1]) if k == side else None for k in (0, 1)) for values in (said.colors, said.places)
    )
    return [
        replace(
            said,
            kind="state",
            picture=picture,
            colors=colors,
            places=places,
            spot=next(iter(find_spots(clause, found.objects[0].end if found.objects else 0)), None),
            another=False,
            details=_details(clause, found),
            adjectives=_adjectives(found) if len(said.objects) > 1 else (),
        )
    ]


def _adjectives(found: Mentions) -> tuple[tuple[str, str], ...]:
    """Of each object the color that stands before it, and after any other object: "a silver car and a dog"."""
    owned = []
    for color in found.colors:
        described = next((mention for mention in found.objects if mention.start >= color.end), None)
        if described and described.value not in dict(owned):
            owned.append((described.value, color.value))
    return tuple(owned)


def _tells_of_subject(clause: str, objects: list[Mention]) -> bool:
    """Whether a clause opens with an object and goes on ("passengers wait under the roof")."""
    if not objects or not _OPENS.match(clause[: objects[0].start]):
        return False
    return bool(_VERB_AFTER.match(clause, objects[0].end))


def untold_words(text: str) -> frozenset[str]:
    """Words for more than that something is there, in its color and its place."""
    known = [*find_colors(text), *find_places(text)]
    return frozenset(
        word.text
        for word in words_of(text)
        if word.text not in _TOLD_BY_TRUTH and not any(m.start <= word.start < m.end for m in known)
    )


def _details(clause: str, found: Mentions) -> frozenset[str]:
    """Words of a clause for more than its objects, that they are there, and their colors and places.

    Objects stand in it by their canonical names, a word each.
    """
    spans = [(m.start, m.end) for m in (*found.colors, *found.places, *found.pictures, *found.objects)]
    words = words_of(clause)
    owners = {word.start for word, following in pairwise(words) if following.text == "s" and following.tie == JOINED}
    others = {
        word.text
        for word in words
        if not (word.text in _TOLD_BY_TRUTH or is_part(word.text) or word.start in owners)
        and not any(start <= word.start < end for start, end in spans)
    }
    return frozenset(others.union(*(mention.value.split() for mention in found.objects)))

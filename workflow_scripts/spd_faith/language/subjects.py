"""Selects the objects that a clause is about: the car in "the car moved from the table to the bench".

The selection takes rules for landmarks (objects that only say where) and for listed objects.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from spd_faith.language.lexicon import LexiconFile, PhraseList, any_of, load_lexicon
from spd_faith.language.nouns import LISTING, NO_LANDMARK, PARTS_OF_LANDMARKS
from spd_faith.language.objects import DESCRIBING
from spd_faith.language.word_classes import PREPOSITIONS
from spd_faith.language.words import BROKEN, Mention, Text, as_text, with_following, words_within


class _Subjects(LexiconFile):
    no_names: PhraseList
    relations: PhraseList
    differing: PhraseList
    related_openers: PhraseList
    joints: PhraseList
    joined_openers: PhraseList
    listed: PhraseList
    too: PhraseList
    no_possessions: PhraseList


@dataclass(frozen=True)
class SubjectRules:
    """How to recognize relations between the objects of a clause."""

    is_landmark: Callable[[Text, Mention], bool]
    """Whether an object only says where another object is."""
    are_listed: Callable[[Text, Mention, Mention], bool]
    """Whether the second of two neighbors is listed with the first."""
    is_owner: Callable[[Text, Mention, Mention | None], bool] = lambda text, mention, following: False
    """Whether an object only owns the next one."""
    is_added: Callable[[Text, Mention], bool] = lambda text, mention: False
    """Whether an object elsewhere in the clause is also a subject: "…, the lamp too"."""


def find_subjects(text: str | Text, objects: Sequence[Mention], rules: SubjectRules) -> list[Mention]:
    """The first object that is not a landmark (else the first object), those listed with it, and added ones."""
    text = as_text(text)
    owned = [one for one, following in with_following(objects) if not rules.is_owner(text, one, following)]
    if len(owned) < 2:
        return owned
    first = next((k for k in range(len(owned)) if not _is_aside(text, owned, k, rules)), 0)
    last = first + 1
    while last < len(owned) and rules.are_listed(text, owned[last - 1], owned[last]):
        last += 1
    return owned[first:last] + [one for one in owned[:first] + owned[last:] if rules.is_added(text, one)]


def _is_aside(text: Text, objects: Sequence[Mention], k: int, rules: SubjectRules) -> bool:
    """Whether an object is a landmark, or listed with one: "in a pink shirt and black shorts"."""
    if rules.is_landmark(text, objects[k]):
        return True
    if not k or "," in text.text[objects[k - 1].end : objects[k].start]:
        return False
    return rules.is_landmark(text, objects[k - 1]) and rules.are_listed(text, objects[k - 1], objects[k])


def _is_landmark(text: Text, mention: Mention) -> bool:
    """Whether a preposition of place comes before an object: "on the old table", "left of the car"."""
    words = text.words
    k = words_within(words, 0, mention.start).stop
    while k and words[k - 1].text in DESCRIBING:
        if words[k].tie == BROKEN:
            return False
        k -= 1
    if not k or words[k].tie == BROKEN or words[k - 1].text not in PREPOSITIONS:
        return False
    if words[k - 1].text != "of":
        return words[k - 1].text not in NO_LANDMARK
    return k > 1 and words[k - 2].text in PARTS_OF_LANDMARKS


def _are_listed(text: Text, one: Mention, following: Mention) -> bool:
    between = words_within(text.words, one.end, following.start)
    return all(text.words[k].text in LISTING for k in between)


BY_WORDS = SubjectRules(_is_landmark, _are_listed)
"""The rules for parsing: prepositions before an object, and the words between two objects."""


_WORDS = load_lexicon("subjects", _Subjects)
_FREE_WORDS = rf"(?:(?!{any_of(_WORDS.no_names)}\b)[\w-]+\s){{0,2}}"
_NOT_DIFFERING = "".join(rf"(?<!\b{word} )" for word in _WORDS.differing)
_RELATED = re.compile(
    rf"{_NOT_DIFFERING}\b{any_of(_WORDS.relations)}\s(?:{any_of(_WORDS.related_openers)}\s)?{_FREE_WORDS}$",
    re.I,
)
_JOINED = re.compile(
    rf"(?:\s?\([^)]{{1,40}}\)|['’]s\s{any_of(_WORDS.listed)})?"
    rf"(?:,\s|,?\s{any_of(_WORDS.joints)}\s)(?:{any_of(_WORDS.joined_openers)}\s)?{_FREE_WORDS}$",
    re.I,
)
_TOO = re.compile(rf"\s{any_of(_WORDS.too)}\W{{0,3}}$", re.I)  # "the clock was removed, the lamp too"
_OWNS = re.compile(rf"['’]s?\s(?:(?!{any_of(_WORDS.no_possessions)}\b)[\w-]+\s){{0,3}}", re.I)
_REACH = 48  # characters before an object that are searched


def is_related(text: Text, mention: Mention) -> bool:
    """Whether the words before an object relate it to another one: "next to the car", "holding an umbrella"."""
    return bool(_RELATED.search(text.text, max(mention.start - _REACH, 0), mention.start))


def _are_joined(text: Text, one: Mention, following: Mention) -> bool:
    return bool(_JOINED.fullmatch(text.text, one.end, following.start))


def _is_owner(text: Text, mention: Mention, following: Mention | None) -> bool:
    """Whether an object only owns the next one: "the pedestrian's leather handbag"."""
    return following is not None and bool(_OWNS.fullmatch(text.text, mention.end, following.start))


def _is_added(text: Text, mention: Mention) -> bool:
    return bool(_TOO.match(text.text, mention.end))


BY_PHRASES = SubjectRules(is_related, _are_joined, _is_owner, _is_added)
"""The rules for reading assertions: phrases before, between and after objects."""

"""Which of the objects that a clause mentions it speaks of: the car of "the car moved from the table to the bench".

There is one reading, and rules for it: what only says where, what is listed with another object.
"""

from collections.abc import Callable
from dataclasses import dataclass

from spd_faith.language.nouns import LISTING, NO_LANDMARK, PARTS_OF_LANDMARKS
from spd_faith.language.objects import DESCRIBING
from spd_faith.language.word_classes import PREPOSITIONS
from spd_faith.language.words import BROKEN, Mention, Text, as_text, with_following, words_within


@dataclass(frozen=True)
class SubjectRules:
    """How the objects of a clause are related."""

    is_landmark: Callable[[Text, Mention], bool]
    """Whether an object only says where another one is."""
    are_listed: Callable[[Text, Mention, Mention], bool]
    """Whether the second of two neighbors is listed with the first."""
    is_owner: Callable[[Text, Mention, Mention | None], bool] = lambda text, mention, following: False
    """Whether an object only says whose the next one is."""
    is_added: Callable[[Text, Mention], bool] = lambda text, mention: False
    """Whether an object joins the subjects from further on: "…, the lamp too"."""


def find_subjects(text: str | Text, objects: list[Mention], rules: SubjectRules) -> list[Mention]:
    """The first of `objects` that is no landmark and those that are listed with it; the first one if all are."""
    text = as_text(text)
    owned = [one for one, following in with_following(objects) if not rules.is_owner(text, one, following)]
    if len(owned) < 2:
        return owned
    first = next((k for k, one in enumerate(owned) if not rules.is_landmark(text, one)), 0)
    last = first + 1
    while last < len(owned) and rules.are_listed(text, owned[last - 1], owned[last]):
        last += 1
    return [one for k, one in enumerate(owned) if first <= k < last or rules.is_added(text, one)]


def _is_landmark(text: Text, mention: Mention) -> bool:
    """Whether a preposition of place stands before an object: "on the old table", "left of the car"."""
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
"""The rules of parsing: prepositions before an object, and the words between two."""

"""Differences told in prose, by clauses."""

from dataclasses import dataclass

from spd_faith.core.difference_types import DifferenceType
from spd_faith.language.categories import canonical_category
from spd_faith.language.changes import find_types
from spd_faith.language.clauses import split_clauses
from spd_faith.language.colors import find_colors
from spd_faith.language.counts import find_count
from spd_faith.language.image_words import find_pictures
from spd_faith.language.objects import find_subjects
from spd_faith.language.places import find_places
from spd_faith.language.sameness import find_sameness
from spd_faith.language.words import Mention, word_set, words_of

_PRONOUNS = word_set("it its they their this that which")
_ANOTHER = word_set("another second other also too additional")
_HEADING_WORDS = 4


@dataclass(frozen=True)
class Told:
    """One difference as a clause tells it: the words for its type and its object."""

    type: str | None
    raw_type: str
    raw_category: str
    again: bool = False  # the clause says that it is a further one


@dataclass(frozen=True)
class Prose:
    """The differences that a text tells, the number that it states, and how many changes it tells of no object."""

    told: list[Told]
    count: int | None
    nameless: int


def read_prose(text: str) -> Prose:
    """Read an answer without a list. A second telling of the same change is dropped unless the count asks for it."""
    told: list[Told] = []
    nameless = 0
    heading: list[Mention] = []
    topic: list[Mention] = []
    for clause in _contrasts(text):
        words = words_of(clause)
        types, subjects = find_types(clause), find_subjects(clause)
        if subjects:
            topic = subjects
        elif types and words[0].text in _PRONOUNS:
            subjects = topic
        short = len(words) <= _HEADING_WORDS
        if types and not subjects:
            nameless += any(DifferenceType.named(kind.value) or kind.value == "added" for kind in types)
            heading = types if short else []
            continue
        if not types and subjects and heading and short and not find_sameness(clause):
            types = heading  # "Removed:" and, below it, "the clock"
        elif types:
            heading = []
        if types and subjects:
            again = any(word.text in _ANOTHER for word in words) or bool(find_places(clause))
            told += _pairs(types, subjects, again)
    count = find_count(text)
    return Prose(told if len(told) == count else _without_repeats(told), count, nameless)


def _contrasts(text: str) -> list[str]:
    """The clauses, a state of the first picture joined to the state of the second that follows it."""
    clauses = split_clauses(text)
    joined: list[str] = []
    skip = False
    for clause, following in zip(clauses, [*clauses[1:], None], strict=False):
        if skip:
            skip = False
        elif following and _states(clause.text, "first") and _states(following.text, "second"):
            joined.append(text[clause.start : following.end])
            skip = True
        else:
            joined.append(clause.text)
    return joined


def _states(clause: str, picture: str) -> bool:
    if not any(mention.value == picture for mention in find_pictures(clause)):
        return False
    return bool(find_colors(clause) or find_places(clause)) and not find_types(clause)


def _pairs(types: list[Mention], subjects: list[Mention], again: bool) -> list[Told]:
    """Each subject with each kind of change; with several of both, each subject with the nearest kind."""
    kinds = list({kind.value: kind for kind in reversed(types)}.values())[::-1]
    if len(kinds) > 1 and len(subjects) > 1:
        chosen = [(min(kinds, key=lambda kind: abs(kind.start - subject.start)), subject) for subject in subjects]
    else:
        chosen = [(kind, subject) for subject in subjects for kind in kinds]
    return [Told(DifferenceType.named(kind.value), kind.text, subject.text, again) for kind, subject in chosen]


def _without_repeats(told: list[Told]) -> list[Told]:
    kept: list[Told] = []
    seen: set[tuple[str, str]] = set()
    for one in told:
        key = (one.type or one.raw_type, canonical_category(one.raw_category) or one.raw_category.lower())
        if key not in seen or one.again:
            kept.append(one)
        seen.add(key)
    return kept

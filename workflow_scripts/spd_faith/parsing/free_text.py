"""Finds the differences that prose reports, clause by clause."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from spd_faith.core.difference_types import DifferenceType
from spd_faith.language.categories import canonical_category
from spd_faith.language.changes import find_types
from spd_faith.language.clauses import split_clauses
from spd_faith.language.colors import find_colors
from spd_faith.language.counts import find_count
from spd_faith.language.image_words import find_images
from spd_faith.language.lexicon import LexiconFile, WordSet, load_lexicon
from spd_faith.language.objects import find_objects
from spd_faith.language.places import find_places
from spd_faith.language.sameness import find_sameness
from spd_faith.language.subjects import BY_WORDS, find_subjects
from spd_faith.language.words import Mention, Text


class _FreeText(LexiconFile):
    pronouns: WordSet
    further: WordSet


_LEXICON = load_lexicon("free_text", _FreeText)
_HEADING_WORDS = 4


@dataclass(frozen=True)
class ReportedDifference:
    """A difference that a clause reports, with the words for its type and object."""

    type: DifferenceType | None
    raw_type: str
    raw_category: str
    is_further: bool = False
    """The clause marks it as an additional difference."""


@dataclass(frozen=True)
class Prose:
    """The differences and the count that a text reports, and the number of changes without an object."""

    reported: list[ReportedDifference]
    count: int | None
    nameless: int


@dataclass(frozen=True)
class _Context:
    """What later clauses can refer back to: the changes in a heading, and the objects mentioned last."""

    heading: Sequence[Mention] = ()
    topic: Sequence[Mention] = ()


@dataclass(frozen=True)
class _ReadClause:
    reported: list[ReportedDifference]
    is_nameless: bool
    context: _Context
    """For the next clause."""


def read_prose(text: str) -> Prose:
    """Read an answer without a list. Drops repeated changes unless the stated count includes them."""
    reported: list[ReportedDifference] = []
    nameless = 0
    context = _Context()
    for clause in _contrasts(text):
        read = _read_clause(clause, context)
        reported += read.reported
        nameless += read.is_nameless
        context = read.context
    count = find_count(text)
    return Prose(reported if len(reported) == count else _without_repeats(reported), count, nameless)


def _read_clause(clause: Text, context: _Context) -> _ReadClause:
    types: Sequence[Mention] = find_types(clause)
    subjects: Sequence[Mention] = find_subjects(clause, find_objects(clause), BY_WORDS)
    topic = subjects or context.topic
    if types and not subjects and clause.words[0].text in _LEXICON.pronouns:
        subjects = context.topic
    is_short = len(clause.words) <= _HEADING_WORDS
    if types and not subjects:
        return _ReadClause([], any(map(_is_named, types)), _Context(types if is_short else (), topic))
    after = _Context(() if types else context.heading, topic)
    if not types and is_short and not find_sameness(clause):
        types = context.heading  # "Removed:" and, below it, "the clock"
    if not types or not subjects:
        return _ReadClause([], False, after)
    return _ReadClause(_pairs(types, subjects, _is_further(clause)), False, after)


def _is_further(clause: Text) -> bool:
    return any(word.text in _LEXICON.further for word in clause.words) or bool(find_places(clause))


def _is_named(kind: Mention) -> bool:
    return DifferenceType.named(kind.value) is not None or kind.value == "added"


def _contrasts(text: str) -> Iterator[Text]:
    """The clauses, with a state of the first image joined to a following state of the second."""
    clauses = iter(split_clauses(text))
    clause = next(clauses, None)
    while clause:
        following = next(clauses, None)
        if following and _states(clause, "first") and _states(following, "second"):
            yield Text(text[clause.start : following.end])
            following = next(clauses, None)
        else:
            yield clause
        clause = following


def _states(clause: Text, image: str) -> bool:
    if not any(mention.value == image for mention in find_images(clause)):
        return False
    return bool(find_colors(clause) or find_places(clause)) and not find_types(clause)


def _pairs(types: Sequence[Mention], subjects: Sequence[Mention], is_further: bool) -> list[ReportedDifference]:
    """Combine every subject with every type; if there are several of both, with the nearest type."""
    kinds = list({kind.value: kind for kind in reversed(types)}.values())[::-1]
    if len(kinds) > 1 and len(subjects) > 1:
        chosen = [(min(kinds, key=lambda kind: abs(kind.start - subject.start)), subject) for subject in subjects]
    else:
        chosen = [(kind, subject) for subject in subjects for kind in kinds]
    return [
        ReportedDifference(DifferenceType.named(kind.value), kind.text, subject.text, is_further)
        for kind, subject in chosen
    ]


def _without_repeats(reported: list[ReportedDifference]) -> list[ReportedDifference]:
    kept: list[ReportedDifference] = []
    seen: set[tuple[str, str]] = set()
    for one in reported:
        key = (one.type or one.raw_type, canonical_category(one.raw_category) or one.raw_category.lower())
        if key not in seen or one.is_further:
            kept.append(one)
        seen.add(key)
    return kept

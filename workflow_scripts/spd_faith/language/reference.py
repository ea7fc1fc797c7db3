"""Resolves which objects a clause is about: by name, by pronoun, or from the clauses before it."""

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from spd_faith.language.asserted_changes import ends_in_denial, is_vague
from spd_faith.language.assertions import Assertion
from spd_faith.language.categories import IMAGE
from spd_faith.language.difference_nouns import DIFFERENCE_NOUNS
from spd_faith.language.image_words import ASKED_PLURALS
from spd_faith.language.lexicon import LexiconFile, PhraseList, any_of, load_lexicon
from spd_faith.language.listings import Listing
from spd_faith.language.mentions import ReadClause
from spd_faith.language.states import is_as_before
from spd_faith.language.subjects import BY_PHRASES, find_subjects, is_related
from spd_faith.language.word_classes import NO_OBJECTS, VERBS
from spd_faith.language.words import Mention, word_after, words_of, words_within


class _Reference(LexiconFile):
    subject_pronouns: PhraseList
    plural_pronoun: PhraseList
    owner_pronouns: PhraseList
    having: PhraseList
    object_pronouns: PhraseList
    it: PhraseList
    it_fillers: PhraseList
    expletives: PhraseList
    pronouns: PhraseList
    the: PhraseList
    respects: PhraseList
    plurals: PhraseList
    whole: PhraseList
    no: PhraseList
    no_things: PhraseList
    articles: PhraseList
    after_noun: PhraseList
    concluding: PhraseList
    no_changes: PhraseList
    carrying: PhraseList
    but: PhraseList
    but_not: PhraseList


_WORDS = load_lexicon("reference", _Reference)
_SUBJECT_PRONOUN = re.compile(rf"\b{any_of(_WORDS.subject_pronouns)}\b", re.I)
_OWNER_PRONOUN = re.compile(rf"\b{any_of(_WORDS.owner_pronouns)}\b", re.I)
_HAS_IT = re.compile(rf"\b{any_of(_WORDS.having)} {any_of(_WORDS.object_pronouns)}\b", re.I)
_EXPLETIVE = re.compile(rf"\b{any_of(_WORDS.it)} (?:{any_of(_WORDS.it_fillers)} )?{any_of(_WORDS.expletives)}\b", re.I)
_PRONOUN = re.compile(rf"\b{any_of(_WORDS.pronouns)}\b|\b{any_of(_WORDS.the)} {any_of(_WORDS.respects)}\b", re.I)
_PLURAL = re.compile(rf"\b{any_of(_WORDS.plurals)}\b", re.I)
_WHOLE = re.compile(
    rf"\b{any_of((*ASKED_PLURALS, *_WORDS.whole))}\b"
    rf"|\b{any_of(_WORDS.no)} (?:\w+ )?{any_of((*DIFFERENCE_NOUNS, *_WORDS.no_things))}\b",
    re.I,
)
_UNNAMED = re.compile(
    rf"{any_of(_WORDS.articles)} ((?:[a-z]+ ){{0,2}}[a-z]{{3,}}?)(?= {any_of(_WORDS.after_noun)}\b)", re.I
)
_NO_CHANGE = re.compile(
    rf"\W*(?:{any_of(_WORDS.concluding)},?\s){{0,2}}{any_of(_WORDS.no)} (?:\w+ )?{any_of(_WORDS.no_changes)}\W*$", re.I
)
_CARRIES = re.compile(rf"\b{any_of(_WORDS.carrying)}\s", re.I)
_BUT_NOT = re.compile(rf"\b{any_of(_WORDS.but)} {any_of(_WORDS.but_not)}\b", re.I)
_PLURAL_NOUN = re.compile(r"[^s]s$", re.I)

SHORT = 5  # words: a shorter clause may only say "too", "the same"


class Context(NamedTuple):
    """What later clauses can refer back to."""

    objects: tuple[str, ...] = ()
    is_plural: bool = False
    asserted: tuple[Assertion, ...] = ()  # by the last clause with assertions about objects
    image: int | None = None
    line: int = -1
    entry: tuple[int, int] | None = None  # list and number
    listing: Listing | None = None


class Subjects(NamedTuple):
    """The objects that a clause is about, their mentions if it names them, and the context of the next clause."""

    names: tuple[str, ...]
    mentions: Sequence[Mention]
    context: Context


def subjects_of(clause: ReadClause, mentions: Sequence[Mention], context: Context, are_lost: bool) -> Subjects:
    """The subjects of a clause among `mentions`; `are_lost` as for `asserted_changes`."""
    by_pronoun = not are_lost and _is_pronoun_subject(clause, mentions, context)
    if context.objects and (by_pronoun or _HAS_IT.search(clause.text)):
        return Subjects(context.objects, (), context)
    if subjects := find_subjects(clause, mentions, BY_PHRASES):
        names = tuple(dict.fromkeys(mention.value for mention in subjects))
        is_plural = len(subjects) > 1 or bool(_PLURAL_NOUN.search(subjects[0].text))
        return Subjects(names, subjects, context._replace(objects=names, is_plural=is_plural))
    if _is_of_image(clause):
        return Subjects((IMAGE,), (), context)
    if unnamed := _unnamed(clause.text):
        context = context._replace(objects=(unnamed,), is_plural=False)
        return Subjects((unnamed,) if clause.changes else (), (), context)
    return Subjects(context.objects if _is_understood(clause, context) else (), (), context)


def _is_of_image(clause: ReadClause) -> bool:
    """Whether a clause says that an image as such changed: "the second image is sharper", "… has a warmer tone"."""
    if clause.image is None or not clause.changes:
        return False
    is_subject = any(word_after(clause.words, k) in VERBS for k in _ends(clause))
    return is_subject and all(change.value == "unknown" and not is_vague(change) for change in clause.changes)


def _ends(clause: ReadClause) -> Iterator[int]:
    """The numbers of the words after the names of images."""
    return (words_within(clause.words, 0, image.end).stop for image in clause.images)


def _is_pronoun_subject(clause: ReadClause, mentions: Sequence[Mention], context: Context) -> bool:
    """Whether a pronoun, or a part of its object ("its tail"), comes before any named object."""
    free = [mention for mention in mentions if not is_related(clause, mention)]
    before = clause.text[: free[0].start] if free else clause.text
    subject = _SUBJECT_PRONOUN.search(before)
    if subject and not context.is_plural and subject.group().lower() in _WORDS.plural_pronoun:
        subject = None  # "they" for one object
    if subject and not _EXPLETIVE.search(clause.text):
        return True
    return not free and bool(_OWNER_PRONOUN.search(before))


def _unnamed(text: str) -> str | None:
    """The unknown noun at the start of a clause: "the light at the corner is gone"."""
    opening = _UNNAMED.match(text)
    if not opening:
        return None
    words = [word.text for word in words_of(opening[1])]
    return None if any(word in NO_OBJECTS for word in words) else words[-1]


def _is_understood(clause: ReadClause, context: Context) -> bool:
    """Whether a clause without an object is about the objects of earlier clauses."""
    if _NO_CHANGE.match(clause.text) and context.asserted:
        return True
    if _PLURAL.search(clause.text) and not context.is_plural:
        return False
    if ends_in_denial(clause.text):
        return True
    return _points_back(clause) and not _WHOLE.search(clause.text)


def _points_back(clause: ReadClause) -> bool:
    """Whether a clause has a pronoun, or a predicate that needs an object."""
    if _PRONOUN.search(clause.text) or not all(map(is_vague, clause.changes)):
        return True
    bare_sameness = clause.same and len(clause.words) < SHORT and not clause.images
    return bool(bare_sameness) or is_as_before(clause.text)


def carried_objects(clause: ReadClause, mentions: Sequence[Mention]) -> list[Mention]:
    """Objects carried in only one image: the bag in "she holds a bag in the first but not …"."""
    carries = _CARRIES.search(clause.text)
    if not carries or not clause.changes or not _BUT_NOT.search(clause.text, carries.end()):
        return []
    return [mention for mention in mentions if mention.start >= carries.end()]

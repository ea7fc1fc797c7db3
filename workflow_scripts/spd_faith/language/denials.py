"""Finds statements that the images do not differ at all: "no differences", "the images are identical"."""

import re
from collections.abc import Iterator
from itertools import islice

from spd_faith.language.aspects import aspects_after
from spd_faith.language.difference_nouns import ADJECTIVES, NOUN, REST
from spd_faith.language.lexicon import LexiconFile, PhraseList, any_of, load_lexicon
from spd_faith.language.sentences import MAX_STATEMENTS, Sentence


class _Denials(LexiconFile):
    denials: PhraseList
    perceiving: PhraseList
    any: PhraseList
    nothing: PhraseList
    not_differing: PhraseList
    images: PhraseList
    appearing: PhraseList
    fully: PhraseList
    alike: PhraseList
    matching: PhraseList
    after_alike: PhraseList
    rest_before: PhraseList
    rest_after: PhraseList
    wholes: PhraseList
    showing: PhraseList
    subjects: PhraseList
    labels: PhraseList
    negations: PhraseList


_WORDS = load_lexicon("denials", _Denials)
_NO_DIFFERENCE = re.compile(
    rf"(?:(?:\b{any_of(_WORDS.denials)}|n['’]t) (?:\w+ly )?{any_of(_WORDS.perceiving)} {any_of(_WORDS.any)}"
    rf"|\b{any_of(_WORDS.nothing)}|(?<![\w.,/-])0) {ADJECTIVES}{NOUN}"
    rf"|\b{any_of(_WORDS.not_differing)}\b",
)
_ALIKE = re.compile(
    rf"\b{any_of(_WORDS.images)} (?:{any_of(_WORDS.appearing)} (?:{any_of(_WORDS.fully)} ){{0,2}}{any_of(_WORDS.alike)}"
    rf"|{any_of(_WORDS.matching)})\b(?! {any_of(_WORDS.after_alike)}\b)",
)
_REST = re.compile(REST)
_REST_BEFORE = re.compile(rf"\b{any_of(_WORDS.rest_before)}\b")
_REST_AFTER = re.compile(rf"\b{any_of(_WORDS.rest_after)}\b")
_NEGATED = re.compile(rf"\b{any_of(_WORDS.negations)}\b|n['’]t\b")
_WHOLE = re.compile(rf"\b{any_of(_WORDS.wholes)}\b")
_SHOWING = re.compile(rf"\b{any_of(_WORDS.showing)} $")
_SUBJECT = re.compile(rf"\b{any_of(_WORDS.subjects)}\b")
_OF_SUBJECT = re.compile(r"[\w\"')]\s{0,2}: |^\W{0,4}\w[^|\n]{0,80}\| ?$")
_LABELLED = re.compile(rf"\b{any_of(_WORDS.labels)}[\"')]{{0,2}}\s{{0,2}}: ")


def find_denials(text: str) -> Iterator[tuple[int, int]]:
    """Where a lower-case text without emphasis marks says that the images do not differ, not only in part.

    A part is the rest ("no other differences"), one object ("Cup: no change"), or one aspect ("no change in color").
    """
    for match in islice(_NO_DIFFERENCE.finditer(text), MAX_STATEMENTS):
        around = Sentence.around(match)
        if not _REST.search(match.group()) and not _is_of_part(around) and not _is_of_object(around):
            yield match.span()
    for match in islice(_ALIKE.finditer(text), MAX_STATEMENTS):
        around = Sentence.around(match)
        if not _is_of_part(around) and not _NEGATED.search(around.before):
            yield match.span()


def _is_of_part(around: Sentence) -> bool:
    if _REST_BEFORE.search(around.before) or _REST_AFTER.search(around.after):
        return True
    aspects = aspects_after(around.after, 0)
    if aspects is None or aspects.covers_all:
        return False
    return not _WHOLE.search(around.after, aspects.start, aspects.end)


def _is_of_object(around: Sentence) -> bool:
    """Whether a denial is about an object: "Cup: no change", "the laptop shows no change", a cell of a table."""
    if _OF_SUBJECT.search(around.before) and not _LABELLED.search(around.before):
        return True
    return bool(_SHOWING.search(around.before)) and not _SUBJECT.search(around.before)

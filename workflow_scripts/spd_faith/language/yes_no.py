"""Patterns for yes and no and their equivalents, hedges, refusals and exceptions."""

import re

from spd_faith.language.difference_nouns import ADJECTIVES, NOUN
from spd_faith.language.lexicon import LexiconFile, PhraseList, WordSet, any_of, load_lexicon


class _BeforeShort(LexiconFile):
    answer_openers: PhraseList
    answers: PhraseList
    connectives: PhraseList
    probably: PhraseList
    thinking: PhraseList
    thought: PhraseList
    it_is_a: PhraseList
    i_have_to_say: PhraseList
    opinions: PhraseList
    it_is: PhraseList
    i_would: PhraseList
    say: PhraseList


class _Verdicts(LexiconFile):
    yes: PhraseList
    no: PhraseList
    yes_alone: PhraseList
    no_alone: PhraseList
    not_quite: PhraseList
    nearly: PhraseList
    echo_subjects: PhraseList
    echo_verbs: PhraseList
    certainly: PhraseList
    before_short: _BeforeShort
    no_short_before: PhraseList
    labels: PhraseList
    being: PhraseList
    turning: PhraseList
    concluding: PhraseList
    closing_it_is: PhraseList
    there_are: PhraseList
    some: PhraseList
    differences: PhraseList
    unsure: PhraseList
    hedges: PhraseList
    unable: PhraseList
    deciding: PhraseList
    one_image_only: PhraseList
    retracting: PhraseList
    concluding_not: PhraseList
    concessions: PhraseList
    first_impressions: PhraseList
    same_kinds: PhraseList
    different_kinds: PhraseList
    alike: PhraseList
    unlike: PhraseList
    no_things: PhraseList
    image_nouns: PhraseList
    versions: PhraseList
    untrue: PhraseList
    sayings: PhraseList
    with_some: PhraseList
    excepting: PhraseList
    showing: PhraseList
    seeing: PhraseList
    exceptions: PhraseList
    exception_stems: PhraseList
    rest: PhraseList
    almost_same: PhraseList
    about_images: WordSet
    answer_keys: WordSet
    same_keys: WordSet
    different_keys: WordSet


_LEXICON = load_lexicon("verdicts", _Verdicts)

ABOUT_IMAGES = _LEXICON.about_images
"""Words that mark a clause as being about the images as a whole."""

ANSWER_KEYS = _LEXICON.answer_keys
"""JSON keys for a verdict, as lower-case letters and digits."""

SAME_KEYS = _LEXICON.same_keys
"""JSON keys that ask whether the images are the same."""

DIFFERENT_KEYS = _LEXICON.different_keys
"""JSON keys that ask whether the images differ."""


def _before_short() -> str:
    words = _LEXICON.before_short
    return (
        rf"(?:(?:{any_of(words.answer_openers)} ){{0,2}}{any_of(words.answers)}(?: is)?\W{{1,6}}|"
        rf"{any_of(words.connectives)}\W{{1,4}}|"
        rf"{any_of(words.probably)}\W{{1,4}}(?=(?:yes|no|not)\b)|"
        rf"{any_of(words.it_is_a)} |{any_of(words.i_have_to_say)}\W{{1,4}}|"
        rf"{any_of(words.opinions)}\W{{1,4}}(?:{any_of(words.it_is)} )?|"
        rf"{any_of(words.thinking)}\W{{1,4}}(?={any_of(words.thought)}\b)|"
        rf"{any_of(words.i_would)} {any_of(words.say)}\W{{1,4}}(?:a |an )?)?"
    )


_CLOSED = r"(?=\W*(?:$|[.!\n]))"
_ECHO = rf"{any_of(_LEXICON.echo_subjects)} (?:{any_of(_LEXICON.certainly)} )?{any_of(_LEXICON.echo_verbs)}"
_YES = rf"{_ECHO}{_CLOSED}|{any_of(_LEXICON.yes)}|{any_of(_LEXICON.yes_alone)}{_CLOSED}"
_NO = (
    rf"{_ECHO}(?: not|n['’]t){_CLOSED}|{any_of(_LEXICON.no)}|{any_of(_LEXICON.no_alone)}{_CLOSED}"
    rf"|{any_of((*_LEXICON.not_quite, *_LEXICON.nearly))}"
)

SHORT = re.compile(
    rf"\W{{0,12}}{_before_short()}\W{{0,6}}(?:(?P<no>{_NO})|(?P<yes>{_YES}))\b"
    rf"(?! (?:\w+ ){{0,2}}{any_of(_LEXICON.no_short_before)}\b)",
    re.IGNORECASE,
)
"""A short answer at the start of a text, in the group `yes` or `no`."""

MARKED = re.compile(
    rf"\b{any_of(_LEXICON.labels)}(?: {any_of(_LEXICON.being)})?[\s:*_\"'`]{{1,8}}(?:(?P<no>{_NO})|(?P<yes>{_YES}))\b",
    re.IGNORECASE,
)
"""A short answer after "the answer is:"."""

KEYED = re.compile(
    rf"(?:^|[\n*_#])[\s*_#\"'`]{{0,6}}(?:(?P<same>{any_of(_LEXICON.same_kinds)})|{any_of(_LEXICON.different_kinds)})\??"
    r"[\s*_\"'`]{0,4}[:=][\s*_\"'`]{0,6}(?:(?P<no>no|false)|(?P<yes>yes|true))\b",
    re.IGNORECASE,
)
"""A short answer after the word asked for: "Same: no"."""

RETRACTION = re.compile(rf"(?:^|[\s.,;:!?…(–—-]){any_of(_LEXICON.retracting)}(?=[\s]?[,.:;!…–—-])", re.IGNORECASE)
"""Words that take back the verdict before them: "Hold on, …"."""

CONCLUDED = re.compile(rf"(?:^|[.!?\n:,;…–—-]\s{{0,3}}){any_of(_LEXICON.concluding_not)}(?P<no>no)(?=,)", re.IGNORECASE)
"""A short answer that concludes from what was said before: "So no, they are not the same"."""

TURNED = re.compile(
    rf"\b{any_of(_LEXICON.turning)}[\s,.:–—-]{{1,4}}(?:(?P<no>no)|(?P<yes>yes))(?=\W*(?:$|[.,:;!\n]))", re.IGNORECASE
)
"""A short answer that corrects an earlier one: "wait, no"."""

CLOSING = re.compile(
    r"(?:^|[.!?\n:,;…]\s{0,3})[*_\"'`]{0,3}"
    rf"(?:{any_of(_LEXICON.concluding)},? (?:{any_of(_LEXICON.closing_it_is)} )?)?"
    r"(?:(?P<no>no)|(?P<yes>yes))[.!*_\"'`\s]{0,6}\Z",
    re.IGNORECASE,
)
"""A yes or no at the end of a text."""

NEARLY_NO = re.compile(any_of(_LEXICON.nearly), re.IGNORECASE)
"""A short answer that is undecided if the question was "different?": "mostly"."""

SOME = re.compile(
    rf"\b{any_of(_LEXICON.there_are)} (?:{any_of(_LEXICON.some)}\b[^.!?\n]{{0,40}}\b{any_of(_LEXICON.differences)}\b"
    rf"|(?:an? )?{ADJECTIVES}{NOUN})"
    rf"|\btwo (?:\w+ )?different {any_of(_LEXICON.image_nouns)}\b"
    rf"|\b{any_of(_LEXICON.versions)} of\b|\b{any_of(_LEXICON.with_some)} {ADJECTIVES}{NOUN}",
    re.IGNORECASE,
)
"""A statement that there are differences, without a number, or that the images are versions of one another."""

HEDGE = re.compile(
    rf"\b(?:not (?:\w+ )?{any_of(_LEXICON.unsure)}|{any_of(_LEXICON.hedges)}"
    rf"|{any_of(_LEXICON.unable)} (?:really )?{any_of(_LEXICON.seeing)})\b",
    re.IGNORECASE,
)
REFUSAL = re.compile(
    rf"\b(?:{any_of(_LEXICON.unable)} (?:really )?{any_of(_LEXICON.deciding)}"
    rf"|{any_of(_LEXICON.one_image_only)} {any_of(_LEXICON.image_nouns)})\b",
    re.IGNORECASE,
)
EXCEPTION = re.compile(rf"\b(?:{any_of(_LEXICON.exceptions)}|{any_of(_LEXICON.exception_stems)}\w*)\b", re.IGNORECASE)
EXCEPTING = re.compile(rf"\b{any_of(_LEXICON.excepting)}\b", re.IGNORECASE)
"""An exception before the sameness: "apart from the car, …"."""

BOTH_SHOW = re.compile(rf"\bboth (?:{any_of(_LEXICON.image_nouns)} )?{any_of(_LEXICON.showing)}\b", re.IGNORECASE)
"""What follows is in both images: "both show a man who left his seat"."""

WITH_SOME = re.compile(rf"\b{any_of(_LEXICON.with_some)} {ADJECTIVES}{NOUN}", re.IGNORECASE)
"""An exception: "with minor differences"."""

CONCESSION = re.compile(rf"\W{{0,4}}{any_of(_LEXICON.concessions)}\b[^,\n]{{0,200}}(?:, |$)", re.IGNORECASE)
"""A clause at the beginning of a statement that concedes something: "While both show a street, …"."""

FIRST_IMPRESSION = re.compile(rf"\b{any_of(_LEXICON.first_impressions)}\b", re.IGNORECASE)

_SAYINGS = rf"(?:(?:{any_of(_LEXICON.sayings)}|[a-z]+ly) ){{0,9}}(?:the |an? |two )?"
_UNTRUE = rf"(?:\b(?:{any_of(_LEXICON.untrue)})|n['’]t) {_SAYINGS}"
DENIED_SAMENESS = re.compile(rf"{_UNTRUE}{any_of(_LEXICON.alike)}\b", re.IGNORECASE)
"""A denial that the images are the same: "I don't think that they are identical"."""

DENIED_DIFFERENCE = re.compile(rf"{_UNTRUE}{any_of(_LEXICON.unlike)}\b", re.IGNORECASE)

SAME_THING = re.compile(rf"\bsame (?!{any_of((*_LEXICON.image_nouns, *_LEXICON.no_things))}\b)[a-z]+", re.IGNORECASE)
"""Sameness of a thing that both images show, not of the images: "the same street"."""

REST = re.compile(rf"\b{any_of(_LEXICON.rest)}\b", re.IGNORECASE)
"""Words for the rest: only the rest stays the same."""

NEARLY = re.compile(rf"\b{any_of(_LEXICON.almost_same)}\b", re.IGNORECASE)
"""Words that weaken sameness: "almost"."""

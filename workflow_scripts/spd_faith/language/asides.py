"""Blanks what is no claim beside one: guessed causes, inferences, and talk about the differences.

"The car is red now, possibly due to the lighting" claims that the car is red now; only its cause is a guess.
"""

import re
from collections.abc import Callable, Iterable

from spd_faith.language.change_words import CHANGE_WORDS, TYPE_PHRASES
from spd_faith.language.difference_nouns import DIFFERENCE_NOUNS
from spd_faith.language.image_words import DEPICTIONS
from spd_faith.language.lexicon import LexiconFile, PhraseList, any_of, load_lexicon
from spd_faith.language.word_classes import VERBS
from spd_faith.language.words import words_of


class _Asides(LexiconFile):
    doubts: PhraseList
    fillers: PhraseList
    claiming: PhraseList
    causes: PhraseList
    doubted_causes: PhraseList
    verdicts: PhraseList
    joints: PhraseList
    explanations: PhraseList
    possible: PhraseList
    observed: PhraseList
    inferences: PhraseList
    openers: PhraseList
    these: PhraseList
    between: PhraseList
    adverbs: PhraseList
    conclude: PhraseList
    pronouns: PhraseList
    suggest: PhraseList
    being: PhraseList
    degrees: PhraseList
    remarked: PhraseList
    after_remarked: PhraseList
    general: PhraseList
    whole: PhraseList
    staying: PhraseList
    the_same: PhraseList
    offers: PhraseList
    announced: PhraseList
    shown: PhraseList


_WORDS = load_lexicon("asides", _Asides)
_SENTENCE = re.compile(r"[^.!?\n]+(?:\.(?=\w)[^.!?\n]+)*[.!?]?")
_REACH = 80  # characters before an aside that are searched for what it is beside
_REST = r"(?:(?! [–—-] )[^,;:()\n.!?])*\)?"  # up to a pause

_DOUBT = rf"{any_of(_WORDS.doubts)}\s(?:{any_of(_WORDS.fillers)}\s)?"
_PAUSE = r"(?:[,(]\s?|\s[–—-]\s)"
_DOUBTED_CAUSE = re.compile(
    rf"{_PAUSE}?\b{_DOUBT}(?:as )?{any_of((*_WORDS.causes, *_WORDS.doubted_causes))}\b{_REST}", re.I
)
_CAUSE = re.compile(rf"{_PAUSE}?\b{any_of(_WORDS.causes)}\b{_REST}", re.I)
_SUPPLEMENT = re.compile(rf"{_PAUSE}{_DOUBT}{_REST}", re.I)
_EXPLANATION = re.compile(
    rf"(?:{_PAUSE}(?:{any_of(_WORDS.joints)}\s)?|\s{any_of(_WORDS.joints)}\s){any_of(_WORDS.explanations)}\s"
    rf"(?:{any_of(_WORDS.fillers)}\s)?{any_of(_WORDS.possible)}\b(?!\s{any_of(_WORDS.observed)}\b){_REST}",
    re.I,
)
_INFERENCE = re.compile(rf"{_PAUSE}(?:{any_of(_WORDS.doubts)}\s)?{any_of(_WORDS.inferences)}\b{_REST}", re.I)
_VERDICT = re.compile(rf"\b{any_of((*_WORDS.verdicts, *DIFFERENCE_NOUNS))}\b", re.I)

_OPENER = rf"\W{{0,6}}(?:{any_of(_WORDS.openers)},?\s){{0,2}}"
_THESE = (
    rf"{any_of(_WORDS.these)}\s(?:\w+\s){{0,2}}?{any_of(DIFFERENCE_NOUNS)}"
    rf"(?:\s{any_of(_WORDS.between)}\s(?:[\w'’]+\s?){{1,5}}?)?\s"
)
_LEADING_COMMA = re.compile(r"\s*,")
_UP_TO_COLON = r"[^:\n.!?]*"
_REMARKS = tuple(
    re.compile(f"{_OPENER}{pattern}", re.I)
    for pattern in (
        rf"{_THESE}(?:{any_of(_WORDS.adverbs)}\s){{0,2}}{any_of(_WORDS.conclude)}\b[^\n]*",
        rf"{_THESE}{any_of(_WORDS.being)}\s(?:{any_of(_WORDS.degrees)}\s){{0,2}}{any_of(_WORDS.remarked)}"
        rf"(?=\s?(?:[,.;:!?)\n]|$|{any_of(_WORDS.after_remarked)}\b)){_REST}",
        rf"the\s(?:{any_of(_WORDS.general)}\s)?{any_of(_WORDS.whole)}\s(?:\w+\s){{0,4}}?{any_of(_WORDS.staying)}\s"
        rf"(?:\w+\s){{0,4}}?{any_of(_WORDS.the_same)}\b{_REST}",
        rf"{any_of(_WORDS.offers)}\b[^\n]*",
        rf"{any_of(_WORDS.announced)}\b{_UP_TO_COLON}",
        rf"{any_of(_WORDS.shown)}\b",
    )
)
_SUGGESTION = re.compile(
    rf"{_OPENER}{any_of(_WORDS.pronouns)}\s(?:{any_of(_WORDS.adverbs)}\s){{0,2}}{any_of(_WORDS.suggest)}\b[^\n]*", re.I
)


def _telling(phrases: Iterable[str]) -> frozenset[str]:
    """The longest word of each phrase: a text without all of them has none of the phrases."""
    return frozenset(max(reversed(phrase.replace("'", " ").split()), key=len) for phrase in phrases)


_TELLING_CAUSES = _telling((*_WORDS.doubts, *_WORDS.causes, *_WORDS.possible, *_WORDS.inferences))
_SPLIT = re.compile(r"[a-z]+")


def without_causes(text: str) -> str:
    """The text with spaces in the place of guessed causes and inferences; every position stays."""
    return _SENTENCE.sub(lambda sentence: _without_causes(sentence.group()), text)


def without_remarks(text: str) -> str:
    """The text with spaces in the place of talk about the differences; every position stays."""
    return _SENTENCE.sub(lambda sentence: _without_remark(sentence.group()), text)


def _without_causes(sentence: str) -> str:
    if sentence.endswith("?") or _TELLING_CAUSES.isdisjoint(_SPLIT.findall(sentence.lower())):
        return sentence
    for pattern, is_aside in (
        (_DOUBTED_CAUSE, _always),
        (_EXPLANATION, _is_after_claim),
        (_INFERENCE, _is_after_claim),
        (_CAUSE, _is_cause_of_claim),
        (_SUPPLEMENT, _is_after_claim),
    ):
        sentence = pattern.sub(_blank_if(is_aside), sentence)
    return _without_comma(sentence)


def _without_remark(sentence: str) -> str:
    for pattern in _REMARKS:
        if remark := pattern.match(sentence):
            return _blank(remark.group()) + _without_comma(sentence[remark.end() :])
    remark = _SUGGESTION.match(sentence)
    return _blank(sentence) if remark and not _says_gone(remark.group()) else sentence


def _without_comma(sentence: str) -> str:
    """The sentence without the comma that an aside at its start leaves behind."""
    comma = _LEADING_COMMA.match(sentence)
    return _blank(comma.group()) + sentence[comma.end() :] if comma else sentence


def _blank_if(is_aside: Callable[[re.Match[str]], bool]) -> Callable[[re.Match[str]], str]:
    return lambda found: _blank(found.group()) if is_aside(found) else found.group()


def _blank(text: str) -> str:
    return re.sub(r"[^\n]", " ", text)


def _always(found: re.Match[str]) -> bool:
    return True


def _is_after_claim(found: re.Match[str]) -> bool:
    """Whether a verb goes before, and nothing is said to be gone."""
    return bool(_WORDS_OF_CLAIMS.intersection(_words_before(found))) and not _says_gone(found.group())


def _is_cause_of_claim(found: re.Match[str]) -> bool:
    """Whether a cause explains a claim rather than the verdict: not "they differ because of the dog"."""
    before = found.string[max(found.start() - _REACH, 0) : found.start()]
    if not before.strip():
        return found.string.startswith(",", found.end())
    return not _VERDICT.search(before) and bool(_WORDS_OF_CLAIMS.intersection(_words_before(found)))


_WORDS_OF_CLAIMS = VERBS | CHANGE_WORDS | frozenset(_WORDS.claiming)


def _words_before(found: re.Match[str]) -> list[str]:
    start = max(found.start() - _REACH, 0)
    return [word.text for word in words_of(found.string[start : found.start()])]


def _says_gone(text: str) -> bool:
    """Whether a removal is inferred, which is a claim: "suggesting that the clock was removed"."""
    words = words_of(text)
    gone = (hit.first for hit in TYPE_PHRASES.scan(words) if hit.value == "strong remove")
    return any(first and words[first - 1].text not in _DEPICTIONS for first in gone)  # not "the photo was taken"


_DEPICTIONS = frozenset((*DEPICTIONS, *(f"{noun}s" for noun in DEPICTIONS)))

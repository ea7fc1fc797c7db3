"""The number of differences that a text states."""

import re
from collections.abc import Iterator
from typing import NamedTuple

from spd_faith.language.lexicon import LexiconFile, PhraseList, any_of, load_lexicon


class _Counts(LexiconFile):
    numbers: PhraseList
    quantifiers: dict[str, PhraseList]
    nothing: PhraseList
    nouns: PhraseList
    adjectives: PhraseList
    of_a_kind: PhraseList
    labels: PhraseList
    after_label: PhraseList
    being: PhraseList
    denials: PhraseList
    perceiving: PhraseList
    not_any: PhraseList
    not_differing: PhraseList
    images: PhraseList
    appearing: PhraseList
    fully: PhraseList
    alike: PhraseList
    after_alike: PhraseList
    range: PhraseList
    in_total: PhraseList
    plain_nouns: PhraseList
    discrepancies: PhraseList


_LEXICON = load_lexicon("counts", _Counts)

DIFFERENCE_NOUNS = _LEXICON.plain_nouns
"""Common words for a difference, singular and plural."""

COUNTED_NOUNS = (*DIFFERENCE_NOUNS, *_LEXICON.discrepancies)
"""Nouns that introduce a list: "I see the following differences: …"."""

NUMBERS = {word: number for number, word in enumerate(_LEXICON.numbers)}
"""The number words up to twenty."""

_VALUES = {
    **NUMBERS,
    **{word: int(number) for number, words in _LEXICON.quantifiers.items() for word in words},
    **dict.fromkeys(_LEXICON.nothing, 0),
}
_QUANTIFIERS = [word for words in _LEXICON.quantifiers.values() for word in words]
_DIGITS = r"(?<![\w.,/-])\d{1,9}(?![\w.,/]{0,9}\d)"
_NUMBER = rf"(?P<number>{_DIGITS}|\b{any_of((*NUMBERS, *_QUANTIFIERS))}\b)"
_NUMERAL = rf"(?P<number>{_DIGITS}|\b{any_of((*NUMBERS, *_LEXICON.nothing))}\b)"
_NOUN = rf"{any_of(_LEXICON.nouns)}\b"
_ADJECTIVES = rf"(?:{any_of(_LEXICON.adjectives)} ){{0,3}}"
_COUNTED = re.compile(
    rf"{_NUMBER}(?: \(\d{{1,4}}\))? {_ADJECTIVES}{_NOUN}(?! {any_of(_LEXICON.of_a_kind)}\b)", re.IGNORECASE
)
_LABELLED = re.compile(
    rf"\b(?:number of {_NOUN}|{any_of(_LEXICON.labels)})"
    rf"(?: {any_of(_LEXICON.after_label)})?['\"]?\s{{0,3}}(?::|=|\b{any_of(_LEXICON.being)}\b)"
    rf"\s{{0,3}}[*_]{{0,2}}{_NUMERAL}(?!\s*[.,]?\d)",
    re.IGNORECASE,
)
_NO_DIFFERENCE = re.compile(
    rf"\b(?:{any_of(_LEXICON.denials)} {any_of(_LEXICON.perceiving)} any|{any_of(_LEXICON.not_any)})"
    rf" {_ADJECTIVES}{_NOUN}"
    rf"|\b{any_of(_LEXICON.not_differing)}\b"
    rf"|\b{any_of(_LEXICON.images)} {any_of(_LEXICON.appearing)} "
    rf"(?:{any_of(_LEXICON.fully)} )?{any_of(_LEXICON.alike)}\b(?!,? {any_of(_LEXICON.after_alike)})",
    re.IGNORECASE,
)
_BARE = re.compile(rf"\W{{0,8}}{_NUMERAL}\W{{0,8}}", re.IGNORECASE)
_RANGE = re.compile(rf"(?:\b{any_of(_LEXICON.range)}|-|–|/|n['’]t) ?$", re.IGNORECASE)
_IN_TOTAL = re.compile(rf"\b{any_of(_LEXICON.in_total)}\b", re.IGNORECASE)
_LONGEST_BARE = 40  # characters
_REACH = 24  # characters before a number that can qualify it


class _Count(NamedTuple):
    start: int
    number: int
    is_total: bool


def find_count(text: str) -> int | None:
    """The number of differences that a text states, or None; a total takes precedence over the first count."""
    bare = _BARE.fullmatch(text.strip()) if len(text) < _LONGEST_BARE else None
    if bare:
        return _value(bare["number"])
    found = sorted(_counts(text))
    totals = [count.number for count in found if count.is_total]
    if totals:
        return totals[-1]
    return found[0].number if found else None


def _counts(text: str) -> Iterator[_Count]:
    for match in _COUNTED.finditer(text):
        before = text[max(match.start() - _REACH, 0) : match.start()]
        is_rest = match["number"].lower() == "no" and "other" in match.group().lower()  # "no other differences"
        if not is_rest and not _RANGE.search(before):
            yield _Count(match.start(), _value(match["number"]), bool(_IN_TOTAL.search(before + match.group())))
    for match in _LABELLED.finditer(text):
        yield _Count(match.start(), _value(match["number"]), is_total=True)
    for match in _NO_DIFFERENCE.finditer(text):
        yield _Count(match.start(), 0, is_total=False)


def _value(word: str) -> int:
    word = word.lower()
    return int(word) if word.isdigit() else _VALUES.get(word, 1)  # re.IGNORECASE also matches "ſingle"

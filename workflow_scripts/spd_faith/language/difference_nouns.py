"""The nouns for a difference, and patterns for them."""

from spd_faith.language.lexicon import LexiconFile, PhraseList, any_of, load_lexicon


class _DifferenceNouns(LexiconFile):
    nouns: PhraseList
    adjectives: PhraseList
    rest: PhraseList
    plain_nouns: PhraseList
    discrepancies: PhraseList


_WORDS = load_lexicon("difference_nouns", _DifferenceNouns)

DIFFERENCE_NOUNS = _WORDS.plain_nouns
"""Common words for a difference, singular and plural."""

COUNTED_NOUNS = (*DIFFERENCE_NOUNS, *_WORDS.discrepancies)
"""Nouns that introduce a list: "I see the following differences: …"."""

NOUN = rf"{any_of(_WORDS.nouns)}\b"
"""A pattern for any noun for a difference."""

ADJECTIVES = rf"(?:{any_of(_WORDS.adjectives)},? ){{0,4}}"
"""A pattern for what may stand between a number and the noun."""

REST = rf"\b{any_of(_WORDS.rest)}\b"
"""A pattern for adjectives of the rest: "no other differences"."""

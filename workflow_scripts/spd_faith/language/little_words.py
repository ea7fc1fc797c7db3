"""Words without content of their own, which are ignored when claims are matched."""

from spd_faith.language.lexicon import LexiconFile, WordSet, load_lexicon


class _LittleWords(LexiconFile):
    little_words: WordSet


LITTLE_WORDS = load_lexicon("little_words", _LittleWords).little_words
"""Articles, auxiliaries and similar words."""

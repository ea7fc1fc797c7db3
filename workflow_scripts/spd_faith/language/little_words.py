"""Words that say nothing of what a claim is about."""

from spd_faith.language.lexicon import LexiconFile, WordSet, load_lexicon


class _LittleWords(LexiconFile):
    little_words: WordSet


LITTLE_WORDS = load_lexicon("little_words", _LittleWords).little_words
"""Articles, auxiliaries and their like."""

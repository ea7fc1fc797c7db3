"""The words for colors and their shades."""

from spd_faith.language.lexicon import LexiconFile, PhraseList, WordSet, load_lexicon
from spd_faith.language.words import Phrases


class _ColorWords(LexiconFile):
    colors: dict[str, PhraseList]
    shades: WordSet


_LEXICON = load_lexicon("color_words", _ColorWords)

COLOR_WORDS = {word: base for base, others in _LEXICON.colors.items() for word in (base, *others)}
"""Maps each color word to its basic color."""

COLOR_PHRASES = Phrases(
    list(COLOR_WORDS.items())
    + [(f"{shade} {word}", base) for word, base in COLOR_WORDS.items() for shade in _LEXICON.shades]
)
"""Color words with the shades before them ("dark blue"); values are basic colors."""

"""Words around nouns: modifiers, conjunctions, attributes, prepositions."""

from spd_faith.language.lexicon import LexiconFile, Phrase, WordSet, load_lexicon


class _Fruit(LexiconFile):
    word: Phrase
    after: WordSet
    of: WordSet
    joints: WordSet


class _Nouns(LexiconFile):
    modifiers: WordSet
    listing: WordSet
    attributes: WordSet
    no_landmark: WordSet
    parts_of_landmarks: WordSet
    owning: WordSet
    placing: WordSet
    relational: WordSet
    groups: WordSet
    fruit: _Fruit


_LEXICON = load_lexicon("nouns", _Nouns)

MODIFIERS = _LEXICON.modifiers
"""Words between an article and a noun: "small", "upper"."""

LISTING = _LEXICON.listing | MODIFIERS
"""Words that can come between two listed objects."""

ATTRIBUTES = _LEXICON.attributes
"""Properties of an object that can change: "color", "size"."""

NO_LANDMARK = _LEXICON.no_landmark
"""Prepositions after which an object is more than a landmark: "for", "than"."""

PARTS_OF_LANDMARKS = _LEXICON.parts_of_landmarks
"""Words before "of" and a landmark: "left of the car"."""

OWNING = _LEXICON.owning
"""Words after "'s" in the sense of "has": "the zeppelin's been removed"."""

PLACING = _LEXICON.placing
"""Prepositions between an object and the thing at which it is: "the tags on the fruit"."""

RELATIONAL = _LEXICON.relational
"""Nouns for what belongs to the thing after the preposition: "the pattern on the bedspread"."""

GROUPS = _LEXICON.groups
"""Words before "of" and the actual object: "a pair of skis"."""

FRUIT = _LEXICON.fruit
"""The word for both a fruit and a color, and the words before it that indicate the fruit."""

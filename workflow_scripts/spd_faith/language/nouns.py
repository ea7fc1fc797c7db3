"""Words around nouns: what describes them, lists them, owns them."""

from spd_faith.language.lexicon import LexiconFile, Phrase, WordSet, load_lexicon


class _Fruit(LexiconFile):
    word: Phrase
    after: WordSet
    of: WordSet


class _Nouns(LexiconFile):
    modifiers: WordSet
    listing: WordSet
    attributes: WordSet
    no_landmark: WordSet
    parts_of_landmarks: WordSet
    owning: WordSet
    groups: WordSet
    fruit: _Fruit


_LEXICON = load_lexicon("nouns", _Nouns)

MODIFIERS = _LEXICON.modifiers
"""They stand between an article and a noun: "small", "upper"."""

LISTING = _LEXICON.listing | MODIFIERS
"""What may stand between two objects of a list."""

ATTRIBUTES = _LEXICON.attributes
"""What can change of an object: "color", "size"."""

NO_LANDMARK = _LEXICON.no_landmark
"""Prepositions after which an object does not only say where: "for", "than"."""

PARTS_OF_LANDMARKS = _LEXICON.parts_of_landmarks
"""Words before "of" and an object that only says where: "left of the car"."""

OWNING = _LEXICON.owning
"""After "'s" where it is "has": "the zeppelin's been removed"."""

GROUPS = _LEXICON.groups
"""Words before "of" and an object, which is meant: "a pair of skis"."""

FRUIT = _LEXICON.fruit
"""The word for both a fruit and a color, and what stands before it where it is the fruit."""

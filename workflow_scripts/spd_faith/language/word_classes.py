"""Classes of common words that say where a noun begins, ends, or names nothing in an image."""

from spd_faith.language.lexicon import LexiconFile, WordSet, load_lexicon


class _Classes(LexiconFile):
    determiners: WordSet
    prepositions: WordSet
    verbs: WordSet
    conjunctions: WordSet
    adverbs: WordSet
    no_objects: WordSet
    auxiliaries_and_pronouns: WordSet
    ordinals: WordSet
    literals: WordSet
    verdicts: WordSet


_CLASSES = load_lexicon("words", _Classes)

DETERMINERS = _CLASSES.determiners
"""Articles, small numbers, demonstratives and possessives: a noun follows."""

PREPOSITIONS = _CLASSES.prepositions
"""A noun ends before them."""

VERBS = _CLASSES.verbs
"""Auxiliaries, and verbs of being, seeming, changing and holding."""

CONJUNCTIONS = _CLASSES.conjunctions
"""What joins clauses or the parts of one."""

ADVERBS = _CLASSES.adverbs
"""Adverbs and other words that stand between a noun and its verb."""

NO_OBJECTS = _CLASSES.no_objects
"""Nouns and pronouns that name no object in an image."""

FUNCTION_WORDS = (
    DETERMINERS
    | PREPOSITIONS
    | CONJUNCTIONS
    | ADVERBS
    | _CLASSES.auxiliaries_and_pronouns
    | _CLASSES.ordinals
    | _CLASSES.literals
) - _CLASSES.verdicts
"""Words that name nothing; "yes" and "no", which can be a whole answer, are none."""

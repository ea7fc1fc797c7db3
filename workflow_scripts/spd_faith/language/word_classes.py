"""Classes of common words that delimit nouns or name no object."""

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
"""Articles, small numbers, demonstratives and possessives, which precede a noun."""

PREPOSITIONS = _CLASSES.prepositions
"""Prepositions, which end a noun."""

VERBS = _CLASSES.verbs
"""Auxiliaries, and verbs of being, seeming, changing and holding."""

CONJUNCTIONS = _CLASSES.conjunctions
"""Words that join clauses or their parts."""

ADVERBS = _CLASSES.adverbs
"""Adverbs and other words between a noun and its verb."""

NO_OBJECTS = _CLASSES.no_objects
"""Nouns and pronouns that do not name an object in an image."""

FUNCTION_WORDS = (
    DETERMINERS
    | PREPOSITIONS
    | CONJUNCTIONS
    | ADVERBS
    | _CLASSES.auxiliaries_and_pronouns
    | _CLASSES.ordinals
    | _CLASSES.literals
) - _CLASSES.verdicts
"""Words without content, except "yes" and "no", which can be a whole answer."""

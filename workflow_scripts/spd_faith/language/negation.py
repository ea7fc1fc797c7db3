"""Negations and their scope within a clause."""

from spd_faith.language.grammar import is_contracted_not
from spd_faith.language.lexicon import LexiconFile, WordSet, load_lexicon
from spd_faith.language.words import BROKEN, Words


class _Negation(LexiconFile):
    negators: WordSet
    after_no: WordSet
    answers: WordSet
    part_openers: WordSet


_LEXICON = load_lexicon("negation", _Negation)

STOPPERS = _LEXICON.part_openers
"""Words that start a new part of a clause and end the scope of a negation."""


def negates(words: Words, k: int) -> bool:
    """Whether word k negates what follows: "not", "n't", "no", but not "no longer", "not only"."""
    word = words[k].text
    if word not in _LEXICON.negators and not is_contracted_not(word):
        return False
    if k + 1 == len(words):
        return True
    following = words[k + 1]
    return following.text not in _LEXICON.after_no and not (following.tie == BROKEN and word in _LEXICON.answers)


def denied_before(words: Words, first: int, reach: int = 7) -> bool:
    """Whether one of the `reach` words before word `first` negates it, without a break or new part in between."""
    for k in range(first - 1, max(first - 1 - reach, -1), -1):
        if words[k + 1].tie == BROKEN or words[k].text in STOPPERS:
            return False
        if negates(words, k):
            return True
    return False

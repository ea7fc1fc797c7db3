"""Words that deny, and how far in a clause they reach."""

from spd_faith.language.lexicon import LexiconFile, WordSet, load_lexicon
from spd_faith.language.words import BROKEN, Words


class _Negation(LexiconFile):
    negators: WordSet
    after_no: WordSet
    answers: WordSet
    part_openers: WordSet


_LEXICON = load_lexicon("negation", _Negation)

STOPPERS = _LEXICON.part_openers
"""Words that begin another part of a clause, where a negation ends."""


def negates(words: Words, k: int) -> bool:
    """Whether word k denies what follows: "not", "n't", "no", but not "no longer", "not only"."""
    word = words[k].text
    if word not in _LEXICON.negators and not word.endswith("n't"):
        return False
    if k + 1 == len(words):
        return True
    following = words[k + 1]
    return following.text not in _LEXICON.after_no and not (following.tie == BROKEN and word in _LEXICON.answers)


def denied_before(words: Words, first: int, reach: int = 7) -> bool:
    """Whether one of the `reach` words before word `first` denies it, with no break or new part between."""
    for k in range(first - 1, max(first - 1 - reach, -1), -1):
        if words[k + 1].tie == BROKEN or words[k].text in STOPPERS:
            return False
        if negates(words, k):
            return True
    return False

"""Words that deny, and how far in a clause they reach."""

from spd_faith.language.words import BROKEN, Words, word_set

_NEGATORS = word_set("not no never none nothing neither nor without hardly cannot nobody")

_AFTER_NO = word_set("longer only just doubt more merely sure because since")  # "no longer", "no because …"

STOPPERS = word_set("but and while whereas however though although except")
"""Words that begin another part of a clause, where a negation ends."""


def negates(words: Words, k: int) -> bool:
    """Whether word k denies what follows: "not", "n't", "no", but not "no longer", "not only"."""
    if words[k].text not in _NEGATORS and not words[k].text.endswith("n't"):
        return False
    after = words[k + 1].text if k + 1 < len(words) else ""
    return after not in _AFTER_NO and not (k + 1 < len(words) and words[k + 1].tie == BROKEN and words[k].text == "no")


def denied_before(words: Words, first: int, reach: int = 7) -> bool:
    """Whether one of the `reach` words before word `first` denies it, with no break or new part between."""
    for k in range(first - 1, max(first - 1 - reach, -1), -1):
        if words[k + 1].tie == BROKEN or words[k].text in STOPPERS:
            return False
        if negates(words, k):
            return True
    return False

"""Words by which a clause says that something did not change."""

from itertools import product

from spd_faith.language.changes import type_hits
from spd_faith.language.negation import denied_before
from spd_faith.language.words import Hit, Mention, Phrases, mentions_of, word_set, words_of

_SAME_WORDS = word_set(
    "same identical unchanged unaltered untouched intact alike matches match matching equal constant consistent still "
    "remains remain remained stays stayed equivalent duplicates copies indistinguishable"
)
_UNREMARKABLE = ("", "visible ", "noticeable ", "apparent ", "other ", "further ", "significant ", "obvious ", "clear ")
_SAME_PHRASES = Phrases(
    [(word, "same") for word in sorted(_SAME_WORDS)]
    + [
        (f"no {adjective}{noun}", "same")
        for adjective, noun in product(
            _UNREMARKABLE, word_set("difference differences change changes discrepancies modifications alterations")
        )
    ]
    + [(phrase, "same") for phrase in ("in both", "nothing changed", "nothing has changed", "nothing else")]
)


def find_sameness(text: str) -> list[Mention]:
    """Words by which a clause says that something did not change, denied changes ("has not moved") among them."""
    words = words_of(text)
    said = [
        hit
        for hit in _SAME_PHRASES.scan(words)
        if not denied_before(words, hit.first, 4)
        and not any(words[k].text == "longer" for k in range(max(hit.first - 2, 0), hit.first))
    ]
    taken = {k for hit in said for k in range(hit.first, hit.last)}
    denied = [hit for hit in type_hits(text)[1] if hit.first not in taken]
    return mentions_of(text, words, sorted([*said, *(Hit(hit.first, hit.last, "same") for hit in denied)]))

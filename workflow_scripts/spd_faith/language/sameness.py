"""Finds words for sameness."""

from itertools import product

from spd_faith.language.changes import type_hits
from spd_faith.language.lexicon import LexiconFile, PhraseList, WordSet, load_lexicon
from spd_faith.language.negation import denied_before
from spd_faith.language.words import Hit, Mention, Phrases, Text, as_text, mentions_of


class _Sameness(LexiconFile):
    words: PhraseList
    phrases: PhraseList
    before_still: WordSet
    adjectives: PhraseList
    nouns: PhraseList


_LEXICON = load_lexicon("sameness", _Sameness)
_SAME_PHRASES = Phrases(
    (phrase, "same")
    for phrase in (
        *_LEXICON.words,
        *_LEXICON.phrases,
        *(f"no {noun}" for noun in _LEXICON.nouns),
        *(f"no {adjective} {noun}" for adjective, noun in product(_LEXICON.adjectives, _LEXICON.nouns)),
    )
)


def find_sameness(text: str | Text) -> list[Mention]:
    """Mentions of sameness, including denied changes ("has not moved")."""
    text = as_text(text)
    words = text.words
    stated = [
        hit
        for hit in _SAME_PHRASES.scan(words)
        if not denied_before(words, hit.first, 4)
        and not (hit.first and words[hit.first].text == "still" and words[hit.first - 1].text in _LEXICON.before_still)
        and not any(words[k].text == "longer" for k in range(max(hit.first - 2, 0), hit.first))
    ]
    taken = {k for hit in stated for k in range(hit.first, hit.last)}
    denied = [hit for hit in type_hits(text)[1] if hit.first not in taken]
    return mentions_of(text, sorted([*stated, *(Hit(hit.first, hit.last, "same") for hit in denied)]))

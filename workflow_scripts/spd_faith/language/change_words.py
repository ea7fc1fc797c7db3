"""Words that name a type of change, and the type that a label denotes."""

from collections.abc import Iterator
from functools import lru_cache
from itertools import product

from spd_faith.core.difference_types import DifferenceType
from spd_faith.language.lexicon import LexiconFile, PhraseList, WordSet, load_lexicon
from spd_faith.language.negation import negates
from spd_faith.language.words import Hit, Phrases, Words, words_of


class _Changes(LexiconFile):
    strong: dict[str, PhraseList]
    motions: PhraseList
    ways: PhraseList
    weak: dict[str, PhraseList]
    comparatives: WordSet
    generic: PhraseList
    common: WordSet
    vague_stems: PhraseList


_LEXICON = load_lexicon("changes", _Changes)

COMPARATIVES = _LEXICON.comparatives
"""Comparative adjectives: "is bigger" reports a change, "the bigger dog" does not."""


def _phrases() -> Iterator[tuple[str, str]]:
    for strength, groups in (("strong", _LEXICON.strong), ("weak", _LEXICON.weak)):
        for kind, phrases in groups.items():
            yield from ((phrase, f"{strength} {kind}") for phrase in phrases)
    yield from ((f"{motion} {way}", "strong position") for motion, way in product(_LEXICON.motions, _LEXICON.ways))
    yield from ((word, "weak unknown") for word in COMPARATIVES)
    yield from ((phrase, "generic unknown") for phrase in _LEXICON.generic)


TYPE_PHRASES = Phrases(_phrases())
"""Each phrase with its strength and type, e.g. "strong color" or "generic unknown"."""

CHANGE_WORDS = (
    frozenset(
        phrase for phrases in (*_LEXICON.strong.values(), _LEXICON.generic) for phrase in phrases if " " not in phrase
    )
    - _LEXICON.common
)
"""Single words that report a change by themselves, except those with other common uses."""

_VAGUE_STEMS = _LEXICON.vague_stems


@lru_cache(maxsize=4096)
def normalise_type(raw: str) -> DifferenceType | None:
    """The type that a label denotes ("Colour change", "moved", "object_removal"); None if unknown or ambiguous."""
    words = words_of(raw)
    if not TYPE_PHRASES.get(word.text for word in words) and any(negates(words, k) for k in range(len(words))):
        return None
    hits = [hit for hit in TYPE_PHRASES.scan(words) if not hit.value.startswith("generic")]
    if any(hit.value == "weak color" for hit in hits):  # "color shift", "color switched"
        hits = [hit for hit in hits if not is_vague(words, hit)]
    kinds = {hit.value.split()[1] for hit in hits}
    return DifferenceType.named(kinds.pop()) if len(kinds) == 1 else None


def is_vague(words: Words, hit: Hit) -> bool:
    """Whether the word can also report a change of color: "the color has shifted", "switched from red to blue"."""
    return words[hit.first].text.startswith(_VAGUE_STEMS)

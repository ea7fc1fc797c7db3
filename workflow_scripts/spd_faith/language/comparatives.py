"""Finds comparisons of the images: "more people in the second", "the sky is more overcast", "larger waves"."""

from collections.abc import Iterator

from spd_faith.language.categories import aspect_hits, object_hits
from spd_faith.language.color_words import COLOR_WORDS
from spd_faith.language.lexicon import LexiconFile, WordSet, load_lexicon
from spd_faith.language.nouns import MODIFIERS
from spd_faith.language.word_classes import ADVERBS, CONJUNCTIONS, NO_OBJECTS, PREPOSITIONS, VERBS
from spd_faith.language.words import JOINED, Hit, Words, word_after, word_before


class _Comparatives(LexiconFile):
    more: WordSet
    less: WordSet
    no_more: WordSet
    not_before: WordSet
    than: WordSet
    describing: WordSet
    gains: WordSet
    lightness: WordSet
    definite: WordSet
    no_longer: WordSet
    idioms: WordSet


_LEXICON = load_lexicon("comparatives", _Comparatives)
_NOUN_REACH = 4  # words from "more" to the noun of an amount
_NO_NOUNS = VERBS | PREPOSITIONS | CONJUNCTIONS | ADVERBS | NO_OBJECTS | COLOR_WORDS.keys()
_ENDS = PREPOSITIONS | CONJUNCTIONS | ADVERBS | _LEXICON.than


def comparison_hits(words: Words, images: list[Hit]) -> Iterator[Hit]:
    """Amounts ("more people", "fewer cars") as additions and removals, and degrees ("more crowded")."""
    for k, word in enumerate(words):
        if word.text not in _LEXICON.more | _LEXICON.less or word_before(words, k) in _LEXICON.no_more:
            continue
        change = _amount(word.text in _LEXICON.more, words, k, images)
        after = word_after(words, k + 1)
        if not after or after in PREPOSITIONS:  # "one chair less"
            if word.text in _LEXICON.less and any(hit.last == k for hit in object_hits(words)):
                yield Hit(k, k + 1, change)
        elif after in _LEXICON.not_before:
            continue
        elif _counts_noun(words, k + 1):
            yield Hit(k, k + 1, change)
        elif after not in NO_OBJECTS and word_before(words, k) not in _LEXICON.definite:
            yield Hit(k, k + 2, "weak unknown")


def _amount(is_more: bool, words: Words, k: int, images: list[Hit]) -> str:
    """The change of what one image has more or less of, by word k."""
    return "strong added" if is_more == (_image_of(words, k, images) == "second") else "strong remove"


def _counts_noun(words: Words, first: int) -> bool:
    """Whether the words from `first` on, after "more", name countable things rather than a quality."""
    starts = {hit.first for hit in object_hits(words)}
    for k in range(first, min(first + _NOUN_REACH, len(words))):
        text = words[k].text
        if words[k].tie != JOINED or text in NO_OBJECTS or (text in _NO_NOUNS and text not in _DESCRIBING):
            return False
        if k in starts or (len(text) > 3 and text.endswith("s") and not text.endswith("ss")):
            return True
    return False


_DESCRIBING = _LEXICON.describing | MODIFIERS | COLOR_WORDS.keys()


def _image_of(words: Words, k: int, images: list[Hit]) -> str:
    """The image that has what word k compares: "more people in the first than in the second"; "second" by default."""
    named = [hit for hit in images if hit.value != "both"]
    after = next((hit for hit in named if hit.first > k), None)
    before = next((hit for hit in reversed(named) if hit.first < k), None)
    if after and not any(word.text in _LEXICON.than for word in words[k : after.first]):
        return after.value
    if before:
        return before.value
    return "second" if not after or after.value == "first" else "first"


def flip_gain(words: Words, hit: Hit, images: list[Hit]) -> Hit:
    """Turn what the first image has in addition into a removal: "an extra cup in the first image"."""
    is_gain = hit.value == "strong added" and words[hit.last - 1].text in _LEXICON.gains
    return hit._replace(value="strong remove") if is_gain and _image_of(words, hit.first, images) == "first" else hit


def is_comparison(words: Words, k: int, images: list[Hit]) -> bool:
    """Whether the comparative at word k compares the images: "shows larger waves", not "the bigger dog"."""
    before, after = word_before(words, k), word_after(words, k + 1)
    if before in _LEXICON.no_longer or any(word.text in _LEXICON.idioms for word in words[max(k - 3, 0) : k]):
        return False
    if not after or after in _ENDS:
        return True
    return before not in _LEXICON.definite and any(hit.value != "both" for hit in images)


def is_of_light(words: Words, hit: Hit, images: list[Hit]) -> bool:
    """Whether "brighter" and the like say how light an image is, rather than the color of an object."""
    if words[hit.first].text not in _LEXICON.lightness:
        return False
    aspects = aspect_hits(words)
    subjects = [one for one in object_hits(words) if one.first < hit.first]
    if any(one not in aspects for one in subjects):
        return False
    return bool(subjects) or any(one.first < hit.first and word_after(words, one.last) in VERBS for one in images)

"""The names that answers use for the two images: "the first image", "picture 2", "the original", "both"."""

from collections.abc import Iterator
from itertools import product

from spd_faith.language.lexicon import LexiconFile, Phrase, PhraseList, WordSet, load_lexicon
from spd_faith.language.word_classes import CONJUNCTIONS, DETERMINERS, VERBS
from spd_faith.language.words import Hit, Mention, Phrases, Text, Words, as_text, joined_after, mentions_of


class _Images(LexiconFile):
    nouns: PhraseList
    pronoun: PhraseList
    names: dict[str, PhraseList]
    named: PhraseList
    marks: dict[str, PhraseList]
    marked: PhraseList
    numbers: dict[str, PhraseList]
    numbered: PhraseList
    with_noun: dict[str, PhraseList]
    with_noun_or_pronoun: dict[str, PhraseList]
    phrases: dict[str, PhraseList]
    bare: WordSet
    ordinals: WordSet
    holding: WordSet
    after_bare: WordSet
    nouns_after_place: WordSet
    asked: PhraseList
    depictions: PhraseList
    frames: PhraseList
    plural: Phrase


_LEXICON = load_lexicon("images", _Images)

IMAGE_NOUNS = _LEXICON.nouns
"""Words for an image."""

ASKED_NOUNS = _LEXICON.asked
"""The nouns of the questions."""

ASKED_PLURALS = tuple(_LEXICON.plural.format(noun=noun) for noun in ASKED_NOUNS)

DEPICTIONS = (*ASKED_NOUNS, *_LEXICON.depictions)
"""Words for an image, which are not objects in it."""

FRAMES = (*DEPICTIONS, *_LEXICON.frames)
"""Words for an image as a whole, which are not places in it."""

NOUNS_AFTER_PLACE = _LEXICON.nouns_after_place
"""Nouns that turn a side into the name of an image: "the left picture"."""


def _phrases() -> Iterator[tuple[str, str]]:
    """(phrase, image) pairs from the templates of the lexicon."""
    or_pronoun = (*IMAGE_NOUNS, *_LEXICON.pronoun)
    for key, templates, groups, nouns in (
        ("name", _LEXICON.named, _LEXICON.names, or_pronoun),
        ("mark", _LEXICON.marked, _LEXICON.marks, IMAGE_NOUNS),
        ("number", _LEXICON.numbered, _LEXICON.numbers, IMAGE_NOUNS),
    ):
        for image, words in groups.items():
            for template, word, noun in product(templates, words, nouns):
                yield template.format_map({key: word, "noun": noun}), image
    for groups, nouns in ((_LEXICON.with_noun, IMAGE_NOUNS), (_LEXICON.with_noun_or_pronoun, or_pronoun)):
        for image, templates in groups.items():
            for template, noun in product(templates, nouns):
                yield template.format_map({"noun": noun}), image
    for image, phrases in _LEXICON.phrases.items():
        for phrase in phrases:
            yield phrase, image


_IMAGE_PHRASES = Phrases(_phrases())
_AFTER_BARE = VERBS | CONJUNCTIONS | DETERMINERS | _LEXICON.after_bare


def find_images(text: str | Text) -> list[Mention]:
    """Mentions of the images; `value` is first (original), second (modified) or both."""
    text = as_text(text)
    return mentions_of(text, image_hits(text.words))


def image_hits(words: Words) -> list[Hit]:
    """Images named in a clause: first, second or both."""
    return [hit for hit in _IMAGE_PHRASES.scan(words) if _is_image(words, hit)]


def _is_image(words: Words, hit: Hit) -> bool:
    last, after = words[hit.last - 1].text, joined_after(words, hit.last)
    if last in _LEXICON.bare and after and after not in _AFTER_BARE:
        return False  # "in the second row", "the other cup"
    is_ordinal = words[hit.first].text == "the" and last in _LEXICON.ordinals
    return not is_ordinal or after in _LEXICON.holding  # "the first is the car"

"""The names that answers use for the two images: "the first image", "picture 2", "the original", "both"."""

import re
from collections.abc import Iterator
from itertools import product

from spd_faith.language.lexicon import LexiconFile, Phrase, PhraseList, WordSet, any_of, load_lexicon
from spd_faith.language.word_classes import CONJUNCTIONS, DETERMINERS, VERBS
from spd_faith.language.words import (
    BROKEN,
    Hit,
    Mention,
    Phrases,
    Text,
    Word,
    Words,
    as_text,
    joined_after,
    mentions_of,
    words_within,
)


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
    sides: dict[str, PhraseList]
    sided: PhraseList
    sided_nouns: PhraseList
    halves: PhraseList
    wholes: PhraseList
    above: dict[str, PhraseList]
    placed: PhraseList
    both_sided: PhraseList
    letters: dict[str, PhraseList]
    before_letter: PhraseList
    after_letter: PhraseList
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
    for templates, key, groups, nouns in (
        (_LEXICON.named, "name", _LEXICON.names, or_pronoun),
        (_LEXICON.marked, "mark", _LEXICON.marks, IMAGE_NOUNS),
        (_LEXICON.numbered, "number", _LEXICON.numbers, IMAGE_NOUNS),
        (_LEXICON.sided, "side", _LEXICON.sides, _LEXICON.sided_nouns),
        (_LEXICON.placed, "above", _LEXICON.above, _LEXICON.sided_nouns),
    ):
        for image, words in groups.items():
            for template, word, noun in product(templates, words, nouns):
                yield template.format_map({key: word, "noun": noun}), image
    for groups, nouns in ((_LEXICON.with_noun, IMAGE_NOUNS), (_LEXICON.with_noun_or_pronoun, or_pronoun)):
        for image, templates in groups.items():
            for template, noun in product(templates, nouns):
                yield template.format_map({"noun": noun}), image
    for image, sides in _LEXICON.sides.items():
        for template, side, whole in product(_LEXICON.halves, sides, _LEXICON.wholes):
            yield template.format_map({"side": side, "whole": whole}), image
    pairs = zip(_LEXICON.sides["first"], _LEXICON.sides["second"], strict=True)
    for template, (first, second), noun in product(_LEXICON.both_sided, pairs, _LEXICON.sided_nouns):
        yield template.format_map({"first": first, "second": second, "noun": noun}), "both"
    for image, phrases in _LEXICON.phrases.items():
        for phrase in phrases:
            yield phrase, image


_IMAGE_PHRASES = Phrases(_phrases())
_LETTERS = {letter.upper(): image for image, letters in _LEXICON.letters.items() for letter in letters}
_LETTER = re.compile(
    rf"\b(?i:{any_of(_LEXICON.before_letter)}) (?P<letter>{'|'.join(_LETTERS)})"
    rf"(?=[.,;:!?)]|$| {any_of(_LEXICON.after_letter)}\b)"
)
_AFTER_BARE = VERBS | CONJUNCTIONS | DETERMINERS | _LEXICON.after_bare


def find_images(text: str | Text) -> list[Mention]:
    """Mentions of the images; `value` is first (original), second (modified) or both."""
    text = as_text(text)
    return mentions_of(text, sorted([*image_hits(text.words), *letter_hits(text)]))


def image_hits(words: Words) -> list[Hit]:
    """Images named in a clause: first, second or both."""
    return [hit for hit in _IMAGE_PHRASES.scan(words) if _is_image(words, hit)]


def letter_hits(text: Text) -> list[Hit]:
    """Images named by a capital letter alone: "in B"."""
    hits = []
    for letter in _LETTER.finditer(text.text):
        at = words_within(text.words, *letter.span("letter")).start
        hits.append(Hit(at, at + 1, _LETTERS[letter["letter"]]))
    return hits


def _is_image(words: Words, hit: Hit) -> bool:
    last, after = words[hit.last - 1].text, joined_after(words, hit.last)
    if last in _LEXICON.bare and after and after not in _AFTER_BARE:
        return False  # "in the second row", "the other cup"
    is_ordinal = words[hit.first].text == "the" and last in _LEXICON.ordinals
    if not is_ordinal or after in _LEXICON.holding:  # not "the first is the car"
        return True
    return words[hit.last + 1 : hit.last + 2] != () and _is_glossed(words[hit.last], words[hit.last + 1])


def _is_glossed(gloss: Word, noun: Word) -> bool:
    """Whether a word in brackets stands before the noun: "the second (right) picture"."""
    return gloss.tie == noun.tie == BROKEN and noun.text in IMAGE_NOUNS

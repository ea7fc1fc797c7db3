"""Places in an image: sides, corners, rows and columns."""

import re
from collections.abc import Iterator
from itertools import product

from spd_faith.language.image_words import NOUNS_AFTER_PLACE, image_hits
from spd_faith.language.lexicon import LexiconFile, PhraseList, WordSet, load_lexicon
from spd_faith.language.words import Hit, Mention, Phrases, Text, Words, as_text, joined_after, mentions_of, word_before


class _Exceptions(LexiconFile):
    after: WordSet
    before: WordSet


class _NotAfter(LexiconFile):
    before: WordSet
    after: WordSet


class _Places(LexiconFile):
    vertical: dict[str, PhraseList]
    horizontal: dict[str, PhraseList]
    others: dict[str, PhraseList]
    lines: dict[str, PhraseList]
    ordinals: dict[str, PhraseList]
    side_words: WordSet
    no_left: _Exceptions
    no_right: _Exceptions
    still_right: _Exceptions


_LEXICON = load_lexicon("places", _Places)
_MAX_LINES = 9  # numbered rows or columns


def _by_word(groups: dict[str, PhraseList]) -> list[tuple[str, str]]:
    return [(word, value) for value, words in groups.items() for word in words]


def _phrases() -> Iterator[tuple[str, str]]:
    vertical, horizontal = _by_word(_LEXICON.vertical), _by_word(_LEXICON.horizontal)
    for (row, top), (side, left) in product(vertical, horizontal):
        yield f"{row} {side}", f"{top} {left}"
        yield f"{side} {row}", f"{top} {left}"
    yield from (*vertical, *horizontal, *_by_word(_LEXICON.others))
    for word, line in _by_word(_LEXICON.lines):
        for ordinal, number in _by_word(_LEXICON.ordinals):
            yield f"{ordinal} {word}", f"{line} {number}"
        for position in range(1, _MAX_LINES + 1):
            yield f"{word} {position}", f"{line} {position}"


_PLACE_PHRASES = Phrases(_phrases())
_BRACKETS = re.compile(r"\([^()\n]{1,30}\)")


def find_places(text: str | Text) -> list[Mention]:
    """Mentions of places in an image; `value` is left, right, top, bottom, center, "top left", "row 2", …"""
    text = as_text(text)
    hits = place_hits(text.words)
    glosses = _glosses(text) if hits else []
    return [place for place in mentions_of(text, hits) if not any(a < place.start < b for a, b in glosses)]


def _glosses(text: Text) -> list[tuple[int, int]]:
    """The brackets directly after the name of an image: "the first image (left)"."""
    brackets = [match.span() for match in _BRACKETS.finditer(text.text)]
    ends = {text.words[image.last - 1].end for image in image_hits(text.words)} if brackets else set()
    return [(start, end) for start, end in brackets if not ends.isdisjoint((start - 1, start))]


def place_hits(words: Words) -> list[Hit]:
    """Places named in a clause; "the picture on the left", "has left" and "right next to" are not places."""
    hits = [hit for hit in _PLACE_PHRASES.scan(words) if _is_place(words, hit)]
    images = image_hits(words) if hits else []
    return [hit for hit in hits if not any(image.first <= hit.first < image.last for image in images)]


def _is_place(words: Words, hit: Hit) -> bool:
    if _names_image(words, hit):
        return False
    if hit.last - hit.first > 1:
        return True
    text, before, after = words[hit.first].text, word_before(words, hit.first), joined_after(words, hit.last)
    if text == "left":
        return before not in _LEXICON.no_left.after and after not in _LEXICON.no_left.before
    if text == "right":
        still = _LEXICON.still_right
        if after in still.before and before in still.after:
            return True
        return before not in _LEXICON.no_right.after and after not in _LEXICON.no_right.before
    return True


def _names_image(words: Words, hit: Hit) -> bool:
    """Whether a place is part of the name of an image: "the left picture", "the right hand image"."""
    after = joined_after(words, hit.last)
    if after in _LEXICON.side_words:
        after = joined_after(words, hit.last + 1)
    return after in NOUNS_AFTER_PLACE

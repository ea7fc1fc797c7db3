"""The layout of an answer: headings, ordinals, the image that a section is about."""

import re
from bisect import bisect_right
from collections.abc import Sequence

from spd_faith.language.attributes import one_image
from spd_faith.language.image_words import find_images
from spd_faith.language.lexicon import LexiconFile, PhraseList, any_of, load_lexicon


class _Layout(LexiconFile):
    numbered: PhraseList
    ordinals: PhraseList
    the: PhraseList
    adverb_endings: PhraseList


_WORDS = load_lexicon("layout", _Layout)

NUMBERED = _WORDS.numbered
"""Nouns by which an answer numbers its entries: "Difference 1"."""

_MARKS = re.compile(r"\*\*|__|`|(?<![\w*])\*(?=\w)|(?<=\w)\*(?!\w)")
_HEADING = re.compile(r"\s{0,9}(?:#{1,6}\s|(?:[-*\d.)]{1,4}\s{1,3})?\*\*[^*\n]{1,200}\*\*:?\s*$|[^\n]{1,200}:\s*$)")
_ORDINAL = re.compile(
    rf"\W{{0,3}}(?:{any_of(_WORDS.the)}\s)?({any_of(_WORDS.ordinals)})"
    rf"(?:{any_of(_WORDS.adverb_endings)}\b|\s?[,:]|\s{any_of(_WORDS.numbered)}\b)",
    re.I,
)


def without_marks(text: str) -> str:
    """The text with emphasis marks replaced by spaces, which keeps all positions."""
    return _MARKS.sub(lambda mark: " " * len(mark.group()), text)


def quoted(text: str) -> str:
    """A piece of an answer for quoting: without emphasis marks, with single spaces."""
    return " ".join(without_marks(text).split())


class Lines:
    """The lines of an answer: headings, and the image that a heading names."""

    def __init__(self, text: str, plain: str) -> None:
        """`plain` is the result of `without_marks(text)`."""
        self._starts = [0, *(match.end() for match in re.finditer("\n", text))]
        self._headings = [bool(_HEADING.match(line)) for line in text.split("\n")]
        self._images = _images_of(plain.split("\n"), self._headings)

    def at(self, place: int) -> int:
        return bisect_right(self._starts, place) - 1

    def is_heading(self, line: int) -> bool:
        return self._headings[line]

    def image(self, line: int) -> int | None:
        return self._images[line]


def _images_of(lines: Sequence[str], headings: Sequence[bool]) -> list[int | None]:
    """The image that each line is about, according to its heading; an empty line ends the section."""
    images: list[int | None] = []
    image = None
    for line, is_heading in zip(lines, headings, strict=True):
        if is_heading or not line.strip():
            image = one_image(find_images(line)) if is_heading else None
        images.append(image)
    return images


def ordinal_of(clause: str) -> int | None:
    """The ordinal at the start of a clause: 1 for "first", "firstly", "the first difference"."""
    ordinal = _ORDINAL.match(clause)
    return _WORDS.ordinals.index(ordinal[1].lower()) + 1 if ordinal else None

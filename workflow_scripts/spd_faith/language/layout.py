"""What the layout of an answer says: headings, numbered entries, the picture that a section speaks of."""

import re
from bisect import bisect_right

from spd_faith.language.attributes import one_picture
from spd_faith.language.image_words import find_pictures

_MARKS = re.compile(r"\*\*|__|`|(?<![\w*])\*(?=\w)|(?<=\w)\*(?!\w)")
_HEADING = re.compile(r"\s{0,9}(?:#{1,6}\s|(?:[-*\d.)]{1,4}\s{1,3})?\*\*[^*\n]{1,200}\*\*:?\s*$|[^\n]{1,200}:\s*$)")
_NUMBER = re.compile(r"[\s\-*#>(]{0,9}(?:(?:difference|change)\s?#?)?(\d{1,2})\s?[.):]", re.I)
_ORDINALS = ("first", "second", "third", "fourth", "fifth", "sixth")
_ORDINAL = re.compile(rf"\W{{0,3}}(?:the\s)?({'|'.join(_ORDINALS)})(?:ly\b|\s?[,:]|\s(?:difference|change)\b)", re.I)
_CLOSING = re.compile(r"\W{0,3}(?:in (?:summary|conclusion|total)|summary|to sum up|overall|so,|therefore)", re.I)


def without_marks(text: str) -> str:
    """The text with spaces in the place of marks of emphasis, so that every place stays where it is."""
    return _MARKS.sub(lambda mark: " " * len(mark.group()), text)


class Lines:
    """The lines of an answer: which are headings, which are numbered, which picture a heading speaks of."""

    def __init__(self, text: str, plain: str) -> None:
        self._starts = [0, *(match.end() for match in re.finditer("\n", text))]
        lines = text.split("\n")
        self._headings = [bool(_HEADING.match(line)) for line in lines]
        self._numbers: list[int | None] = []
        self._pictures: list[int | None] = []
        picture = None
        for line, heading in zip(plain.split("\n"), self._headings, strict=True):
            number = _NUMBER.match(line)
            self._numbers.append(int(number[1]) if number else None)
            if heading or not line.strip():
                picture = one_picture(find_pictures(line)) if heading else None
            self._pictures.append(picture)
        self._list = 0
        self._seen = -1

    def at(self, place: int) -> int:
        return bisect_right(self._starts, place) - 1

    def is_heading(self, line: int) -> bool:
        return self._headings[line]

    def picture(self, line: int) -> int | None:
        return self._pictures[line]

    def entry(
        self, line: int, plain: str, start: int, clause: str, earlier: tuple[int, int] | None
    ) -> tuple[int, int] | None:
        """The entry that a clause belongs to: its line's number or its own ordinal opens one, a summary closes all."""
        number = None
        if line != self._seen:
            number = self._numbers[line]
        self._seen = line
        if number is None and (ordinal := _ORDINAL.match(clause)):
            number = _ORDINALS.index(ordinal[1].lower()) + 1
        if number is None:
            return None if _CLOSING.match(plain, start) else earlier
        if earlier is None or number <= earlier[1]:
            self._list += 1
        return self._list, number

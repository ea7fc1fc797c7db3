"""Layouts that set one picture against the other: table rows, lines by picture, "car: red / blue"."""

import re
from collections.abc import Iterator
from typing import NamedTuple

from spd_faith.language.assertions import Assertion, off_side
from spd_faith.language.attributes import one_picture
from spd_faith.language.colors import find_colors
from spd_faith.language.image_words import find_pictures
from spd_faith.language.objects import find_objects
from spd_faith.language.places import find_places
from spd_faith.language.states import untold_words
from spd_faith.language.words import word_set, words_of

_BULLET = r"[\s>#*_•·▪●◦‣-]{0,12}(?:\d{1,2}[.)]\s)?\s{0,4}"
_PICTURE_LINE = re.compile(rf"{_BULLET}(?P<picture>[^:\n|]{{1,40}}?)\s?[:–—]\s?(?P<told>[^\n]{{1,120}})$")
_PAIR_LINE = re.compile(
    rf"{_BULLET}(?P<name>[^:\n/|]{{1,40}}?)\s?[:–—-]\s(?P<before>[^:\n/|]{{1,30}}?)\s?(?:/|\bvs\.?|\|)\s?"
    r"(?P<after>[^:\n/|]{1,30}?)[\s.,;]{0,3}$"
)
_ABSENT = re.compile(
    r"\W{0,3}(?:no|not|none|absent|missing|removed|gone|nothing|empty|without|lack\w*|disappeared|vanished|n/?a|false"
    r"|isn['’]t|0)\b|\s{0,3}[–—✗❌✘✕×-]\s{0,3}$",
    re.I,
)
_SEPARATOR = re.compile(r"\s*\|?[\s:|-]{3,}$")
_LONGEST_NAME = 6  # words
_LONGEST_LABEL = 4


_BEFORE = word_set("before was then original originally")
_AFTER = word_set("after now is modified edited")
_COLUMNS = (word_set("first 1st 1 one a left"), word_set("second 2nd 2 two b right"))  # where a header has both


def _column_of(label: str) -> int | None:
    """The picture that the head of a column names."""
    words = [word.text for word in words_of(label)]
    if len(words) == 1:
        for picture, names in enumerate(_COLUMNS):
            if words[0] in names:
                return picture
    return _picture_of(label)


def _picture_of(label: str) -> int | None:
    """The picture that the label of a line names."""
    words = [word.text for word in words_of(label)]
    if len(words) == 1 and words[0] in _BEFORE | _AFTER:
        return int(words[0] in _AFTER)
    return one_picture(find_pictures(label)) if len(words) <= _LONGEST_LABEL else None


class _Line(NamedTuple):
    start: int
    text: str


def find_pairs(plain: str) -> tuple[list[Assertion], str]:
    """What such layouts assert, and the text with spaces in their place."""
    found: list[Assertion] = []
    rest = plain
    for said in (*_tables(plain), *_picture_lines(plain), *_pair_lines(plain)):
        found.append(said)
        blank = re.sub(r"[^\n]", " ", plain[said.start : said.end])
        rest = rest[: said.start] + blank + rest[said.end :]
    return found, rest


def _lines(plain: str) -> list[_Line]:
    start = 0
    found = []
    for text in plain.split("\n"):
        found.append(_Line(start, text))
        start += len(text) + 1
    return found


def contrast(plain: str, span: tuple[int, int], names: list[str], before: str, after: str) -> list[Assertion]:
    """What it says of an object that the first picture has it so and the second so."""
    gone = [bool(_ABSENT.match(told)) for told in (before, after)]
    colors, places = (
        tuple(next((m.value for m in find(told)), None) for told in (before, after))
        for find in (find_colors, find_places)
    )
    kind, change = "difference", "other"
    if gone[0] != gone[1]:
        change = "remove" if gone[1] else "added"
    elif all(colors) and colors[0] != colors[1]:
        change = "color"
    elif all(places) and (off_side(*places) or places[0] != places[1]):
        change = "position"
    elif [w.text for w in words_of(before)] == [w.text for w in words_of(after)]:
        kind, change = "sameness", "color" if all(colors) else "position" if all(places) else None
    text = " ".join(plain[slice(*span)].split())
    details = untold_words(before) if kind == "sameness" else frozenset()
    return [
        Assertion(
            text, kind, (name,), change, colors=colors, places=places, start=span[0], end=span[1], details=details
        )
        for name in names
    ]


def _names(text: str) -> list[str]:
    if [word.text.removesuffix("s") for word in words_of(text)] == ["orange"]:
        return ["orange"]  # a title names the fruit
    return list(dict.fromkeys(mention.value for mention in find_objects(text)))[:1]


def _title(text: str) -> str | None:
    """The object that a short line or cell names, known or not."""
    if len(words_of(text)) > _LONGEST_NAME or find_pictures(text):
        return None
    known = _names(text)
    return known[0] if known else None


def _picture_lines(plain: str) -> Iterator[Assertion]:
    """Two lines on end, one for each picture, under the name of an object."""
    title: str | None = None
    told: tuple[_Line, int, str] | None = None
    for line in _lines(plain):
        match = _PICTURE_LINE.match(line.text)
        picture = _picture_of(match["picture"]) if match else None
        if picture is None:
            told = None
            if line.text.strip():
                title = _title(line.text)
            continue
        if told and picture == 1 and told[1] == 0:
            names = [title] if title else []
            if not names and len(find_objects(told[2])) == 1:
                names = _names(told[2])
            start = told[0].start + len(told[0].text) - len(told[0].text.lstrip(" \t-*•>"))
            if names and len(find_objects(told[2])) < 3:
                yield from contrast(plain, (start, line.start + len(line.text)), names, told[2], match["told"])
            told = None
            continue
        told = (line, picture, match["told"])


def _pair_lines(plain: str) -> Iterator[Assertion]:
    """Lines "umbrella: red / green"."""
    for line in _lines(plain):
        match = _PAIR_LINE.match(line.text)
        if match and (title := _title(match["name"])):
            span = line.start + match.start("name"), line.start + match.end("after")
            yield from contrast(plain, span, [title], match["before"], match["after"])


def _cells(text: str) -> list[str]:
    return [cell.strip() for cell in text.strip().strip("|").split("|")]


def _tables(plain: str) -> Iterator[Assertion]:
    """Rows of tables that have a column for each picture."""
    header: list[str] = []
    previous: _Line | None = None
    for line in _lines(plain):
        if line.text.count("|") < 2:
            header, previous = [], None
            continue
        if _SEPARATOR.match(line.text) and previous:
            header = _cells(previous.text)
        elif header:
            yield from _row(plain, line, header)
        previous = line


def _row(plain: str, line: _Line, header: list[str]) -> Iterator[Assertion]:
    cells = _cells(line.text)
    pictures = {_column_of(name): k for k, name in enumerate(header) if k < len(cells)}
    pictures.pop(None, None)
    if len(pictures) < 2:
        return
    title = next((t for k, cell in enumerate(cells) if k not in pictures.values() and (t := _title(cell))), None)
    if title:
        start = line.start + len(line.text) - len(line.text.lstrip(" |"))
        yield from contrast(
            plain, (start, line.start + len(line.text.rstrip(" |"))), [title], cells[pictures[0]], cells[pictures[1]]
        )

"""Reads layouts that compare the two images: table rows, one line per image, "car: red / blue"."""

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from spd_faith.core.difference_types import DifferenceType
from spd_faith.language.assertions import Assertion, AssertionKind, Span, Values, may_be_same
from spd_faith.language.attributes import one_image
from spd_faith.language.change_kinds import Change, FurtherChange, absence_from
from spd_faith.language.colors import find_colors
from spd_faith.language.document import object_of_title
from spd_faith.language.image_words import find_images
from spd_faith.language.lexicon import LexiconFile, PhraseList, WordSet, any_of, load_lexicon
from spd_faith.language.objects import find_objects
from spd_faith.language.places import find_places
from spd_faith.language.sides import counted
from spd_faith.language.states import further_words
from spd_faith.language.word_classes import VERBS
from spd_faith.language.words import Mention, words_of


class _SideBySide(LexiconFile):
    absent: PhraseList
    absent_stems: PhraseList
    versus: PhraseList
    before: WordSet
    after: WordSet
    first_column: WordSet
    second_column: WordSet
    fruits: PhraseList
    plural_ending: PhraseList


_WORDS = load_lexicon("side_by_side", _SideBySide)

_BULLET = r"[\s>#*_•·▪●◦‣-]{0,12}(?:\d{1,2}[.)]\s)?\s{0,4}"
_IMAGE_LINE = re.compile(rf"{_BULLET}(?P<image>[^:\n|]{{1,40}}?)\s?[:–—]\s?(?P<stated>[^\n]{{1,120}})$")
_PAIR_LINE = re.compile(
    rf"{_BULLET}(?P<name>[^:\n/|]{{1,40}}?)\s?[:–—-]\s(?P<before>[^:\n/|]{{1,30}}?)\s?"
    rf"(?:/|\b{any_of(_WORDS.versus)}|\|)\s?(?P<after>[^:\n/|]{{1,30}}?)[\s.,;]{{0,3}}$"
)
_ABSENT = re.compile(
    rf"\W{{0,3}}(?:{any_of(_WORDS.absent)}|{any_of(_WORDS.absent_stems)}\w*)\b|\s{{0,3}}[–—✗❌✘✕×-]\s{{0,3}}$", re.I
)
_SEPARATOR = re.compile(r"\s*\|?[\s:|-]{3,}$")
_LONGEST_NAME = 6  # words
_LONGEST_LABEL = 4


def _column_of(label: str) -> int | None:
    """The image that a column header names."""
    words = [word.text for word in words_of(label)]
    if len(words) == 1:
        for image, names in enumerate((_WORDS.first_column, _WORDS.second_column)):
            if words[0] in names:
                return image
    return _image_of(label)


def _image_of(label: str) -> int | None:
    """The image that the label of a line names."""
    words = [word.text for word in words_of(label)]
    if len(words) == 1 and words[0] in _WORDS.before | _WORDS.after:
        return int(words[0] in _WORDS.after)
    return one_image(find_images(label)) if len(words) <= _LONGEST_LABEL else None


class _Line(NamedTuple):
    start: int
    text: str


def find_pairs(plain: str) -> tuple[list[Assertion], str]:
    """(assertions of such layouts, the text with spaces in their place)."""
    found: list[Assertion] = []
    rest = plain
    for said in (*_tables(plain), *_image_lines(plain), *_pair_lines(plain)):
        found.append(said)
        blank = re.sub(r"[^\n]", " ", plain[said.span.start : said.span.end])
        rest = rest[: said.span.start] + blank + rest[said.span.end :]
    return found, rest


def _lines(plain: str) -> list[_Line]:
    start = 0
    found = []
    for text in plain.split("\n"):
        found.append(_Line(start, text))
        start += len(text) + 1
    return found


def _contrast(plain: str, span: Span, name: str, before: str, after: str) -> Assertion:
    """The assertion that an object is as `before` says in the first image and as `after` says in the second."""
    colors, places = ((_first_value(find(before)), _first_value(find(after))) for find in (find_colors, find_places))
    is_same = [word.text for word in words_of(before)] == [word.text for word in words_of(after)]
    change = _absence(before, after) or _changed_value(colors, places) or _changed_number(name, before, after)
    kind = AssertionKind.DIFFERENCE if change or not is_same else AssertionKind.SAMENESS
    if kind == AssertionKind.SAMENESS:
        change = DifferenceType.COLOR if all(colors) else DifferenceType.POSITION if all(places) else None
    elif change is None:
        change = FurtherChange.OTHER
    return Assertion(
        " ".join(plain[span.start : span.end].split()),
        kind,
        (name,),
        change,
        colors=colors,
        places=places,
        span=span,
        details=further_words(before) if kind == AssertionKind.SAMENESS else frozenset(),
    )


def _first_value(mentions: Sequence[Mention]) -> str | None:
    return mentions[0].value if mentions else None


def _absence(before: str, after: str) -> Change | None:
    """The change of an object that only one image has."""
    absent = [bool(_ABSENT.match(stated)) for stated in (before, after)]
    return absence_from(absent.index(True)) if absent[0] != absent[1] else None


def _changed_number(name: str, before: str, after: str) -> Change | None:
    return next((one.change for one in counted((before, after), name) if may_be_same(one.name, name)), None)


def _changed_value(colors: Values, places: Values) -> Change | None:
    for change, (before, after) in ((DifferenceType.COLOR, colors), (DifferenceType.POSITION, places)):
        if before and after and before != after:
            return change
    return None


def _names(text: str) -> list[str]:
    words = [word.text.removesuffix(_WORDS.plural_ending[0]) for word in words_of(text)]
    if words in ([fruit] for fruit in _WORDS.fruits):
        return words
    return list(dict.fromkeys(mention.value for mention in find_objects(text)))[:1]


def _title(text: str) -> str | None:
    """The object that a short line or cell names."""
    if len(words_of(text)) > _LONGEST_NAME or find_images(text):
        return None
    known = _names(text)
    return known[0] if known else None


class _ImageLine(NamedTuple):
    """A line that describes an object in one image."""

    line: _Line
    image: int
    stated: str

    @property
    def start(self) -> int:
        """The start of the label, after the bullet."""
        return self.line.start + len(self.line.text) - len(self.line.text.lstrip(" \t-*•>"))


def _image_line(line: _Line) -> _ImageLine | None:
    match = _IMAGE_LINE.match(line.text)
    image = _image_of(match["image"]) if match else None
    return _ImageLine(line, image, match["stated"]) if match and image is not None else None


def _image_lines(plain: str) -> Iterator[Assertion]:
    """Two consecutive lines, one per image, below the name of an object."""
    title = ""  # the line that may name it
    first: _ImageLine | None = None
    for line in _lines(plain):
        found = _image_line(line)
        if found is None:
            first = None
            if line.text.strip():
                title = line.text
        elif first and found.image == 1 and first.image == 0:
            if not (_is_sentence(first.stated) or _is_sentence(found.stated)) and (
                name := _name_of(_title(title) or object_of_title(title), first.stated)
            ):
                span = Span(first.start, line.start + len(line.text))
                yield _contrast(plain, span, name, first.stated, found.stated)
            first = None
        else:
            first = found


def _is_sentence(stated: str) -> bool:
    """Whether a description is a sentence, which the reader of clauses understands better."""
    words = [word.text for word in words_of(stated)]
    return len(words) > _LONGEST_LABEL and not VERBS.isdisjoint(words)


def _name_of(title: str | None, stated: str) -> str | None:
    """The object of two lines: the one in their title, else the only one in the first line."""
    objects = find_objects(stated)
    if len(objects) > 2:
        return None
    if title or len(objects) != 1:
        return title
    return next(iter(_names(stated)), None)


def _pair_lines(plain: str) -> Iterator[Assertion]:
    """Lines such as "umbrella: red / green"."""
    for line in _lines(plain):
        match = _PAIR_LINE.match(line.text)
        if match and (title := _title(match["name"])):
            span = Span(line.start + match.start("name"), line.start + match.end("after"))
            yield _contrast(plain, span, title, match["before"], match["after"])


def _cells(text: str) -> list[str]:
    return [cell.strip() for cell in text.strip().strip("|").split("|")]


def _tables(plain: str) -> Iterator[Assertion]:
    """Rows of tables with a column per image."""
    header: list[str] = []
    previous: _Line | None = None
    for line in _lines(plain):
        if line.text.count("|") < 2:
            header, previous = [], None
            continue
        if _SEPARATOR.match(line.text) and previous:
            header = _cells(previous.text)
        elif header and (said := _row(plain, line, header)):
            yield said
        previous = line


def _row(plain: str, line: _Line, header: list[str]) -> Assertion | None:
    cells = _cells(line.text)
    columns = {_column_of(name): k for k, name in enumerate(header) if k < len(cells)}
    columns.pop(None, None)
    if len(columns) < 2:
        return None
    titles = (_title(cell) for k, cell in enumerate(cells) if k not in columns.values())
    title = next(filter(None, titles), None)
    if title is None:
        return None
    start = line.start + len(line.text) - len(line.text.lstrip(" |"))
    span = Span(start, line.start + len(line.text.rstrip(" |")))
    return _contrast(plain, span, title, cells[columns[0]], cells[columns[1]])

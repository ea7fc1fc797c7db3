"""The structure of an answer: its items with their titles, the sections that they stand in, and its summary.

An answer is read line by line into a tree: headings hold paragraphs and lists, and items hold their sub-items. An item
of a list is one entry of the answer. So are a titled paragraph ("**Towel:** …") and a heading with the text below it,
unless the lines below have titles of their own.
"""

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from functools import lru_cache
from itertools import takewhile
from typing import NamedTuple

from spd_faith.language.attributes import one_image
from spd_faith.language.difference_nouns import COUNTED_NOUNS
from spd_faith.language.image_words import find_images
from spd_faith.language.layout import NUMBERED, ordinal_of, without_marks
from spd_faith.language.lexicon import LexiconFile, PhraseList, any_of, load_lexicon
from spd_faith.language.objects import find_objects
from spd_faith.language.subjects import BY_PHRASES, find_subjects
from spd_faith.language.word_classes import DETERMINERS, NO_OBJECTS, PREPOSITIONS
from spd_faith.language.words import words_of


class _Document(LexiconFile):
    comparing: PhraseList
    summaries: PhraseList
    sums_up: PhraseList
    counts_up: PhraseList
    similarities: PhraseList
    steps: PhraseList
    step: PhraseList
    fields: PhraseList
    of_titles: PhraseList
    in_titles: PhraseList
    articles: PhraseList
    owning: PhraseList


_WORDS = load_lexicon("document", _Document)


FIELDS = _WORDS.fields
"""Titles of the fields of an entry: "Type: color"."""


class Role(StrEnum):
    """What a section of an answer is for."""

    COMPARISON = "comparison"
    DESCRIPTION = "description"
    """Of one image, or of both before they are compared."""
    SIMILARITIES = "similarities"
    SUMMARY = "summary"
    OPEN = "open"
    """Not stated."""


class Section(NamedTuple):
    """Characters `[start, end)` with one role."""

    start: int
    end: int
    role: Role


class Item(NamedTuple):
    """An entry of an answer at `[start, end)`, with its sub-items; its title is at `[start, title_end)`.

    `entry` are the numbers of its list and of the item.
    """

    start: int
    end: int
    title: str
    title_end: int
    role: Role
    entry: tuple[int, int]


class Document(NamedTuple):
    """Items and sections of an answer, each in order."""

    items: list[Item]
    sections: list[Section]

    def item_at(self, place: int) -> Item | None:
        at = bisect_right(self.items, place, key=lambda item: item.start) - 1
        return self.items[at] if at >= 0 and place < self.items[at].end else None

    def item_after(self, start: int, end: int) -> bool:
        """Whether an item starts in `[start, end)`."""
        at = bisect_left(self.items, start, key=lambda item: item.start)
        return at < len(self.items) and self.items[at].start < end

    def role_at(self, place: int) -> Role:
        at = bisect_right(self.sections, place, key=lambda section: section.start) - 1
        return self.sections[at].role if at >= 0 and place < self.sections[at].end else Role.OPEN


_BULLET = r"(?:[*•·▪●◦‣–-]|\+)(?=\s)"
_LINE = re.compile(
    rf"(?P<indent>[ \t]{{0,20}})(?:>\s?)?(?P<hashes>#{{1,6}}(?=\s))?\s?(?P<bullet>{_BULLET})?\s{{0,4}}"
    r"(?:\*\*|__)?(?P<number>\(?\d{1,2}[.)](?=[\s*])|"
    rf"{any_of(NUMBERED)}\s?#?\d{{1,2}}\s?(?:[.:)–—-](?=[\s*])|(?=\*\*)))?\s{{0,3}}",
    re.I,
)
_BOLD = re.compile(
    r"(?:\*\*|__)?(?P<title>[^*\n]{1,80}?)[:.]?\s?(?:\*\*|__)\s{0,2}(?:\([^()\n]{1,40}\))?[:–—-]?\s{0,3}"
)
_PLAIN = re.compile(r"(?P<title>[^:.!?;,|\n]{1,60}?)\s{0,2}(?::|\s[–—-])(?:\s{1,3}|$)")
_BOLD_LINE = re.compile(r"\s{0,8}(?:\*\*|__)[^*\n]{1,120}(?:\*\*|__)\s?:?\s{0,4}$")
_INLINE = re.compile(r"(?:^|(?<=\s))\(?(\d{1,2})[.)]\s|(?<=[.!?:])\s{1,3}(?=[A-Z])", re.M)
_TABLE_RULE = re.compile(r"^\s{0,4}\|?[\s:]{0,3}-{2,}[ :|-]{0,200}\|", re.M)
_LONGEST_ORDINAL = 40  # characters
_LONGEST_TITLE = 8  # words
_COMPARING = re.compile(rf"\b{any_of(_WORDS.comparing)}", re.I)
_SUMMARY = re.compile(rf"\W{{0,3}}(?:the |my )?{any_of(_WORDS.summaries)}\b", re.I)
_SUMS_UP = re.compile(
    rf"\W{{0,4}}(?:{any_of(_WORDS.sums_up)}\b"
    rf"|{any_of(_WORDS.counts_up)}\b[^.!?\n]{{0,80}}?\b{any_of((*COUNTED_NOUNS, *_WORDS.summaries))}\b)",
    re.I,
)
_SIMILARITIES = re.compile(rf"\b{any_of(_WORDS.similarities)}", re.I)
_STEP = re.compile(rf"\W{{0,4}}{any_of(_WORDS.step)}\b", re.I)
_DESCRIBES = re.compile(rf"\b{any_of(_WORDS.steps)}\b", re.I)
_RESPECT = re.compile(rf"(?:{any_of(_WORDS.articles)} )?{any_of(_WORDS.of_titles)} (?=\w)", re.I)
_RESPECT_AFTER = re.compile(rf"(?<=\w)(?:{any_of(_WORDS.owning)})? {any_of(_WORDS.in_titles)}$", re.I)
_LONGEST_NAME = 3  # words
_PARAGRAPH = 100  # the level of a line without title or mark
_TITLED = 8  # the level of a titled paragraph
_LISTED = 10  # the level of a list without indentation


@dataclass
class _Node:
    """A heading, item or paragraph with what stands below it."""

    start: int
    end: int
    level: int
    title: str = ""
    title_end: int = 0
    is_numbered: bool = False
    has_text: bool = False
    """Says something after the title."""
    children: list["_Node"] = field(default_factory=list)

    @property
    def image(self) -> int | None:
        """The image that the title names."""
        return image_of_title(self.title)

    @property
    def is_item(self) -> bool:
        is_heading = 0 < self.level < _TITLED
        return self.is_numbered or _TITLED <= self.level < _PARAGRAPH or (is_heading and self.names_object)

    @property
    def names_object(self) -> bool:
        """Whether a heading names one object, which the text below describes."""
        is_leaf = all(child.level == _PARAGRAPH or child.image is not None for child in self.children)
        is_short = bool(self.title) and len(words_of(self.title)) <= _LONGEST_NAME
        return is_leaf and bool(self.children) and is_short and len(find_objects(self.title)) == 1


def image_of_title(title: str) -> int | None:
    """The image that a short title names: "Image 1", "In the second picture"."""
    return one_image(find_images(title)) if title and len(words_of(title)) <= 5 else None


def object_of_title(title: str) -> str | None:
    """The object that a title names: a known one, else its words without articles; None if it names none."""
    if named := find_subjects(title, find_objects(title), BY_PHRASES):
        return named[0].value
    words = [word.text for word in words_of(title) if word.text not in DETERMINERS]
    head = list(takewhile(lambda word: word not in PREPOSITIONS, words))
    return " ".join(head) if head and len(head) <= _LONGEST_NAME and NO_OBJECTS.isdisjoint(head) else None


def without_respects(plain: str, items: Sequence[Item]) -> str:
    """The text without the respect in the title of each item that goes on to state it: "Position of the cup: …".

    Blanks keep all positions. `plain` is the result of `without_marks`.
    """
    parts: list[str] = []
    at = 0
    for item in items:
        respect = _RESPECT.match(item.title) or _RESPECT_AFTER.search(item.title)
        start = plain.find(item.title, item.start, item.title_end) if respect else -1
        if respect and start >= 0 and _states_sides(plain[item.title_end : item.end]):
            first, last = start + respect.start(), start + respect.end()
            parts += [plain[at:first], " " * (last - first)]
            at = last
    return "".join([*parts, plain[at:]])


def _states_sides(body: str) -> bool:
    """Whether the text of an item says how an image shows its object, not only that it differs."""
    return bool(find_images(body)) and not _COMPARING.search(body)


@lru_cache(maxsize=8)  # the reader of assertions and the parser ask for the same text
def read_document(text: str) -> Document:
    """The items and sections of an answer. Positions are those of `text`, which has its emphasis marks."""
    document = Document([], [])
    _collect(text, _tree(text), Role.OPEN, document)
    return document


def _collect(text: str, nodes: Sequence[_Node], role: Role, document: Document) -> None:
    """Add the items and sections of adjacent parts; `role` is that of the part above them."""
    for node in nodes:
        role = _role(text, node, role, bool(document.items) or node.start > _table_end(text))
        if _is_group(node) and role in (Role.COMPARISON, Role.OPEN):
            document.sections.append(Section(node.start, node.children[0].start, role))
            _collect(text, node.children, role, document)
            continue
        document.sections.append(Section(node.start, node.end, role))
        if role in (Role.COMPARISON, Role.OPEN):
            others = len(document.sections) - len(document.items)  # the same for all items of a list
            if node.is_item:
                entry = others, len(document.items)
                document.items.append(Item(node.start, node.end, node.title, node.title_end, role, entry))
            elif node.level == _PARAGRAPH:
                document.items.extend(_numbered_sentences(text, node, others))


@lru_cache(maxsize=1)
def _table_end(text: str) -> int:
    """The place after the head of the first table; that of the end of the text if there is none."""
    rule = _TABLE_RULE.search(text)
    return rule.end() if rule else len(text)


def _numbered_sentences(text: str, node: _Node, number_of_list: int) -> Iterator[Item]:
    """The items that a paragraph numbers itself: "1) the lid is open, 2) …", "First, the lid … Second, …"."""
    opened: list[tuple[int, int]] = []
    for mark, place, number in _numbers(text, node.start, node.end):
        if number == len(opened) + 1:
            opened.append((mark, place))
    if len(opened) > 1:
        ends = [*(mark for mark, _ in opened[1:]), node.end]
        for k, ((_, first), last) in enumerate(zip(opened, ends, strict=True)):
            yield Item(first, last, "", first, Role.COMPARISON, (number_of_list, k))


def _numbers(text: str, start: int, end: int) -> Iterator[tuple[int, int, int]]:
    """(start of the mark, end of the mark, number) of each inline number and each ordinal that opens a sentence."""
    if number := ordinal_of(text[start : start + _LONGEST_ORDINAL]):
        yield start, start, number
    for opening in _INLINE.finditer(text, start, end):
        place = opening.end()
        number = int(opening[1]) if opening[1] else ordinal_of(text[place : place + _LONGEST_ORDINAL])
        if number:
            yield opening.start(), place, number


def _is_group(node: _Node) -> bool:
    """Whether the lines below a heading are entries of their own, not the sides or the text of its entry."""
    inner = [child for child in node.children if child.is_item and child.title.lower() not in FIELDS]
    if any(child.image is not None for child in inner):
        return False
    if not inner:
        return bool(node.children) and not node.is_item
    return not node.is_numbered or all(child.title for child in inner)


def _role(text: str, node: _Node, before: Role, has_items: bool) -> Role:
    """The role of a part of an answer, given that of the part before it, or above it for the first."""
    if node.is_numbered or _LISTED <= node.level < _PARAGRAPH:
        return Role.OPEN if before == Role.SUMMARY else before
    if node.image is not None:
        return Role.DESCRIPTION
    head = node.title or without_marks(text[node.start : node.start + 200])
    if _SUMMARY.match(head) if node.title else has_items and _SUMS_UP.match(head):
        return Role.SUMMARY
    if node.title and _SIMILARITIES.search(head) and not _COMPARING.search(head):
        return Role.SIMILARITIES
    if _STEP.match(head) and _DESCRIBES.search(head):
        return Role.DESCRIPTION
    if _COMPARING.search(head):
        return Role.COMPARISON
    return Role.OPEN if node.title and before != Role.COMPARISON else before


def _tree(text: str) -> Sequence[_Node]:
    root = _Node(0, len(text), -1)
    path = [root]
    was_blank = True
    for start, line in _lines(text):
        if not line.strip():
            was_blank = True
            continue
        node = _node(start, line)
        while path[-1].level >= node.level or _is_closed(path[-1], node, line, was_blank):
            path.pop()
        if node.level == _PARAGRAPH and path[-1].level >= _LISTED and not was_blank:
            path[-1].has_text = True  # a line that continues the item
        else:
            path[-1].children.append(node)
            path.append(node)
        for holder in path[1:]:
            holder.end = start + len(line)
        was_blank = False
    return root.children


def _is_closed(holder: _Node, node: _Node, line: str, was_blank: bool) -> bool:
    """Whether a paragraph after an empty line no longer belongs to a list or to a titled paragraph."""
    return node.level == _PARAGRAPH and holder.level >= _TITLED and was_blank and not line.startswith((" ", "\t"))


def _lines(text: str) -> Iterator[tuple[int, str]]:
    start = 0
    for line in text.split("\n"):
        yield start, line
        start += len(line) + 1


def _node(start: int, line: str) -> _Node:
    opening = _LINE.match(line)
    assert opening  # every part of the pattern may be empty
    title, title_end, is_bold = _title(line, opening.end())
    rest = line[title_end:] if title else line[opening.end() :]
    node = _Node(
        start,
        start + len(line),
        _PARAGRAPH,
        title,
        start + title_end,
        bool(opening["number"]),
        any(map(str.isalnum, rest)),
    )
    indent = len(opening["indent"].expandtabs(4))
    if opening["hashes"]:
        node.level = len(opening["hashes"])
        node.title, node.title_end, node.has_text = (title or without_marks(rest).strip()), start + len(line), False
    elif opening["bullet"]:
        node.level = _LISTED + 1 + 2 * indent
    elif opening["number"] and not _BOLD_LINE.match(line):
        node.level = _LISTED + 2 * indent
    elif title and not node.has_text:
        node.level = _TITLED - 1
    elif title and (is_bold or image_of_title(title) is not None or find_objects(title)):
        node.level = _TITLED
    else:
        node.title, node.title_end = "", start
    return node


def _title(line: str, start: int) -> tuple[str, int, bool]:
    """(title, end, whether it is bold) of a line whose marks end at `start`; an empty title if there is none."""
    bold = _BOLD.match(line, start) if "**" in line[: start + 2] or "__" in line[: start + 2] else None
    title = bold or _PLAIN.match(line, start)
    if not title or len(words_of(title["title"])) > _LONGEST_TITLE:
        return "", start, False
    return title["title"].strip(" *_"), title.end(), bool(bold)

"""Splits a text into clauses: list items, sentences, and coordinated parts."""

import re
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

from spd_faith.language.asides import without_causes
from spd_faith.language.change_words import CHANGE_WORDS, TYPE_PHRASES
from spd_faith.language.colors import COLOR_CHANGE, color_hits
from spd_faith.language.grammar import CLITIC
from spd_faith.language.image_words import image_hits, letter_hits
from spd_faith.language.lexicon import LexiconFile, PhraseList, WordSet, any_of, load_lexicon
from spd_faith.language.objects import find_objects
from spd_faith.language.word_classes import ADVERBS, VERBS
from spd_faith.language.words import Text, with_following, words_within


class _Clauses(LexiconFile):
    items: PhraseList
    counted_stems: PhraseList
    abbreviations: PhraseList
    conjunctions: PhraseList
    after_conjunction: PhraseList
    after_comma: PhraseList
    listing: WordSet
    others: PhraseList
    after_other: PhraseList
    image_stems: PhraseList
    quantities: WordSet
    before_is: WordSet
    no_subject: WordSet
    owners: WordSet
    persons: WordSet
    opening_adverbs: WordSet


_LEXICON = load_lexicon("clauses", _Clauses)

_ITEM = re.compile(
    r"[\s>#*_•·▪●◦‣-]{0,12}(?:(?:\(?(?:\d{1,2}|[a-hA-H]|[ivx]{1,4})[.)](?=[\s*_])|"
    rf"{any_of(_LEXICON.items)}\s?#?\d{{0,2}}\s?[:.)-])[\s*_]{{0,6}})?",
    re.IGNORECASE,
)
_SENTENCE_END = re.compile(
    r"[.!?][\"'”’)*_]{0,4}(?=\s|$)|[。；;]|\n+|(?<=[:,)])\s(?=\(?\d{1,2}[.)]\s)"
    rf"|\s(?=\(\d{{1,2}}\)\s(?!{any_of(_LEXICON.counted_stems)}))",
    re.MULTILINE,
)
_ABBREVIATION = re.compile(rf"(?:\b{any_of(_LEXICON.abbreviations)}|^[\s*#>(-]*(?:\d{{1,2}}|[a-z]))$", re.IGNORECASE)
_COORDINATION = re.compile(
    rf",?\s{{1,4}}{any_of(_LEXICON.conjunctions)}\s(?:{any_of(_LEXICON.after_conjunction)}\s)?"
    rf"|,\s(?:{any_of(_LEXICON.after_comma)}\s)?",
    re.IGNORECASE,
)
_OTHER = re.compile(
    rf"\bthe {any_of(_LEXICON.others)}\b(?! {any_of(_LEXICON.image_stems)})(?= {any_of(_LEXICON.after_other)}\b)"
)
_BRACKETS = re.compile(r"\([^()\n]{1,80}\)|\s[–—]\s[^–—\n:;]{1,80}\s[–—](?=\s)")
_LONGEST_ENTRY = 3  # words
_OPENING = 8  # characters of a part that contain its subject
_OWNED = 12  # characters from "its" to the noun
_LONGEST_SENTENCE = 1000  # characters
_NO_OPENERS = _LEXICON.no_subject | VERBS | CHANGE_WORDS | (ADVERBS - _LEXICON.opening_adverbs)

_Span = tuple[int, int]


@dataclass(frozen=True)
class Clause(Text):
    """A part of a text at `[start, end)` that asserts at most one thing about its subject."""

    start: int
    end: int


@lru_cache(maxsize=8)  # the rules of a verdict and the readers of an item ask for the same text
def split_clauses(text: str) -> tuple[Clause, ...]:
    """Split a text into list items, sentences, and coordinated parts with a subject and an assertion of their own.

    "The car is gone and the cup moved" is two clauses; "the car and the cup moved", "the car moved and changed color",
    "from red to blue", "red in the first picture and blue in the second" stay whole.
    """
    clauses = []
    text = without_causes(text)
    for start, end in _sentences(text):
        for first, last in _coordinates(text, start, end):
            clause = _trimmed(text, first, last)
            if clause:
                clauses.append(clause)
    return tuple(clauses)


def _sentences(text: str) -> Iterable[tuple[int, int]]:
    start = 0
    for match in _SENTENCE_END.finditer(text):
        if match.group().startswith(".") and _ABBREVIATION.search(text[max(start, match.start() - 8) : match.start()]):
            continue
        yield from _pieces(text, start, match.end())
        start = match.end()
    yield from _pieces(text, start, len(text))


def _pieces(text: str, start: int, end: int) -> Iterable[tuple[int, int]]:
    """A sentence in pieces of bounded length, which keeps the run time linear for any text."""
    while end - start > _LONGEST_SENTENCE:
        cut = text.rfind(" ", start + 1, start + _LONGEST_SENTENCE)
        cut = cut if cut > 0 else start + _LONGEST_SENTENCE
        yield start, cut
        start = cut
    yield start, end


def _trimmed(text: str, start: int, end: int) -> Clause | None:
    item = _ITEM.match(text, start, end)
    start = item.end() if item else start
    while end > start and not (text[end - 1].isalnum() or text[end - 1] in "%)\"'"):
        end -= 1
    return Clause(text[start:end], start, end) if any(map(str.isalnum, text[start:end])) else None


def _coordinates(text: str, start: int, end: int) -> list[_Span]:
    """Split a sentence at conjunctions and commas with an object and a predicate on both sides."""
    sentence = Text(text[start:end])
    brackets = [match.span() for match in _BRACKETS.finditer(sentence.text)]
    joints = _joints(sentence.text, brackets)
    objects = _objects(sentence) if joints else []
    if len(objects) < 2:
        return [(start, end)]
    found = _contents(sentence, objects)
    closed = [last for _, last in brackets]
    parts = []
    begin = earlier = 0
    for joint, following in with_following(joints):
        stop = following[0] if following else len(sentence.text)
        if joint[0] in closed and _holds(closed, (joint[1], stop + 1)):
            is_cut = True  # "the bench (brown, now blue), the kite (gone)"
        else:
            leads_in = found.only_images((earlier, joint[0]))  # "…, while in the second picture, there is no bear"
            earlier = joint[1]
            is_cut = not leads_in and found.is_cut_at(joint, (begin, joint[0]), (joint[1], stop), following)
        if is_cut:
            parts.append((start + begin, start + joint[0]))
            begin = joint[1]
    return [*parts, (start + begin, end)]


def _joints(sentence: str, brackets: list[_Span]) -> list[_Span]:
    """The conjunctions and commas of a sentence outside brackets."""
    spans = (joint.span() for joint in _COORDINATION.finditer(sentence))
    return [span for span in spans if not any(first < span[0] < last for first, last in brackets)]


@dataclass(frozen=True)
class _Contents:
    """Positions in a sentence that decide where it is split, each list ascending."""

    sentence: Text
    objects: list[int]
    reports: list[int]
    """Change words, including attributes."""
    attributes: list[int]
    predicates: list[int]
    images: list[tuple[int, str]]
    image_words: frozenset[int]
    """Indices of words."""

    def only_images(self, span: _Span) -> bool:
        """Whether a part consists of the name of an image only."""
        inside = words_within(self.sentence.words, *span)
        return bool(inside) and self.image_words.issuperset(inside)

    def is_cut_at(self, joint: _Span, left: _Span, right: _Span, following: _Span | None) -> bool:
        """Whether the parts on both sides of a joint are separate clauses."""
        rest = (joint[1], len(self.sentence.text))
        return (
            self._opens_clause(right)
            and _holds(self.objects, left)
            and _holds(self.objects, rest)
            and self._both_assert(left, right, rest)
            and not self._is_listed(joint, right, following)
            and not self._contrasts_images(left, right)
        )

    def _opens_clause(self, part: _Span) -> bool:
        """Whether a part starts with its own subject or a label: "remove: chair, remove: lamp"."""
        words = self.sentence.words
        k = words_within(words, 0, part[0]).stop
        opener = words[k].text if k < len(words) and words[k].start == part[0] else ""
        after = part[0] + len(opener)
        if opener not in _NO_OPENERS or self.sentence.text.startswith(":", after):
            return True
        if opener in _LEXICON.owners and _holds(self.objects, (part[0] + 1, after + _OWNED + 1)):
            return True
        return opener in _LEXICON.persons and _holds(self.objects, part) and _holds(self.predicates, part)

    def _both_assert(self, left: _Span, right: _Span, rest: _Span) -> bool:
        """Whether each side has a predicate, is a list entry, or names what changes."""
        if _holds(self.predicates, left) and (_holds(self.predicates, rest) or _holds(self.attributes, right)):
            return True
        if _holds(self.attributes, left) and _holds(self.attributes, right):
            return True
        return all(_holds(self.reports, side) and self._is_entry(side) for side in (left, right))

    def _is_entry(self, part: _Span) -> bool:
        """Whether a part is as short as a list entry: "dog position", "kite missing"."""
        return len(words_within(self.sentence.words, *part)) <= _LONGEST_ENTRY

    def _is_listed(self, joint: _Span, right: _Span, following: _Span | None) -> bool:
        """Whether an "and" ends a list: "it shows a river and a bear, picture 2 shows a river"."""
        conjunction = self.sentence.text[slice(*joint)].strip()
        if not following or conjunction not in _LEXICON.listing or _holds(self.predicates, right):
            return False
        opening = (following[1], following[1] + _OPENING)
        return _holds(self.objects, opening) or _holds([at for at, _ in self.images], opening)

    def _contrasts_images(self, left: _Span, right: _Span) -> bool:
        """Whether one object is described first in one image and then in the other."""
        several = self.objects[bisect_left(self.objects, left[0]) + 1 :]
        if _holds(several, left) and _holds(self.predicates, right):
            return False
        if self._sets_apart(left) and _holds(self.objects, right) and _holds(self.predicates, right):
            return False
        before, after = ({image for at, image in self.images if a <= at < b} for a, b in (left, right))
        return bool(before and after) and before != after and "both" not in before | after

    def _sets_apart(self, part: _Span) -> bool:
        """Whether a part already says how both images show its object."""
        return {"first", "second"} <= {image for at, image in self.images if part[0] <= at < part[1]}


def _objects(sentence: Text) -> list[int]:
    """Positions of objects in a sentence, including "the other" one."""
    others = (match.start() for match in _OTHER.finditer(sentence.text))
    return sorted({*(mention.start for mention in find_objects(sentence)), *others})


def _contents(sentence: Text, objects: list[int]) -> _Contents:
    words = sentence.words
    reports = [(words[hit.first].start, hit.value.startswith("weak")) for hit in TYPE_PHRASES.scan(words)]
    images = sorted([*image_hits(words), *letter_hits(sentence)])
    return _Contents(
        sentence,
        objects=objects,
        reports=sorted(at for at, _ in reports),
        attributes=[at for at, is_weak in reports if is_weak],
        predicates=sorted({*(at for at, is_weak in reports if not is_weak), *_predicates(sentence)}),
        images=[(words[hit.first].start, hit.value) for hit in images],
        image_words=frozenset(k for hit in images for k in range(hit.first, hit.last)),
    )


def _predicates(sentence: Text) -> Iterator[int]:
    """Positions of assertions without a change word."""
    words = sentence.words
    if color_hits(words):
        yield from (match.start() for match in COLOR_CHANGE.finditer(sentence.text))
    before = ""
    for word in words:
        is_clitic = word.text == CLITIC and before in _LEXICON.before_is
        if is_clitic or word.text in VERBS or word.text in _LEXICON.quantities:
            yield word.start
        before = word.text


def _holds(places: Sequence[int], span: _Span) -> bool:
    at = bisect_left(places, span[0])
    return at < len(places) and places[at] < span[1]

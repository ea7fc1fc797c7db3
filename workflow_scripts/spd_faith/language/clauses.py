"""A text cut into clauses: list items, sentences, and coordinated parts."""

import re
from bisect import bisect_left
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise

from spd_faith.language.change_words import CHANGE_WORDS, TYPE_PHRASES
from spd_faith.language.colors import COLOR_CHANGE, color_hits
from spd_faith.language.image_words import picture_hits
from spd_faith.language.objects import find_objects
from spd_faith.language.word_classes import ADVERBS, VERBS
from spd_faith.language.words import Words, word_set, words_of

_ITEM = re.compile(
    r"[\s>#*_•·▪●◦‣-]{0,12}(?:(?:\(?(?:\d{1,2}|[a-hA-H]|[ivx]{1,4})[.)](?=[\s*_])|"
    r"(?:difference|change|step|item|answer)\s?#?\d{0,2}\s?[:.)-])[\s*_]{0,6})?",
    re.IGNORECASE,
)
_SENTENCE_END = re.compile(
    r"[.!?][\"'”’)*_]{0,4}(?=\s|$)|[。；;]|\n+|(?<=[:,)])\s(?=\(?\d{1,2}[.)]\s)|\s(?=\(\d{1,2}\)\s(?!differ|change))",
    re.MULTILINE,
)
_ABBREVIATION = re.compile(
    r"(?:\b(?:e\.g|i\.e|vs|approx|fig|nr|mr|mrs|dr|st|cf|resp)|^[\s*#>(-]*(?:\d{1,2}|[a-z]))$", re.IGNORECASE
)
_COORDINATION = re.compile(
    r",?\s{1,4}(?:and|but|while|whereas|however|plus)\s(?:(?:also|then|additionally|finally|that)\s)?"
    r"|,\s(?:then\s)?",
    re.IGNORECASE,
)
_OTHER = re.compile(
    r"\bthe (?:one|other|others|other one)\b(?! pic| im| pho| sc)(?= (?:on|at|in|to|is|was|has|are|were|have)\b)"
)
_BRACKETS = re.compile(r"\([^()\n]{1,80}\)")
_LONGEST_ENTRY = 3  # words
_OPENING = 8  # characters of a part that hold its subject
_LONGEST_SENTENCE = 1000  # characters
_OWNERS = word_set("its his her their")  # "and its tusks are longer"
_PROFORMS = word_set("there it he she that")  # "there's no clock"
_ONES = word_set("he she")  # "and she no longer holds a bag"
_NO_SUBJECT = word_set("it its they their he she his her which who this these those")


@dataclass(frozen=True, slots=True)
class Clause:
    """A part of a text, at `[start, end)`, that asserts at most one thing of its subject."""

    start: int
    end: int
    text: str


def split_clauses(text: str) -> list[Clause]:
    """A text as clauses: list items, sentences, and coordinated parts that each assert something of an own subject.

    "The car is gone and the cup moved" is two clauses; "the car and the cup moved", "the car moved and changed color",
    "from red to blue", "red in the first picture and blue in the second" stay whole.
    """
    clauses = []
    for start, end in _sentences(text):
        for first, last in _coordinates(text, start, end):
            clause = _trimmed(text, first, last)
            if clause:
                clauses.append(clause)
    return clauses


def _sentences(text: str) -> Iterable[tuple[int, int]]:
    start = 0
    for match in _SENTENCE_END.finditer(text):
        if match.group().startswith(".") and _ABBREVIATION.search(text[max(start, match.start() - 8) : match.start()]):
            continue
        yield from _pieces(text, start, match.end())
        start = match.end()
    yield from _pieces(text, start, len(text))


def _pieces(text: str, start: int, end: int) -> Iterable[tuple[int, int]]:
    """A sentence in pieces of bounded length, so that the time for a text stays linear whatever stands in it."""
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
    return Clause(start, end, text[start:end]) if any(map(str.isalnum, text[start:end])) else None


def _coordinates(text: str, start: int, end: int) -> list[tuple[int, int]]:
    """A sentence cut at the conjunctions and commas whose two sides each have an object and a predicate."""
    sentence = text[start:end]
    brackets = [match.span() for match in _BRACKETS.finditer(sentence)]
    joints = [
        joint
        for joint in _COORDINATION.finditer(sentence)
        if not any(first < joint.start() < last for first, last in brackets)
    ]
    if not joints:
        return [(start, end)]
    objects = sorted(
        {
            *(mention.start for mention in find_objects(sentence)),
            *(match.start() for match in _OTHER.finditer(sentence)),
        }
    )
    if len(objects) < 2:
        return [(start, end)]
    words = words_of(sentence)
    told = [(words[hit.first].start, hit.value) for hit in TYPE_PHRASES.scan(words)]
    attributes = [at for at, value in told if value.startswith("weak")]
    verbs = {at for at, value in told if not value.startswith("weak")}
    if color_hits(words):
        verbs |= {match.start() for match in COLOR_CHANGE.finditer(sentence)}
    verbs |= {word.start for word in words if word.text in VERBS or word.text in {"less", "fewer"}}
    verbs |= {word.start for there, word in pairwise(words) if word.text == "s" and there.text in _PROFORMS}
    predicates = sorted(verbs)
    told_at = sorted(at for at, _ in told)
    pictures = [(words[hit.first].start, hit.value) for hit in picture_hits(words)]
    named = {k for hit in picture_hits(words) for k in range(hit.first, hit.last)}
    openers = {word.start: word.text for word in words}

    closed = [last for _, last in brackets]
    parts = []
    begin = earlier = 0
    for joint, following in pairwise([*joints, None]):
        left = (begin, joint.start())
        right = (joint.end(), following.start() if following else len(sentence))
        rest = (joint.end(), len(sentence))
        if joint.start() in closed and _holds(closed, (joint.end(), right[1] + 1)):
            parts.append((start + begin, start + joint.start()))  # "the bench (brown, now blue), the kite (gone)"
            begin = joint.end()
            continue
        led, earlier = _only(words, named, (earlier, joint.start())), joint.end()
        if led:
            continue  # "…, while in the second picture, there is no bear"
        opener = openers.get(joint.end(), "")
        is_label = sentence.startswith(":", joint.end() + len(opener))  # "remove: chair, remove: lamp"
        owned = opener in _OWNERS and any(joint.end() < at <= joint.end() + len(opener) + 12 for at in objects)
        owned = owned or (opener in _ONES and _holds(objects, right) and _holds(predicates, right))
        if (_opens_no_clause(opener) and not is_label and not owned) or not (
            _holds(objects, left) and _holds(objects, rest)
        ):
            continue
        told_twice = _holds(predicates, left) and (_holds(predicates, rest) or _holds(attributes, right))
        entries = all(_holds(told_at, side) and _is_entry(words, side) for side in (left, right))
        if not told_twice and not entries and not (_holds(attributes, left) and _holds(attributes, right)):
            continue
        if following and sentence[joint.start() : joint.end()].strip() == "and" and not _holds(predicates, right):
            after = (following.end(), following.end() + _OPENING)
            if _holds(objects, after) or _holds([at for at, _ in pictures], after):
                continue  # the end of a list: "it shows a river and a bear, picture 2 shows a river"
        sides = [{value for at, value in pictures if a <= at < b} for a, b in (left, right)]
        if _holds(objects[bisect_left(objects, left[0]) + 1 :], left) and _holds(predicates, right):
            pass  # of several objects
        elif sides[0] and sides[1] and sides[0] != sides[1] and "both" not in sides[0] | sides[1]:
            continue  # one object, told in one picture and in the other
        parts.append((start + begin, start + joint.start()))
        begin = joint.end()
    return [*parts, (start + begin, end)]


def _only(words: Words, named: set[int], span: tuple[int, int]) -> bool:
    """Whether a part holds the words with the numbers `named` and no others."""
    inside = [k for k, word in enumerate(words) if span[0] <= word.start < span[1]]
    return bool(inside) and named.issuperset(inside)


def _is_entry(words: Words, span: tuple[int, int]) -> bool:
    """Whether a part is as short as an entry of a list: "dog position", "kite missing"."""
    return sum(span[0] <= word.start < span[1] for word in words) <= _LONGEST_ENTRY


def _holds(places: list[int], span: tuple[int, int]) -> bool:
    at = bisect_left(places, span[0])
    return at < len(places) and places[at] < span[1]


def _opens_no_clause(word: str) -> bool:
    return (
        word in _NO_SUBJECT
        or word in VERBS
        or word in CHANGE_WORDS
        or (word in ADVERBS and word not in {"there", "no", "both", "all"})
    )

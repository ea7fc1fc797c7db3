"""The number of differences that a text states.

Of several, the first of these that is there: the last number that is called a total or corrects an earlier one; the
first number of differences; a number that opens the answer; the number of items listed before "these are the only
differences"; 0 for a denial of all differences; a first impression.

No count are a number or denial for one type alone ("no differences in color", "position changes: 2"), for the rest
("no other differences"), and a range ("two or three"). Of "three, maybe four", the possible number does not count.
"""

import re
from collections.abc import Iterator, Mapping
from enum import IntEnum
from itertools import islice
from typing import NamedTuple

from spd_faith.core.text import places_in
from spd_faith.language.aspects import aspects_after
from spd_faith.language.denials import find_denials
from spd_faith.language.difference_nouns import ADJECTIVES, NOUN, REST
from spd_faith.language.hedges import after_lead_in
from spd_faith.language.lexicon import LexiconFile, PhraseList, WordSet, any_of, load_lexicon
from spd_faith.language.list_items import count_items, last_places
from spd_faith.language.sentences import MAX_STATEMENTS, Sentence


class _Counts(LexiconFile):
    numbers: PhraseList
    quantifiers: dict[str, PhraseList]
    nothing: PhraseList
    things: PhraseList
    differing: PhraseList
    that: PhraseList
    after_differing: PhraseList
    labels: PhraseList
    after_label: PhraseList
    being: PhraseList
    before_label: WordSet
    range: PhraseList
    maybe: PhraseList
    in_total: PhraseList
    correcting: PhraseList
    at_first: PhraseList
    counting: PhraseList
    opening_counts: PhraseList
    only: PhraseList
    another: PhraseList
    only_ones: PhraseList
    only_are: PhraseList


_LEXICON = load_lexicon("counts", _Counts)

NUMBERS = {word: number for number, word in enumerate(_LEXICON.numbers)}
"""The number words up to twenty."""

_QUANTIFIERS = {word: int(number) for number, words in _LEXICON.quantifiers.items() for word in words}
_VALUES = {**NUMBERS, **_QUANTIFIERS, **dict.fromkeys(_LEXICON.nothing, 0)}
_DIGITS = r"(?<![\w.,/-])\d{1,9}(?![\w.,/]{0,9}\d)"
_REPEATED = r"(?: \([^()\n]{1,20}\))?"  # "three (3)"
_NUMBER = rf"(?P<number>{_DIGITS}|\b{any_of((*NUMBERS, *_QUANTIFIERS))}\b){_REPEATED}"
_NUMERAL = rf"(?P<number>{_DIGITS}|\b{any_of((*NUMBERS, *_LEXICON.nothing))}\b){_REPEATED}"
_ONLY = rf"(?:{any_of(_LEXICON.only)} )?"
_ENDS = r"(?=\s{0,3}(?:[.,:;!?()\]}\"'|\n–—-]|$))"
_PAUSE = r"[\s,.:;!…–—-]{1,4}"

_COUNTED = re.compile(
    rf"{_NUMBER} (?:{ADJECTIVES}(?P<noun>{NOUN})"
    rf"|(?:(?:\w+ )?{any_of(_LEXICON.things)} )?(?:{any_of(_LEXICON.that)} )?{any_of(_LEXICON.differing)}\b"
    rf"(?:{_ENDS}| (?={any_of(_LEXICON.after_differing)}\b)))",
)
_LABELLED = re.compile(
    rf"\b(?:number of {ADJECTIVES}{NOUN}|{any_of(_LEXICON.labels)})"
    rf"(?: {any_of(_LEXICON.after_label)})?['\"]?\s{{0,3}}(?::|=|\b{any_of(_LEXICON.being)}\b)\s{{0,3}}"
    rf"{_ONLY}{_NUMERAL}"
    rf"(?!\s*[.,]?\d)(?:{_ENDS}|(?= {ADJECTIVES}{NOUN}))",
)
_COUNTING = re.compile(rf"\b{any_of(_LEXICON.counting)}:? {_ONLY}{_NUMERAL}{_ENDS}")
_BEFORE_NUMBER = any_of((*_LEXICON.correcting, *_LEXICON.only, *_LEXICON.opening_counts, *_LEXICON.counting))
_CORRECTED = re.compile(
    rf"\b{any_of(_LEXICON.correcting)}{_PAUSE}(?:{_BEFORE_NUMBER}{_PAUSE}){{0,3}}"
    rf"{_NUMERAL}{_ENDS}",
)
_OPENING = re.compile(
    rf"[\W_]{{0,8}}(?:{any_of(_LEXICON.opening_counts)} ){{0,2}}{_NUMERAL}\s{{0,3}}(?:[.,:;!)–—\n]|- |\Z)", re.I
)
_BARE = re.compile(rf"\W{{0,8}}{_NUMERAL}\W{{0,8}}")
_REST = re.compile(REST)
_RANGE = re.compile(rf"(?:\b{any_of(_LEXICON.range)}|\bbetween \w+ and|-|–|/|n['’]t(?: a)?) ?$")
_SURER = re.compile(rf"{_NUMERAL}[,;]?(?: [–—-])? (?:\(?or )?{any_of(_LEXICON.maybe)} $")
_IN_TOTAL = re.compile(rf"\b{any_of((*_LEXICON.in_total, *_LEXICON.correcting))}\b")
_TOTAL_AFTER = re.compile(rf" {any_of(_LEXICON.in_total)}\b| in {any_of(_LEXICON.in_total)}\b")
_AT_FIRST = re.compile(rf"\b{any_of(_LEXICON.at_first)}\b")
_ANOTHER = re.compile(rf"\b{any_of(_LEXICON.another)}\b")
_ONLY_ONES = re.compile(rf"\b{any_of(_LEXICON.only_ones)} {ADJECTIVES}(?:{NOUN}|ones\b)")
_ONLY_ARE = re.compile(rf"{_NUMERAL}(?: \w+)? {any_of(_LEXICON.only_are)}\b")
_WORD_BEFORE = re.compile(r"(\w+)['’]?[ \t]+$")
_ITEM = re.compile(r"[.)]\s")
_MARKS = re.compile(r"\*\*|__|`|(?<![\w*])\*(?=\w)|(?<=\w)\*(?!\w)")
_SPACES = re.compile(r"[ \t]{2,}")
_CLAUSE_START = re.compile(r"^\W*|[.!?;,\n]\W*")
_LONGEST_BARE = 40  # characters


class _Rank(IntEnum):
    """How much a count weighs: the smallest rank decides."""

    TOTAL = 0
    PLAIN = 1
    OPENING = 2
    LISTED = 3
    DENIED = 4
    AT_FIRST = 5


class _Count(NamedTuple):
    start: int
    number: int
    rank: _Rank
    end: int


class CountPhrase(NamedTuple):
    """The number of differences that a text states, and the characters `[start, end)` of the words that state it."""

    number: int
    start: int
    end: int


def find_count(text: str) -> int | None:
    """The number of differences that a text states, or None."""
    found = _deciding(_plain(text))
    return found.number if found else None


def find_count_phrase(text: str) -> CountPhrase | None:
    """The number of `find_count` with its words, from the start of their clause: "There are two differences"."""
    plain = _plain(text)
    found = _deciding(plain)
    if found is None:
        return None
    start = max(match.end() for match in _CLAUSE_START.finditer(plain, 0, found.start + 1))
    start += after_lead_in(plain[start : found.start])
    # "İ" is two characters in lower case
    places = places_in("".join(low if len(low := letter.lower()) == 1 else letter for letter in text), plain)
    return CountPhrase(found.number, places[start], places[found.end - 1] + 1)


def _plain(text: str) -> str:
    return _SPACES.sub(" ", _MARKS.sub("", text.lower()))


def _deciding(text: str) -> _Count | None:
    """The count that decides, of a plain text."""
    bare = _BARE.fullmatch(text.strip()) if len(text) < _LONGEST_BARE else None
    if bare:
        start = text.index(bare["number"])
        return _Count(start, _value(bare["number"]), _Rank.OPENING, start + len(bare["number"]))
    found = sorted(_counts(text))
    if not found:
        return None
    rank = min(count.rank for count in found)
    weighed = [count for count in found if count.rank == rank]
    return weighed[-1] if rank == _Rank.TOTAL else weighed[0]


def _counts(text: str) -> Iterator[_Count]:
    yield from _numbers_of_differences(text)
    items = last_places(text)
    yield from _labelled(text, items)
    yield from _without_noun(text, items)
    yield from _listed(text)
    for start, end in find_denials(text):
        yield _Count(start, 0, _Rank.DENIED, end)


def _numbers_of_differences(text: str) -> Iterator[_Count]:
    """Numbers such as "three differences", "two items differ"."""
    last_another = _last_start(_ANOTHER, text)
    for match in islice(_COUNTED.finditer(text), MAX_STATEMENTS):
        around = Sentence.around(match)
        is_first_of_several = not around.before.strip() and match.start() < last_another and _is_one(match)
        if not _is_partial(match, around) and not is_first_of_several:
            yield from _counted(match, around)


def _is_one(match: re.Match[str]) -> bool:
    return match["number"] in ("one", "1")


def _is_partial(match: re.Match[str], around: Sentence) -> bool:
    """Whether a number counts only the rest, or the differences of one type."""
    aspects = aspects_after(around.after, 0)
    is_of_kind = match["noun"] and aspects and aspects.number == 1 and not aspects.covers_all
    noun = match["noun"] or ""
    is_plural_only = match["number"] == "only" and noun.endswith("s")  # see _listed
    return bool(_REST.search(match.group()) or is_of_kind or is_plural_only)


def _counted(match: re.Match[str], around: Sentence) -> Iterator[_Count]:
    surer = _SURER.search(around.before)
    number = _value((surer or match)["number"])
    if number and (surer or not _RANGE.search(around.before)):
        yield _Count(match.start(), number, _rank(around), match.end())
    elif not number and _IN_TOTAL.search(around.before) and any(find_denials(around.before + match.group())):
        yield _Count(match.start(), 0, _Rank.TOTAL, match.end())


def _rank(around: Sentence) -> _Rank:
    at_first, total = (_last_start(words, around.before) for words in (_AT_FIRST, _IN_TOTAL))
    if at_first > total:
        return _Rank.AT_FIRST
    return _Rank.TOTAL if total >= 0 or _TOTAL_AFTER.match(around.after) else _Rank.PLAIN


def _last_start(words: re.Pattern[str], text: str) -> int:
    return max((match.start() for match in words.finditer(text)), default=-1)


def _labelled(text: str, items: Mapping[int, int]) -> Iterator[_Count]:
    """Numbers after a label for all differences: "Number of differences: 3"."""
    for match in _LABELLED.finditer(text):
        word = _WORD_BEFORE.search(text, max(match.start() - 30, 0), match.start())
        if word and word[1].lower() not in _LEXICON.before_label:
            continue  # "position changes: 2"
        number = _value(match["number"])
        if not (_ITEM.match(text, match.end()) and items.get(number + 1, -1) >= match.end()):
            yield _Count(match.start(), number, _Rank.TOTAL, match.end())


def _without_noun(text: str, items: Mapping[int, int]) -> Iterator[_Count]:
    """Numbers without a noun: "3. The car …", "I count four.", "five … wait, four"."""
    opening = _OPENING.match(text)
    if opening and opening["number"] != "1" and _value(opening["number"]) + 1 not in items:
        yield _Count(0, _value(opening["number"]), _Rank.OPENING, opening.end("number"))
    for pattern in (_COUNTING, _CORRECTED):
        for match in pattern.finditer(text):
            yield _Count(match.start(), _value(match["number"]), _Rank.TOTAL, match.end())


def _listed(text: str) -> Iterator[_Count]:
    """The number of items that are said to be the only differences."""
    *_, match = [None, *_ONLY_ONES.finditer(text)]
    if match and match.group().endswith("s"):
        are = _ONLY_ARE.search(text, max(match.start() - 30, 0), match.end())
        number = _value(are["number"]) if are else count_items(text[: match.start()])
        if number:
            yield _Count(match.start(), number, _Rank.LISTED, match.end())


def _value(word: str) -> int:
    return int(word) if word.isdigit() else _VALUES[word]

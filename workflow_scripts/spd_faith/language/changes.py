"""Finds the types of change that a clause asserts and those that it denies."""

import re
from collections.abc import Iterable, Iterator
from functools import lru_cache

from spd_faith.language.absence import absence_hits, flip_absence
from spd_faith.language.aspects import aspects_of_sameness, names_aspect
from spd_faith.language.change_words import COMPARATIVES, TYPE_PHRASES, is_vague
from spd_faith.language.color_words import COLOR_WORDS
from spd_faith.language.colors import COLOR_CHANGE, color_hits
from spd_faith.language.comparatives import comparison_hits, flip_gain, is_comparison, is_of_light
from spd_faith.language.counts import NUMBERS
from spd_faith.language.grammar import CLITIC
from spd_faith.language.image_words import image_hits
from spd_faith.language.lexicon import LexiconFile, PhraseList, WordSet, any_of, load_lexicon
from spd_faith.language.negation import STOPPERS, denied_before
from spd_faith.language.places import place_hits
from spd_faith.language.word_classes import NO_OBJECTS
from spd_faith.language.words import (
    BROKEN,
    Hit,
    Mention,
    Text,
    Words,
    as_text,
    mentions_of,
    word_after,
    word_before,
    words_within,
)


class _Gone(LexiconFile):
    verbs: PhraseList
    to: PhraseList
    no_place: PhraseList


class _Neither(LexiconFile):
    being: PhraseList
    seen: PhraseList


class _LeftIt(LexiconFile):
    before_side: PhraseList
    owners: PhraseList
    sides: PhraseList


class _Contexts(LexiconFile):
    alike: WordSet
    alike_before: WordSet
    staying: WordSet
    changing: WordSet
    moving: WordSet
    auxiliaries: WordSet
    no_contrast: WordSet
    comparing: WordSet
    placing: WordSet
    stead: WordSet
    its: WordSet
    being: WordSet
    elsewhere: WordSet
    after_appears: WordSet
    appearing: WordSet
    further: WordSet
    colored: WordSet
    counted_change: WordSet
    before_counted_change: WordSet
    between_listed: WordSet
    listing: WordSet
    after_counted_change: WordSet
    described_images: WordSet
    put: WordSet
    now: WordSet
    gone: _Gone
    neither: _Neither
    left_it: _LeftIt


_LEXICON = load_lexicon("change_contexts", _Contexts)
_CONTRASTING = STOPPERS - _LEXICON.no_contrast
_NEARLY_CHANGING = _LEXICON.changing | _LEXICON.moving
_CHANGING = _NEARLY_CHANGING | _LEXICON.auxiliaries

_LIST_REACH = 3  # words after a change word in which "or" ends a list
_PLACE_REACH = 5  # words from "now" to a place

_GONE_TO = re.compile(
    rf"\b{any_of(_LEXICON.gone.verbs)} (?:{any_of(_LEXICON.gone.to)}"
    rf"|from (?!the {any_of(_LEXICON.gone.no_place)}\b)[^.;]{{2,40}}?\bto)\b",
    re.I,
)
_NEITHER = re.compile(
    r"\bneither\b[^.;]{3,80}\bnor\b[^.;]{3,60}"
    rf"\b{any_of(_LEXICON.neither.being)} (?P<seen>{any_of(_LEXICON.neither.seen)})\b",
    re.I,
)
_LEFT_IT = re.compile(  # "the bear left the river", not "to the left the car …"
    "".join(rf"(?<!\b{word})" for word in _LEXICON.left_it.before_side)
    + rf"(?<!,) left {any_of(_LEXICON.left_it.owners)} (?!(?:\w+ )?{any_of(_LEXICON.left_it.sides)}\b)",
    re.I,
)


def find_types(text: str | Text) -> list[Mention]:
    """The changes that a clause asserts; `value` is color, remove, position, added or unknown ("replaced", "resized").

    Leaves out denied changes ("the car has not moved", "no object was removed") and attributes that stay the same.
    """
    text = as_text(text)
    return mentions_of(text, type_hits(text)[0])


@lru_cache(maxsize=32)
def type_hits(text: Text) -> tuple[list[Hit], list[Hit]]:
    """(asserted, denied) types of a clause; the asserted ones have bare types as values."""
    words = text.words
    images = image_hits(words)
    implied = _implied_hits(text, images)
    stated = list(_stated_hits(words, images, implied))
    respects, kept = _in_aspects_of_sameness(text, stated)
    stated = [hit for hit in stated if hit not in respects]
    denied = _with_listed(words, stated, [hit for hit in stated if hit in kept or _denied(words, hit)])
    asserted = sorted(flip_absence(words, hit, images) for hit in [*implied, *stated] if hit not in denied)
    asserted = _put_as_moves(words, _gone_as_moves(text, asserted))
    asserted = _without_vague(words, asserted)
    asserted = _strongest(words, asserted)
    return [Hit(hit.first, hit.last, _kind(hit)) for hit in asserted], denied


def _in_aspects_of_sameness(text: Text, hits: list[Hit]) -> tuple[list[Hit], list[Hit]]:
    """Attributes that say in which respect something is the same: (among those that cover all, the others)."""
    in_all: list[Hit] = []
    in_some: list[Hit] = []
    weak = [hit for hit in hits if _strength(hit) == "weak"]
    for aspects in aspects_of_sameness(text.text) if weak else ():
        inside = words_within(text.words, aspects.start, aspects.end)
        found = [hit for hit in weak if hit.first in inside]
        (in_all if aspects.covers_all else in_some).extend(found)
    return in_all, in_some


def _with_listed(words: Words, stated: list[Hit], denied: list[Hit]) -> list[Hit]:
    """The denied hits and those that "or" lists with them: "no objects missing, moved or recolored"."""
    listed: list[Hit] = []
    before: Hit | None = None
    for hit in stated:
        is_denied = hit in denied or (before is not None and _are_listed(words, before, hit))
        before = hit if is_denied else None
        listed += [hit] if is_denied else []
    return listed


def _are_listed(words: Words, one: Hit, other: Hit) -> bool:
    between = {word.text for word in words[one.last : other.first]}
    following = {word.text for word in words[other.last : other.last + _LIST_REACH]}
    return between <= _LEXICON.between_listed and not _LEXICON.listing.isdisjoint(between | following)


def _strength(hit: Hit) -> str:
    return hit.value.split()[0]


def _kind(hit: Hit) -> str:
    return hit.value.split()[1]


def _within(hits: Iterable[Hit]) -> set[int]:
    return {k for hit in hits for k in range(hit.first, hit.last)}


def _stated_hits(words: Words, images: list[Hit], implied: list[Hit]) -> Iterator[Hit]:
    """The change words of a clause, except those that name an image or report no change in this context."""
    in_image, in_implied = _within(images), _within(implied)
    yield from comparison_hits(words, images)
    for hit in TYPE_PHRASES.scan(words):
        is_implied = hit.value == "strong remove" and hit.first in in_implied
        if hit.first not in in_image and not is_implied and _reports_change(words, hit, images):
            yield (
                hit._replace(value="weak unknown") if is_of_light(words, hit, images) else flip_gain(words, hit, images)
            )


def _gone_as_moves(text: Text, hits: list[Hit]) -> list[Hit]:
    """Read "gone from the left to the right" as moved; in "gone from red to blue", ignore "gone"."""
    if not _GONE_TO.search(text.text):
        return hits
    gone = [hit for hit in hits if text.words[hit.first].text in _LEXICON.gone.verbs]
    is_recolored = any(hit.value == "strong color" for hit in hits)
    moved = [] if is_recolored else [hit._replace(value="strong position") for hit in gone]
    return sorted([hit for hit in hits if hit not in gone] + moved)


def _put_as_moves(words: Words, hits: list[Hit]) -> list[Hit]:
    """Read "removed from the shelf and placed on the table" as moved."""
    put = max((k for k, word in enumerate(words) if word.text in _LEXICON.put), default=-1)
    return [
        hit._replace(value="strong position") if hit.value == "strong remove" and hit.first < put else hit
        for hit in hits
    ]


def _without_vague(words: Words, hits: list[Hit]) -> list[Hit]:
    """Drop words such as "shifted" and "swapped" if a color or a place changes."""
    if any(_kind(hit) == "color" for hit in hits):
        hits = [hit for hit in hits if hit.value == "strong color" or not is_vague(words, hit)]
    if any(hit.value == "weak position" for hit in hits):  # "their positions are swapped"
        hits = [hit for hit in hits if not is_vague(words, hit)]
    return hits


def _strongest(words: Words, hits: list[Hit]) -> list[Hit]:
    """The strong words, and the weak ones beside a change word or without a strong one; if there are none, all."""
    strong = [hit for hit in hits if _strength(hit) == "strong"]
    kept = [hit for hit in hits if hit in strong or (_strength(hit) == "weak" and _counts_beside(words, hit, strong))]
    compared = next((k for k, word in enumerate(words) if word.text in _LEXICON.comparing), len(words))
    return [hit for hit in kept or hits if hit.first < compared or hit in strong or _is_changing_near(words, hit)]


def _implied_hits(text: Text, images: list[Hit]) -> list[Hit]:
    """Types that no single word expresses: "from red to blue", "there is no clock", "in the first, but not …"."""
    words = text.words
    colors = color_hits(words)
    in_both = {"first", "second"} <= {hit.value for hit in images}
    hits = _implied_recoloring(text, colors, in_both) if colors else []
    if in_both and not colors and len({hit.value for hit in place_hits(words)}) > 1:
        hits = [Hit(0, len(words), "strong position")]
    return [*(hits or _implied_moves(words)), *_implied_removals(text), *absence_hits(words, images)]


def _implied_recoloring(text: Text, colors: list[Hit], in_both: bool) -> list[Hit]:
    changes = [words_within(text.words, *match.span()) for match in COLOR_CHANGE.finditer(text.text)]
    if not changes and in_both and len({hit.value for hit in colors}) > 1:
        return [Hit(colors[0].first, colors[-1].last, "strong color")]
    return [Hit(change.start, change.stop, "strong color") for change in changes]


def _implied_moves(words: Words) -> list[Hit]:
    """Moves such as "is now on the left"."""
    now = [k for k, word in enumerate(words) if word.text in _LEXICON.now]
    place = next(iter(place_hits(words)), None) if now else None
    if not place:
        return []
    return [Hit(k, place.last, "strong position") for k in now if k < place.first <= k + _PLACE_REACH]


def _implied_removals(text: Text) -> Iterator[Hit]:
    """Removals such as "neither the cup nor the clock is found", "the bear left the river"."""
    if neither := _NEITHER.search(text.text):
        k = words_within(text.words, 0, neither.start("seen")).stop
        yield Hit(k, k + 1, "strong remove")
    if left := _LEFT_IT.search(text.text):
        k = words_within(text.words, 0, left.start() + 1).stop
        yield Hit(k, k + 1, "strong remove")


def _reports_change(words: Words, hit: Hit, images: list[Hit]) -> bool:
    """Whether a change word reports a change in its context: not in "appears to be", "the new position"."""
    text, before, after = words[hit.last - 1].text, word_before(words, hit.first), word_after(words, hit.last)
    if text in _LEXICON.appearing and after == "to":
        return False  # "does not appear to be different"
    if text in _LEXICON.appearing and hit.value == "strong added":
        is_of_second = all(image.value == "second" for image in images)
        return is_of_second and (not after or after in _LEXICON.after_appears)
    if text in _LEXICON.placing and before in _LEXICON.being:
        return after in _LEXICON.elsewhere
    if text in _LEXICON.stead and _is_instead(words, hit.first):
        return False
    if text in _LEXICON.further:
        return _may_be_noun(after)
    if text in COMPARATIVES:
        return is_comparison(words, hit.last - 1, images)
    if text in _LEXICON.colored:
        return before not in COLOR_WORDS
    if text in _LEXICON.counted_change and (before in NUMBERS or before in _LEXICON.before_counted_change):
        return after in _LEXICON.after_counted_change
    return _strength(hit) != "generic" or after not in _LEXICON.described_images


def _is_instead(words: Words, k: int) -> bool:
    """Whether "place" at word k is part of "in place of the clock", "in its place"."""
    before = [word.text for word in words[max(k - 2, 0) : k]]
    if before[-1:] == ["in"]:
        return word_after(words, k + 1) == "of"
    return len(before) > 1 and before[0] == "in" and before[1] in _LEXICON.its


def _may_be_noun(word: str) -> bool:
    return bool(word) and word not in NO_OBJECTS and word not in COLOR_WORDS


def _denied(words: Words, hit: Hit) -> bool:
    denied = denied_before(words, hit.first)
    if _strength(hit) != "weak":
        return denied
    before = [word.text for word in words[max(hit.first - 4, 0) : hit.first]]
    if not _LEXICON.alike_before.isdisjoint(before[-2:]):  # "the same color", "not the same color"
        return not denied_before(words, hit.first, 4)
    return denied or not _LEXICON.staying.isdisjoint(before) or _alike_after(words, hit.last)


def _alike_after(words: Words, last: int, reach: int = 12) -> bool:
    """Whether the words after an attribute say that it stays the same: "the color, size and place … are unchanged"."""
    for k in range(last, min(last + reach, len(words))):
        text = words[k].text
        if text in _CONTRASTING or (words[k].tie == BROKEN and not names_aspect(words[k : k + 3])):
            return False
        if text in _LEXICON.alike:
            return not denied_before(words, k, 2) and words[k - 1].text != "longer"
        if text in _CHANGING and k > last and denied_before(words, k, 2):
            return True
        if text in _NEARLY_CHANGING:
            return False
    return False


def _counts_beside(words: Words, weak: Hit, strong: list[Hit]) -> bool:
    return not strong or _changes_beside(words, weak)


def _changes_beside(words: Words, hit: Hit) -> bool:
    """Whether an attribute changes in addition to a strong word: "the car's color and the missing dog"."""
    ends = word_after(words, hit.last) in {"", "and"}
    if ends and hit.first and (words[hit.first - 1].text == CLITIC or words[hit.first].tie == BROKEN):
        return True  # also "the car (color) and the dog (missing)"
    if hit.value == "weak color" and hit.last < len(words) and words[hit.last].text == "of":
        return True
    return _is_changing_near(words, hit)


def _is_changing_near(words: Words, hit: Hit) -> bool:
    near = words[max(hit.first - 3, 0) : hit.last + 2]
    return any(word.text in _LEXICON.changing for word in near)

"""The types of change that a clause asserts, and those that it denies."""

import re
from functools import lru_cache

from spd_faith.language.absence import absence_hits, flip_absence
from spd_faith.language.change_words import COMPARATIVES, TYPE_PHRASES, is_vague
from spd_faith.language.colors import COLOR_CHANGE, COLOR_WORDS, color_hits
from spd_faith.language.counts import NUMBERS
from spd_faith.language.image_words import picture_hits
from spd_faith.language.negation import STOPPERS, denied_before
from spd_faith.language.places import place_hits
from spd_faith.language.word_classes import NO_OBJECTS
from spd_faith.language.words import BROKEN, Hit, Mention, Words, mentions_of, word_set, words_of

_ALIKE = word_set("unchanged same identical intact unaltered constant consistent alike similar untouched equal")
_CHANGING = word_set(
    "changed change changes changing different differs differ new altered another other shifted switched modified "
    "shift moved has"
)
_AFTER_COMPARATIVE = word_set("than now in and but too as here on at while whereas compared again") | {""}
_ALIKE_BEFORE = word_set("same identical similar exact")
_STAYING = word_set(
    "remain remains remained stay stays stayed keep keeps kept retain retains retained maintain maintains"
)
_CONTRASTING = STOPPERS - {"and"}
_NEARLY_CHANGING = _CHANGING - {"has"}
_ATTRIBUTE_CHANGING = _CHANGING - {"has", "moved", "shifted"}
_COMPARING = word_set(
    "compared compare comparing checked check checking examined examining inspected reviewed verified"
)


_GONE_TO = re.compile(
    r"\b(?:gone|flown) (?:to|over|across"
    r"|from (?!the (?:first|second|original|modified|picture|image|scene)\b)[^.;]{2,40}?\bto)\b",
    re.I,
)
_NEITHER = re.compile(
    r"\bneither\b[^.;]{3,80}\bnor\b[^.;]{3,60}"
    r"\b(?:is|are|was|were|can be|could be) (?P<seen>found|seen|visible|present|there)\b",
    re.I,
)
_BEFORE_SIDE = ("the", "to", "on", "at", "in", "from", "far", "upper", "lower", "top", "bottom", "is", "are", "moved")
_NO_SIDE = "".join(rf"(?<!\b{word})" for word in _BEFORE_SIDE)
_LEFT_IT = re.compile(  # "the bear left the river", not "to the left the car …"
    _NO_SIDE + r"(?<!,) left (?:the|its|his|her|their) "
    r"(?!(?:\w+ )?(?:side|half|edge|corner|end|part|is)\b)",
    re.I,
)


def find_types(text: str) -> list[Mention]:
    """Changes that a clause asserts; `value` is color, remove, position, added or unknown ("replaced", "resized").

    What is denied asserts no difference ("the car has not moved", "no object was removed") and is left out; so is an
    attribute that is said to be the same.
    """
    words = words_of(text)
    return mentions_of(text, words, type_hits(text)[0])


@lru_cache(maxsize=32)
def type_hits(text: str) -> tuple[list[Hit], list[Hit]]:
    """(types asserted, types denied) of a clause; the values of the asserted are bare types."""
    words = words_of(text)
    pictures = picture_hits(words)
    implied = _implied_hits(text, words, pictures)
    in_picture = {k for hit in pictures for k in range(hit.first, hit.last)}
    in_implied = {k for hit in implied for k in range(hit.first, hit.last)}
    told = [
        hit
        for hit in TYPE_PHRASES.scan(words)
        if hit.first not in in_picture
        and not (hit.value == "strong remove" and hit.first in in_implied)
        and _usable(words, hit, pictures)
    ]
    denied = [hit for hit in told if _denied(words, hit)]
    asserted = sorted(flip_absence(words, hit, pictures) for hit in [*implied, *told] if hit not in denied)
    if _GONE_TO.search(text):  # "gone from red to blue", "gone from the left to the right"
        gone = [hit for hit in asserted if words[hit.first].text in {"gone", "flown"}]
        recolored = any(hit.value == "strong color" for hit in asserted)
        moved = [] if recolored else [hit._replace(value="strong position") for hit in gone]
        asserted = sorted([hit for hit in asserted if hit not in gone] + moved)
    put = max((k for k, word in enumerate(words) if word.text in {"placed", "put"}), default=-1)
    asserted = [  # "removed from the shelf and placed on the table"
        Hit(hit.first, hit.last, "strong position") if hit.value == "strong remove" and hit.first < put else hit
        for hit in asserted
    ]
    if any(hit.value in {"strong color", "weak color"} for hit in asserted):
        asserted = [hit for hit in asserted if not (is_vague(words, hit) and hit.value != "strong color")]
    if any(hit.value == "weak position" for hit in asserted):  # "their positions are swapped"
        asserted = [hit for hit in asserted if not is_vague(words, hit)]
    strong = [hit for hit in asserted if hit.value.startswith("strong")]
    kept = [
        hit
        for hit in asserted
        if hit in strong or (hit.value.startswith("weak") and (not strong or _changes_beside(words, hit)))
    ]
    kept = kept or asserted
    compared = next((k for k, word in enumerate(words) if word.text in _COMPARING), len(words))
    kept = [hit for hit in kept if hit.first < compared or hit in strong or _is_changing_near(words, hit)]
    return [Hit(hit.first, hit.last, hit.value.split()[1]) for hit in kept], denied


def _implied_hits(text: str, words: Words, pictures: list[Hit]) -> list[Hit]:
    """Types that no single word tells: "from red to blue", "there is no clock", "in the first, but not the second"."""
    hits = []
    colors = color_hits(words)
    if colors:
        for match in COLOR_CHANGE.finditer(text):
            inside = [k for k, word in enumerate(words) if match.start() <= word.start < match.end()]
            hits.append(Hit(inside[0], inside[-1] + 1, "strong color"))
    contrast = {"first", "second"} <= {hit.value for hit in pictures}
    if contrast and not hits and len({hit.value for hit in colors}) > 1:
        hits.append(Hit(colors[0].first, colors[-1].last, "strong color"))
    if contrast and not colors and len({hit.value for hit in place_hits(words)}) > 1:
        hits.append(Hit(0, len(words), "strong position"))
    now = [k for k, word in enumerate(words) if word.text in {"now", "further", "farther"}]
    if now and not hits:  # "is now on the left"
        places = place_hits(words)
        hits += [Hit(k, hit.last, "strong position") for k in now for hit in places[:1] if k < hit.first <= k + 5]
    if neither := _NEITHER.search(text):
        k = next(k for k, word in enumerate(words) if word.start >= neither.start("seen"))
        hits.append(Hit(k, k + 1, "strong remove"))
    if left := _LEFT_IT.search(text):
        k = next(k for k, word in enumerate(words) if word.start > left.start())
        hits.append(Hit(k, k + 1, "strong remove"))
    return [*hits, *absence_hits(words, pictures)]


def _usable(words: Words, hit: Hit, pictures: list[Hit]) -> bool:
    """Leaves out words of change that tell of none here: "appears to be", "blue-colored", "the new position"."""
    text = words[hit.last - 1].text
    after = words[hit.last].text if hit.last < len(words) and words[hit.last].tie != BROKEN else ""
    before = words[hit.first - 1].text if hit.first and words[hit.first].tie != BROKEN else ""
    if text in {"appears", "appear", "appeared"} and hit.value == "strong added":
        told = after in {"", "in", "on", "at", "out", "next", "near", "beside", "newly"}
        return told and not any(picture.value in {"both", "first"} for picture in pictures)
    if text in {"new", "additional", "extra", "newly", "more"}:
        return bool(after) and after not in NO_OBJECTS and after not in COLOR_WORDS
    if text in COMPARATIVES:
        return after in _AFTER_COMPARATIVE
    if text in {"colored", "coloured"}:
        return before not in COLOR_WORDS
    if text == "change" and before in NUMBERS.keys() | {"of", "the", "only", "single"}:
        return after in {"in", "of", "from", "to"}
    return not (hit.value.startswith("generic") and after in {"picture", "pictures", "image", "images"})


def _denied(words: Words, hit: Hit) -> bool:
    denied = denied_before(words, hit.first)
    if not hit.value.startswith("weak"):
        return denied
    before = [words[k].text for k in range(max(hit.first - 4, 0), hit.first)]
    if _ALIKE_BEFORE & set(before[-2:]):  # "the same color", "not the same color"
        return not denied_before(words, hit.first, 4)
    return denied or bool(_STAYING & set(before)) or _alike_after(words, hit.last)


def _alike_after(words: Words, last: int, reach: int = 7) -> bool:
    """Whether an attribute is then said to be the same: "the color … is unchanged", "… did not change"."""
    for k in range(last, min(last + reach, len(words))):
        if words[k].tie == BROKEN or words[k].text in _CONTRASTING:
            return False
        if words[k].text in _ALIKE:
            return not denied_before(words, k, 2) and words[k - 1].text != "longer"
        if words[k].text in _CHANGING and k > last and denied_before(words, k, 2):
            return True
        if words[k].text in _NEARLY_CHANGING:
            return False
    return False


def _changes_beside(words: Words, hit: Hit) -> bool:
    ends = hit.last == len(words) or words[hit.last].tie == BROKEN or words[hit.last].text == "and"
    if ends and hit.first and (words[hit.first - 1].text == "s" or words[hit.first].tie == BROKEN):
        return True  # "the car's color and the missing dog", "the car (color) and the dog (missing)"
    of = hit.value == "weak color" and hit.last < len(words) and words[hit.last].text == "of"
    return of or _is_changing_near(words, hit)


def _is_changing_near(words: Words, hit: Hit) -> bool:
    near = range(max(hit.first - 3, 0), min(hit.last + 2, len(words)))
    return any(words[k].text in _ATTRIBUTE_CHANGING for k in near)

"""Finds statements that an object is in only one image: "there is no clock", "missing from the first"."""

from collections.abc import Iterator

from spd_faith.language.categories import object_hits
from spd_faith.language.change_words import CHANGE_WORDS
from spd_faith.language.color_words import COLOR_WORDS
from spd_faith.language.difference_nouns import DIFFERENCE_NOUNS
from spd_faith.language.lexicon import LexiconFile, WordSet, load_lexicon
from spd_faith.language.negation import STOPPERS, negates
from spd_faith.language.word_classes import DETERMINERS, VERBS
from spd_faith.language.words import BROKEN, Hit, Words


class _Absence(LexiconFile):
    before_image: WordSet
    denying: WordSet
    before_no: WordSet
    visible: WordSet
    only_in: WordSet
    states: WordSet
    either: WordSet
    part_openers: WordSet
    relative: WordSet


_LEXICON = load_lexicon("absence", _Absence)
_PART_OPENERS = STOPPERS | _LEXICON.part_openers
_IMAGE_REACH = 6  # words from a negation, or "only", to the image
_OBJECT_REACH = 3
_NEAR = 5
_REMOVED, _ADDED = "strong remove", "strong added"


def absence_hits(words: Words, images: list[Hit]) -> list[Hit]:
    """Removals and additions that a clause expresses by saying where an object is absent, or where alone it is."""
    if any(word.text in _LEXICON.either for word in words):
        return []
    denied = [hit for k in range(len(words)) if negates(words, k) and (hit := _denied_presence(words, k, images))]
    return [*denied, *(hit for k in range(len(words)) for hit in _by_adverb(words, k, images))]


def _by_adverb(words: Words, k: int, images: list[Hit]) -> Iterator[Hit]:
    """The change that "no longer" or "only" at word k expresses."""
    if words[k].text == "longer" and _denies_presence(words, k):
        yield Hit(k - 1, k + 1, _REMOVED)
    if words[k].text != "only":
        return
    shown = next((hit for hit in images if hit.last == k and hit.value != "both"), None)
    if shown and (k + 1 == len(words) or words[k + 1].tie == BROKEN):  # "in the first picture only"
        yield Hit(shown.first, k + 1, _lost_or_found(shown))
    near = _image_after(images, k)
    if near and _LEXICON.only_in.issuperset(word.text for word in words[k + 1 : near.first]):
        yield Hit(k, near.last, _lost_or_found(near))


def _denies_presence(words: Words, k: int) -> bool:
    """Whether word k ends a "no longer" that is not followed by a color or a noun."""
    after = words[k + 1].text if k + 1 < len(words) else ""
    return k > 0 and words[k - 1].text == "no" and after not in COLOR_WORDS and after not in DETERMINERS


def _lost_or_found(only_in: Hit) -> str:
    return _REMOVED if only_in.value == "first" else _ADDED


def _image_after(images: list[Hit], k: int) -> Hit | None:
    return next((hit for hit in images if k < hit.first <= k + _IMAGE_REACH and hit.value != "both"), None)


def _denied_presence(words: Words, k: int, images: list[Hit]) -> Hit | None:
    """The absence that the negation at word k expresses: "not in the second picture", "there is no clock"."""
    near = _image_after(images, k)
    if near and _LEXICON.before_image.issuperset(word.text for word in words[k + 1 : near.first]):
        if near.value == "second":
            return Hit(k, near.last, _REMOVED)
        return Hit(k, near.last, _ADDED) if _names_second(images) or _is_relative(words, k) else None
    is_denied = words[k].text in _LEXICON.denying and _may_deny_object(words, k, images)
    last = _denied_object(words, k) if is_denied else None
    if last is None:
        return None
    is_of_pair = k == 0 and not near and not _names_second(images)
    return None if is_of_pair and _asserts_more(words, last) else Hit(k, last, _REMOVED)


def _denied_object(words: Words, k: int) -> int | None:
    """Where the object of the "no" at word k ends; None if its change is denied: "no clock was removed"."""
    hit = next((hit for hit in object_hits(words) if k < hit.first <= k + _OBJECT_REACH), None)
    if hit is None or any(word.text in DIFFERENCE_NOUNS for word in words[k : hit.first]):  # "no changes in lighting"
        return None
    last = hit.last
    is_change = not CHANGE_WORDS.isdisjoint(word.text for word in words[last:])
    return None if is_change else last


def _is_relative(words: Words, k: int) -> bool:
    """Whether the negation at word k stands in a relative clause: "a kite that is not in the first picture"."""
    return not _LEXICON.relative.isdisjoint(word.text for word in words[max(k - 2, 0) : k])


def _names_second(images: list[Hit]) -> bool:
    return any(hit.value == "second" for hit in images)


def _may_deny_object(words: Words, k: int, images: list[Hit]) -> bool:
    """Whether the "no" at word k can deny that an object is present."""
    if words[k].text != "no" or not k or words[k - 1].text in _LEXICON.before_no:
        return True
    return any(hit.last == k for hit in images)  # "picture B: no bear"


def _asserts_more(words: Words, last: int) -> bool:
    """Whether more than visibility is denied of the object that ends before word `last`."""
    near = {word.text for word in words[last : last + _NEAR]}
    return not near.isdisjoint(VERBS) and near.isdisjoint(_LEXICON.visible)


def flip_absence(words: Words, hit: Hit, images: list[Hit]) -> Hit:
    """Turn a removal into an addition if the object is missing from the first image."""
    if hit.value != _REMOVED or words[hit.first].text not in _LEXICON.states:
        return hit
    missing_from = _image_without(words, hit, images)
    return Hit(hit.first, hit.last, _ADDED) if missing_from and missing_from.value == "first" else hit


def _image_without(words: Words, hit: Hit, images: list[Hit]) -> Hit | None:
    """The image that the object is missing from: the one named after `hit`, else the last one before it."""
    after = next((one for one in images if hit.first < one.last and one.first <= hit.last + _NEAR), None)
    if after and _PART_OPENERS.isdisjoint(word.text for word in words[hit.last : after.first]):
        return after
    part = hit.first
    while part and words[part - 1].text not in _PART_OPENERS:
        part -= 1
    before = [image for image in images if part <= image.first < hit.first]
    if not before or (before[-1].first > part and _follows_object(words, before[-1], part)):
        return None  # "the clock in the first picture is missing"
    return before[-1]


def _follows_object(words: Words, image: Hit, part: int) -> bool:
    """Whether an object comes right before the image that contains it."""
    objects = object_hits(words)
    return any(part <= hit.first and hit.last <= image.first <= hit.last + 2 for hit in objects)

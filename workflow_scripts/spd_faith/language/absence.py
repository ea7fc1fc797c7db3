"""Objects said to be in one picture only: "there is no clock", "not in the second", "missing from the first"."""

from spd_faith.language.categories import object_hits
from spd_faith.language.change_words import CHANGE_WORDS
from spd_faith.language.colors import COLOR_WORDS
from spd_faith.language.negation import STOPPERS, negates
from spd_faith.language.word_classes import DETERMINERS, VERBS
from spd_faith.language.words import BROKEN, Hit, Words, word_set

_BEFORE_PICTURE = word_set("in on the present visible there seen it is at all exist found shown be within into a")
_HOLDING = word_set("is are was were s has have contains shows with but and")
_VISIBLE = word_set("visible present seen there anymore shown")
_ONLY_IN = word_set("in on the visible present exists appears seen shown found")
_STATIC_ABSENCE = word_set(
    "missing absent absence lacks lack lacking not isn't aren't can't cannot no nowhere doesn't don't"
)
_PART_OPENERS = STOPPERS | {"which", "that", "then"}


def absence_hits(words: Words, pictures: list[Hit]) -> list[Hit]:
    """Removals and additions that a clause tells by where an object is not, or is only."""
    hits = []
    negators = [k for k in range(len(words)) if negates(words, k)]
    if negators:
        objects = {hit.first: hit.last for hit in object_hits(words)}
        hits += [hit for k in negators if (hit := _denied_presence(words, k, pictures, objects))]
    for k, word in enumerate(words):
        after = words[k + 1].text if k + 1 < len(words) else ""
        if word.text == "longer" and k and words[k - 1].text == "no" and after not in {*COLOR_WORDS, *DETERMINERS}:
            hits.append(Hit(k - 1, k + 1, "strong remove"))
        shown = next((hit for hit in pictures if hit.last == k and hit.value != "both"), None)
        ends = k + 1 == len(words) or words[k + 1].tie == BROKEN
        if word.text == "only" and shown and ends:  # "in the first picture only"
            hits.append(Hit(shown.first, k + 1, "strong remove" if shown.value == "first" else "strong added"))
        near = _picture_after(pictures, k) if word.text == "only" else None
        if near and {words[at].text for at in range(k + 1, near.first)} <= _ONLY_IN:
            hits.append(Hit(k, near.last, "strong remove" if near.value == "first" else "strong added"))
    return hits


def _picture_after(pictures: list[Hit], k: int) -> Hit | None:
    return next((hit for hit in pictures if k < hit.first <= k + 6 and hit.value != "both"), None)


def _denied_presence(words: Words, k: int, pictures: list[Hit], objects: dict[int, int]) -> Hit | None:
    """Absence told by the negation at word k: "not in the second picture", "there is no clock", "without a clock"."""
    near = _picture_after(pictures, k)
    if near and all(words[at].text in _BEFORE_PICTURE for at in range(k + 1, near.first)):
        if near.value == "second":
            return Hit(k, near.last, "strong remove")
        return Hit(k, near.last, "strong added") if any(hit.value == "second" for hit in pictures) else None
    if words[k].text not in {"no", "without"}:
        return None
    noun = next((at for at in range(k + 1, min(k + 4, len(words))) if at in objects), None)
    headed = any(hit.last == k for hit in pictures)  # "picture B: no bear"
    if noun is None or (k and words[k - 1].text not in _HOLDING and words[k].text == "no" and not headed):
        return None
    rest = {words[at].text for at in range(objects[noun], len(words))}
    near_rest = {words[at].text for at in range(objects[noun], min(objects[noun] + 5, len(words)))}
    unsaid = not near and k == 0 and near_rest & VERBS and not near_rest & _VISIBLE
    if rest & CHANGE_WORDS or (unsaid and not any(hit.value == "second" for hit in pictures)):
        return None
    return Hit(k, objects[noun], "strong remove")


def flip_absence(words: Words, hit: Hit, pictures: list[Hit]) -> Hit:
    """A removal as it stands, or as an addition: what is missing from the first picture was added to the second."""
    if hit.value != "strong remove" or words[hit.first].text not in _STATIC_ABSENCE:
        return hit
    part = hit.first
    while part and words[part - 1].text not in _PART_OPENERS:
        part -= 1
    nearest = [picture for picture in pictures if part <= picture.first < hit.first]
    after = next((picture for picture in pictures if hit.first < picture.last and picture.first <= hit.last + 5), None)
    if after and not any(words[k].text in _PART_OPENERS for k in range(hit.last, after.first)):
        nearest = [after]
    elif nearest and nearest[-1].first > part and _heads_object(words, nearest[-1], part):
        return hit  # "the clock in the first picture is missing"
    return Hit(hit.first, hit.last, "strong added") if nearest and nearest[-1].value == "first" else hit


def _heads_object(words: Words, picture: Hit, part: int) -> bool:
    """Whether an object stands right before the picture that it is said to be in."""
    objects = object_hits(words)
    return any(part <= hit.first and hit.last <= picture.first <= hit.last + 2 for hit in objects)

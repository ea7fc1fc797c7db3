"""The changes that one clause asserts of its objects, by words of change or by what it sets against what."""

import re

from spd_faith.language.assertions import Assertion, off_side
from spd_faith.language.attributes import one_picture
from spd_faith.language.counts import NUMBERS
from spd_faith.language.mentions import Mentions, find_spots
from spd_faith.language.words import Mention, words_of

_VAGUE = re.compile(r"chang|differ|alter|modif|same|identical|match|alike|unlike|inconsistent|dissimilar", re.I)
_DIFFERENT_WHAT = re.compile(  # "a different time", "another pattern": more than that something differs
    r"\b(?:different|another|changed) (?!colou?r|shade|hue|tone|place|position|location|spot|side|pic|image|photo"
    r"|object|thing|item|(?:in|from|now|between|one|to|than|and|but|too|as|while|whereas|its|here|on|by|for)\b)"
    r"[a-z]{3,}",
    re.I,
)
_NOW = re.compile(r"\b(?:now|instead)\b", re.I)
_IS_NOW = re.compile(
    r"\b(?:is|are|has|have|looks?|appears?|stands?|sits?|lies|hangs?)\b.*(?<!right )(?<!by )\bnow\b"
    r"|\bnow (?:is|are|has|have|looks?|appears?)\b",
    re.I,
)
_NO_MORE = re.compile(r"(?:\bnot|n['’]t)\b.{1,40}\bany ?more\b", re.I)
_HAS_NEW = re.compile(r"\b(?:has|have|had|got|gets|with|wears?|received) (?:an? )?new\b", re.I)
_IS_DIFFERENCE = re.compile(r"\b(?:differences?|changes?) (?:is|are|lies in|concerns?|between|i see|:)", re.I)
_BUT = re.compile(r"\b(?:but|while|whereas)\b", re.I)
_LEFT_PLACE = re.compile(  # gone from there, and perhaps only moved
    r"\bno longer (?:hang(?:s|ing)? |stand(?:s|ing)? |sit(?:s|ting)? |l(?:ies|ying) )?"
    r"(?:on|at|under|beside|behind|near|by|next to|in front of) (?:the|a|an|its|his|her|their) "
    r"(?!(?:\w+ )?(?:picture|image|photo|scene|frame|shot))",
    re.I,
)
_IS_SO = re.compile(r"^(?:opened|closed|broken|folded|unfolded|cracked|torn|bent|tilted|upside down|flipped)$", re.I)
_INSTEAD = re.compile(r"\b(?:instead of|in (?:the )?place of) (?:the|an?)\b", re.I)
_OTHER_SIDE = re.compile(
    r"\bwhere (?:the|an?|it|its)\b|\b(?:other|opposite|far|different) (?:side|end|edge|corner|half)\b", re.I
)
_ON_OTHER_SIDE = re.compile(
    r"\b(?:on|at|to|in) (?:the|its) (?:other|opposite) (?:side|end|edge|corner|half)\b"
    r"|:[^:.;]{2,40}\bto (?:the )?(?:left|right|top|bottom|upper|lower|other|opposite)\b",  # "mouse: right to left"
    re.I,
)
_IN_ANOTHER = re.compile(  # "looks in another direction", "has another face"
    r"\b(?:in|into|with|has|have|got|wears?|wearing|makes?|shows?) (?:now )?(?:another|a different)"
    r" (?!pic|image|photo|scene|one\b|object|thing|item|difference|change|colou?r|shade|place|position|spot|location)"
    r"[a-z]+",
    re.I,
)
_FROM_PLACE = re.compile(
    r"\bfrom (?:the|a|an|his|her|its|one) [\w ]{2,30}?\b(?:to|onto|into) (?:the|a|an|his|her|its|another)\b", re.I
)
_FROM_TO = re.compile(r"\bfrom \w+ to \w+|\bonly \w+|\b(?:was|were)\b.{1,60}\bnow\b", re.I)
_LESS = re.compile(r"\b(?:fewer|less)\b", re.I)
_LACKS = re.compile(
    r"\b(?:(?:does|do|did)(?: not|n['’]t)|there (?:is|are) none|(?:there|it|they) (?:is|are)(?: not|n['’]t)"
    r"|(?:contains?|shows?|has|have) (?:neither|none)|lacks)"
    r"(?: (?:have|contain|show|include))?(?: (?:of )?(?:it|them|one|any|these|those|the two))?\W{0,3}$",
    re.I,
)
_LOSES = re.compile(
    r"(?:\b(?:can(?:not|['’]t| not)|could(?:n['’]t| not)|do(?:n['’]t| not)|no longer) (?:find|see|spot|locate)"
    r"|(?:\b(?:no longer|not)|n['’]t) (?:any ?more )?(?:carr(?:y|ies|ying)|hold(?:s|ing)?|wear(?:s|ing)?"
    r"|ha(?:s|ve|ving)|bears?|rid(?:es?|ing)|us(?:es?|ing)|own(?:s|ing)?)"
    r"|\b(?:lacks|fails|lost|(?:is|are) missing|without|misses))\s"
    r"(?=(?:the|a|an|his|her|its|their|any|some|that|this)\b)"
    r"|\b(?:has|have|had|carr(?:y|ies)|wears?|holds?) no\s(?!longer|more)",
    re.I,
)


def is_vague(change: Mention) -> bool:
    """Whether a word of change names no type: "different", "changed"."""
    return change.value == "unknown" and bool(_VAGUE.search(change.text))


def lacks(clause: str) -> bool:
    """Whether a clause closes by denying a picture what was spoken of: "the second does not", "there is none"."""
    return bool(_LACKS.search(clause))


def lost_objects(clause: str, objects: list[Mention]) -> list[Mention]:
    """The objects that someone, or a picture, has no longer: "she lost her bag", "I cannot find the kite"."""
    loses = _LOSES.search(clause)
    return [mention for mention in objects if mention.start >= loses.end()] if loses else []


def changes_told(clause: str, found: Mentions, said: Assertion, are_lost: bool) -> list[str | None]:
    """The types of change that a clause asserts of the objects of `said`; `[None]` for one that it does not name."""
    if found.types and one_picture(found.pictures) is not None and all(_IS_SO.search(m.text) for m in found.types):
        return []  # "the mirror is cracked in the second picture" is a state of it
    if found.types:
        return _named_changes(clause, found, said)
    if are_lost:
        return ["added" if one_picture(found.pictures) == 0 else "remove"]
    if lack := _LACKS.search(clause):
        shown = [picture.value for picture in found.pictures if picture.end <= lack.start()]
        if shown and shown[-1] != "both":
            return ["remove" if shown[-1] == "second" else "added"]
    change = _counted(clause, found) or _set_against(clause, found, said)
    if not change and said.objects:
        change = _implied(clause, found, said)
    return [change] if change else []


def _named_changes(clause: str, found: Mentions, said: Assertion) -> list[str | None]:
    named = list(dict.fromkeys(change.value for change in found.types if change.value != "unknown"))
    if named == ["remove"] and _LEFT_PLACE.search(clause):
        return [None]
    if named == ["added"] and _HAS_NEW.search(clause):
        return ["other"]  # "the train has a new livery"
    if named:
        return named
    if change := _counted(clause, found) or _set_against(clause, found, said):
        return [change]
    return [None] if all(map(is_vague, found.types)) and not _DIFFERENT_WHAT.search(clause) else ["other"]


def _set_against(clause: str, found: Mentions, said: Assertion) -> str | None:
    """The type that two colors or places in contrast amount to, or one that is there now."""
    for kind, (before, after) in (("color", said.colors), ("position", said.places)):
        if kind == "color" and before and _NO_MORE.search(clause):
            return kind
        contrast = before and after and (off_side(before, after) if kind == "position" else before != after)
        is_new = after and ((found.types and not before) or (_NOW.search(clause) and not found.pictures))
        if contrast or is_new:
            return kind
    return None


def _implied(clause: str, found: Mentions, said: Assertion) -> str | None:
    """The type of a change that no word and no contrast of colors or sides tells."""
    if _LESS.search(clause) or (_NO_MORE.search(clause) and not any(said.colors)):
        return "remove"
    if not found.pictures:
        if _ON_OTHER_SIDE.search(clause):
            return "position"
        if (_OTHER_SIDE.search(clause) and (_NOW.search(clause) or ":" in clause)) or (
            _NOW.search(clause) and find_spots(clause)
        ):
            return "position"
        if (_IS_NOW.search(clause) or _IN_ANOTHER.search(clause)) and not found.same:
            return "other"
    if _IS_DIFFERENCE.search(clause) and any(said.colors):
        return "color"
    if any(said.colors):
        return None
    in_both_pictures = {"first", "second"} <= {picture.value for picture in found.pictures}
    if _FROM_PLACE.search(clause) or (in_both_pictures and len(set(find_spots(clause))) > 1):
        return "position"
    if in_both_pictures and _BUT.search(clause) and len({m.value for m in found.objects}) == 1 and not found.places:
        return "other"  # "cloudy in the first picture, but clear in the second"
    return "other" if _INSTEAD.search(clause) else None


def _counted(clause: str, found: Mentions) -> str | None:
    """Whether fewer of an object are told in the second picture, or more: "three chairs … and only two in …"."""
    if not _FROM_TO.search(clause) and not {"first", "second"} <= {picture.value for picture in found.pictures}:
        return None
    counts = [
        NUMBERS[word.text] if word.text in NUMBERS else int(word.text)
        for word in words_of(clause)
        if (word.text in NUMBERS or (word.text.isdecimal() and len(word.text) < 4))
        and not any(picture.start <= word.start < picture.end for picture in found.pictures)
    ]
    if len(counts) != 2 or counts[0] == counts[1]:
        return None
    return "remove" if counts[0] > counts[1] else "added"

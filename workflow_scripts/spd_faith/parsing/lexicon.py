"""The words of answers about two pictures: objects, types of change, colours, places, counts, sameness, clauses.

Every `find_*` returns mentions in the order of the text. Except `find_count`, they are meant for one clause at a time
(`split_clauses`): what a word means depends on its neighbours, and a negation reaches as far as its clause.
"""

import re
from bisect import bisect_left
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise, product
from pathlib import Path

import yaml

from spd_faith.core.schemas import TYPES
from spd_faith.parsing.words import BROKEN, JOINED, Hit, Phrases, Words, word_set, words_of

_RESOURCE = Path(__file__).resolve().parents[3] / "resources" / "coco_categories.yaml"


@dataclass(frozen=True, slots=True)
class Mention:
    """Words `text` at `[start, end)` that mean `value`."""

    start: int
    end: int
    text: str
    value: str


@dataclass(frozen=True, slots=True)
class Clause:
    """A part of a text, at `[start, end)`, that asserts at most one thing of its subject."""

    start: int
    end: int
    text: str


def _mentions(text: str, words: Words, hits: Iterable[Hit]) -> list[Mention]:
    places = ((words[hit.first].start, words[hit.last - 1].end, hit.value) for hit in hits)
    return [Mention(start, end, text[start:end], value) for start, end, value in places]


# ---------------------------------------------------------------------------------------------------------- objects


def _plural(name: str) -> str:
    if re.search(r"(s|x|z|ch|sh)$", name):
        return name + "es"
    if re.search(r"[^aeiou]y$", name):
        return name[:-1] + "ies"
    return name + "s"


def _with_plurals(names: Iterable[str]) -> list[str]:
    return [form for name in names for form in (name, _plural(name))]


_NAMES = yaml.safe_load(_RESOURCE.read_text(encoding="utf-8"))
_ALIASES: dict[str, list[str]] = _NAMES["categories"]

CATEGORIES: tuple[str, ...] = tuple(_ALIASES)
"""The 80 category names of COCO."""

_PARTS = frozenset(_with_plurals(_NAMES["parts"]))
_CATEGORY_PHRASES = Phrases(
    [(form, name) for name in CATEGORIES for form in _with_plurals([name])]
    + [(form, name) for name, aliases in _ALIASES.items() for form in _with_plurals(aliases)]
)
_OTHER_NAMES = {form: name for name in _NAMES["other_objects"] for form in _with_plurals([name])}
_OBJECT_PHRASES = Phrases(
    [(form, name) for name in CATEGORIES for form in _with_plurals([name])]
    + [(form, name) for name, aliases in _ALIASES.items() for form in _with_plurals(aliases)]
    + list(_OTHER_NAMES.items())
)

_DETERMINERS = word_set(
    "the a an one two three four five another some this that these those each every its his her their no"
)
_MODIFIERS = word_set(
    "small little big large huge tiny tall short long old new young whole entire single same other main only first "
    "second third fourth fifth left right top bottom upper lower middle central center centre leftmost rightmost "
    "front back far near original modified wooden metal metallic plastic empty full round square bright dark light "
    "overall general exact respective pale missing removed moved moving standing sitting lone remaining striped"
)
_NO_OBJECTS = word_set(
    "picture pictures image images photo photos photograph photographs scene scenes version versions pair side "
    "difference differences change changes color colors colour colours position positions location locations place "
    "places placement size shape hue shade object objects item items thing things element elements one ones other "
    "others number count answer type category rest same left right top bottom center centre middle corner area part "
    "row column cell first second third fourth fifth last following former latter total detail details everything "
    "something nothing anything it they he she there which that this who what way step change modification "
    "modifications alteration removal addition appearance presence absence existence orientation way end "
    "i we you me us my our your comparison edited original modified grid spot view frame inventory"
)
_PREPOSITIONS = word_set(
    "of in on at from to into onto with without near by under over behind beside between next above below against "
    "around inside outside across through for as than towards toward per via"
)
_LISTING = word_set("and or as well also the a an both one of its color colour position location") | _MODIFIERS
_ATTRIBUTES = word_set("color colour hue shade position location place placement size shape orientation")


def _fruit(words: Words, k: int) -> bool:
    """Whether "orange" at word k is the fruit: it heads "the orange", "an orange", and no noun follows."""
    before = words[k - 1].text if k and words[k].tie != BROKEN else ""
    after = words[k + 1].text if k + 1 < len(words) and words[k + 1].tie == JOINED else ""
    if before not in _FRUIT_BEFORE:
        return False
    described = _OBJECT_PHRASES.scan(words[k + 1 : k + 5]) if after else []
    if after in _NO_OBJECTS or (described and described[0].first == 0):
        return False
    earlier = words[k - 2].text if k > 1 else ""
    return before != "of" or earlier in {"color", "colour", "position", "location", "removal", "absence", "place"}


_FRUIT_BEFORE = word_set("the a an one another no each this that of small big large little single whole peeled ripe")


def _object_hits(words: Words) -> list[Hit]:
    """Objects known by name: heads of compounds only, no owners, "orange" only where it is the fruit."""
    hits = _OBJECT_PHRASES.scan(words)
    kept: list[Hit] = []
    for hit, following in pairwise([*hits, None]):
        after = words[hit.last] if hit.last < len(words) else None
        adjacent = after is not None and after.tie == JOINED
        if hit.value == "orange" and words[hit.first].text == "orange" and not _fruit(words, hit.first):
            continue
        if following and adjacent and following.first == hit.last and words[hit.last].text != "orange":
            continue  # "horse rider": the rider
        if adjacent and after.text == "s" and following and following.first == hit.last + 1:
            continue  # "the man's tie": the tie
        if adjacent and after.text in _PARTS and words[hit.last - 1].text not in _PARTS:
            kept.append(Hit(hit.first, hit.last + 1, f"{hit.value} {after.text}"))  # "car door"
            continue
        kept.append(hit)
    return kept


def find_categories(text: str) -> list[Mention]:
    """Mentions of COCO categories, by name, alias or plural; `value` is the category."""
    words = words_of(text)
    hits = _object_hits(words)
    return _mentions(text, words, (hit for hit in hits if hit.value in _ALIASES))


def find_objects(text: str) -> list[Mention]:
    """Mentions of objects: COCO categories, other known things, and unknown nouns that a change is told of.

    An unknown noun counts where it is the subject of a verb ("the zeppelin was removed"), follows a word of change
    ("the colour of the zeppelin", "missing zeppelin") or opens an entry ("Zeppelin: removed"). `value` is the
    category, or the noun in lower case.
    """
    words = words_of(text)
    known = _object_hits(words)
    taken = {k for hit in known for k in range(hit.first, hit.last)}
    return _mentions(text, words, sorted([*known, *_unknown_nouns(words, taken)]))


def find_subjects(text: str) -> list[Mention]:
    """The objects that a clause speaks of, without landmarks: the car of "the car moved from the table to the bench".

    They are the first object that no preposition of place ties to another, and those that are listed with it.
    """
    objects = find_objects(text)
    if len(objects) < 2:
        return objects
    words = words_of(text)
    at = {word.start: k for k, word in enumerate(words)}
    ends = {word.end: k + 1 for k, word in enumerate(words)}
    first = next((k for k, mention in enumerate(objects) if not _is_landmark(words, at[mention.start])), 0)
    last = first + 1
    while last < len(objects):
        between = words[ends[objects[last - 1].end] : at[objects[last].start]]
        if any(word.text not in _LISTING for word in between):
            break
        last += 1
    return objects[first:last]


def _is_landmark(words: Words, k: int) -> bool:
    while k and (words[k - 1].text in _DESCRIBING):
        if words[k].tie == BROKEN:
            return False
        k -= 1
    if not k or words[k].tie == BROKEN or words[k - 1].text not in _PREPOSITIONS:
        return False
    if words[k - 1].text != "of":
        return words[k - 1].text not in {"for", "as", "than"}
    earlier = words[k - 2].text if k > 1 else ""
    return earlier in {"left", "right", "front", "top", "bottom", "side", "middle", "center", "instead", "out", "back"}


def _unknown_nouns(words: Words, taken: set[int]) -> list[Hit]:
    hits = []
    free = 0
    for k, word in enumerate(words):
        opens = k == 0 or word.text in _DETERMINERS
        told = k > 0 and words[k - 1].text in _TELLING and word.tie != BROKEN
        if k < free or not (opens or told):
            continue
        first = k + 1 if word.text in _DETERMINERS else k
        last = first
        while (
            last < len(words)
            and last - first < 4
            and (last == first or words[last].tie == JOINED)
            and not _ends_noun(words[last].text)
            and not (last > first and words[last].text in _ATTRIBUTES)
        ):
            last += 1
        while first < last and (words[first].text in _DESCRIBING):
            first += 1
        if first == last or taken.intersection(range(first, last)) or words[last - 1].text in _NO_OBJECTS:
            continue
        if any(words[at].text in _NO_OBJECTS for at in range(first, last)):
            continue
        if not _is_told_of(words, k, last, opening=k == 0 and word.text not in _DETERMINERS):
            continue
        hits.append(Hit(first, last, " ".join(words[at].text for at in range(first, last))))
        free = last
    return hits


def _ends_noun(word: str) -> bool:
    return (
        word in _PREPOSITIONS
        or word in _DETERMINERS
        or word in _VERBS
        or word in _CONJUNCTIONS
        or word in _ADVERBS
        or word in _CHANGE_WORDS
        or word == "s"
        or word.isdigit()
        or word.endswith("n't")
    )


def _is_told_of(words: Words, first: int, last: int, opening: bool) -> bool:
    after = words[last] if last < len(words) else None
    if after is not None and after.text == "s" and after.tie == JOINED:
        return last + 1 < len(words) and (
            words[last + 1].text in _ATTRIBUTES
            or words[last + 1].text in _CHANGE_WORDS
            or words[last + 1].text == "been"
        )
    if opening:  # "Zeppelin: removed", "Zeppelin moved"
        return after is not None and (after.text in _CHANGE_WORDS or after.text in _VERBS)
    if after is not None and after.tie != BROKEN and after.text in _TELLING_AFTER:
        return True
    before = words[first - 1].text if first else ""
    earlier = words[first - 2].text if first > 1 else ""
    return before in _CHANGE_WORDS or (before == "of" and (earlier in _CHANGE_WORDS or earlier in _ATTRIBUTES))


_VERBS = word_set(
    "is are was were be been being has have had does do did isn't aren't wasn't weren't hasn't haven't doesn't don't "
    "didn't can can't cannot could will became becomes become turned turns stays stayed remains remained looks looked "
    "seems seemed appears appeared shows show contains contain changed changes differs differ went got lost keeps kept "
    "stands sits lies"
)
_CONJUNCTIONS = word_set("and or but while whereas then because so if when although though plus nor")
_ADVERBS = word_set(
    "now not no also still again only just no longer there here both all too instead rather completely entirely "
    "slightly simply clearly actually exactly"
)


@lru_cache(maxsize=4096)
def canonical_category(name: str) -> str | None:
    """The COCO category that a name stands for, by alias, plural, article and modifier; None where there is none."""
    words = [word.text for word in words_of(name)]
    while len(words) > 2 and words[1] == "of" and words[0] in {"pair", "group", "row", "set", "bunch", "pile", "stack"}:
        words = words[2:]
    if words and words[0] in _DETERMINERS:
        words = words[1:]
    if _OBJECT_PHRASES.get(words):
        return _CATEGORY_PHRASES.get(words)
    head = next((k for k, word in enumerate(words) if k and word in _PREPOSITIONS), len(words))
    words = words[:head]
    for first in range(len(words)):
        tail = words[first:]
        if _OBJECT_PHRASES.get(tail):
            return _CATEGORY_PHRASES.get(tail)
    return None


# --------------------------------------------------------------------------------------------------- colours, places

_COLORS = {
    "red": "crimson scarlet maroon burgundy ruby reddish",
    "orange": "amber",
    "yellow": "golden gold mustard yellowish",
    "green": "olive lime emerald greenish khaki",
    "cyan": "aqua",
    "teal": "turquoise",
    "blue": "navy azure bluish indigo",
    "purple": "violet lavender lilac purplish",
    "pink": "rose pinkish fuchsia",
    "magenta": "",
    "brown": "chocolate bronze brownish",
    "black": "blackish",
    "white": "whitish ivory",
    "gray": "grey greyish grayish charcoal",
    "silver": "",
    "beige": "cream tan",
}
_COLOR_WORDS = {word: base for base, others in _COLORS.items() for word in [base, *others.split()]}
_COLOR_PHRASES = Phrases(
    list(_COLOR_WORDS.items())
    + [
        (f"{shade} {word}", base)
        for word, base in _COLOR_WORDS.items()
        for shade in ("dark", "light", "pale", "bright", "deep", "sky", "royal", "navy", "vivid", "neon", "hot")
    ]
)


def _color_hits(words: Words) -> list[Hit]:
    return [
        hit
        for hit in _COLOR_PHRASES.scan(words)
        if not (words[hit.first].text == "orange" and _fruit(words, hit.first))
    ]


def find_colors(text: str) -> list[Mention]:
    """Mentions of colours; `value` is the basic colour ("navy", "dark blue" → "blue"; "grey" → "gray")."""
    words = words_of(text)
    return _mentions(text, words, _color_hits(words))


_VERTICAL = {"top": "top", "upper": "top", "bottom": "bottom", "lower": "bottom"}
_SIDES = {"left": "left", "right": "right"}
_PLACE_PHRASES = Phrases(
    [
        *((f"{v} {s}", f"{_VERTICAL[v]} {s}") for v, s in product(_VERTICAL, _SIDES)),
        *((f"{s} {v}", f"{_VERTICAL[v]} {s}") for v, s in product(_VERTICAL, _SIDES)),
        *_VERTICAL.items(),
        *_SIDES.items(),
        *((f"far {side}", side) for side in _SIDES),
        ("leftmost", "left"),
        ("rightmost", "right"),
        *((word, "center") for word in ("center", "centre", "middle", "central")),
        ("foreground", "foreground"),
        ("background", "background"),
        *(
            (f"{ordinal} {line}", f"{line} {number}")
            for line in ("row", "column")
            for number, ordinals in enumerate(
                (("first", "1st"), ("second", "2nd"), ("third", "3rd"), ("fourth", "4th")), 1
            )
            for ordinal in ordinals
        ),
        *((f"{line} {number}", f"{line} {number}") for line in ("row", "column") for number in range(1, 10)),
    ]
)
_PICTURE_WORDS = word_set("picture pictures image images photo photos photograph scene frame version panel one")


def _is_place(words: Words, hit: Hit) -> bool:
    """Leaves out "the left picture", "has left", "right next to", "bottom" of nothing but the word's other uses."""
    text = words[hit.first].text
    after = words[hit.last].text if hit.last < len(words) and words[hit.last].tie == JOINED else ""
    later = words[hit.last + 1].text if hit.last + 1 < len(words) and words[hit.last + 1].tie == JOINED else ""
    before = words[hit.first - 1].text if hit.first and words[hit.first].tie != BROKEN else ""
    if after in _PICTURE_WORDS or (after in {"side", "hand"} and later in _PICTURE_WORDS):
        return False
    if text == "left" and hit.last - hit.first == 1:
        return before not in {"has", "have", "had"} and after not in {
            "unchanged",
            "out",
            "alone",
            "behind",
            "untouched",
        }
    if text == "right" and hit.last - hit.first == 1:
        return after not in {"next", "now", "behind", "away", "there", "after", "before", "beside"} and before != "all"
    return True


def find_places(text: str) -> list[Mention]:
    """Mentions of places in a picture; `value` is left, right, top, bottom, center, "top left", "row 2", …"""
    words = words_of(text)
    return _mentions(text, words, (hit for hit in _PLACE_PHRASES.scan(words) if _is_place(words, hit)))


# --------------------------------------------------------------------------------------------------------- pictures

_PICTURE_NOUNS = ("picture", "image", "photo", "photograph", "scene", "version", "one")
_PICTURES = {
    "first": ("first", "1st", "original", "initial", "former", "earlier"),
    "second": ("second", "2nd", "modified", "edited", "changed", "altered", "new", "latter", "other", "later"),
}
_PICTURE_PHRASES = Phrases(
    [
        *(
            (f"{the}{word} {noun}", which)
            for which, words in _PICTURES.items()
            for the, word, noun in product(("", "the ", "in the "), words, _PICTURE_NOUNS)
        ),
        *(
            (f"{side} {noun}", which)
            for side, which in (("left", "first"), ("right", "second"))
            for noun in _PICTURE_NOUNS[:-1]
        ),
        *(
            (f"{side} {noun}", which)
            for side, which in (("left hand", "first"), ("right hand", "second"))
            for noun in _PICTURE_NOUNS[:-1]
        ),
        *(
            (f"{noun} {mark}", which)
            for noun in _PICTURE_NOUNS[:-1]
            for mark, which in (
                ("1", "first"),
                ("one", "first"),
                ("a", "first"),
                ("2", "second"),
                ("two", "second"),
                ("b", "second"),
            )
        ),
        *((f"both {noun}s", "both") for noun in _PICTURE_NOUNS),
        *((f"{the} two {noun}s", "both") for the in ("the", "these") for noun in _PICTURE_NOUNS[:-1]),
        ("in both", "both"),
        ("in the first", "first"),
        ("in the second", "second"),
        ("in one", "first"),
        ("in the other", "second"),
        ("the former", "first"),
        ("the latter", "second"),
        ("the other", "second"),
        ("the original", "first"),
        ("before", "first"),
        ("afterwards", "second"),
    ]
)


_AFTER_PICTURE = _VERBS | _CONJUNCTIONS | _DETERMINERS | {"it", "they", "there"}


def _picture_hits(words: Words) -> list[Hit]:
    hits = []
    for hit in _PICTURE_PHRASES.scan(words):
        bare = words[hit.last - 1].text in {"first", "second", "original", "other", "one"}
        after = words[hit.last] if hit.last < len(words) else None
        if bare and after and after.tie == JOINED and after.text not in _AFTER_PICTURE:
            continue  # "in the second row", "the other cup"
        hits.append(hit)
    return hits


def find_pictures(text: str) -> list[Mention]:
    """Mentions of the pictures themselves; `value` is first (original), second (modified) or both."""
    words = words_of(text)
    return _mentions(text, words, _picture_hits(words))


# ------------------------------------------------------------------------------------------------------------- types

# A strong word tells a type by itself. A weak one is an attribute: it tells a type where no strong word does, or where
# a word of change stands beside it ("moved and changed color", but "the red color car was removed"). A generic word
# tells of a change of no type, where nothing else does.
_STRONG = {
    "color": "recolor recolors recolored recoloring recolour recolours recoloured recolouring recoloration "
    "recolouration repainted repaint painted dyed discolored discoloured colorized colourized",
    "remove": "removed remove removes removal removing missing disappeared disappear disappears disappearing "
    "disappearance dissapeared disapeared vanished vanish vanishes deleted delete deletes deletion absent absence gone "
    "erased erase eliminated omitted lacks lack lacking taken_away taken_out took_away left_out cut_out edited_out "
    "not_present not_there not_visible isn't_present isn't_there isn't_visible aren't_there aren't_present "
    "aren't_visible not_found not_seen can't_be_seen cannot_be_seen not_be_seen no_more not_exist doesn't_exist "
    "nowhere not_appear doesn't_appear don't_appear not_included",
    "position": "moved move moves movement moving_from moving_to shifted shift shifts shifting relocated relocate "
    "relocates relocation displaced displacement repositioned reposition repositioning rearranged slid transferred "
    "migrated translated translation swapped_places swapped_positions switched_places switched_positions traded_places "
    "switched_sides changed_sides changes_sides somewhere_else elsewhere",
    "added": "added add adds addition adding appeared appears appear appearance_of inserted introduced newly new "
    "additional extra emerged showed_up shows_up popped_up",
    "unknown": "replaced replace replaces replacement replacing substituted substitution swapped swap swaps switched "
    "exchanged resized enlarged shrunk shrank scaled rotated rotation flipped mirrored blurred cropped tilted "
    "transformed turned_into opened closed broken merged split",
}
_WEAK = {
    "color": "color colors colour colours colored coloured coloring colouring coloration colouration hue hues tint "
    "different_shade darker_shade lighter_shade shade_of darker brighter chromatic",
    "position": "position positions positioning location locations place places placement placements spot positional "
    "spatial whereabouts placed positioned located",
    "unknown": "size sizes bigger smaller larger taller shorter shape shapes orientation texture pattern style pose",
}
_GENERIC = (
    "changed change changing differs differ different altered modified not_the_same not_same isn't_the_same "
    "aren't_the_same not_identical aren't_identical isn't_identical not_exactly_the_same not_match doesn't_match "
    "don't_match no_longer_the_same not_alike inconsistent mismatch mismatched dissimilar unlike"
)
_STATIC_ABSENCE = word_set(
    "missing absent absence lacks lack lacking not isn't aren't can't cannot no nowhere doesn't don't"
)


def _table(groups: dict[str, str], strength: str) -> list[tuple[str, str]]:
    return [
        (phrase.replace("_", " "), f"{strength} {kind}") for kind, listed in groups.items() for phrase in listed.split()
    ]


_TYPE_PHRASES = Phrases([*_table(_STRONG, "strong"), *_table(_WEAK, "weak"), *_table({"unknown": _GENERIC}, "generic")])
_CHANGE_WORDS = frozenset(
    word for group in (*_STRONG.values(), _GENERIC) for word in group.split() if "_" not in word
) - {"new", "appearance", "extra", "additional", "add", "lack", "move", "shift", "swap"}
_TELLING = _CHANGE_WORDS | {"of"}
_TELLING_AFTER = _VERBS | _CHANGE_WORDS | _ATTRIBUTES
_DESCRIBING = _DETERMINERS | _MODIFIERS | frozenset(_COLOR_WORDS)

_NEGATORS = word_set("not no never none nothing neither nor without hardly cannot nobody")
_ALIKE = word_set("unchanged same identical intact unaltered constant consistent alike similar untouched equal")
_CHANGING = word_set(
    "changed change changes changing different differs differ new altered another other shifted switched modified "
    "shift moved has"
)
_STOPPERS = word_set("but and while whereas however though although except")
_CONTRASTING = _STOPPERS - {"and"}
_NEARLY_CHANGING = _CHANGING - {"has"}
_ATTRIBUTE_CHANGING = _CHANGING - {"has", "moved", "shifted"}


def _negates(words: Words, k: int) -> bool:
    """Whether word k denies what follows: "not", "n't", "no", but not "no longer", "not only"."""
    if words[k].text not in _NEGATORS and not words[k].text.endswith("n't"):
        return False
    after = words[k + 1].text if k + 1 < len(words) else ""
    return after not in {"longer", "only", "just", "doubt", "more", "merely", "sure"} and not (
        k + 1 < len(words) and words[k + 1].tie == BROKEN and words[k].text == "no"
    )


def _denied_before(words: Words, first: int, reach: int = 7) -> bool:
    for k in range(first - 1, max(first - 1 - reach, -1), -1):
        if words[k + 1].tie == BROKEN or words[k].text in _STOPPERS:
            return False
        if _negates(words, k):
            return True
    return False


def _alike_after(words: Words, last: int, reach: int = 7) -> bool:
    """Whether an attribute is then said to be the same: "the color … is unchanged", "… did not change"."""
    for k in range(last, min(last + reach, len(words))):
        if words[k].tie == BROKEN or words[k].text in _CONTRASTING:
            return False
        if words[k].text in _ALIKE:
            return not _denied_before(words, k, 2) and words[k - 1].text != "longer"
        if words[k].text in _CHANGING and k > last and _denied_before(words, k, 2):
            return True
        if words[k].text in _NEARLY_CHANGING:
            return False
    return False


def _denied(words: Words, hit: Hit) -> bool:
    if _denied_before(words, hit.first):
        return True
    if not hit.value.startswith("weak"):
        return False
    before = {words[k].text for k in range(max(hit.first - 2, 0), hit.first)}
    return bool(before & {"same", "identical", "similar", "exact"}) or _alike_after(words, hit.last)


_ONE_COLOR = rf"(?:(?:dark|light|pale|bright|deep|sky|royal|solid)[ -])?(?:{'|'.join(_COLOR_WORDS)})"
_TO_COLOR = rf"(?:(?:a|an|the|its|being|more|all|completely|entirely|in|color|colour) ){{0,3}}{_ONE_COLOR}\b"
_BETWEEN = r"(?: (?:color|colour|one|shade|tone|hue|in the (?:first|original) (?:picture|image|photo)))?,? ?"
_NO_NOUN = r"(?! (?!in\b|now\b|and\b|but\b|as\b|color|colour|one\b)[a-z]+\b)"  # not "to the blue mat"
_COLOR_CHANGE = re.compile(
    rf"\bfrom {_TO_COLOR}{_BETWEEN}(?:to|into) {_TO_COLOR}{_NO_NOUN}"
    rf"|\b{_ONE_COLOR} ?(?:->|-->|=>|→|⇒) ?{_ONE_COLOR}\b"
    rf"|\b(?:turned|turns|turn|became|becomes|become|dyed) {_TO_COLOR}"
    rf"|\b(?:changed|changes|switched|altered|turned) (?:to|into) {_TO_COLOR}"
    rf"|\b(?:is|are|'s) now {_TO_COLOR}|\bnow (?:is|are|has|looks|appears) {_TO_COLOR}|\bno longer {_TO_COLOR}"
    rf"|\b{_ONE_COLOR}\b[^.;\n]{{0,40}}\b(?:instead of|rather than|not|vs\.?|versus|but now|and now|now) {_TO_COLOR}"
    rf"|\binstead of {_TO_COLOR}|\b{_ONE_COLOR} now\b"
    rf"|(?:\bnot|n['’]t) {_TO_COLOR} any ?more\b"
    rf"|\b(?:was|were) {_TO_COLOR}[^.;\n]{{0,60}}\b(?:is|are|becomes|became|turned|now) (?:now )?{_TO_COLOR}",
    re.IGNORECASE,
)


def _implied_hits(text: str, words: Words, pictures: list[Hit]) -> list[Hit]:
    """Types that no single word tells: "from red to blue", "there is no clock", "in the first, but not the second"."""
    hits = []
    colors = _color_hits(words)
    if colors:
        for match in _COLOR_CHANGE.finditer(text):
            inside = [k for k, word in enumerate(words) if match.start() <= word.start < match.end()]
            hits.append(Hit(inside[0], inside[-1] + 1, "strong color"))
    contrast = {"first", "second"} <= {hit.value for hit in pictures}
    if contrast and not hits and len({hit.value for hit in colors}) > 1:
        hits.append(Hit(colors[0].first, colors[-1].last, "strong color"))
    if contrast and not colors and len({hit.value for hit in _PLACE_PHRASES.scan(words) if _is_place(words, hit)}) > 1:
        hits.append(Hit(0, len(words), "strong position"))
    now = [k for k, word in enumerate(words) if word.text in {"now", "further", "farther"}]
    if now and not hits:  # "is now on the left"
        places = [hit for hit in _PLACE_PHRASES.scan(words) if _is_place(words, hit)]
        hits += [Hit(k, hit.last, "strong position") for k in now for hit in places[:1] if k < hit.first <= k + 5]
    return [*hits, *_absence_hits(words, pictures)]


_BEFORE_PICTURE = word_set("in on the present visible there seen it is at all exist found shown be within into a")
_HOLDING = word_set("is are was were s has have contains shows with but and")
_VISIBLE = word_set("visible present seen there anymore shown")
_ONLY_IN = word_set("in on the visible present exists appears seen shown found")


def _absence_hits(words: Words, pictures: list[Hit]) -> list[Hit]:
    hits = []
    negators = [k for k in range(len(words)) if _negates(words, k)]
    if negators:
        objects = {hit.first: hit.last for hit in _object_hits(words)}
        hits += [hit for k in negators if (hit := _denied_presence(words, k, pictures, objects))]
    for k, word in enumerate(words):
        after = words[k + 1].text if k + 1 < len(words) else ""
        if word.text == "longer" and k and words[k - 1].text == "no" and after not in {*_COLOR_WORDS, *_DETERMINERS}:
            hits.append(Hit(k - 1, k + 1, "strong remove"))
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
    if noun is None or (k and words[k - 1].text not in _HOLDING and words[k].text == "no"):
        return None
    rest = {words[at].text for at in range(objects[noun], len(words))}
    near_rest = {words[at].text for at in range(objects[noun], min(objects[noun] + 5, len(words)))}
    if rest & _CHANGE_WORDS or (k == 0 and near_rest & _VERBS and not near_rest & _VISIBLE):
        return None
    return Hit(k, objects[noun], "strong remove")


def _usable(words: Words, hit: Hit, pictures: list[Hit]) -> bool:
    """Leaves out words of change that tell of none here: "appears to be", "blue-colored", "the new position"."""
    text = words[hit.last - 1].text
    after = words[hit.last].text if hit.last < len(words) and words[hit.last].tie != BROKEN else ""
    before = words[hit.first - 1].text if hit.first and words[hit.first].tie != BROKEN else ""
    if text in {"appears", "appear", "appeared"} and hit.value == "strong added":
        told = after in {"", "in", "on", "at", "out", "next", "near", "beside", "newly"}
        return told and not any(picture.value in {"both", "first"} for picture in pictures)
    if text in {"new", "additional", "extra", "newly"}:
        return bool(after) and after not in _NO_OBJECTS and after not in _COLOR_WORDS
    if text in {"colored", "coloured"}:
        return before not in _COLOR_WORDS
    if text == "change" and before in _NUMBERS.keys() | {"of", "the", "only", "single"}:
        return after in {"in", "of", "from", "to"}
    return not (hit.value.startswith("generic") and after in {"picture", "pictures", "image", "images"})


def _flipped(words: Words, hit: Hit, pictures: list[Hit]) -> Hit:
    """What is missing from the first picture was added to the second."""
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


_PART_OPENERS = _STOPPERS | {"which", "that", "then"}


def _heads_object(words: Words, picture: Hit, part: int) -> bool:
    """Whether an object stands right before the picture that it is said to be in."""
    objects = _object_hits(words)
    return any(part <= hit.first and hit.last <= picture.first <= hit.last + 2 for hit in objects)


@lru_cache(maxsize=32)
def _type_hits(text: str) -> tuple[list[Hit], list[Hit]]:
    """(types asserted, types denied) of a clause; the values of the asserted are bare types."""
    words = words_of(text)
    pictures = _picture_hits(words)
    implied = _implied_hits(text, words, pictures)
    in_picture = {k for hit in pictures for k in range(hit.first, hit.last)}
    in_implied = {k for hit in implied for k in range(hit.first, hit.last)}
    told = [
        hit
        for hit in _TYPE_PHRASES.scan(words)
        if hit.first not in in_picture
        and not (hit.value == "strong remove" and hit.first in in_implied)
        and _usable(words, hit, pictures)
    ]
    denied = [hit for hit in told if _denied(words, hit)]
    asserted = sorted(_flipped(words, hit, pictures) for hit in [*implied, *told] if hit not in denied)
    put = max((k for k, word in enumerate(words) if word.text in {"placed", "put"}), default=-1)
    asserted = [  # "removed from the shelf and placed on the table"
        Hit(hit.first, hit.last, "strong position") if hit.value == "strong remove" and hit.first < put else hit
        for hit in asserted
    ]
    if any(hit.value in {"strong color", "weak color"} for hit in asserted):
        asserted = [hit for hit in asserted if not (_is_vague(words, hit) and hit.value != "strong color")]
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


def _is_vague(words: Words, hit: Hit) -> bool:
    """Words that also tell of a colour: "the color has shifted", "switched from red to blue", "turned into"."""
    return words[hit.first].text.startswith(("shift", "switch", "turned", "transformed", "swapped"))


def _changes_beside(words: Words, hit: Hit) -> bool:
    of = hit.value == "weak color" and hit.last < len(words) and words[hit.last].text == "of"
    return of or _is_changing_near(words, hit)


def _is_changing_near(words: Words, hit: Hit) -> bool:
    near = range(max(hit.first - 3, 0), min(hit.last + 2, len(words)))
    return any(words[k].text in _ATTRIBUTE_CHANGING for k in near)


_COMPARING = word_set(
    "compared compare comparing checked check checking examined examining inspected reviewed verified"
)


def find_types(text: str) -> list[Mention]:
    """Changes that a clause asserts; `value` is color, remove, position, added or unknown ("replaced", "resized").

    What is denied asserts no difference ("the car has not moved", "no object was removed") and is left out; so is an
    attribute that is said to be the same.
    """
    words = words_of(text)
    return _mentions(text, words, _type_hits(text)[0])


_SAME_WORDS = word_set(
    "same identical unchanged unaltered untouched intact alike matches match matching equal constant consistent still "
    "remains remain remained stays stayed equivalent duplicates copies indistinguishable"
)
_UNREMARKABLE = ("", "visible ", "noticeable ", "apparent ", "other ", "further ", "significant ", "obvious ", "clear ")
_SAME_PHRASES = Phrases(
    [(word, "same") for word in sorted(_SAME_WORDS)]
    + [
        (f"no {adjective}{noun}", "same")
        for adjective, noun in product(
            _UNREMARKABLE, ("difference", "differences", "change", "changes", "discrepancies")
        )
    ]
    + [(phrase, "same") for phrase in ("in both", "nothing changed", "nothing has changed", "nothing else")]
)


def find_sameness(text: str) -> list[Mention]:
    """Words by which a clause says that something did not change, denied changes ("has not moved") among them."""
    words = words_of(text)
    said = [
        hit
        for hit in _SAME_PHRASES.scan(words)
        if not _denied_before(words, hit.first, 4)
        and not any(words[k].text == "longer" for k in range(max(hit.first - 2, 0), hit.first))
    ]
    taken = {k for hit in said for k in range(hit.first, hit.last)}
    denied = [hit for hit in _type_hits(text)[1] if hit.first not in taken]
    return _mentions(text, words, sorted([*said, *(Hit(hit.first, hit.last, "same") for hit in denied)]))


@lru_cache(maxsize=4096)
def normalise_type(raw: str) -> str | None:
    """The type that a label stands for ("Colour change", "moved", "object_removal"); None for another, or for two."""
    words = words_of(raw)
    if any(_negates(words, k) for k in range(len(words))) and not _TYPE_PHRASES.get(word.text for word in words):
        return None
    hits = [hit for hit in _TYPE_PHRASES.scan(words) if not hit.value.startswith("generic")]
    if any(hit.value == "weak color" for hit in hits):  # "color shift", "color switched"
        hits = [hit for hit in hits if not _is_vague(words, hit)]
    kinds = {hit.value.split()[1] for hit in hits}
    return kinds.pop() if len(kinds) == 1 and kinds <= set(TYPES) else None


# ------------------------------------------------------------------------------------------------------------ counts

_NUMBER_WORDS = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen "
    "seventeen eighteen nineteen twenty"
)
_NUMBERS = {word: number for number, word in enumerate(_NUMBER_WORDS.split())}
_DIGITS = r"(?<![\w.,/-])\d{1,9}(?![\w.,/]{0,9}\d)"
_NUMBER = rf"(?P<number>{_DIGITS}|\b(?:{'|'.join(_NUMBERS)}|no|single|sole|only|couple of)\b)"
_NUMERAL = rf"(?P<number>{_DIGITS}|\b(?:{'|'.join(_NUMBERS)}|none)\b)"
_NOUN = (
    r"(?:differences?|changes?|discrepanc(?:y|ies)|modifications?|alterations?|dissimilarit(?:y|ies)|variations?|diffs?)"
    r"\b"
)
_ADJECTIVE = (
    r"(?:(?:main|visible|key|notable|clear|small|distinct|subtle|noticeable|obvious|major|minor|total|single|other|such|"
    r"observable|significant|apparent|real|actual|visual|slight|big|important|of the|between the|objects? with) ){0,3}"
)
_COUNTED = re.compile(
    rf"{_NUMBER}(?: \(\d{{1,4}}\))? {_ADJECTIVE}{_NOUN}(?! in (?:color|colour|position)\b)", re.IGNORECASE
)
_LABELLED = re.compile(
    rf"\b(?:number of {_NOUN}|differences|changes|difference count|predicted_num|total|count|answer)"
    r"(?: (?:between the (?:two )?(?:pictures|images)|found|in total|count))?['\"]?\s{0,3}(?::|=|\bis\b|\bare\b)"
    rf"\s{{0,3}}[*_]{{0,2}}{_NUMERAL}(?!\s*[.,]?\d)",
    re.IGNORECASE,
)
_NOT_ANY = (
    r"(?:(?:not|cannot|can['’]t|don['’]t|didn['’]t|couldn['’]t) (?:see|find|notice|detect|have|spot|observe) any|"
    r"aren['’]t any|are not any|isn['’]t any|is not any|without any|not a single)"
)
_NO_DIFFERENCE = re.compile(
    rf"\b{_NOT_ANY} {_ADJECTIVE}{_NOUN}"
    r"|\b(?:(?:do|did) not|don['’]t|didn['’]t) differ\b"
    r"|\b(?:pictures|images|photos|they|both|scenes) (?:are|look|appear|seem)(?: to be)? "
    r"(?:(?:exactly|completely|totally|absolutely|entirely|perfectly) )?(?:the same|identical)\b"
    r"(?!,? (?:except|but|apart|other|save|with|size|in|scene|kind|room|place|style))",
    re.IGNORECASE,
)
_BARE = re.compile(rf"\W{{0,8}}{_NUMERAL}\W{{0,8}}", re.IGNORECASE)
_RANGE = re.compile(r"(?:\bor|\bto|-|–|/|\bnot|n['’]t) ?$", re.IGNORECASE)
_IN_TOTAL = re.compile(r"\b(?:total|altogether|in all|overall|therefore|in summary)\b", re.IGNORECASE)


def find_count(text: str) -> int | None:
    """The number of differences that a text states, or None; a stated total goes before the first count."""
    bare = _BARE.fullmatch(text.strip()) if len(text) < 40 else None
    if bare:
        return _number(bare["number"])
    found = []
    for match in _COUNTED.finditer(text):
        if match["number"].lower() == "no" and "other" in match.group().lower():
            continue  # "there are no other differences" counts nothing
        before = text[max(match.start() - 24, 0) : match.start()]
        if not _RANGE.search(before):
            found.append((match.start(), _number(match["number"]), bool(_IN_TOTAL.search(before + match.group()))))
    found += [(match.start(), _number(match["number"]), True) for match in _LABELLED.finditer(text)]
    found += [(match.start(), 0, False) for match in _NO_DIFFERENCE.finditer(text)]
    found.sort()
    totals = [number for _, number, total in found if total]
    if totals:
        return totals[-1]
    return found[0][1] if found else None


def _number(word: str) -> int:
    word = word.lower()
    if word.isdigit():
        return int(word)
    return _NUMBERS.get(word, {"no": 0, "none": 0, "couple of": 2}.get(word, 1))


# ----------------------------------------------------------------------------------------------------------- clauses

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
_LONGEST_SENTENCE = 1000  # characters
_NO_SUBJECT = word_set("it its they their he she his her which who this these those")


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
    joints = list(_COORDINATION.finditer(sentence))
    if not joints:
        return [(start, end)]
    objects = [mention.start for mention in find_objects(sentence)]
    if len(objects) < 2:
        return [(start, end)]
    words = words_of(sentence)
    told = [(words[hit.first].start, hit.value) for hit in _TYPE_PHRASES.scan(words)]
    attributes = [at for at, value in told if value.startswith("weak")]
    verbs = {at for at, value in told if not value.startswith("weak")}
    if _color_hits(words):
        verbs |= {match.start() for match in _COLOR_CHANGE.finditer(sentence)}
    verbs |= {word.start for word in words if word.text in _VERBS}
    predicates = sorted(verbs)
    pictures = [(words[hit.first].start, hit.value) for hit in _picture_hits(words)]
    openers = {word.start: word.text for word in words}

    parts = []
    begin = 0
    for joint, following in pairwise([*joints, None]):
        left = (begin, joint.start())
        right = (joint.end(), following.start() if following else len(sentence))
        rest = (joint.end(), len(sentence))
        opener = openers.get(joint.end(), "")
        is_label = sentence.startswith(":", joint.end() + len(opener))  # "remove: chair, remove: lamp"
        if (_opens_no_clause(opener) and not is_label) or not (_holds(objects, left) and _holds(objects, rest)):
            continue
        told_twice = _holds(predicates, left) and (_holds(predicates, rest) or _holds(attributes, right))
        if not told_twice and not (_holds(attributes, left) and _holds(attributes, right)):
            continue
        sides = [{value for at, value in pictures if a <= at < b} for a, b in (left, right)]
        if sides[0] and sides[1] and sides[0] != sides[1] and "both" not in sides[0] | sides[1]:
            continue  # one object, told in one picture and in the other
        parts.append((start + begin, start + joint.start()))
        begin = joint.end()
    return [*parts, (start + begin, end)]


def _holds(places: list[int], span: tuple[int, int]) -> bool:
    at = bisect_left(places, span[0])
    return at < len(places) and places[at] < span[1]


def _opens_no_clause(word: str) -> bool:
    return (
        word in _NO_SUBJECT
        or word in _VERBS
        or word in _CHANGE_WORDS
        or (word in _ADVERBS and word not in {"there", "no", "both", "all"})
    )

"""Known object names: the COCO categories with aliases and plurals, and other objects that answers mention."""

from functools import lru_cache

from spd_faith.language.color_words import COLOR_WORDS
from spd_faith.language.grammar import CLITIC, with_plurals
from spd_faith.language.lexicon import LexiconFile, PhraseList, WordSet, load_lexicon
from spd_faith.language.nouns import FRUIT, GROUPS, MODIFIERS
from spd_faith.language.word_classes import DETERMINERS, NO_OBJECTS, PREPOSITIONS, VERBS
from spd_faith.language.words import JOINED, Hit, Phrases, Words, joined_after, with_following, word_before, words_of


class _Names(LexiconFile):
    categories: dict[str, PhraseList]
    other_objects: PhraseList
    images: PhraseList
    aspects: PhraseList
    parts: PhraseList
    kinds: dict[str, PhraseList]
    parts_of: dict[str, PhraseList]
    garments: dict[str, PhraseList]
    common_parts: WordSet


_NAMES = load_lexicon("objects", _Names)

CATEGORIES: tuple[str, ...] = tuple(_NAMES.categories)
"""The 80 COCO category names."""

_PARTS = frozenset(with_plurals(_NAMES.parts)) - VERBS  # "the cow stands"
_CATEGORY_NAMES = [(form, name) for name in CATEGORIES for form in with_plurals([name])] + [
    (form, name) for name, aliases in _NAMES.categories.items() for form in with_plurals(aliases)
]
IMAGE = "image"
"""The object of what an answer says of an image as such: "the second image is sharper"."""

_ASPECTS = frozenset({IMAGE, *_NAMES.aspects})
_PARTS_ALONE = [name for name in _NAMES.parts_of if name not in _NAMES.common_parts]
_OTHER_NAMES = {
    form: name
    for name in (*_NAMES.other_objects, *_NAMES.aspects, *_NAMES.kinds, *_PARTS_ALONE)
    for form in with_plurals([name])
}
_CATEGORY_PHRASES = Phrases(_CATEGORY_NAMES)
_OBJECT_PHRASES = Phrases([*_CATEGORY_NAMES, *_OTHER_NAMES.items()])
_PART_NAMES = frozenset(with_plurals(_NAMES.parts_of))
_MEANT = {
    form: frozenset(categories)
    for names in (_NAMES.parts_of, _NAMES.kinds)
    for name, categories in names.items()
    for form in with_plurals([name])
}


@lru_cache(maxsize=4096)
def canonical_category(name: str) -> str | None:
    """The COCO category of a name, whatever its alias, plural, article or modifiers; None if it has none."""
    words = [word.text for word in words_of(name)]
    while len(words) > 2 and words[1] == "of" and words[0] in GROUPS:
        words = words[2:]
    if words and words[0] in DETERMINERS:
        words = words[1:]
    if _OBJECT_PHRASES.get(words):
        return _CATEGORY_PHRASES.get(words)
    head = next((k for k, word in enumerate(words) if k and word in PREPOSITIONS), len(words))
    return _category_of_tail(words[:head])


def _category_of_tail(words: list[str]) -> str | None:
    """The category of the longest known name at the end of a noun phrase."""
    for first in range(len(words)):
        tail = words[first:]
        if _OBJECT_PHRASES.get(tail):
            return _CATEGORY_PHRASES.get(tail)
    return None


@lru_cache(maxsize=4096)
def meant_categories(name: str) -> frozenset[str]:
    """The categories that a more general name ("animal") or the name of a part can refer to."""
    words = [word.text for word in words_of(name)]
    for first in range(len(words)):
        if meant := _MEANT.get(" ".join(words[first:])):
            return meant & _owners(words[:first], meant)
    return frozenset()


def _owners(words: list[str], parts: frozenset[str]) -> frozenset[str]:
    """The categories of what has a part: `parts` without a known owner, none for the roof of a building."""
    if not _OBJECT_PHRASES.get(words):
        return parts
    category = _CATEGORY_PHRASES.get(words)
    return frozenset({category}) if category else _MEANT.get(" ".join(words), frozenset())


def is_part(name: str) -> bool:
    """Whether a name is of a part of things ("icing", "car frame") or of what someone wears."""
    return name in _PART_NAMES or name.split()[-1] in _PART_NAMES


def object_hits(words: Words) -> list[Hit]:
    """Known objects: only heads of compounds, parts with their owners, "orange" only as the fruit."""
    found = [hit for hit in _OBJECT_PHRASES.scan(words) if not _describes_image(words, hit)]
    named: list[Hit] = []
    owner = ""
    for hit, following in with_following(found):
        named_hit = hit._replace(value=f"{owner} {hit.value}") if owner else hit
        owner = hit.value if following and _owns(words, hit, following) else ""
        if named and _is_part_of(words, named[-1], hit):
            part = named.pop()
            named.append(Hit(part.first, hit.last, f"{hit.value} {part.value}"))
        elif not owner and _is_head(words, hit, following):
            named.append(_with_part(words, named_hit))
    return named


def _describes_image(words: Words, hit: Hit) -> bool:
    """Whether an object only says what images show: "the two desk photos", "two pictures of the station"."""
    if joined_after(words, hit.last) in _NAMES.images:
        return True
    k = hit.first
    while k and words[k - 1].text in DETERMINERS:
        k -= 1
    return k > 1 and words[k - 1].text == "of" and words[k - 2].text in _NAMES.images


def _owns(words: Words, hit: Hit, following: Hit) -> bool:
    """Whether an object has the next one as a part: "the laptop screen", "the man's red jacket"."""
    if not _may_have(hit, following):
        return False
    between = [word.text for word in words[hit.last : following.first]]
    is_joined = all(word.tie == JOINED for word in words[hit.last : following.first + 1])
    is_owned = between[:1] == [CLITIC] and all(text in MODIFIERS or text in COLOR_WORDS for text in between[1:])
    return is_joined and (not between or is_owned)


def _is_part_of(words: Words, part: Hit, whole: Hit) -> bool:
    """Whether "of" ties a part to what has it: "the screen of the laptop"."""
    between = [word.text for word in words[part.last : whole.first]]
    is_tied = between[:1] == ["of"] and all(text in DETERMINERS | MODIFIERS for text in between[1:])
    return is_tied and _may_have(whole, part)


def _may_have(whole: Hit, part: Hit) -> bool:
    return part.value in _PART_NAMES or whole.value in meant_categories(part.value)


_WORN_ON = {form: place for place, names in _NAMES.garments.items() for form in with_plurals(names)}


def may_be_same_garment(one: str, two: str) -> bool:
    """Whether two garments can be one: "jersey" and "shirt", "outfit" and anything, not "shirt" and "shorts"."""
    places = _WORN_ON.get(one), _WORN_ON.get(two)
    return None in places or places[0] == places[1]


def is_worn(name: str) -> bool:
    """Whether a name is of what only a person has: "jacket", "hair"."""
    return _MEANT.get(name) == frozenset({"person"})


def is_aspect(name: str) -> bool:
    """Whether a name is of no thing but of how an image was taken or what it is like: "lighting", "camera angle"."""
    return name in _ASPECTS


def aspect_hits(words: Words) -> list[Hit]:
    return [hit for hit in object_hits(words) if is_aspect(hit.value)]


def _is_head(words: Words, hit: Hit, following: Hit | None) -> bool:
    """Whether an object is the head of its noun phrase, given the object named next."""
    if hit.value == FRUIT.word and words[hit.first].text == FRUIT.word and not is_fruit(words, hit.first):
        return False
    after = joined_after(words, hit.last)
    if not after or not following:
        return True
    if following.first == hit.last and after != FRUIT.word:
        return False  # "horse rider": the rider
    return after != CLITIC or following.first != hit.last + 1  # "the man's tie": the tie


def _with_part(words: Words, hit: Hit) -> Hit:
    """The object together with its part, if one follows: "car door"."""
    after = joined_after(words, hit.last)
    if after in _PARTS and words[hit.last - 1].text not in _PARTS:
        return Hit(hit.first, hit.last + 1, f"{hit.value} {after}")
    return hit


def is_fruit(words: Words, k: int) -> bool:
    """Whether "orange" at word k is the fruit: "the orange", "an orange", with no noun after it."""
    before, after = word_before(words, k), joined_after(words, k + 1)
    if before not in FRUIT.after:
        return False
    described = _OBJECT_PHRASES.scan(words[k + 1 : k + 5]) if after else []
    if after in FRUIT.joints and joined_after(words, k + 2) in COLOR_WORDS:
        return False  # "an orange and white shirt"
    if after in NO_OBJECTS or (described and described[0].first == 0):
        return False
    earlier = words[k - 2].text if k > 1 else ""
    return before != "of" or earlier in FRUIT.of


@lru_cache(maxsize=4096)
def whole_category(name: str) -> str | None:
    """The category of what a name is a part of, if it can be only one: "bus roof", "wetsuit" (of a person)."""
    words = [word.text for word in words_of(name)]
    is_named_part = any(" ".join(words[first:]) in _PART_NAMES for first in range(len(words)))
    meant = meant_categories(name) if is_named_part else frozenset()
    return next(iter(meant)) if len(meant) == 1 else None

"""Known object names: the COCO categories with aliases and plurals, and other objects that answers mention."""

from functools import lru_cache

from spd_faith.language.grammar import CLITIC, with_plurals
from spd_faith.language.lexicon import LexiconFile, PhraseList, load_lexicon
from spd_faith.language.nouns import FRUIT, GROUPS
from spd_faith.language.word_classes import DETERMINERS, NO_OBJECTS, PREPOSITIONS, VERBS
from spd_faith.language.words import Hit, Phrases, Words, joined_after, with_following, word_before, words_of


class _Names(LexiconFile):
    categories: dict[str, PhraseList]
    other_objects: PhraseList
    parts: PhraseList
    kinds: dict[str, PhraseList]
    parts_of: dict[str, PhraseList]


_NAMES = load_lexicon("objects", _Names)

CATEGORIES: tuple[str, ...] = tuple(_NAMES.categories)
"""The 80 COCO category names."""

_PARTS = frozenset(with_plurals(_NAMES.parts)) - VERBS  # "the cow stands"
_CATEGORY_NAMES = [(form, name) for name in CATEGORIES for form in with_plurals([name])] + [
    (form, name) for name, aliases in _NAMES.categories.items() for form in with_plurals(aliases)
]
_OTHER_NAMES = {form: name for name in (*_NAMES.other_objects, *_NAMES.kinds) for form in with_plurals([name])}
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
            whole = canonical_category(" ".join(words[:first]))  # "car door": only of the car
            return meant & {whole} if whole else meant
    return frozenset()


def is_part(word: str) -> bool:
    """Whether a word names a part of things ("icing", "frame")."""
    return word in _PART_NAMES


def object_hits(words: Words) -> list[Hit]:
    """Known objects: only heads of compounds, no owners, "orange" only as the fruit."""
    found = _OBJECT_PHRASES.scan(words)
    return [_with_part(words, hit) for hit, following in with_following(found) if _is_head(words, hit, following)]


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

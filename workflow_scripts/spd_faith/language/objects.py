"""What a clause speaks of: objects known by name, unknown nouns that a change is told of, and which are landmarks."""

from spd_faith.language.categories import object_hits
from spd_faith.language.change_words import CHANGE_WORDS
from spd_faith.language.colors import COLOR_WORDS
from spd_faith.language.word_classes import ADVERBS, CONJUNCTIONS, DETERMINERS, NO_OBJECTS, PREPOSITIONS, VERBS
from spd_faith.language.words import BROKEN, JOINED, Hit, Mention, Words, mentions_of, word_set, words_of

_MODIFIERS = word_set(
    "small little big large huge tiny tall short long old new young whole entire single same other main only first "
    "second third fourth fifth left right top bottom upper lower middle central center centre leftmost rightmost "
    "front back far near original modified wooden metal metallic plastic empty full round square bright dark light "
    "overall general exact respective pale missing removed moved moving standing sitting lone remaining striped"
)
_LISTING = word_set("and or as well also the a an both one of its color colour position location") | _MODIFIERS
_ATTRIBUTES = word_set("color colour hue shade position location place placement size shape orientation")
_DESCRIBING = DETERMINERS | _MODIFIERS | frozenset(COLOR_WORDS)
_TELLING = CHANGE_WORDS | {"of"}
_TELLING_AFTER = VERBS | CHANGE_WORDS | _ATTRIBUTES


def find_objects(text: str) -> list[Mention]:
    """Mentions of objects: COCO categories, other known things, and unknown nouns that a change is told of.

    An unknown noun counts where it is the subject of a verb ("the zeppelin was removed"), follows a word of change
    ("the colour of the zeppelin", "missing zeppelin") or opens an entry ("Zeppelin: removed"). `value` is the
    category, or the noun in lower case.
    """
    words = words_of(text)
    known = object_hits(words)
    taken = {k for hit in known for k in range(hit.first, hit.last)}
    return mentions_of(text, words, sorted([*known, *_unknown_nouns(words, taken)]))


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
    if not k or words[k].tie == BROKEN or words[k - 1].text not in PREPOSITIONS:
        return False
    if words[k - 1].text != "of":
        return words[k - 1].text not in {"for", "as", "than"}
    earlier = words[k - 2].text if k > 1 else ""
    return earlier in {"left", "right", "front", "top", "bottom", "side", "middle", "center", "instead", "out", "back"}


def _unknown_nouns(words: Words, taken: set[int]) -> list[Hit]:
    hits = []
    free = 0
    for k, word in enumerate(words):
        opens = k == 0 or word.text in DETERMINERS
        told = k > 0 and words[k - 1].text in _TELLING and word.tie != BROKEN
        if k < free or not (opens or told):
            continue
        first = k + 1 if word.text in DETERMINERS else k
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
        if first == last or taken.intersection(range(first, last)) or words[last - 1].text in NO_OBJECTS:
            continue
        if any(words[at].text in NO_OBJECTS for at in range(first, last)):
            continue
        if not _is_told_of(words, k, last, opening=k == 0 and word.text not in DETERMINERS):
            continue
        hits.append(Hit(first, last, " ".join(words[at].text for at in range(first, last))))
        free = last
    return hits


def _ends_noun(word: str) -> bool:
    return (
        word in PREPOSITIONS
        or word in DETERMINERS
        or word in VERBS
        or word in CONJUNCTIONS
        or word in ADVERBS
        or word in CHANGE_WORDS
        or word == "s"
        or word.isdigit()
        or word.endswith("n't")
    )


def _is_told_of(words: Words, first: int, last: int, opening: bool) -> bool:
    after = words[last] if last < len(words) else None
    if after is not None and after.text == "s" and after.tie == JOINED:
        return last + 1 < len(words) and (
            words[last + 1].text in _ATTRIBUTES
            or words[last + 1].text in CHANGE_WORDS
            or words[last + 1].text == "been"
        )
    if opening:  # "Zeppelin: removed", "Zeppelin moved"
        return after is not None and (after.text in CHANGE_WORDS or after.text in VERBS)
    if after is not None and after.tie != BROKEN and after.text in _TELLING_AFTER:
        return True
    before = words[first - 1].text if first else ""
    earlier = words[first - 2].text if first > 1 else ""
    return before in CHANGE_WORDS or (before == "of" and (earlier in CHANGE_WORDS or earlier in _ATTRIBUTES))

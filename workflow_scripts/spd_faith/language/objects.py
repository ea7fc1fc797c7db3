"""Finds the objects in a clause: known ones, and unknown nouns that the clause reports a change of."""

from itertools import takewhile

from spd_faith.language.categories import is_part, object_hits
from spd_faith.language.change_words import CHANGE_WORDS
from spd_faith.language.color_words import COLOR_WORDS
from spd_faith.language.grammar import CLITIC, is_contracted_not
from spd_faith.language.nouns import ATTRIBUTES, MODIFIERS, OWNING, PLACING, RELATIONAL
from spd_faith.language.word_classes import ADVERBS, CONJUNCTIONS, DETERMINERS, NO_OBJECTS, PREPOSITIONS, VERBS
from spd_faith.language.words import (
    BROKEN,
    JOINED,
    Hit,
    Mention,
    Text,
    Words,
    as_text,
    joined_after,
    mentions_of,
    word_after,
)

DESCRIBING = DETERMINERS | MODIFIERS | frozenset(COLOR_WORDS)
"""Words that can come before a noun without naming an object."""

_LONGEST_NOUN = 4  # words, including modifiers
_LONGEST_PLACE = 8  # words from the preposition to the verb
_BEFORE_CHANGED = CHANGE_WORDS | {"of"}
_AFTER_CHANGED = VERBS | CHANGE_WORDS | ATTRIBUTES
_AFTER_OWNER = ATTRIBUTES | CHANGE_WORDS | OWNING
_AFTER_NOUN = PREPOSITIONS | DETERMINERS | VERBS | CONJUNCTIONS | ADVERBS | CHANGE_WORDS | {CLITIC}


def find_objects(text: str | Text) -> list[Mention]:
    """Mentions of objects: COCO categories, other known objects, and unknown nouns with a reported change.

    An unknown noun counts if it is the subject of a verb ("the zeppelin was removed"), follows a change word ("the
    colour of the zeppelin", "missing zeppelin") or starts an entry ("Zeppelin: removed"). `value` is the category, or
    the noun in lower case.
    """
    text = as_text(text)
    known = object_hits(text.words)
    return mentions_of(text, sorted([*known, *_unknown_nouns(text.words, known)]))


def _unknown_nouns(words: Words, known: list[Hit]) -> list[Hit]:
    taken = {k for hit in known for k in range(hit.first, hit.last)}
    hits: list[Hit] = []
    free = 0
    for k in range(len(words)):
        if k < free or not _may_open_noun(words, k):
            continue
        first, last = _noun_from(words, k)
        noun = [word.text for word in words[first:last]]
        if not noun or not taken.isdisjoint(range(first, last)) or not NO_OBJECTS.isdisjoint(noun):
            continue
        if _is_changed(words, k, last):
            hits.append(Hit(first, last, " ".join(noun)))
            free = last
    return hits


def _may_open_noun(words: Words, k: int) -> bool:
    if k == 0 or words[k].text in DETERMINERS:
        return True
    return words[k].tie != BROKEN and words[k - 1].text in _BEFORE_CHANGED


def _noun_from(words: Words, k: int) -> tuple[int, int]:
    """The words `[first, last)` of the noun that starts at word k, without article and adjectives."""
    first = k + 1 if words[k].text in DETERMINERS else k
    last = first
    while last < len(words) and last - first < _LONGEST_NOUN and _goes_on(words, first, last):
        last += 1
    while first < last and words[first].text in DESCRIBING:
        first += 1
    return first, last


def _goes_on(words: Words, first: int, k: int) -> bool:
    """Whether word k belongs to the noun that starts at word `first`."""
    text = words[k].text
    if k > first and (words[k].tie != JOINED or text in ATTRIBUTES):
        return False
    return not (text in _AFTER_NOUN or text.isdigit() or is_contracted_not(text))


def _is_placed_subject(words: Words, first: int, last: int) -> bool:
    """Whether a noun opens a clause, with a place before its verb: "the tags on the fruit were removed"."""
    if first or words[0].text not in DETERMINERS or word_after(words, last) not in PLACING:
        return False
    if words[last - 1].text in RELATIONAL or is_part(words[last - 1].text):
        return False  # "the pattern on the bedspread"
    phrase = takewhile(lambda word: word.tie == JOINED, words[last + 1 : last + _LONGEST_PLACE])
    return any(word.text in VERBS or word.text in CHANGE_WORDS for word in phrase)


def _is_changed(words: Words, first: int, last: int) -> bool:
    """Whether a clause reports a change of the noun at words `[first, last)`, including its article."""
    if joined_after(words, last) == CLITIC:
        return last + 1 < len(words) and words[last + 1].text in _AFTER_OWNER
    if first == 0 and words[0].text not in DETERMINERS:  # "Zeppelin: removed", "Zeppelin moved"
        return last < len(words) and (words[last].text in CHANGE_WORDS or words[last].text in VERBS)
    if word_after(words, last) in _AFTER_CHANGED or _is_placed_subject(words, first, last):
        return True
    before = words[first - 1].text if first else ""
    earlier = words[first - 2].text if first > 1 else ""
    return before in CHANGE_WORDS or (before == "of" and (earlier in CHANGE_WORDS or earlier in ATTRIBUTES))

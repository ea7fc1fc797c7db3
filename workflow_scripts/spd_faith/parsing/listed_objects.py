"""Finds the COCO category of what prose lists: its own, that of its owner, or the one that the answer speaks of."""

import re
from collections.abc import Iterator

from spd_faith.language.categories import canonical_category, meant_categories, whole_category
from spd_faith.language.document import Item
from spd_faith.language.grammar import CLITIC, with_plurals
from spd_faith.language.lexicon import LexiconFile, PhraseList, WordSet, any_of, load_lexicon
from spd_faith.language.words import words_of


class _ListedObjects(LexiconFile):
    containers: PhraseList
    having: PhraseList
    openers: PhraseList
    belongings: WordSet
    owned: WordSet
    settings: dict[str, dict[str, PhraseList]]


_WORDS = load_lexicon("listed_objects", _ListedObjects)
_CONTENTS = re.compile(rf"\b(?P<container>{any_of(_WORDS.containers)}) of (?P<held>\w+(?: \w+)?)", re.I)
_SETTINGS = {
    name: [(category, re.compile(rf"\b{any_of(words)}\b", re.I)) for category, words in meanings.items()]
    for name, meanings in _WORDS.settings.items()
}
_LONGEST_OWNER = 3  # words, including "s"
_LONGEST_PART = 2  # words between "with a" and a part


def category_of(name: str, said: str, item: Item | None, answer: str) -> str | None:
    """The category of a name that a claim with the words `said` gives its object; None if it has none.

    It is that of the name, of its whole, of what owns it in the title of its item or in the claim, of what it holds, or
    that of the meanings of the name which fits the answer.
    """
    if category := canonical_category(name) or whole_category(name):
        return category
    meant = meant_categories(name)
    if len(meant) == 1 and " " in name:  # "stuffed animal"; one word is too general: "sign"
        return next(iter(meant))
    may_own = meant | _WORDS.owned if name in _WORDS.belongings else meant
    texts = (item.title, said) if item else (said,)
    owners = (owner for text in texts for owner in _owners(name, text) if owner in may_own)
    return next(owners, None) or _held(name, said) or _fitting(name, answer)


def _owners(name: str, text: str) -> Iterator[str]:
    """The categories of what has a part in a text: "the laptop screen", "the dog's tail", "a boat with a red flag"."""
    words = [word.text for word in words_of(text)]
    part = with_plurals([word.text for word in words_of(name)[:1]])
    last = next((k for k in range(1, len(words)) if words[k] in part), 0)
    for end in (last, *_before_having(words, last)):
        before = words[max(end - _LONGEST_OWNER, 0) : end]
        while before and before[-1] == CLITIC:
            before.pop()
        yield from filter(None, (canonical_category(" ".join(before[k:])) for k in range(len(before))))


def _before_having(words: list[str], part: int) -> Iterator[int]:
    """The place of "with" in "with a yellow flag", where the flag is word `part`."""
    for k in range(max(part - _LONGEST_PART - 2, 0), part - 1):
        if words[k] in _WORDS.having and words[k + 1] in _WORDS.openers:
            yield k


def _held(name: str, said: str) -> str | None:
    """The category of what a container holds: "the crates of oranges"."""
    held = (one["held"] for one in _CONTENTS.finditer(said) if one["container"].lower().startswith(name))
    names = (name for words in held for name in (words, words.split()[0]))  # "red apples", "apples were"
    return next(filter(None, map(canonical_category, names)), None)


def _fitting(name: str, answer: str) -> str | None:
    """The meaning of a word that only one of the settings of the answer gives it: the board of a surfer."""
    fitting = [category for category, words in _SETTINGS.get(name, ()) if words.search(answer)]
    return fitting[0] if len(fitting) == 1 else None

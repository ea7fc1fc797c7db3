"""The JSON keys that the parser recognizes, in every language of the lexicon."""

import re

from spd_faith.language.lexicon import LexiconFile, PhraseList, WordSet, languages_with, load_lexicon


class _JsonKeys(LexiconFile):
    number: WordSet
    list: WordSet
    entry: WordSet
    type: PhraseList
    category: PhraseList
    text: PhraseList
    nothing: PhraseList
    numbered: PhraseList
    first_image: PhraseList
    second_image: PhraseList
    unchanged: PhraseList


_LEXICONS = [load_lexicon("json_keys", _JsonKeys, language) for language in languages_with("json_keys")]


def _words(key: str) -> PhraseList:
    """The words of a key of the lexicon, in all languages, English first."""
    return tuple(dict.fromkeys(word for lexicon in _LEXICONS for word in getattr(lexicon, key)))


def _places(key: str) -> dict[str, int]:
    return {word: place for place, word in enumerate(_words(key))}


NUMBER_KEYS = frozenset(_words("number"))
"""Keys of the outer object: the number of differences."""

LIST_KEYS = frozenset(_words("list"))
"""Keys of the outer object: the list of differences."""

ENTRY_KEYS = frozenset(_words("entry"))
"""An object with one of these keys is a list entry."""

TYPE_KEYS = _places("type")
"""Keys of an entry with their places; here and below, the first one present counts."""

CATEGORY_KEYS = _places("category")
TEXT_KEYS = _places("text")

SIDE_KEYS = _words("first_image"), _words("second_image")
"""Keys of what an entry says of the first and of the second image."""

NOTHING = frozenset(_words("nothing")) | {""}
"""Values of an entry that mean "nothing"."""

UNCHANGED = NOTHING | frozenset(_words("unchanged"))
"""Values that say that an object did not change."""

_NUMBERED = re.compile(rf"(?:{'|'.join(map(re.escape, _words('numbered')))})?\d{{1,3}}")


def plain_key(key: str) -> str:
    """A key as lower-case letters and digits: "Predicted_num" becomes "predictednum"."""
    return "".join(filter(str.isalnum, key.lower()))


def is_numbered(name: str) -> bool:
    """Whether a plain key only numbers an entry: "difference1", "2"."""
    return _NUMBERED.fullmatch(name) is not None

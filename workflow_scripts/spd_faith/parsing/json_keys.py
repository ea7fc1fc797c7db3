"""The JSON keys that the parser recognizes."""

from spd_faith.language.lexicon import LexiconFile, PhraseList, WordSet, load_lexicon


class _JsonKeys(LexiconFile):
    number: WordSet
    list: WordSet
    entry: WordSet
    type: PhraseList
    category: PhraseList
    text: PhraseList
    nothing: WordSet


_LEXICON = load_lexicon("json_keys", _JsonKeys)

NUMBER_KEYS = _LEXICON.number
"""Keys of the outer object: the number of differences."""

LIST_KEYS = _LEXICON.list
"""Keys of the outer object: the list of differences."""

ENTRY_KEYS = _LEXICON.entry
"""An object with one of these keys is a list entry."""

TYPE_KEYS = _LEXICON.type
"""Keys of an entry; here and below, the first one present counts."""

CATEGORY_KEYS = _LEXICON.category
TEXT_KEYS = _LEXICON.text

NOTHING = _LEXICON.nothing | {""}
"""Values of an entry that mean "nothing"."""


def plain_key(key: str) -> str:
    """A key as lower-case letters and digits: "Predicted_num" becomes "predictednum"."""
    return "".join(filter(str.isalnum, key.lower()))

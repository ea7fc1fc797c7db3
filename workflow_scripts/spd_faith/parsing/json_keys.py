"""The keys by which the JSON of an answer is understood."""

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
"""Of the object around the list: the number of differences."""

LIST_KEYS = _LEXICON.list
"""Of the object around the list: the list."""

ENTRY_KEYS = _LEXICON.entry
"""By one of these an object is known as an entry of the list."""

TYPE_KEYS = _LEXICON.type
"""Of an entry, the first that is there counts; so of the next two."""

CATEGORY_KEYS = _LEXICON.category
TEXT_KEYS = _LEXICON.text

NOTHING = _LEXICON.nothing | {""}
"""Values of an entry that say that there is nothing."""


def plain_key(key: str) -> str:
    """A key as letters and digits in lower case: "Predicted_num" is "predictednum"."""
    return "".join(filter(str.isalnum, key.lower()))

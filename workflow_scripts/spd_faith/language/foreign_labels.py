"""Reads the types and categories that JSON names in other languages than English."""

import re
from collections import defaultdict
from functools import lru_cache

from spd_faith.core.difference_types import DifferenceType
from spd_faith.language.categories import canonical_category
from spd_faith.language.lexicon import LexiconFile, PhraseList, languages_with, load_lexicon


class _Labels(LexiconFile):
    types: dict[str, PhraseList]
    categories: dict[str, PhraseList]
    before: PhraseList


_LEXICONS = [load_lexicon("labels", _Labels, language) for language in languages_with("labels")]
_SPACELESS = "぀-ヿ㐀-鿿가-힣"  # kana, Chinese characters, Hangul: a name may begin inside a word
_LONGEST_LABEL = 60  # characters; more is a description


def _pattern(word: str) -> str:
    stem = re.escape(word.removesuffix("*"))
    if re.search(f"[{_SPACELESS}]", word):
        return stem
    return rf"(?<!\w){stem}" if word.endswith("*") else rf"(?<!\w){stem}(?!\w)"


_TYPES = {
    kind: re.compile("|".join(_pattern(word) for lexicon in _LEXICONS for word in lexicon.types[kind]))
    for kind in DifferenceType
}


def _categories() -> dict[str, str]:
    """The English name by each name that means one thing in all languages that have it."""
    meanings: dict[str, set[str]] = defaultdict(set)
    for lexicon in _LEXICONS:
        for name, words in lexicon.categories.items():
            for word in words:
                meanings[word].add(name)
    return {word: meant.pop() for word, meant in meanings.items() if len(meant) == 1}


_CATEGORIES = _categories()
_BEFORE = re.compile(
    rf"(?:{'|'.join(sorted((re.escape(word) for one in _LEXICONS for word in one.before), key=len, reverse=True))})"
    rf"(?:\s+|(?<=')|(?<=[{_SPACELESS}]))"
)
_HIRAGANA = re.compile("[ぁ-ゖ]")
_OF = re.compile(r".*[的の]")


@lru_cache(maxsize=4096)
def foreign_type(label: str) -> DifferenceType | None:
    """The type that a label denotes in another language ("颜色变化"); None if unknown or ambiguous."""
    label = label.lower()
    found = [kind for kind, pattern in _TYPES.items() if pattern.search(label[:_LONGEST_LABEL])]
    return found[0] if len(found) == 1 else None


@lru_cache(maxsize=4096)
def foreign_category(label: str) -> str | None:
    """The English name of the object that a label denotes in another language ("红色的汽车"); None if unknown."""
    label = " ".join(label.lower().replace("_", " ").split())[:_LONGEST_LABEL]
    label = _OF.sub("", _BEFORE.sub("", label, count=1) if _BEFORE.match(label) else label)
    if label in _CATEGORIES:
        return _CATEGORIES[label]
    return _in_compound(label) if re.search(f"[{_SPACELESS}]", label) else _among_words(label.split())


def _in_compound(label: str) -> str | None:
    """The name at the end of a word: "红色汽车"; one of a single character only after hiragana ("赤い車")."""
    last = len(label) - 1
    starts = range(1, last + 1 if _HIRAGANA.match(label[last - 1 : last]) else last)
    return next((_CATEGORIES[label[start:]] for start in starts if label[start:] in _CATEGORIES), None)


def _among_words(words: list[str]) -> str | None:
    """The first name among the words, the longest one there: "tabla de surf amarilla". English names do not count."""
    spans = ((first, last) for first in range(len(words)) for last in range(len(words), first, -1))
    names = (" ".join(words[first:last]) for first, last in spans)
    return next((_CATEGORIES[name] for name in names if name in _CATEGORIES and not canonical_category(name)), None)

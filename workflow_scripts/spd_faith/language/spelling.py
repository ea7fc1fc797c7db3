"""Corrects unambiguous typos: a missing, doubled or swapped letter ("ornge", "diferent").

Only words for objects, colors and changes are corrected; existing words are left alone.
"""

import re
from bisect import bisect_right
from collections.abc import Iterator
from operator import itemgetter

from spd_faith.language.categories import CATEGORIES
from spd_faith.language.change_words import CHANGE_WORDS
from spd_faith.language.color_words import COLOR_WORDS
from spd_faith.language.lexicon import LexiconFile, WordSet, load_lexicon


class _Spelling(LexiconFile):
    common: WordSet
    own_words: WordSet


_LEXICON = load_lexicon("spelling", _Spelling)
_SHORTEST = 5  # letters of a word that is corrected
_WORD = re.compile(r"[a-z]{4,}", re.IGNORECASE)


def _misspelt(word: str) -> Iterator[str]:
    """The word with a letter (not the first) missing, doubled, or swapped with the next one."""
    for k in range(1, len(word)):
        yield word[:k] + word[k] + word[k:]
        if k + 1 < len(word):
            yield word[:k] + word[k + 1 :]
            yield word[:k] + word[k + 1] + word[k] + word[k + 2 :]


_KNOWN = {
    word
    for source in (CATEGORIES, COLOR_WORDS, CHANGE_WORDS, _LEXICON.common)
    for phrase in source
    for word in phrase.split()
    if word.isalpha() and len(word) >= _SHORTEST
}
_CORRECTIONS = {
    wrong: word
    for word in sorted(_KNOWN, key=lambda word: (word not in _LEXICON.common, word), reverse=True)
    for wrong in _misspelt(word)
    if wrong not in _KNOWN and wrong not in _LEXICON.own_words
}


def respell(text: str) -> tuple[str, list[tuple[int, int]]]:
    """The text with its typos corrected, and the positions that `place_in` needs.

    The second item lists (position in the corrected text, position in the original) of the end of each correction.
    """
    parts, shifts, end, length = [], [(0, 0)], 0, 0
    for match in _WORD.finditer(text):
        right = _CORRECTIONS.get(match.group().lower())
        if right is None:
            continue
        parts += [text[end : match.start()], right]
        length += match.start() - end + len(right)
        end = match.end()
        shifts.append((length, end))
    return "".join([*parts, text[end:]]), shifts


def place_in(shifts: list[tuple[int, int]], place: int) -> int:
    """Map a position in the corrected text, at the start or end of a word, to the original."""
    corrected, original = shifts[bisect_right(shifts, place, key=itemgetter(0)) - 1]
    return original + place - corrected

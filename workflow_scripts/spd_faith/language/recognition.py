"""Recognises prose in a language that the reader cannot read.

English is the only language that is read. Another one is recognised by its script, or by its frequent words if it is
written in Latin letters. Names, quoted words, code and JSON do not count. Without evidence a text counts as English: a
foreign word, or words of no language, do not make an answer unreadable.
"""

import re
import unicodedata
from collections import Counter, defaultdict
from functools import lru_cache
from typing import NamedTuple

from spd_faith.language.lexicon import READ, LexiconFile, PhraseList, WordSet, languages_with, load_lexicon


class _Recognition(LexiconFile):
    words: WordSet
    yes: PhraseList
    no: PhraseList
    same: PhraseList
    differs: PhraseList


_LEXICONS = {code: load_lexicon("recognition", _Recognition, code) for code in languages_with("recognition")}


def _languages_by_word() -> dict[str, list[str]]:
    languages: dict[str, list[str]] = defaultdict(list)
    for code, lexicon in _LEXICONS.items():
        for word in lexicon.words:
            languages[word].append(code)
    return dict(languages)


MAX_READ = 20_000
"""Characters of the prose of an answer that are read; real answers have at most a few thousand."""

_LANGUAGES = _languages_by_word()
_ENGLISH = _LEXICONS[READ].words
_SHORT_ANSWERS = {
    phrase: meaning
    for lexicon in _LEXICONS.values()
    for meaning in ("yes", "no", "same", "differs")
    for phrase in getattr(lexicon, meaning)
}

_SCRIPTS = {
    "HIRAGANA": "ja",
    "KATAKANA": "ja",
    "CJK": "zh",
    "HANGUL": "ko",
    "CYRILLIC": "ru",
    "ARABIC": "ar",
    "DEVANAGARI": "hi",
    "THAI": "th",
    "GREEK": "el",
    "HEBREW": "he",
}
"""The language that a script suggests, by the first word of its characters' Unicode names."""
_UNSPACED = frozenset(["ja", "zh", "ko", "th"])  # about two characters a word

_LATIN = "A-Za-zÀ-ÖØ-öø-ɏḀ-ỿ"
_WORD = re.compile(rf"(?P<latin>[{_LATIN}]+)|[^\W\d_{_LATIN}]+")
_ASCII_WORD = re.compile(r"(?P<latin>[A-Za-z]+)")
_ASCII_LETTERS = re.compile("[a-z]+")
_CLAUSE_BREAK = re.compile(r"[.!?:;\n]")
_CODE = re.compile(r"```.*?(?:```|$)|~~~.*?(?:~~~|$)|`[^`\n]*`", re.DOTALL)
_BRACKETS = re.compile(r"\{[^{}]*\}|\[[^\[\]]*\]")
_QUOTED = re.compile(r"\"[^\"\n]{1,200}\"|“[^”\n]{1,200}”|«[^»\n]{1,200}»|「[^」\n]{1,200}」|『[^』\n]{1,200}』")
_KEY = re.compile(r"\"[^\"\n]{1,40}\"\s?[:：]")
_JSON_SIGNS = re.compile(r"(?:```|~~~)\w*|[{}\[\]\"]+")
_LETTERS = re.compile(r"[^\W_]+")
_BRACKET = re.compile(r"[{\[]")
_MAX_NESTED = 4  # levels of brackets
_LEAST_FRACTION = 0.2  # of words of the other language, if it is written in Latin letters
_LONGEST_ANSWER = 100  # characters of one without an explanation, JSON included
_SHORT = 3  # words; in a longer text one word that is repeated is no evidence


class _Evidence(NamedTuple):
    num_words: float
    num_english: int
    num_accented: int  # further words in Latin letters that English does not have
    by_script: dict[str, float]  # words
    by_words: Counter[str]
    pieces: set[str]
    """The distinct words, or characters of another script."""


@lru_cache(maxsize=8)  # the parser and the judge ask about the same answer
def language_of(text: str) -> str | None:
    """The language of the prose of an answer: `en` unless another one is recognised; None if there are no words.

    Other languages have their code, or the name of their script.
    """
    text = text[:MAX_READ]
    prose = _prose_of(text)
    if _is_plainly_english(prose):
        return READ
    found = _evidence(prose)
    if not found.num_words and not _BRACKET.search(text):  # all of it is quoted
        found = _evidence(text)
    if not found.num_words:
        return None
    script, pieces = sum(found.by_script.values()), found.pieces
    if 2 * script > found.num_words and (len(pieces) > 1 or found.num_words <= _SHORT):
        is_japanese = found.by_script.get("ja", 0) > _LEAST_FRACTION * script  # which has Chinese characters too
        return "ja" if is_japanese else max(found.by_script, key=found.by_script.__getitem__)
    [(code, count)] = found.by_words.most_common(1) or [(READ, 0)]
    weight = count + found.num_accented if count else 0
    is_frequent = weight > found.num_english and weight >= _LEAST_FRACTION * found.num_words
    return code if is_frequent and (len(pieces) > 1 or found.num_words <= _SHORT) else READ


def is_unread(text: str) -> bool:
    """Whether an answer has prose in a language that the reader cannot read."""
    return language_of(text) not in (READ, None)


def short_answer(text: str) -> str | None:
    """`yes`, `no`, `same` or `differs` if that is all that a text says, in a language other than English."""
    if len(text) > _LONGEST_ANSWER:
        return None
    return _SHORT_ANSWERS.get(" ".join(_LETTERS.findall(text.lower())))


def values_of(text: str) -> str:
    """The values of JSON as a text, without keys, brackets and quotation marks."""
    return _JSON_SIGNS.sub(" ", _KEY.sub(" ", text))


def _prose_of(text: str) -> str:
    """The text without code, JSON and quoted words."""
    if "`" in text or "~~~" in text:
        text = _CODE.sub(" ", text)
    text = _QUOTED.sub(" ", text)
    for _ in range(_MAX_NESTED):
        shorter = _BRACKETS.sub(" ", text)
        if len(shorter) == len(text):
            break
        text = shorter
    return text


def _is_plainly_english(text: str) -> bool:
    """Whether English words outnumber all that could be evidence of another language: quick, and enough for most."""
    words = _ASCII_LETTERS.findall(text.lower())
    num_english = sum(word in _ENGLISH for word in words)
    num_other = sum(word in _LANGUAGES for word in words) - num_english
    if not text.isascii():
        num_other += sum(character > "\x7f" and character.isalpha() for character in text)
    return num_english > num_other


def _evidence(text: str) -> _Evidence:
    if not text.isascii():
        text = unicodedata.normalize("NFKC", text)
    found = _Evidence(0, 0, 0, defaultdict(float), Counter(), set())
    num_words, num_english, num_accented, end = 0.0, 0, 0, 0
    for word in (_ASCII_WORD if text.isascii() else _WORD).finditer(text):
        if word["latin"]:
            num_words += 1
            lower = word.group().lower()
            is_name = lower != word.group() and end and not _CLAUSE_BREAK.search(text, end, word.start())
            languages = () if is_name else _LANGUAGES.get(lower, ())
            if READ in languages:
                num_english += 1
            elif languages:
                found.by_words.update(languages)
                found.pieces.add(lower)
            elif not (is_name or lower.isascii()):
                num_accented += 1
                found.pieces.add(lower)
        else:
            num_words += _count_script(word.group(), found)
        end = word.end()
    return found._replace(num_words=num_words, num_english=num_english, num_accented=num_accented)


def _count_script(word: str, found: _Evidence) -> float:
    """Count a word of another script; returns for how many words it stands."""
    scripts = {character: _script_of(character) for character in word}
    script = "ja" if "ja" in scripts.values() else scripts[word[0]]
    weight = (len(word) + 1) / 2 if script in _UNSPACED else 1.0
    found.by_script[script] += weight
    found.pieces.update(word)
    return weight


@lru_cache(maxsize=4096)
def _script_of(character: str) -> str:
    script = unicodedata.name(character, "unknown").split()[0].split("-")[0]
    return _SCRIPTS.get(script, script.lower())

"""Colors, and phrases for a change from one color to another."""

import re

from spd_faith.language.categories import is_fruit
from spd_faith.language.lexicon import LexiconFile, PhraseList, WordSet, any_of, load_lexicon
from spd_faith.language.words import Hit, Mention, Phrases, Text, Words, as_text, mentions_of


class _Change(LexiconFile):
    shades: PhraseList
    fillers: PhraseList
    nouns: PhraseList
    first_image: PhraseList
    into: PhraseList
    no_nouns: PhraseList
    no_noun_stems: PhraseList
    arrows: PhraseList
    becoming: PhraseList
    changing_to: PhraseList
    being: PhraseList
    being_now: PhraseList
    against: PhraseList
    was: PhraseList
    is_then: PhraseList


class _Colors(LexiconFile):
    colors: dict[str, PhraseList]
    shades: WordSet
    change: _Change


_LEXICON = load_lexicon("colors", _Colors)

COLOR_WORDS = {word: base for base, others in _LEXICON.colors.items() for word in (base, *others)}
"""Maps each color word to its basic color."""

_COLOR_PHRASES = Phrases(
    list(COLOR_WORDS.items())
    + [(f"{shade} {word}", base) for word, base in COLOR_WORDS.items() for shade in _LEXICON.shades]
)


def _color_change() -> re.Pattern[str]:
    words = _LEXICON.change
    color = rf"(?:{any_of(words.shades)}[ -])?{any_of(COLOR_WORDS)}"
    to_color = rf"(?:{any_of(words.fillers)} ){{0,3}}{color}\b"
    between = rf"(?: {any_of((*words.nouns, *words.first_image))})?,? ?"
    no_noun = rf"(?! (?!{any_of(words.no_nouns)}\b|{any_of(words.no_noun_stems)})[a-z]+\b)"  # not "to the blue mat"
    being = any_of(words.being)
    return re.compile(
        rf"\bfrom {to_color}{between}{any_of(words.into)} {to_color}{no_noun}"
        rf"|\b{color} ?{any_of(words.arrows)} ?{color}\b"
        rf"|\b{any_of(words.becoming)} {to_color}"
        rf"|\b{any_of(words.changing_to)} {any_of(words.into)} {to_color}"
        rf"|\b(?:{being}|'s) now {to_color}|\bnow {any_of(words.being_now)} {to_color}|\bno longer {to_color}"
        rf"|\b{color}\b[^.;\n]{{0,40}}\b{any_of(words.against)} {to_color}"
        rf"|\binstead of {to_color}|\b{color} now\b"
        rf"|(?:\bnot|n['’]t) {to_color} any ?more\b"
        rf"|\b{any_of(words.was)} {to_color}[^.;\n]{{0,60}}\b{any_of(words.is_then)} (?:now )?{to_color}",
        re.IGNORECASE,
    )


COLOR_CHANGE = _color_change()
"""A change of color: "from red to blue", "green instead of red", "is now blue"."""


def find_colors(text: str | Text) -> list[Mention]:
    """Mentions of colors; `value` is the basic color ("navy", "dark blue" → "blue"; "grey" → "gray")."""
    text = as_text(text)
    return mentions_of(text, color_hits(text.words))


def color_hits(words: Words) -> list[Hit]:
    """Basic colors in a clause, without the fruit."""
    return [
        hit
        for hit in _COLOR_PHRASES.scan(words)
        if not (words[hit.first].text == "orange" and is_fruit(words, hit.first))
    ]

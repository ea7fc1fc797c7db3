"""Colors, and phrases for a change from one color to another."""

import re

from spd_faith.language.categories import canonical_category, is_fruit
from spd_faith.language.color_words import COLOR_PHRASES, COLOR_WORDS
from spd_faith.language.lexicon import LexiconFile, PhraseList, WordSet, any_of, load_lexicon
from spd_faith.language.words import JOINED, Hit, Mention, Text, Words, as_text, joined_after, mentions_of


class _Change(LexiconFile):
    shades: PhraseList
    fillers: PhraseList
    nouns: PhraseList
    first_image: PhraseList
    into: PhraseList
    no_nouns: PhraseList
    no_noun_stems: PhraseList
    wearing: PhraseList
    arrows: PhraseList
    becoming: PhraseList
    changing_to: PhraseList
    being: PhraseList
    being_now: PhraseList
    against: PhraseList
    was: PhraseList
    is_then: PhraseList


class _Colors(LexiconFile):
    joints: PhraseList
    parted: WordSet
    apart: WordSet
    leaving: WordSet
    in_order: WordSet
    change: _Change


_LEXICON = load_lexicon("colors", _Colors)

_JOINT_AND_COLOR = 2  # words
_LONGEST_LINK = 3  # words between a color and the color of a detail: "with a small"


def _color_change() -> re.Pattern[str]:
    words = _LEXICON.change
    one_color = rf"(?:{any_of(words.shades)}[ -])?{any_of(COLOR_WORDS)}"
    color = rf"{one_color}(?:(?:-|,? {any_of(_LEXICON.joints)} ){one_color}){{0,2}}"
    to_color = rf"(?:{any_of((*words.fillers, *words.wearing))} ){{0,4}}{color}\b"
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
    """Mentions of colors; `value` is the basic color ("navy", "dark blue" → "blue"; "grey" → "gray").

    Several colors of one thing are one mention, their basic colors in alphabetical order: "blue and white striped" →
    "blue white", "blue-green" → "blue green".
    """
    text = as_text(text)
    return mentions_of(text, color_hits(text.words))


def color_hits(words: Words) -> list[Hit]:
    """Basic colors in a clause, without the fruit and without the colors of details ("white with a red stripe")."""
    found = [
        hit
        for hit in COLOR_PHRASES.scan(words)
        if not (words[hit.first].text == "orange" and is_fruit(words, hit.first))
    ]
    joined: list[Hit] = []
    for hit in found:
        if not joined or not _are_of_one(words, joined[-1], hit):
            joined.append(hit)
        elif not _is_of_detail(words, joined[-1], hit):
            values = {*joined[-1].value.split(), *hit.value.split()}
            joined[-1] = Hit(joined[-1].first, hit.last, " ".join(sorted(values)))
    return joined


def _are_of_one(words: Words, earlier: Hit, hit: Hit) -> bool:
    """Whether two colors are of one thing: "blue and white", "blue-green", "white with red stripes"."""
    if _is_of_detail(words, earlier, hit):
        return True
    before = words[earlier.first - 1].text if earlier.first else ""
    between = words[earlier.last : hit.first + 1]  # with the first word of the later color
    if before in _LEXICON.apart or any(word.tie != JOINED for word in between):
        return False
    if len(between) == 1:  # "blue-green", but not "from silver black"
        return before not in _LEXICON.leaving
    is_in_order = any(word.text in _LEXICON.in_order for word in words[hit.last :])  # "red and blue, respectively"
    return len(between) == _JOINT_AND_COLOR and between[0].text in _LEXICON.joints and not is_in_order


def _is_of_detail(words: Words, earlier: Hit, hit: Hit) -> bool:
    """Whether the later color is of a detail: "white with a red stripe", but not "in black with a red umbrella"."""
    between = [word.text for word in words[earlier.last : hit.first]]
    if not between or between[0] not in _LEXICON.parted or len(between) > _LONGEST_LINK:
        return False
    noun = joined_after(words, hit.last)
    return bool(noun) and canonical_category(noun) is None

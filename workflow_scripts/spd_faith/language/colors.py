"""Colors, and the phrases by which a clause says that something changed from one to another."""

import re

from spd_faith.language.categories import is_fruit
from spd_faith.language.words import Hit, Mention, Phrases, Words, mentions_of, words_of

_COLORS = {
    "red": "crimson scarlet maroon burgundy ruby reddish vermilion",
    "orange": "amber ginger orangey orangish",
    "yellow": "golden gold mustard yellowish blond blonde",
    "green": "olive lime emerald greenish khaki jade",
    "cyan": "aqua",
    "teal": "turquoise",
    "blue": "navy azure bluish indigo cobalt sapphire ultramarine",
    "purple": "violet lavender lilac purplish mauve",
    "pink": "rose pinkish fuchsia",
    "magenta": "",
    "brown": "chocolate bronze brownish chestnut hazel mahogany",
    "black": "blackish ebony",
    "white": "whitish ivory snowy",
    "gray": "grey greyish grayish charcoal",
    "silver": "silvery",
    "beige": "cream tan",
}

COLOR_WORDS = {word: base for base, others in _COLORS.items() for word in [base, *others.split()]}
"""Each word for a color, with its basic color."""

_COLOR_PHRASES = Phrases(
    list(COLOR_WORDS.items())
    + [
        (f"{shade} {word}", base)
        for word, base in COLOR_WORDS.items()
        for shade in ("dark", "light", "pale", "bright", "deep", "sky", "royal", "navy", "vivid", "neon", "hot")
    ]
)
_ONE_COLOR = rf"(?:(?:dark|light|pale|bright|deep|sky|royal|solid)[ -])?(?:{'|'.join(COLOR_WORDS)})"
_TO_COLOR = rf"(?:(?:a|an|the|its|being|more|all|completely|entirely|in|color|colour) ){{0,3}}{_ONE_COLOR}\b"
_BETWEEN = r"(?: (?:color|colour|one|shade|tone|hue|in the (?:first|original) (?:picture|image|photo)))?,? ?"
_NO_NOUN = r"(?! (?!in\b|now\b|and\b|but\b|as\b|color|colour|one\b)[a-z]+\b)"  # not "to the blue mat"

COLOR_CHANGE = re.compile(
    rf"\bfrom {_TO_COLOR}{_BETWEEN}(?:to|into) {_TO_COLOR}{_NO_NOUN}"
    rf"|\b{_ONE_COLOR} ?(?:->|-->|=>|→|⇒) ?{_ONE_COLOR}\b"
    rf"|\b(?:turned|turns|turn|became|becomes|become|dyed) {_TO_COLOR}"
    rf"|\b(?:changed|changes|switched|altered|turned) (?:to|into) {_TO_COLOR}"
    rf"|\b(?:is|are|'s) now {_TO_COLOR}|\bnow (?:is|are|has|looks|appears) {_TO_COLOR}|\bno longer {_TO_COLOR}"
    rf"|\b{_ONE_COLOR}\b[^.;\n]{{0,40}}\b(?:instead of|rather than|not|vs\.?|versus|but now|and now|now) {_TO_COLOR}"
    rf"|\binstead of {_TO_COLOR}|\b{_ONE_COLOR} now\b"
    rf"|(?:\bnot|n['’]t) {_TO_COLOR} any ?more\b"
    rf"|\b(?:was|were) {_TO_COLOR}[^.;\n]{{0,60}}\b(?:is|are|becomes|became|turned|now) (?:now )?{_TO_COLOR}",
    re.IGNORECASE,
)
"""A color that became another: "from red to blue", "green instead of red", "is now blue"."""


def find_colors(text: str) -> list[Mention]:
    """Mentions of colours; `value` is the basic colour ("navy", "dark blue" → "blue"; "grey" → "gray")."""
    words = words_of(text)
    return mentions_of(text, words, color_hits(words))


def color_hits(words: Words) -> list[Hit]:
    """Basic colors at words of a clause; the fruit is left out."""
    return [
        hit
        for hit in _COLOR_PHRASES.scan(words)
        if not (words[hit.first].text == "orange" and is_fruit(words, hit.first))
    ]

"""Places in a picture: sides, corners, rows and columns."""

from itertools import product

from spd_faith.language.words import BROKEN, JOINED, Hit, Mention, Phrases, Words, mentions_of, word_set, words_of

_VERTICAL = {"top": "top", "upper": "top", "bottom": "bottom", "lower": "bottom"}
_SIDES = {"left": "left", "right": "right"}
_PLACE_PHRASES = Phrases(
    [
        *((f"{v} {s}", f"{_VERTICAL[v]} {s}") for v, s in product(_VERTICAL, _SIDES)),
        *((f"{s} {v}", f"{_VERTICAL[v]} {s}") for v, s in product(_VERTICAL, _SIDES)),
        *_VERTICAL.items(),
        *_SIDES.items(),
        *((f"far {side}", side) for side in _SIDES),
        ("leftmost", "left"),
        ("rightmost", "right"),
        *((word, "center") for word in ("center", "centre", "middle", "central")),
        ("foreground", "foreground"),
        ("background", "background"),
        *(
            (f"{ordinal} {line}", f"{line} {number}")
            for line in ("row", "column")
            for number, ordinals in enumerate(
                (("first", "1st"), ("second", "2nd"), ("third", "3rd"), ("fourth", "4th")), 1
            )
            for ordinal in ordinals
        ),
        *((f"{line} {number}", f"{line} {number}") for line in ("row", "column") for number in range(1, 10)),
    ]
)
_PICTURE_WORDS = word_set("picture pictures image images photo photos photograph scene frame version panel one")


def find_places(text: str) -> list[Mention]:
    """Mentions of places in a picture; `value` is left, right, top, bottom, center, "top left", "row 2", …"""
    words = words_of(text)
    return mentions_of(text, words, place_hits(words))


def place_hits(words: Words) -> list[Hit]:
    """Places at words of a clause; "the left picture", "has left" and "right next to" are none."""
    return [hit for hit in _PLACE_PHRASES.scan(words) if _is_place(words, hit)]


def _is_place(words: Words, hit: Hit) -> bool:
    """Leaves out "the left picture", "has left", "right next to", "bottom" of nothing but the word's other uses."""
    text = words[hit.first].text
    after = words[hit.last].text if hit.last < len(words) and words[hit.last].tie == JOINED else ""
    later = words[hit.last + 1].text if hit.last + 1 < len(words) and words[hit.last + 1].tie == JOINED else ""
    before = words[hit.first - 1].text if hit.first and words[hit.first].tie != BROKEN else ""
    if after in _PICTURE_WORDS or (after in {"side", "hand"} and later in _PICTURE_WORDS):
        return False
    if text == "left" and hit.last - hit.first == 1:
        return before not in {"has", "have", "had"} and after not in {
            "unchanged",
            "out",
            "alone",
            "behind",
            "untouched",
        }
    if text == "right" and hit.last - hit.first == 1:
        if after in {"now", "before"} and before in {"the", "far"}:
            return True  # "on the right now"
        return after not in {"next", "now", "behind", "away", "there", "after", "before", "beside"} and before != "all"
    return True

"""The two pictures as answers name them: "the first image", "picture 2", "the original", "both"."""

from itertools import product

from spd_faith.language.word_classes import CONJUNCTIONS, DETERMINERS, VERBS
from spd_faith.language.words import JOINED, Hit, Mention, Phrases, Words, mentions_of, word_set, words_of

_PICTURE_NOUNS = ("picture", "image", "photo", "photograph", "scene", "version", "shot", "frame", "panel", "pic", "one")
_PICTURES = {
    "first": ("first", "1st", "original", "initial", "former", "earlier"),
    "second": ("second", "2nd", "modified", "edited", "changed", "altered", "new", "latter", "other", "later"),
}
_NUMBERS = (("1", "first"), ("one", "first"), ("2", "second"), ("two", "second"))
_PICTURE_PHRASES = Phrases(
    [
        *(
            (f"{the}{word} {noun}", which)
            for which, words in _PICTURES.items()
            for the, word, noun in product(("", "the ", "in the "), words, _PICTURE_NOUNS)
        ),
        *(
            (f"{side} {noun}", which)
            for side, which in (("left", "first"), ("right", "second"))
            for noun in _PICTURE_NOUNS[:-1]
        ),
        *(
            (f"{side} {noun}", which)
            for side, which in (("left hand", "first"), ("right hand", "second"))
            for noun in _PICTURE_NOUNS[:-1]
        ),
        *(
            (f"{noun} {mark}", which)
            for noun in _PICTURE_NOUNS[:-1]
            for mark, which in (
                ("1", "first"),
                ("one", "first"),
                ("a", "first"),
                ("2", "second"),
                ("two", "second"),
                ("b", "second"),
            )
        ),
        *((f"both {noun}s", "both") for noun in _PICTURE_NOUNS),
        *((f"{the} two {noun}s", "both") for the in ("the", "these") for noun in _PICTURE_NOUNS[:-1]),
        ("in both", "both"),
        ("in the first", "first"),
        ("in the second", "second"),
        *((f"{tie} the first", "first") for tie in ("from", "on", "of", "to")),
        *((f"{tie} the second", "second") for tie in ("from", "on", "of", "to")),
        *((f"{noun} number {mark}", which) for noun in _PICTURE_NOUNS[:-1] for mark, which in _NUMBERS),
        ("in one", "first"),
        *((f"{tie}one {noun}", "first") for tie in ("", "in ") for noun in _PICTURE_NOUNS[:-1]),
        *((f"in one of the {noun}s", "first") for noun in _PICTURE_NOUNS[:-1]),
        ("in the other", "second"),
        ("the former", "first"),
        ("the latter", "second"),
        ("the other", "second"),
        ("the original", "first"),
        *((f"the {which}", which) for which in ("first", "second")),
        ("before", "first"),
        ("afterwards", "second"),
    ]
)
_AFTER_PICTURE = VERBS | CONJUNCTIONS | DETERMINERS | {"it", "they", "there"}
_HOLDING = word_set(  # after "the first", which may also be the first difference
    "has have had shows show showed contains contain contained lacks features feature depicts displays includes does "
    "doesn't hasn't"
)


def find_pictures(text: str) -> list[Mention]:
    """Mentions of the pictures themselves; `value` is first (original), second (modified) or both."""
    words = words_of(text)
    return mentions_of(text, words, picture_hits(words))


def picture_hits(words: Words) -> list[Hit]:
    """Pictures at words of a clause: first, second or both."""
    hits = []
    for hit in _PICTURE_PHRASES.scan(words):
        bare = words[hit.last - 1].text in {"first", "second", "original", "other", "one"}
        after = words[hit.last] if hit.last < len(words) else None
        if bare and after and after.tie == JOINED and after.text not in _AFTER_PICTURE:
            continue  # "in the second row", "the other cup"
        numbered = words[hit.first].text == "the" and words[hit.last - 1].text in {"first", "second"}
        if numbered and not (after and after.tie == JOINED and after.text in _HOLDING):
            continue  # "the first is the car"
        hits.append(hit)
    return hits

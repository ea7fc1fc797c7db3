"""The words that tell a type of change, and the type that a label stands for."""

from functools import lru_cache

from spd_faith.core.schemas import TYPES
from spd_faith.parsing.negation import negates
from spd_faith.parsing.words import Hit, Phrases, Words, words_of

# A strong word tells a type by itself. A weak one is an attribute: it tells a type where no strong word does, or where
# a word of change stands beside it ("moved and changed color", but "the red color car was removed"). A generic word
# tells of a change of no type, where nothing else does.
_STRONG = {
    "color": "recolor recolors recolored recoloring recolour recolours recoloured recolouring recoloration "
    "recolouration repainted repaint painted dyed discolored discoloured colorized colourized",
    "remove": "removed remove removes removal removing missing disappeared disappear disappears disappearing "
    "disappearance dissapeared disapeared vanished vanish vanishes deleted delete deletes deletion absent absence gone "
    "erased erase eliminated omitted lacks lack lacking taken_away taken_out took_away left_out cut_out edited_out "
    "not_present not_there not_visible isn't_present isn't_there isn't_visible aren't_there aren't_present "
    "aren't_visible not_found not_seen can't_be_seen cannot_be_seen not_be_seen no_more not_exist doesn't_exist "
    "nowhere not_appear doesn't_appear don't_appear not_included",
    "position": "moved move moves movement moving_from moving_to shifted shift shifts shifting relocated relocate "
    "relocates relocation displaced displacement repositioned reposition repositioning rearranged slid transferred "
    "migrated translated translation swapped_places swapped_positions switched_places switched_positions traded_places "
    "switched_sides changed_sides changes_sides somewhere_else elsewhere",
    "added": "added add adds addition adding appeared appears appear appearance_of inserted introduced newly new "
    "additional extra emerged showed_up shows_up popped_up",
    "unknown": "replaced replace replaces replacement replacing substituted substitution swapped swap swaps switched "
    "exchanged resized enlarged shrunk shrank scaled rotated rotation flipped mirrored blurred cropped tilted "
    "transformed turned_into opened closed broken merged split",
}
_WEAK = {
    "color": "color colors colour colours colored coloured coloring colouring coloration colouration hue hues tint "
    "different_shade darker_shade lighter_shade shade_of darker brighter chromatic",
    "position": "position positions positioning location locations place places placement placements spot positional "
    "spatial whereabouts placed positioned located",
    "unknown": "size sizes bigger smaller larger taller shorter shape shapes orientation texture pattern style pose",
}
_GENERIC = (
    "changed change changing differs differ different altered modified not_the_same not_same isn't_the_same "
    "aren't_the_same not_identical aren't_identical isn't_identical not_exactly_the_same not_match doesn't_match "
    "don't_match no_longer_the_same not_alike inconsistent mismatch mismatched dissimilar unlike"
)


def _table(groups: dict[str, str], strength: str) -> list[tuple[str, str]]:
    return [
        (phrase.replace("_", " "), f"{strength} {kind}") for kind, listed in groups.items() for phrase in listed.split()
    ]


TYPE_PHRASES = Phrases([*_table(_STRONG, "strong"), *_table(_WEAK, "weak"), *_table({"unknown": _GENERIC}, "generic")])
"""Each phrase with its strength and type, such as "strong color" or "generic unknown"."""

CHANGE_WORDS = frozenset(
    word for group in (*_STRONG.values(), _GENERIC) for word in group.split() if "_" not in word
) - {"new", "appearance", "extra", "additional", "add", "lack", "move", "shift", "swap"}
"""Single words that tell by themselves of a change; those with other common uses are left out."""


@lru_cache(maxsize=4096)
def normalise_type(raw: str) -> str | None:
    """The type that a label stands for ("Colour change", "moved", "object_removal"); None for another, or for two."""
    words = words_of(raw)
    if any(negates(words, k) for k in range(len(words))) and not TYPE_PHRASES.get(word.text for word in words):
        return None
    hits = [hit for hit in TYPE_PHRASES.scan(words) if not hit.value.startswith("generic")]
    if any(hit.value == "weak color" for hit in hits):  # "color shift", "color switched"
        hits = [hit for hit in hits if not is_vague(words, hit)]
    kinds = {hit.value.split()[1] for hit in hits}
    return kinds.pop() if len(kinds) == 1 and kinds <= set(TYPES) else None


def is_vague(words: Words, hit: Hit) -> bool:
    """Words that also tell of a colour: "the color has shifted", "switched from red to blue", "turned into"."""
    return words[hit.first].text.startswith(("shift", "switch", "turned", "transformed", "swapped"))

"""The words that tell a type of change, and the type that a label stands for."""

from functools import lru_cache

from spd_faith.core.difference_types import DifferenceType
from spd_faith.language.negation import negates
from spd_faith.language.words import Hit, Phrases, Words, words_of

# A strong word tells a type by itself. A weak one is an attribute: it tells a type where no strong word does, or where
# a word of change stands beside it ("moved and changed color", but "the red color car was removed"). A generic word
# tells of a change of no type, where nothing else does.
_MOTIONS = (
    "lifted raised lowered carried brought pulled hauled hopped jumped leapt ran walked swam crawled climbed trotted "
    "galloped stepped slipped rolled floated glided sailed steered driven cycled crossed"
)
_STRONG = {
    "color": "recolor recolors recolored recoloring recolour recolours recoloured recolouring recoloration "
    "recolouration repainted repaint painted dyed discolored discoloured colorized colourized",
    "remove": "removed remove removes removal removing missing disappeared disappear disappears disappearing "
    "disappearance dissapeared disapeared vanished vanish vanishes deleted delete deletes deletion absent "
    "absence gone erased erase eliminated omitted lacks lack lacking taken_away taken_out took_away left_out "
    "cut_out edited_out not_present not_there not_visible isn't_present isn't_there isn't_visible aren't_there "
    "aren't_present aren't_visible not_found not_seen can't_be_seen cannot_be_seen not_be_seen no_more "
    "not_exist doesn't_exist nowhere not_appear doesn't_appear don't_appear not_included is_lost are_lost "
    "was_lost were_lost got_lost been_lost also_lost went_missing gone_missing taken_down taken_off flown_off "
    "flown_away flew_off flew_away driven_off driven_away drove_off drove_away walked_off walked_away ran_away "
    "ran_off sailed_away sailed_off left_the_scene left_the_picture left_the_frame left_the_image "
    "left_the_room has_left have_left had_left departed wiped_out painted_over edited_away photoshopped_out "
    "cleared_away cleared_off carried_away carried_off stolen been_taken was_taken were_taken got_taken "
    "someone_took somebody_took got_rid vacated not_exists no_exist no_have not_have_been_there faded_away "
    "spot_is_empty place_is_empty space_is_empty spot_is_now_empty place_is_now_empty seat_is_empty invisible "
    "been_eaten was_eaten were_eaten got_eaten eaten_up put_away packed_away tidied_away thrown_away thrown_out "
    "blown_away washed_away swept_away towed_away cut_down chopped_down torn_down pulled_down knocked_down rubbed_out "
    "blotted_out went_away gone_away flown decreased decreases reduced_by cropped_out picked_up exited "
    "now_not not_any_more not_anymore not_existing is_away are_away",
    "position": "moved move moves movement moving_from moving_to shifted shift shifts shifting relocated relocate "
    "relocates relocation displaced displacement repositioned reposition repositioning rearranged slid "
    "transferred migrated translated translation swapped_places swapped_positions switched_places "
    "switched_positions traded_places switched_sides changed_sides changes_sides somewhere_else elsewhere "
    "pushed dragged pulled_to pulled_over drifted drifts rolled_to rolled_over slides wandered travelled "
    "traveled nudged changed_place changed_places changed_their_place changed_its_place changed_seats "
    "changes_place changes_places another_place another_spot another_position another_location different_place "
    "different_spot different_position different_location other_place other_spot new_place new_spot "
    "new_position new_location jumped_to put_on_the_other interchanged further_left further_right farther_left "
    "farther_right further_up further_down further_to closer_to nearer_to farther_from further_from "
    "closer_together further_apart higher_up lower_down moves_to went_to_the_left went_to_the_right "
    "turned_up_on not_where displaces budged budge fell_from fell_to fell_off "
    "fell_onto fallen_from fallen_to crossed_the changed_ends switched_ends swapped_ends "
    + " ".join(
        f"{verb}_{way}" for verb in _MOTIONS.split() for way in ("to", "from", "over", "across", "onto", "towards")
    ),
    "added": "added add adds addition adding appeared appears appear appearance_of inserted introduced newly new "
    "additional extra emerged showed_up shows_up popped_up pops_up joined introduces arrived turned_up "
    "been_put_there one_more two_more",
    "unknown": "replaced replace replaces replacement replacing substituted substitution swapped swap swaps switched "
    "exchanged resized enlarged shrunk shrank scaled rotated rotation flipped mirrored blurred cropped tilted "
    "transformed turned_into opened closed broken merged split differently other_way_around the_other_way "
    "folded unfolded upside_down reversed inverted zoomed stretched bent cracked torn turned_around turned_round "
    "turned_away turned_over turned_its_head turned_his_head turned_her_head",
}
_COMPARATIVES = (
    "bigger smaller larger taller shorter longer wider narrower thicker thinner heavier older younger newer cleaner "
    "dirtier fuller emptier rougher smoother calmer busier cloudier wetter sharper blurrier rounder sturdier fatter "
    "slimmer faster slower higher lower stronger weaker deeper shallower softer harder louder"
)
_WEAK = {
    "color": "color colors colour colours colored coloured coloring colouring coloration colouration hue hues tint "
    "different_shade darker_shade lighter_shade shade_of darker lighter brighter paler redder bluer "
    "greener whiter blacker pinker browner yellower grayer greyer chromatic",
    "position": "position positions positioning location locations place places placement placements spot positional "
    "spatial whereabouts placed positioned located",
    "unknown": "size sizes shape shapes orientation texture pattern style pose more_crowded less_crowded "
    + _COMPARATIVES,
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

COMPARATIVES = frozenset(_COMPARATIVES.split())
"""Adjectives that compare: "is bigger", but "the bigger dog" tells of no change."""


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
    return kinds.pop() if len(kinds) == 1 and kinds <= set(DifferenceType) else None


def is_vague(words: Words, hit: Hit) -> bool:
    """Words that also tell of a colour: "the color has shifted", "switched from red to blue", "turned into"."""
    return words[hit.first].text.startswith(("shift", "switch", "turned", "transformed", "swap", "exchanged"))

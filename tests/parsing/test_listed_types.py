"""The types and objects that a careful reader lists, where words of change alone would mislead."""

import json

import pytest

from spd_faith.language.categories import canonical_category
from spd_faith.parsing.differences import parse_differences


def listed(text):
    return [(one["type"], canonical_category(one["category"] or "")) for one in parse_differences(text)["differences"]]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("The traffic light turned from red to green.", [(None, "traffic light")]),
        ("1. Traffic light: it is green in image 1 and red in image 2.", [(None, "traffic light")]),
        ("The traffic light was repainted from black to blue.", [("color", "traffic light")]),
        (
            "In the first picture the dog is facing left, while in the second picture it is facing right.",
            [(None, "dog")],
        ),
        ("- Fan: tilted to the left in image 1, tilted to the right in image 2", [(None, None)]),
        ("The cat has been moved and now faces the door.", [("position", "cat")]),
    ],
)
def test_a_light_or_a_turn_has_no_type(text, expected):
    assert listed(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("The apples are no longer in the bowl.", [("remove", "apple")]),
        ("- **Clock:** no longer hanging above the door", [("remove", "clock")]),
        ("The vase is no longer on the shelf but on the floor.", [("position", "vase")]),
        ("The trailer is no longer attached to the truck.", [(None, None)]),
        ("- The kite is an additional element in the second photo.", [("remove", "kite")]),
        ("There are more waves in the second picture.", [(None, None)]),
        ("There are more people in the second picture.", [("remove", "person")]),
        ("- **Harbor**: More boats are visible in the background of the second picture.", [("remove", "boat")]),
        ("The shelf holds an additional vase in the second image.", [("remove", "vase")]),
        ("In addition, the sheep are in a different position.", [("position", "sheep")]),
        (
            "The girl is no longer there; instead, there is a cat at the end of the path.",
            [("remove", "person"), ("remove", "cat")],
        ),
        (
            "1. Chair by the door: empty → a boy is sitting on it\n2. Dog: brown → none",
            [("remove", "person"), ("remove", "dog")],
        ),
    ],
)
def test_what_is_in_one_image_only_is_removed(text, expected):
    assert listed(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "- **Frisbee** – In the first image, it is on the right. In the second image, it appears on the left.",
            [("position", "frisbee")],
        ),
        (
            "- **Cup:** In the first picture it stands on the table; in the second it's under the chair.",
            [("position", "cup")],
        ),
        ("- The player in the right image holds the racket slightly higher.", [("position", "tennis racket")]),
        ("- The dog seems to be a little closer to the bench.", [("position", "dog")]),
        ("The ball is above the fence in A and lower down, next to the fence, in B.", [("position", "sports ball")]),
        ("I see the ball near the post in image 1, and it's in the same spot in image 2.", []),
        ("The ball is no longer in the same spot.", [("position", "sports ball")]),
    ],
)
def test_what_stands_elsewhere_has_moved(text, expected):
    assert listed(text) == expected


def test_an_impression_is_no_difference():
    assert listed("The vase is gone. The second picture has a different mood.") == [("remove", "vase")]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("The baskets of apples were moved.", [("position", "apple")]),
        ("1. Cat's collar: from green to black", [("color", "cat")]),
        ("2. **Train Banner**: The banner is different in the second image.", [(None, "train")]),
        (
            "In image 1 there is a boat with a green flag, in image 2 a boat with a white flag.",
            [("color", "boat")],
        ),
        ("A surfer waits in the water. His board changed from blue to pink.", [("color", "surfboard")]),
        ("A skater jumps. The board changed from blue to pink.", [("color", "skateboard")]),
        ("The board changed from blue to pink.", [("color", None)]),
        ("The batter waits for the ball. The pitcher is missing in the second photo.", [("remove", "person")]),
        ("The pitcher is missing from the breakfast table.", [("remove", None)]),
        ("- **Oven clock:** lit in the first picture, dark in the second", [(None, "oven")]),
        ("- **Wall clock:** removed", [("remove", "clock")]),
    ],
)
def test_an_object_is_named_by_its_owner_its_contents_or_the_rest_of_the_answer(text, expected):
    assert listed(text) == expected


def test_json_reads_owners_of_parts_and_additions_as_in_prose():
    text = json.dumps([{"object": "man's jacket", "type": "color"}, {"object": "cat", "change": "added"}])
    assert listed(text) == [("color", "person"), ("remove", "cat")]
    assert listed('[{"object": "bus roof", "type": "color"}]') == [("color", "bus")]
    # a part alone stays: the truth may be of a bedspread
    assert parse_differences('[{"object": "bedspread", "type": "color"}]')["differences"][0]["category"] == "bedspread"
    assert listed('[{"object": "kettle", "type": "newly added"}]') == [("remove", None)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("There is a boat near the shore of the first picture that is missing.", [("remove", "boat")]),
        ("There's a cup in the corner of the second picture that isn't in the first picture.", [("remove", "cup")]),
        ("The pillow looks pink rather than red in the second image, but this may be the light.", [("color", None)]),
        ("The walls look pink rather than red in image 2, but that could simply be the camera.", [("color", None)]),
        (
            "The laptop is open in the first image and closed in the second, and there are more cups in the second.",
            [(None, "laptop"), ("remove", "cup")],
        ),
        ("The lawn has a more intense green in the second picture.", [("color", None)]),
        (
            "The waves differ in size, with the second picture showing waves that are closer to the pier.",
            [(None, None)],
        ),
        (
            "The cup changed from red to blue. I don't see any other differences – the dog is the same.",
            [("color", "cup")],
        ),
    ],
)
def test_what_a_sentence_adds_is_listed_once_and_what_it_denies_is_not(text, expected):
    assert listed(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "The girl is running in the first picture and in the second picture she is standing still.",
            [(None, "person")],
        ),
        ("The girl is still standing by the door.", []),
        ("The bus has its doors open in image 1, whereas the doors are closed in image 2.", [(None, "bus")]),
        ("**Framing.** The second picture is sharper. The crop also appears tighter.", [(None, None), (None, None)]),
        ("**Hills.** The trees are denser. The hills are hazier.", [(None, None)]),
    ],
)
def test_a_still_pose_an_owned_part_and_a_further_aspect_are_differences(text, expected):
    assert listed(text) == expected

"""Types of change and sameness in clauses."""

import pytest

from spd_faith.language.change_words import normalise_type
from spd_faith.language.changes import find_types
from spd_faith.language.sameness import find_sameness


def values(mentions) -> list[str]:
    return [mention.value for mention in mentions]


@pytest.mark.parametrize(
    ("clause", "types"),
    [
        ("the car was recoloured", ["color"]),
        ("the sofa turned blue", ["color"]),
        ("the bear isn't brown anymore", ["color"]),
        ("bus: red -> green", ["color"]),
        ("the car is green instead of red", ["color"]),
        ("the bedspread was orange and is now blue", ["color"]),
        ("the tie is red in the first picture and blue in the second", ["color"]),
        ("the color has shifted", ["color"]),
        ("the clock is gone", ["remove"]),
        ("the clock is no longer there", ["remove"]),
        ("there is no clock in the second picture", ["remove"]),
        ("picture 2 has no clock", ["remove"]),
        ("no clock is visible in the second image", ["remove"]),
        ("in the first picture there is a clock, but not in the second", ["remove"]),
        ("the vase is visible only in the first picture", ["remove"]),
        ("the clock in the first picture is missing", ["remove"]),
        ("in the first picture there is a clock, while in the second picture the clock is missing", ["remove"]),
        ("the clock is missing in the first picture", ["added"]),
        ("a dog appeared next to the bench", ["added"]),
        ("the vase is in the second but not in the first picture", ["added"]),
        ("the chair shifted to the right", ["position"]),
        ("the cup is now on the left", ["position"]),
        ("the cup was removed from its place on the left and put in the middle", ["position"]),
        ("the location of the cup is different", ["position"]),
        ("the cup was replaced by a bowl", ["unknown"]),
        ("the car is different", ["unknown"]),
        ("the car moved and changed color", ["position", "color"]),
        ("the red color car was removed", ["remove"]),
        ("the blue-colored car was removed", ["remove"]),
        ("the car has not moved", []),
        ("no object was removed", []),
        ("the color of the car is the same", []),
        ("the position of the cup did not change", []),
        ("the umbrella appears to be blue", []),
        ("I compared the color and position of the car", []),
        ("the red car moved from the blue mat to the green mat", ["position"]),
        ("the gull has flown off", ["remove"]),
        ("the clock hangs in the first picture only", ["remove"]),
        ("the car (color) and the dog (missing)", ["color", "remove"]),
        ("the car is not the same colour", ["color"]),
        ("all objects remain in their original positions", []),
        ("their positions are swapped", ["position"]),
        ("the dog is bigger", ["unknown"]),
        ("the bigger dog barks", []),
        ("the plate is empty", []),
        ("there are more people in the second picture", ["added"]),
        ("there are more people in the first picture than in the second", ["remove"]),
        ("the first image contains more books", ["remove"]),
        ("there are fewer cars in the second image", ["remove"]),
        ("in the first image there are fewer cars", ["added"]),
        ("there is one chair less", ["remove"]),
        ("there is an extra cup in the first picture", ["remove"]),
        ("the second picture has an additional cup", ["added"]),
        ("the sky is more overcast in the second image", ["unknown"]),
        ("the second picture shows larger waves", ["unknown"]),
        ("the larger dog sits in the first image", []),
        ("no more than two cups", ["remove"]),
        ("there are more differences", []),
        ("it could not be clearer", []),
        ("the lighting is brighter", ["unknown"]),
        ("the first image is darker", ["unknown"]),
        ("the car is darker", ["color"]),
        ("the cup is placed on the table", []),
        ("the cup is placed elsewhere", ["position"]),
        ("in its place there is a mirror", []),
        ("the man changed from wearing blue and red to orange and white", ["color"]),
        ("the couch went from a mix of red and blue to green", ["color"]),
    ],
)
def test_find_types(clause, types):
    assert list(dict.fromkeys(values(find_types(clause)))) == types


@pytest.mark.parametrize(
    ("clause", "same"),
    [
        ("the car is unchanged", True),
        ("the car has not moved", True),
        ("both look identical", True),
        ("the color of the car is the same", True),
        ("there are no differences", True),
        ("they are not identical", False),
        ("the car is no longer the same", False),
        ("the car moved", False),
    ],
)
def test_find_sameness(clause, same):
    assert bool(find_sameness(clause)) is same


@pytest.mark.parametrize(
    ("raw", "kind"),
    [
        ("color", "color"),
        ("Colour Change", "color"),
        ("recoloured", "color"),
        ("color_shift", "color"),
        ("removed", "remove"),
        ("Missing object", "remove"),
        ("disappeared", "remove"),
        ("not present", "remove"),
        ("moved", "position"),
        ("RELOCATED", "position"),
        ("location", "position"),
        ("shifted", "position"),
        ("added", None),
        ("replaced", None),
        ("size", None),
        ("color/position", None),
        ("<color, remove or position>", None),
        ("no change", None),
        ("not moved", None),
        ("", None),
    ],
)
def test_normalise_type(raw, kind):
    assert normalise_type(raw) == kind

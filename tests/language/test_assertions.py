"""Assertions of a clause: kind, object, change, and the image of a color or place."""

import pytest

from spd_faith.language.assertions import Certainty
from spd_faith.language.folding import fold
from spd_faith.language.reading import read_assertions


@pytest.mark.parametrize(
    ("text", "colors"),
    [
        ("The car changed from red to blue.", ("red", "blue")),
        ("The car is blue in the second picture and red in the first.", ("red", "blue")),
        ("In the first picture the car is red, while in the second picture it is blue.", ("red", "blue")),
        ("The red car turned blue.", ("red", "blue")),
        ("The car is now blue instead of red.", ("red", "blue")),
        ("The car was red and is now blue.", ("red", "blue")),
        ("car: red -> blue", ("red", "blue")),
        ("The red car was removed.", ("red", None)),
        ("The car turned blue.", (None, "blue")),
    ],
)
def test_colors_by_image(text, colors):
    (said,) = read_assertions(text)
    assert (said.kind, said.objects, said.colors) == ("difference", ("car",), colors)


@pytest.mark.parametrize(
    ("text", "places"),
    [
        ("The cup moved from the top left to the bottom right.", ("top left", "bottom right")),
        ("The cup is on the left in picture 1 and on the right in picture 2.", ("left", "right")),
        ("The cup moved to the right of the chair.", (None, None)),
        ("The cup was at the top; now it is at the bottom.", None),
    ],
)
def test_places_by_image(text, places):
    if places is None:  # two clauses: a state, and a difference
        first, second = read_assertions(text)
        assert (first.kind, first.image, first.places[0]) == ("state", 0, "top")
        assert (second.kind, second.change, second.places[1]) == ("difference", "position", "bottom")
        return
    (said,) = read_assertions(text)
    assert (said.kind, said.change, said.places) == ("difference", "position", places)


@pytest.mark.parametrize(
    ("text", "objects"),
    [
        ("The cup on the table was removed.", ["cup"]),
        ("The man holding the umbrella was removed.", ["person"]),
        ("The dog, the cat and the cup were removed.", ["dog", "cat", "cup"]),
        ("The dog near the bench and the car moved.", ["dog"]),
        ("Everything is the same except the car, which was removed.", ["car"]),
        ("Apart from the dog, nothing changed.", ["dog"]),
    ],
)
def test_subjects(text, objects):
    assert [said.objects[0] for said in read_assertions(text) if said.kind == "difference"] == objects


def test_items_are_entries_of_their_list_and_a_summary_has_none():
    text = "1. The car moved.\n2. The dog moved.\n\nSummary:\n1. The car moved."
    one, two, repeated = (said.entry for said in read_assertions(text))
    assert one[0] == two[0] and one[1] != two[1]
    assert repeated is None


def test_an_image_heading_applies_to_its_list():
    text = "Picture 1:\n- a red car\n- a dog\n\nPicture 2:\n- a blue car\n- a dog"
    said = read_assertions(text)
    assert [(a.kind, a.image, a.objects) for a in said] == [
        ("state", image, (name,)) for image in (0, 1) for name in ("car", "dog")
    ]
    assert [a.kind for a in fold(said)] == ["state"] * 4  # without `apart`, each side remains a state
    assert [a.change for a in fold(said, apart=True) if a.kind == "difference"] == ["color"]


@pytest.mark.parametrize(
    ("text", "certain"),
    [
        ("The car may have moved. The dog is gone.", [False, True]),
        ("The dog is gone. Did the car move?", [True, False]),
        ("The car moved. It could not be clearer.", [True]),
    ],
)
def test_suppositions_are_only_read_on_request(text, certain):
    found = read_assertions(text, supposed=True)
    assert [said.certainty == Certainty.ASSERTED for said in found] == certain
    assert read_assertions(text) == [said for said in found if said.certainty == Certainty.ASSERTED]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        # several colors, and garments
        (
            "The man changed from wearing blue and red to orange and white.",
            [("person", "color", "blue red", "orange white")],
        ),
        (
            "The kit changed from a white shirt and black shorts to a blue shirt and red shorts.",
            [("shirt", "color", "white", "blue"), ("shorts", "color", "black", "red")],
        ),
        (
            "The woman holds a red bag in the first image and a blue bag in the second image.",
            [("bag", "color", "red", "blue")],
        ),
        ("The red car moved from the blue mat to the green mat.", [("car", "position", "red", None)]),
        # contrasts and conditions
        ("The lid is up in one picture and down in the other.", [("lid", "other", None, None)]),
        (
            "The bench is made of wood in the first image and of metal in the second.",
            [("bench", "other", None, None)],
        ),
        (
            "The window in the first picture is open, but the window in the second picture is closed.",
            [("window", "other", None, None)],
        ),
        (
            "In the first picture there is a cup, while in the second picture there is a glass.",
            [("cup", "other", None, None)],
        ),
        ("The dog is in the first picture and in the second picture.", []),
        ("The lamp is switched on in the second image.", [("lamp", "other", None, None)]),
        ("The TV is turned off in both.", []),
        ("The cup is on the table in the second image.", []),
        ("Bench: empty → occupied", [("bench", "other", None, None)]),
        ("Toilet lid: up, then down", [("toilet lid", "other", None, None)]),
        ('The sign reads "3" in the first image and "2" in the second.', [("sign", "other", None, None)]),
        # former places, replacements, moves
        ("Where the gull used to be there is an empty post.", [("bird", "remove", None, None)]),
        ("There is a frame where the clock used to hang.", [("frame", "other", None, None)]),
        ("In place of the clock there is now a painting.", [("clock", "other", None, None)]),
        ("In place of the vase, there is an empty spot.", [("vase", "remove", None, None)]),
        ("The table, which used to be round, is square now.", [("dining table", "other", None, None)]),
        ("The towel went from white to striped.", [("towel", "other", "white", None)]),
        ("The vase is no longer in that same location.", [("vase", "position", None, None)]),
        ("The mug is no longer where it was.", [("cup", "position", None, None)]),
        ("The cup is no longer in the image.", [("cup", "remove", None, None)]),
        (
            "There is a mouse on the desk. I can't find it anywhere in the second image.",
            [("mouse", "remove", None, None)],
        ),
        # what is said of images as such
        ("The second picture is sharper.", [("image", "other", None, None)]),
        ("The weather is cloudier in the second picture.", [("weather", "other", None, None)]),
        ("The second picture was modified.", []),
        # things beside and in the names of images
        ("The price tags on the fruit were removed.", [("price tag", "remove", None, None)]),
        ("The pattern on the rug is gone.", [("rug", "remove", None, None)]),
        ("There are changes between the two pictures of the train station.", []),
        ("The two desk photos differ.", []),
        ("Mouse pad: changed from gray to blue", [("mouse pad", "color", "gray", "blue")]),
    ],
)
def test_changes_of_objects(text, expected):
    said = [one for one in read_assertions(text) if one.kind == "difference"]
    assert [(*one.objects, one.change, *one.colors) for one in said] == expected


@pytest.mark.parametrize("text", ["Neither picture has a cat.", "There is no cat in either picture."])
def test_what_neither_image_has_is_the_same(text):
    (said,) = read_assertions(text)
    assert (said.kind, said.objects, said.change) == ("sameness", ("cat",), "remove")

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

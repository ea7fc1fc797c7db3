"""States of one image, and what is said of both."""

import pytest

from spd_faith.language.reading import read_assertions


def said(text: str) -> list[tuple[str, tuple[str, ...], str | None]]:
    return [(one.kind, one.objects, one.change and str(one.change)) for one in read_assertions(text)]


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("The lamp is lit in the first picture and dark in the second.", "lamp"),
        ("The bench is made of wood in the first picture and of metal in the second.", "bench"),
        ("In the first picture the door is open, while in the second picture it is closed.", "door"),
        ("The boy is jumping in one picture and standing in the other picture.", "person"),
        ("The toilet lid is up in the top image and down in the bottom image.", "toilet lid"),
        ("In the first photo the man holds the racket with both hands, in the second photo with one hand.", "person"),
        ("The table, which used to be round, is rectangular in the second picture.", "dining table"),
    ],
)
def test_an_object_described_otherwise_in_each_image_is_different(text, name):
    assert said(text) == [("difference", (name,), "other")]


def test_present_in_one_image_and_not_in_the_other_is_a_removal():
    assert said("Kite: in picture 1 yes, in picture 2 no") == [("difference", ("kite",), "remove")]


@pytest.mark.parametrize(
    ("text", "objects"),
    [
        ("Both pictures show a desk, a laptop and a cup.", [("desk", "laptop", "cup")]),
        ("Each image contains a dog and a cat.", [("dog", "cat")]),
        ("The dog and the cat are in both pictures.", [("dog",), ("cat",)]),
        ("There are two giraffes in each picture.", [("giraffe",)]),
        ("They show the same bus and the same people.", [("bus",), ("person",)]),
        ("In the second image, we see the same dog and the same bench.", [("dog",), ("bench",)]),
        ("The mouse and the cup are exactly where they were.", [("mouse",), ("cup",)]),
        ("The skater has no helmet in either picture.", [("helmet",)]),
    ],
)
def test_what_both_images_show(text, objects):
    assert [(kind, names) for kind, names, _ in said(text)] == [("sameness", names) for names in objects]


@pytest.mark.parametrize(
    ("text", "is_rest"),
    [
        ("Everything else (the oven, the sink and the chair) looks the same.", True),
        ("Everything else – the pose, the bag, the chair – is identical.", True),
        ("The rest of the scene, with the bus and the car, is unchanged.", True),
        ("They are the same picture of a harbor with boats.", False),
        ("I have compared the images, and they look identical: same beach, same kite.", False),
    ],
)
def test_the_rest_and_the_pair_are_one_claim_whatever_is_listed(text, is_rest):
    (whole,) = read_assertions(text)
    assert (whole.kind, whole.objects, whole.rest) == ("sameness", (), is_rest)


def test_a_difference_beside_the_rest_stays_one():
    assert said("Everything else is unchanged, only the color of the car changed.") == [
        ("sameness", (), None),
        ("difference", ("car",), "color"),
    ]


def test_neither_added_nor_removed_speaks_of_presence():
    assert said("No object was added or removed.") == [("sameness", (), "remove")]


def test_a_count_is_no_state():
    assert said("There are a few differences between the two pictures of the train station.") == []


@pytest.mark.parametrize(
    ("text", "objects"),
    [
        ("They both show a man with a surfboard and a dog on the beach.", ("person", "surfboard", "dog")),
        ("Both are pictures of a kitchen with an oven and a sink.", ("oven", "sink")),
        ("Both images show a cat on a couch next to a lamp, and a cup.", ("cat", "cup")),
    ],
)
def test_what_both_show_with_its_first_object_but_not_where(text, objects):
    (both,) = read_assertions(text)
    assert (both.kind, both.objects, both.change) == ("sameness", objects, "remove")


def test_a_color_in_both_images_belongs_to_its_object():
    (both,) = read_assertions("Both pictures show a red car and a dog.")
    assert [(one.change, one.colors) for one in map(both.of, both.objects)] == [
        ("color", ("red", "red")),
        ("remove", (None, None)),
    ]


@pytest.mark.parametrize(
    ("text", "claims"),
    [
        ("The woman wears the same dress in the second picture.", [("sameness", ("person",), None)]),
        ("The images show the same dog, but they are not exactly alike.", []),
        ("The images of the kitchen are different.", []),
    ],
)
def test_same_clothes_and_different_images(text, claims):
    assert [claim for claim in said(text) if claim[0] == "difference" or claims] == claims

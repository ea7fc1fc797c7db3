"""Colors, places and images in answers."""

import pytest

from spd_faith.language.assertions import colors_clash
from spd_faith.language.colors import find_colors
from spd_faith.language.image_words import find_images
from spd_faith.language.places import find_places


def values(mentions) -> list[str]:
    return [mention.value for mention in mentions]


def test_colors_places_and_images():
    assert values(find_colors("a navy car, a light-green cup, a GREY cat and the orange on the table")) == [
        "blue",
        "green",
        "gray",
    ]
    assert values(find_places("from the upper left to the bottom-right corner, in the second row")) == [
        "top left",
        "bottom right",
        "row 2",
    ]
    assert values(find_places("in the left picture the dog has left, right next to the centre")) == ["center"]
    assert values(find_images("image 1 shows it, the modified picture does not, both images")) == [
        "first",
        "second",
        "both",
    ]


@pytest.mark.parametrize(
    ("text", "images", "places"),
    [
        ("green in the top image and blue in the bottom image", ["first", "second"], []),
        ("the upper photo has a cat, the lower photo has none", ["first", "second"], []),
        ("the image on the left shows a dog on the left", ["first"], ["left"]),
        ("in the picture at the bottom the cup is at the top", ["second"], ["top"]),
        ("in the left image the dog is on the right", ["first"], ["right"]),
        ("the picture above is darker than the picture below", ["first", "second"], []),
        ("red on the left side of the composite and blue on the right side of the composite", ["first", "second"], []),
        ("red in the before image, blue in the after image", ["first", "second"], []),
        ("photo A has it, photo B does not", ["first", "second"], []),
        ("red in A and blue in B", ["first", "second"], []),
        ("in a car, in a blue B, in a", [], []),
        ("in the one on the left the car is red", ["first"], []),
        ("two dogs in each image, no cat in either picture", ["both", "both"], []),
        ("the top and bottom images are alike", ["both"], []),
        # the same words as places in an image
        ("at the top of the image", [], ["top"]),
        ("the top shelf and the lower drawer", [], ["top", "bottom"]),
        ("on the left side of the picture", [], ["left"]),
        ("the one on the right is flatter", [], ["right"]),
    ],
)
def test_sides_that_name_an_image_are_no_places(text, images, places):
    assert (values(find_images(text)), values(find_places(text))) == (images, places)


@pytest.mark.parametrize(
    ("text", "images", "places"),
    [
        ("In the first image (left): there is a dog", ["first"], []),
        ("Image 1 (top) shows a dog on the right", ["first"], ["right"]),
        ("in the second (right) picture", ["second"], []),
        ("the second (right) picture has a dog", ["second"], []),
        ("in the first photo (on the left side), a cup", ["first"], []),
        ("in the first photo, on the left, a cup", ["first"], ["left"]),
        ("the dog (left) is missing in image 2", ["second"], ["left"]),
        ("the second (the lower) cup", [], ["bottom"]),
    ],
)
def test_a_side_in_brackets_after_the_name_of_an_image_is_no_place(text, images, places):
    assert (values(find_images(text)), values(find_places(text))) == (images, places)


@pytest.mark.parametrize(
    ("text", "colors"),
    [
        ("a dark blue and white striped shirt", ["blue white"]),
        ("a blue-green couch", ["blue green"]),
        ("a reddish brown horse", ["brown red"]),
        ("a mix of red, and of yellow", ["red", "yellow"]),
        ("a kite in red or orange tones", ["orange red"]),
        ("an orange and white plate", ["orange white"]),
        ("an orange and an apple", []),  # the fruit
        ("it is white with a small red stripe", ["white"]),
        ("a woman in black with a red umbrella", ["black", "red"]),  # of another thing
        ("it switches between red and blue", ["red", "blue"]),
        ("the cup and the bowl are red and blue, respectively", ["red", "blue"]),
        ("from silver black", ["silver", "black"]),
    ],
)
def test_colors_of_one_thing_are_one_mention(text, colors):
    assert values(find_colors(text)) == colors


@pytest.mark.parametrize(
    ("said", "true", "clash"),
    [
        ("blue red", "blue", False),
        ("blue red", "green", True),
        ("blue white", "red white", True),
        ("blue green", "teal", False),  # teal is near both
        ("white", "blue white", False),
        ("gray", "silver", False),
        ("red", "blue", True),
    ],
)
def test_several_colors_exclude_what_they_lack(said, true, clash):
    assert colors_clash(said, true) is clash
    assert colors_clash(true, said) is clash

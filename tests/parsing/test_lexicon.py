"""The words of answers: expected readings worked out by hand."""

import pytest

from spd_faith.parsing.lexicon import (
    CATEGORIES,
    canonical_category,
    find_categories,
    find_colors,
    find_count,
    find_objects,
    find_pictures,
    find_places,
    find_sameness,
    find_subjects,
    find_types,
    normalise_type,
    split_clauses,
)


def values(mentions) -> list[str]:
    return [mention.value for mention in mentions]


def test_the_80_categories_name_themselves():
    assert len(CATEGORIES) == len(set(CATEGORIES)) == 80
    assert all(canonical_category(name) == name for name in CATEGORIES)
    assert all(canonical_category(f"The {name.replace(' ', '_').upper()}") == name for name in CATEGORIES)


@pytest.mark.parametrize(
    ("name", "category"),
    [
        ("man", "person"),
        ("Women", "person"),
        ("a skier", "person"),
        ("the pedestrians", "person"),
        ("sofa", "couch"),
        ("Television", "tv"),
        ("TVs", "tv"),
        ("bike", "bicycle"),
        ("ball", "sports ball"),
        ("plant", "potted plant"),
        ("knives", "knife"),
        ("buses", "bus"),
        ("hot-dog", "hot dog"),
        ("pair of skis", "skis"),
        ("small red car", "car"),
        ("man in a red shirt", "person"),
        ("mobile phone", "cell phone"),
        ("dining table", "dining table"),
        ("bedspread", None),
        ("coffee table", None),  # known, and no COCO category
        ("car door", None),
        ("glass", None),  # of wine, to drink from, to see through
        ("", None),
        ("of", None),
    ],
)
def test_canonical_category(name, category):
    assert canonical_category(name) == category


@pytest.mark.parametrize(
    ("clause", "objects"),
    [
        ("The traffic-light next to the fire hydrant", ["traffic light", "fire hydrant"]),
        ("the man's tie is red", ["tie"]),
        ("the car's gone", ["car"]),
        ("the horse rider moved", ["person"]),
        ("the teddy bear moved", ["teddy bear"]),
        ("the bus stop vanished", ["bus stop"]),
        ("The color changed from orange to blue", []),
        ("The orange was removed", ["orange"]),
        ("the orange car moved", ["car"]),
        ("the orange sports ball was removed", ["sports ball"]),
        ("two oranges are missing", ["orange"]),
        ("the zeppelin was removed", ["zeppelin"]),
        ("The color of the zeppelin changed", ["zeppelin"]),
        ("Zeppelin: removed", ["zeppelin"]),
        ("The vehicle colour has been changed", ["vehicle"]),
        ("The two pictures are the same", []),
        ("I cannot see any pictures", []),
        ("The overall color changed", []),
    ],
)
def test_find_objects(clause, objects):
    assert values(find_objects(clause)) == objects


def test_categories_are_the_objects_that_coco_names():
    assert values(find_categories("the lamp, the sofa and the zeppelin were removed")) == ["couch"]
    (mention,) = find_categories("A Traffic Light!")
    assert (mention.start, mention.end, mention.text, mention.value) == (2, 15, "Traffic Light", "traffic light")


@pytest.mark.parametrize(
    ("clause", "subjects"),
    [
        ("the car moved from the table to the bench", ["car"]),
        ("the car, the bike and the bus have moved", ["car", "bicycle", "bus"]),
        ("next to the tree, the dog is missing", ["dog"]),
        ("the color of the car on the street changed", ["car"]),
        ("the bowl to the left of the cup vanished", ["bowl"]),
    ],
)
def test_find_subjects(clause, subjects):
    assert values(find_subjects(clause)) == subjects


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


def test_colors_places_and_pictures():
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
    assert values(find_pictures("image 1 shows it, the modified picture does not, both images")) == [
        "first",
        "second",
        "both",
    ]


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("There are three differences.", 3),
        ("I can see 3 main differences between them", 3),
        ("Only one difference.", 1),
        ("A single visible change", 1),
        ("There are no differences.", 0),
        ("There aren't any noticeable differences.", 0),
        ("The two pictures are identical.", 0),
        ("The two pictures are identical except for the car.", None),
        ("Number of differences: **2**", 2),
        ("differences: 2", 2),
        ("Difference 2: the car moved", None),
        ("4", 4),
        ("**Five.**", 5),
        ("There are two (2) differences", 2),
        ("I first saw 5 changes. In total there are 4 differences.", 4),
        ("2.5 differences", None),
        ("-3 differences", None),
        ("two or three differences", None),
        ("There are no other differences.", None),
        ("No.", None),
        ("three cars and two dogs", None),
        ("a couple of differences", 2),
    ],
)
def test_find_count(text, count):
    assert find_count(text) == count


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


@pytest.mark.parametrize(
    ("text", "clauses"),
    [
        ("the car is gone and the cup moved", ["the car is gone", "the cup moved"]),
        ("The car and the cup moved.", ["The car and the cup moved"]),
        ("the car moved and changed color", ["the car moved and changed color"]),
        ("It changed from red to blue.", ["It changed from red to blue"]),
        ("It grew by 3.5 cm, e.g. the car. The end", ["It grew by 3.5 cm, e.g. the car", "The end"]),
        ("1. The car moved.\n2) The cup is gone.", ["The car moved", "The cup is gone"]),
        ("- **Car**: color\n* Cup: gone", ["Car**: color", "Cup: gone"]),
        ("Found: (1) car - color (2) vase - missing", ["Found", "car - color", "vase - missing"]),
        ("The differences are: the car, the cup", ["The differences are: the car, the cup"]),
        ("the car moved, the cup vanished", ["the car moved", "the cup vanished"]),
        ("remove: chair (left), remove: lamp", ["remove: chair (left)", "remove: lamp"]),
        (
            "the car changed from red to blue, and the bike from green to yellow",
            ["the car changed from red to blue", "the bike from green to yellow"],
        ),
        (
            "In the first picture the car is red, and in the second the car is blue.",
            ["In the first picture the car is red, and in the second the car is blue"],
        ),
        ("The color of the car and the position of the cup", ["The color of the car", "the position of the cup"]),
        ("", []),
        ("...\n--\n", []),
    ],
)
def test_split_clauses(text, clauses):
    found = split_clauses(text)
    assert [clause.text for clause in found] == clauses
    assert all(text[clause.start : clause.end] == clause.text for clause in found)

"""Objects in answers."""

from pathlib import Path

import pytest
import yaml

from spd_faith.language.categories import CATEGORIES, canonical_category, meant_categories
from spd_faith.language.objects import find_objects
from spd_faith.language.subjects import BY_WORDS, find_subjects


def values(mentions) -> list[str]:
    return [mention.value for mention in mentions]


def test_each_category_is_its_own_canonical_name():
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
        ("coffee table", None),  # known, but not a COCO category
        ("car door", None),
        ("glass", None),  # ambiguous: wine glass, cup, spectacles
        ("", None),
        ("of", None),
    ],
)
def test_canonical_category(name, category):
    assert canonical_category(name) == category


def test_a_mention_has_its_position():
    (mention,) = find_objects("A Traffic Light!")
    assert (mention.start, mention.end, mention.text, mention.value) == (2, 15, "Traffic Light", "traffic light")


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
    assert values(find_subjects(clause, find_objects(clause), BY_WORDS)) == subjects


@pytest.mark.parametrize(
    ("clause", "objects"), [("the cow stands on the left", ["cow"]), ("the bed frame", ["bed frame"])]
)
def test_a_verb_is_not_part_of_a_name(clause, objects):
    assert values(find_objects(clause)) == objects


@pytest.mark.parametrize(
    ("name", "categories"),
    [
        ("two-wheelers", {"bicycle", "motorcycle"}),
        ("pink icing", {"donut", "cake"}),
        ("car door", {"car"}),  # only of the car
        ("bus stop", set()),
        ("cat", set()),  # a category itself
    ],
)
def test_categories_that_a_name_may_mean(name, categories):
    assert meant_categories(name) == categories


def test_kinds_and_parts_are_of_known_categories():
    names = yaml.safe_load(Path("resources/lexicon/en/objects.yaml").read_text(encoding="utf-8"))
    meant = {category for key in ("kinds", "parts_of") for listed in names[key].values() for category in listed}
    assert meant <= set(CATEGORIES)


def test_no_alias_belongs_to_two_categories():
    names = yaml.safe_load(Path("resources/lexicon/en/objects.yaml").read_text(encoding="utf-8"))["categories"]
    aliases = [alias for listed in names.values() for alias in listed]
    assert len(aliases) == len(set(aliases))


@pytest.mark.parametrize(
    ("clause", "found"),
    [
        ("the laptop screen is off", ["laptop screen"]),
        ("the screen of the laptop is off", ["laptop screen"]),
        ("the bus's windows are gone", ["bus window"]),
        ("the man's red jacket is gone", ["person jacket"]),
        ("the roof of the building is gone", ["building roof"]),
        ("the woman's handbag is gone", ["handbag"]),  # no part
        ("the knife block is gone", ["knife block"]),
        ("a picture of a kitchen with a sink", ["sink"]),
        ("the lighting changed", ["lighting"]),
    ],
)
def test_objects_with_their_owners(clause, found):
    assert values(find_objects(clause)) == found


@pytest.mark.parametrize(
    ("name", "categories"),
    [
        ("laptop screen", {"laptop"}),
        ("building roof", set()),
        ("roof", {"car", "bus", "truck", "train"}),
        ("person jacket", {"person"}),
        ("vehicle roof", {"car", "bus", "truck", "train"}),
        ("mouse pad", set()),
    ],
)
def test_parts_mean_only_what_can_have_them(name, categories):
    assert meant_categories(name) == categories


def test_what_is_listed_with_a_landmark_is_one():
    clause = "the car is next to the bus and the truck, by the road"
    assert values(find_subjects(clause, find_objects(clause), BY_WORDS)) == ["car"]

"""The truth of a pair, from descriptions and boxes."""

import pytest
from judging.worked_answers import TRUTHS, sample

from spd_faith.judging.truth import is_off_place, read_truth
from spd_faith.language.reading import read_assertions


@pytest.mark.parametrize(
    ("place", "centre", "moved", "wrong"),
    [
        ("left", (0.7, 0.5), (0.0, 0.0), True),
        ("left", (0.7, 0.5), (-0.2, 0.0), False),  # still on the right, but moved left
        ("left", (0.55, 0.5), (0.0, 0.0), False),  # within the margin
        ("right", (0.3, 0.5), (0.0, 0.0), True),
        ("right", (0.3, 0.5), (0.1, 0.0), False),
        ("top", (0.5, 0.7), (0.0, 0.0), True),
        ("bottom", (0.5, 0.3), (0.0, 0.0), True),
        ("top left", (0.2, 0.8), (0.0, 0.0), True),
        ("top left", (0.2, 0.2), (0.0, 0.0), False),
        ("center", (0.9, 0.9), (0.0, 0.0), False),
    ],
)
def test_places_against_boxes(place, centre, moved, wrong):
    assert is_off_place(place, centre, moved) is wrong


def test_colors_come_from_the_descriptions():
    colors = {difference.type: difference.colors for difference in read_truth(TRUTHS["multi"]).differences}
    assert colors == {"color": ("red", "blue"), "remove": (None, None), "position": (None, None)}
    (cup,) = read_truth(TRUTHS["cup"]).differences
    assert cup.colors == ("blue", "blue")  # moved, same color
    assert cup.centres == ((0.15, 0.15), (0.85, 0.85))


def test_one_description_may_describe_all_differences():
    bear, _ = sorted(read_truth(TRUTHS["described_once"]).differences, key=lambda difference: difference.type)
    assert (bear.names, bear.colors) == ({"bear"}, ("brown", "white"))


def test_a_description_may_use_another_name_for_the_object():
    described = sample(["bed color"], description="The blanket changed from red to green.")
    (bed,) = read_truth(described).differences
    assert bed.names == {"bed", "blanket"}


@pytest.mark.parametrize(
    ("text", "known"),
    [
        ("There is a red car.", (True, None)),  # true in the first image, unknown in the second
        ("There is a green car in the first picture.", (False, "attribute_error")),
        ("There is a blue car in the second picture.", (None, None)),
        ("There is a zebra.", (None, None)),
    ],
)
def test_states(text, known):
    truth = read_truth(sample(["car color"], description="The red car changed its color."))
    (state,) = read_assertions(text)
    assert truth.holds(state) == known


@pytest.mark.parametrize(("kind", "found"), [("color", 1), ("remove", 0), ("position", 0)])
def test_clothes_stand_for_a_person_only_where_a_color_changed(kind, found):
    truth = read_truth(sample([f"person {kind}"]))
    assert len(truth.of("jacket")) == found
    assert len(truth.of("person")) == 1


@pytest.mark.parametrize(
    ("description", "name", "differs"),
    [
        ("The shirt of the player was changed from blue to pink.", "jersey", True),
        ("The shirt of the player was changed from blue to pink.", "outfit", True),
        ("The shirt of the player was changed from blue to pink.", "shorts", False),
        ("The player was changed from blue to pink.", "shorts", True),
    ],
)
def test_garments_stand_for_the_person_whose_color_changed(description, name, differs):
    truth = read_truth(sample(["person color"], description=description))
    assert bool(truth.of(name)) is differs


def test_garments_do_not_stand_for_a_person_who_is_gone():
    assert not read_truth(sample(["person remove"], description=None)).of("jacket")

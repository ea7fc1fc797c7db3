"""Aspects in which images are said to be the same, and how changes and sameness are read beside them."""

import pytest

from spd_faith.language.aspects import aspects_of_sameness
from spd_faith.language.changes import find_types
from spd_faith.language.reading import read_assertions


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("identical in terms of color, layout and objects", [(3, True)]),
        ("the same in color and composition", [(2, True)]),
        ("they share the same layout, colors and objects", [(3, True)]),
        ("they match in every detail", [(1, True)]),
        ("no visible changes in lighting, position or objects", [(3, True)]),
        ("they do not differ in size", [(1, False)]),
        ("no differences between them in terms of color or position", [(2, True)]),
        ("identical in color, but the position differs", [(1, False)]),
        ("not identical in color", []),
        ("the same in the first picture", []),
        ("they differ in color and position", []),
    ],
)
def test_aspects_of_sameness(text, found):
    assert [(aspects.number, aspects.covers_all) for aspects in aspects_of_sameness(text)] == found


@pytest.mark.parametrize(
    "text",
    [
        "Both images are identical in terms of color, layout and objects.",
        "There are no changes in lighting, position or objects.",
        "The color, position and presence of all objects are the same in both images.",
        "The objects, their colors, and their positions have not changed.",
        "No objects were added, removed, or moved.",
        "There are no objects missing, moved or recolored.",
        "They do not appear to be different.",
        "The colors and the positions match.",
    ],
)
def test_sameness_reports_no_change(text):
    assert find_types(text) == []


@pytest.mark.parametrize(
    ("text", "types"),
    [
        ("they differ in color and position", ["color", "position"]),
        ("they are not identical in color", ["color"]),
        ("the color changed, the position is the same", ["color"]),
        ("the cup was not moved but removed", ["remove"]),
        ("the colors do not match", ["color"]),
    ],
)
def test_changes_beside_sameness(text, types):
    assert [mention.value for mention in find_types(text)] == types


@pytest.mark.parametrize(
    ("text", "is_verdict", "change"),
    [
        ("The images are identical in color, layout and objects.", True, None),
        ("The images are identical in color.", False, "color"),
        ("There is no change in position.", False, "position"),
        ("They share the same layout, colors and objects.", True, None),
    ],
)
def test_several_aspects_are_the_whole(text, is_verdict, change):
    (said,) = read_assertions(text)
    assert (said.is_verdict, said.change) == (is_verdict, change)

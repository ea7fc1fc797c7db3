"""Numbers of differences in answers."""

import pytest

from spd_faith.language.counts import find_count


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

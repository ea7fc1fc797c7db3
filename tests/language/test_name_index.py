"""The index of names finds what a comparison of each with all others finds."""

import random

import pytest

from spd_faith.language.assertions import may_be_same
from spd_faith.language.categories import CATEGORIES
from spd_faith.language.name_index import NameIndex

GENERAL = ("", "animal", "vehicle", "icing", "jacket", "person jacket", "car door", "door", "roof", "bus roof", "fruit")
UNKNOWN = ("zeppelin", "bed spread", "bed-spread", "bedspread", "zeppelin door", "toy", "stuffed toy", "old jacket")


@pytest.mark.parametrize("seed", range(5))
def test_the_matches_are_those_of_the_pairwise_comparison(seed):
    names = [*CATEGORIES, *GENERAL, *UNKNOWN]
    known = random.Random(seed).sample(names, 60)
    index = NameIndex(known)
    for name in names:
        assert index.matches(name) == {one for one in known if may_be_same(name, one)}, name
    assert index.has_any(["airship", known[0]]) and not index.has_any(["airship"])

"""Types of difference, and the changes that an answer may assert of an object."""

import pytest

from spd_faith.core.difference_types import Attribute, DifferenceType
from spd_faith.language.change_kinds import CHANGES, FurtherChange, absence_from, change_named
from spd_faith.scoring.tables import SCORES


def test_the_order_of_the_types_is_that_of_the_columns():
    matched = [name for name in SCORES.names if name.endswith("_matched")]
    assert [name for name in matched if DifferenceType.named(name.removesuffix("_matched"))] == [
        f"{kind}_matched" for kind in DifferenceType
    ]


@pytest.mark.parametrize("kind", list(DifferenceType))
def test_a_type_is_found_by_its_names(kind):
    assert DifferenceType.named(str(kind)) is change_named(str(kind)) is kind
    assert {DifferenceType.published(name) for name in (kind, *kind.published_names)} == {kind}


@pytest.mark.parametrize("name", ["", "unknown", "added", "Color"])
def test_other_names_are_no_type(name):
    assert DifferenceType.named(name) is DifferenceType.published(name) is None


def test_no_two_types_share_a_published_name():
    names = [name for kind in DifferenceType for name in (kind, *kind.published_names)]
    assert len(names) == len(set(names))


def test_each_attribute_that_differs_is_that_of_one_type():
    assert {kind.changes for kind in DifferenceType} - {None} == set(Attribute)


def test_an_image_lacks_what_was_removed_or_added():
    assert absence_from(1) is DifferenceType.REMOVE
    assert absence_from(0) is FurtherChange.ADDED
    assert [change.absent_from for change in CHANGES if change.absent_from is not None] == [1, 0]
    assert change_named("unknown") is None

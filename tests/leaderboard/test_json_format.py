"""The leaderboard as JSON, and back."""

import json
import math

import numpy as np
import pytest

from spd_faith.leaderboard.json_format import section_from_json, to_json
from spd_faith.leaderboard.model import (
    COUNT,
    PERCENT,
    Bounded,
    Code,
    Column,
    Difference,
    Group,
    Interval,
    Missing,
    Ranks,
    Section,
    Strong,
    Table,
    Term,
    Text,
    Unranked,
    Value,
    note,
    warning,
)

SECTION = Section(
    "Results <b>",
    (
        warning("few ", Term("pairs"), Strong("!"), Code("x")),
        Section(
            "Inner",
            (
                note("a note"),
                Table(
                    "headline",
                    (Column("Model"), Column("Rank", COUNT, "what it is"), *[Column("m", PERCENT)] * 6),
                    (
                        (
                            *(Text("One", "one"), Ranks(1, 2), Value(0.25), Interval(0.5, 0.25, 0.75, None, True)),
                            *(Bounded(0.5, 0.25, 0.75, 0.1, 0.9, 0.8), Difference(-0.5, True), Unranked(), Missing()),
                        ),
                    ),
                    Group.HEADLINE,
                ),
            ),
        ),
    ),
)


def test_comes_back_as_it_was():
    assert section_from_json(json.loads(json.dumps(to_json(SECTION), allow_nan=False))) == SECTION


def test_the_written_form():
    assert to_json(Interval(np.float64(0.5), 0.25, math.nan)) == {
        "kind": "Interval",
        "value": 0.5,
        "low": 0.25,
        "high": None,
        "pairs": None,
        "is_best": False,
    }
    assert to_json(Value(np.int64(3))) == {"kind": "Value", "value": 3}


def test_undefined_numbers_come_back_undefined():
    (found,) = section_from_json(to_json(Section("s", (Table("t", (Column("c"),), ((Value(math.nan),),)),)))).parts
    assert math.isnan(found.rows[0][0].value)


@pytest.mark.parametrize("content", [[], {}, None, {"kind": "Value", "value": 1}, {"kind": "Section"}, {"kind": "No"}])
def test_anything_else_is_refused(content: object):
    with pytest.raises(ValueError, match="not a leaderboard as JSON"):
        section_from_json(content)

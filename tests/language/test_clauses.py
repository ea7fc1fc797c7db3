"""Splitting answers into clauses."""

import pytest

from spd_faith.language.clauses import split_clauses


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

"""Correcting typos and mapping positions back."""

import pytest

from spd_faith.language.spelling import place_in, respell


@pytest.mark.parametrize(
    ("wrong", "right"),
    [
        ("ornge", "orange"),
        ("diferent", "different"),
        ("mising", "missing"),
        ("bannana", "banana"),
        ("umbrela", "umbrella"),
        ("bicycel", "bicycle"),
        ("Geen", "green"),
        ("colr", "color"),
        ("trned", "turned"),
    ],
)
def test_a_missing_doubled_or_swapped_letter_is_corrected(wrong, right):
    assert respell(f"the {wrong} one")[0] == f"the {right} one"


@pytest.mark.parametrize(
    "text",
    [
        "it came back soon, the plan of a tale, a widow and her hose",  # black, spoon, plant, table, window, horse
        "the range of a house, a bare bear, we moved on",  # a replaced letter is not corrected
        "he will remove and change it",
        "dgo ca rd",  # too short
        "",
    ],
)
def test_existing_words_are_left_alone(text):
    assert respell(text) == (text, [(0, 0)])


def test_positions_map_back_to_the_original_text():
    text = "The umbrela is ornge, the bannana is mising."
    corrected, shifts = respell(text)
    assert corrected == "The umbrella is orange, the banana is missing."
    for right, wrong in (("umbrella", "umbrela"), ("orange", "ornge"), ("banana", "bannana"), ("missing", "mising")):
        start = corrected.index(right)
        span = place_in(shifts, start), place_in(shifts, start + len(right))
        assert text[slice(*span)] == wrong
    assert place_in(shifts, len(corrected)) == len(text)

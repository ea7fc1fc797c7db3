"""Misspelt words, and where they stood."""

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
def test_a_letter_left_out_doubled_or_swapped_is_mended(wrong, right):
    assert respell(f"the {wrong} one")[0] == f"the {right} one"


@pytest.mark.parametrize(
    "text",
    [
        "it came back soon, the plan of a tale, a widow and her hose",  # black, spoon, plant, table, window, horse
        "the range of a house, a bare bear, we moved on",  # another first letter, another letter
        "he will remove and change it",
        "dgo ca rd",  # too short to tell
        "",
    ],
)
def test_words_of_their_own_are_left_alone(text):
    assert respell(text) == (text, [(0, 0)])


def test_places_lead_back_to_the_text_itself():
    text = "The umbrela is ornge, the bannana is mising."
    mended, shifts = respell(text)
    assert mended == "The umbrella is orange, the banana is missing."
    for right, wrong in (("umbrella", "umbrela"), ("orange", "ornge"), ("banana", "bannana"), ("missing", "mising")):
        start = mended.index(right)
        span = place_in(shifts, start), place_in(shifts, start + len(right))
        assert text[slice(*span)] == wrong
    assert place_in(shifts, len(mended)) == len(text)

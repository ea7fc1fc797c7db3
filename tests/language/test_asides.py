"""Guessed causes and remarks are no claims, and do not take away the claims beside them."""

import pytest
from growth import assert_about_linear

from spd_faith.language.asides import without_causes, without_remarks
from spd_faith.language.reading import read_assertions


def said(text: str) -> list[tuple[str, str]]:
    return [(one.objects[0], str(one.change)) for one in read_assertions(text) if one.kind == "difference"]


@pytest.mark.parametrize(
    "text",
    [
        "The car is red now, possibly due to the lighting.",
        "The car is red now, perhaps because the sun was lower.",
        "The car is red now (likely caused by a filter).",
        "The car is red now – probably the result of editing.",
        "The car is red now, which may be due to the exposure.",
        "The car is red now, which might indicate another time of day.",
        "The car is red now, though that could just be the white balance.",
        "The car is red now but this could simply be a reflection.",
        "The car is red now, suggesting a change of season.",
        "The car is red now, indicating that the picture was taken later.",
        "The car is red now as a result of the lighting.",
        "The car, maybe because of the lamp, is red now.",
        "Possibly due to the lighting, the car is red now.",
        "The car is red now, perhaps a bit brighter.",
    ],
)
def test_a_guessed_cause_leaves_the_claim(text):
    assert said(text) == [("car", "color")]


@pytest.mark.parametrize(
    "text",
    [
        "The car might be red now.",
        "Perhaps the car is red now.",
        "In the second picture, perhaps the car is red.",
        "The car may have been repainted, possibly because of the new owner.",
        "Car: possibly another color, though that could just be the exposure",
        "It could be that the car is red now.",
    ],
)
def test_a_possibility_is_no_claim(text):
    assert said(text) == []


@pytest.mark.parametrize(
    ("text", "claims"),
    [
        (
            "The kite is gone, which may be due to the wind, and the dog was moved.",
            [("kite", "remove"), ("dog", "position")],
        ),
        ("The pictures differ because of the missing clock.", [("clock", "remove")]),
        ("No, because the clock is missing.", [("clock", "remove")]),
        ("The difference is due to the removal of the clock.", [("clock", "remove")]),
        ("The clock could not be found in the second picture.", [("clock", "remove")]),
    ],
)
def test_what_stands_beside_a_cause_or_is_one_stays_a_claim(text, claims):
    assert set(claims) <= set(said(text))


@pytest.mark.parametrize(
    "text",
    [
        "These changes suggest that the dog moved and that the cat is gone.",
        "Overall, the differences between the two pictures give the dog a new role.",
        "Such changes may indicate a movement of the animals.",
        "They suggest that the car moved between the two shots.",
        "The differences are quite subtle.",
        "Let me know if the dog was removed on purpose!",
        "If you would like more details about the clock, ask me.",
        "I hope this helps to find the missing dog.",
        "Here's what changed on the table:",
        "Overall, the scene remains the same.",
    ],
)
def test_a_remark_is_no_claim(text):
    assert read_assertions(text) == []


@pytest.mark.parametrize(
    ("text", "claims"),
    [
        ("The differences are subtle, but the car is red now.", [("car", "color")]),
        ("The changes are: the car is red now.", [("car", "color")]),
        ("The main difference is that the clock was removed.", [("clock", "remove")]),
        ("This suggests that the clock was removed.", [("clock", "remove")]),
        ("As the table shows, the clock was removed.", [("clock", "remove")]),
        ("Overall, the clock was removed.", [("clock", "remove")]),
    ],
)
def test_a_claim_is_no_remark(text, claims):
    assert said(text) == claims


def test_an_inferred_removal_is_not_blanked():
    text = "There is a hook, suggesting that the clock was removed."
    assert without_causes(text) == text
    assert "taken" not in without_causes("There is a hook, suggesting that the photo was taken later.")


@pytest.mark.parametrize("blank", [without_causes, without_remarks])
def test_blanking_keeps_every_position_and_takes_linear_time(blank):
    text = "The car is red, possibly due to the light.\nThese changes suggest a dog. "
    assert len(blank(text)) == len(text)
    assert blank(text).count("\n") == 1
    for words in ("possibly due to, ", "these changes which may be ", "suggesting because of "):
        assert_about_linear(blank, words.__mul__, 5_000)

"""Krippendorff's α over the claims that two people marked, worked by hand."""

from collections import Counter
from itertools import permutations

import pytest

from spd_faith.judging.annotations.items import AnnotationItem
from spd_faith.judging.annotations.marks import MarkedClaim
from spd_faith.judging.annotations.span_agreement import agree, annotator_agreement, claim_units


def claim(start: int, end: int, outcome: str = "faithful", answer: str = "describe", *others: tuple) -> MarkedClaim:
    is_label = outcome in ("faithful", "unverifiable", "consistent", "contradictory", "ambiguous")
    spans = [(answer, start, end), *others]
    return MarkedClaim.model_validate(
        {
            "quotes": [{"answer": task, "start": a, "end": b, "text": "x" * (b - a)} for task, a, b in spans],
            "label": outcome if is_label else "unfaithful",
            "error_type": None if is_label else outcome,
        }
    )


def pairs(ours, theirs) -> list[tuple[int | None, int | None]]:
    """The units as positions of the claims of both."""
    units = claim_units({"one": ours, "two": theirs})
    place = {id(each): k for claims in (ours, theirs) for k, each in enumerate(claims)}
    return [tuple(place[id(unit[name])] if name in unit else None for name in ("one", "two")) for unit in units]


def test_half_of_the_longer_quote_is_enough():
    assert pairs([claim(0, 10)], [claim(5, 15)]) == [(0, 0)]
    assert pairs([claim(0, 10)], [claim(6, 16)]) == [(0, None), (None, 0)]
    assert pairs([claim(0, 10)], [claim(0, 5)]) == [(0, 0)]
    assert pairs([claim(0, 10)], [claim(0, 4)]) == [(0, None), (None, 0)]  # all of the shorter is not enough


def test_a_claim_has_one_counterpart_and_most_is_shared():
    # 0-20 shares 10 with 0-10 and 20 with 0-20; the other pair shares 10
    assert pairs([claim(0, 20), claim(2, 12)], [claim(0, 10), claim(0, 20)]) == [(0, 1), (1, 0)]
    assert pairs([claim(0, 10)], [claim(0, 10), claim(1, 10)]) == [(0, 0), (None, 1)]


def test_quotes_of_both_answers_count_together():
    both = claim(0, 10, "consistent", "same", ("different", 0, 10))
    assert pairs([both], [claim(0, 10, "ambiguous", "same")]) == [(0, 0)]  # 10 of 20
    assert pairs([both], [claim(0, 9, "ambiguous", "different")]) == [(0, None), (None, 0)]
    assert pairs([claim(0, 9, "ambiguous", "same")], [claim(0, 9, "ambiguous", "different")]) == [(0, None), (None, 0)]


def test_a_third_person_joins_the_units_of_the_first_two():
    marks = {"one": [claim(0, 10)], "two": [claim(20, 30)], "three": [claim(20, 29), claim(0, 9)]}
    assert sorted(sorted(unit) for unit in claim_units(marks)) == [["one", "three"], ["three", "two"]]


def test_people_agree_if_claims_labels_and_error_types_are_the_same():
    ours = [claim(0, 10), claim(20, 30, "fabrication")]
    assert agree({"one": ours, "two": [claim(19, 30, "fabrication"), claim(0, 10)]})
    assert agree({"one": [], "two": []}) and agree({"one": ours})
    assert not agree({"one": ours, "two": ours[:1]})
    assert not agree({"one": ours, "two": [ours[0], claim(20, 30, "type_confusion")]})


WORKED = {  # faithful twice; faithful and unfaithful; unfaithful twice; unfaithful and nothing
    "one": [claim(0, 10), claim(20, 30), claim(40, 50, "fabrication"), claim(60, 70, "fabrication")],
    "two": [claim(0, 10), claim(20, 30, "fabrication"), claim(40, 50, "type_confusion")],
}


def measured(marks):
    items = {name: AnnotationItem(name, name, "drf", ("x" * 100,), ("m",)) for name in marks}
    return annotator_agreement(items, marks, {name: ("easy", name) for name in marks}, resamples=200)["drf"]


def test_alpha_of_the_worked_example():
    """8 values: 3 faithful, 4 unfaithful, 1 none; 2 units agree. α = 1 − 7·(8 − 4)/(64 − 9 − 16 − 1) = 10/38."""
    found = measured({"a": WORKED})
    assert found["statistics"]["alpha"]["value"] == pytest.approx(10 / 38)
    # with error types: 3 faithful, 3 fabrication, 1 type confusion, 1 none; 1 unit agrees: 1 − 7·6/(64 − 20) = 2/44
    assert found["statistics"]["alpha_error_types"]["value"] == pytest.approx(2 / 44)
    assert found["counts"] == {"items": 1, "agreed_items": 0, "units": 4, "matched_units": 3}


def alpha_by_coincidences(units: list[list[str]]) -> float:
    """Krippendorff's α from the matrix of coincidences, label by label."""
    matrix = Counter()
    for unit in units:
        for one, other in permutations(range(len(unit)), 2):
            matrix[unit[one], unit[other]] += 1 / (len(unit) - 1)
    totals = Counter()
    for (one, _), number in matrix.items():
        totals[one] += number
    n = sum(totals.values())
    observed = sum(number for (one, other), number in matrix.items() if one != other)
    expected = sum(totals[one] * totals[other] for one in totals for other in totals if one != other) / (n - 1)
    return 1 - observed / expected


def test_alpha_over_answers_and_three_people_is_that_of_the_coincidences():
    marks = {
        "a": WORKED,
        "b": {"one": [claim(0, 9)], "two": [claim(0, 9)], "three": [claim(0, 8, "unverifiable"), claim(30, 40)]},
        "c": {"one": [claim(0, 9)]},  # one person: no unit
        "d": {"one": [], "two": []},
    }
    units = [["f", "f"], ["f", "u"], ["u", "u"], ["u", "-"], ["f", "f", "?"], ["-", "-", "f"]]
    found = measured(marks)
    assert found["statistics"]["alpha"]["value"] == pytest.approx(alpha_by_coincidences(units))
    assert found["counts"]["items"] == 3 and found["counts"]["agreed_items"] == 1
    low, high = (found["statistics"]["alpha"][end] for end in ("low", "high"))
    assert low < found["statistics"]["alpha"]["value"] < high


def test_the_interval_is_that_of_resampled_images():
    """Two images, one with two equal units, one with two opposite ones: every resample's α is known."""
    same = {"one": [claim(0, 9), claim(20, 29, "fabrication")], "two": [claim(0, 9), claim(20, 29, "fabrication")]}
    opposite = {"one": [claim(0, 9), claim(20, 29, "fabrication")], "two": [claim(0, 9, "fabrication"), claim(20, 29)]}
    found = measured({"a": same, "b": opposite})["statistics"]["alpha"]
    # both images: 1 − 7·4/32; the first twice: 1; the second twice: 1 − 7·8/32; these two a quarter of the time each
    assert (found["value"], found["low"], found["high"]) == pytest.approx((0.125, -0.75, 1))


def test_alpha_is_undefined_where_all_labels_are_the_same():
    found = measured({"a": {"one": [claim(0, 9)], "two": [claim(0, 9)]}})["statistics"]["alpha"]
    assert found == {"value": None, "low": None, "high": None}
    assert measured({"a": {"one": [claim(0, 9)]}})["statistics"]["alpha"]["value"] is None  # nobody else

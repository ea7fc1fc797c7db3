"""`--protocol released` on hand-computed samples, with the errors of the released code that it must reproduce."""

import pytest
from scoring.tables import BEDROOM, parsed, parsed_table, sample, samples_table

from spd_faith.scoring.released import listed_samples, released_report, released_results


def results(*cases, **kwargs):
    """`cases`: (true, predicted) or (true, predicted, parse status)."""
    ids = [f"easy/{i}_{i}" for i in range(len(cases))]
    samples = samples_table(*(sample(i, true=case[0]) for i, case in zip(ids, cases, strict=True)))
    answers = [
        parsed(i, predicted=case[1], status=case[2] if len(case) > 2 else "json", **kwargs)
        for i, case in zip(ids, cases, strict=True)
    ]
    return released_results(listed_samples(samples, parsed_table(*answers)), "model")


def test_worked_example_of_the_published_figure():
    found = results((BEDROOM, [("color", "bedspread"), ("position", "chair")]))
    summary = found["summary"]
    assert summary["avg_num_recall"] == pytest.approx(2 / 3)
    assert summary["type_level"]["overall"] == pytest.approx(
        {"total_gt": 3, "total_pred": 2, "total_matched": 1, "precision": 1 / 2, "recall": 1 / 3, "f1": 2 / 5}
    )
    assert summary["category_level"]["f1"] == pytest.approx(2 / 5)


def test_an_answer_without_a_list_is_dropped():
    found = results((BEDROOM, BEDROOM), (BEDROOM, [], "free_text"), (BEDROOM, [], "no_response"))
    assert found["summary"]["total_samples"] == len(found["per_sample_results"]) == 1
    assert found["summary"]["category_level"]["recall"] == 1


def test_an_empty_list_is_not_dropped():
    found = results((BEDROOM, BEDROOM), (BEDROOM, []))
    assert found["summary"]["total_samples"] == 2
    assert found["summary"]["avg_num_recall"] == 0.5


def test_the_count_is_the_length_of_the_list_and_not_capped():
    found = results(([("color", "car")], [("color", "car")] * 3), stated=1)
    assert found["per_sample_results"][0]["pred_num"] == 3
    assert found["summary"]["avg_num_recall"] == 3


def test_a_repeated_category_matches_each_time():
    found = results(([("color", "car"), ("remove", "dog")], [("color", "car")] * 3))
    level = found["summary"]["category_level"]
    # precision 3/3, recall 3/2: above 1, and so F1 = 2 × 1 × 1.5 / 2.5
    assert (level["total_matched"], level["recall"], level["f1"]) == (3, 1.5, pytest.approx(1.2))


def test_categories_are_case_sensitive_and_nameless_ones_left_out():
    level = results((BEDROOM, [("color", "Bedspread"), ("remove", "tv"), ("remove", None)]))["summary"][
        "category_level"
    ]
    assert (level["total_pred"], level["total_matched"]) == (2, 1)


def test_an_unknown_type_is_in_no_denominator():
    predicted = [("color", "bedspread"), ("recolored", "tv"), (None, "tv"), ("Color", "tv")]
    overall = results((BEDROOM, predicted))["summary"]["type_level"]["overall"]
    assert (overall["total_pred"], overall["precision"]) == (1, 1)


def test_the_answers_own_words_decide():
    answers = parsed(predicted=[("recolored", "Bedspread")])
    answers[0]["differences"][0] |= {"type": "color", "category": "bedspread"}  # as the parser reads them
    summary = released_results(listed_samples(samples_table(sample()), parsed_table(answers)), "model")["summary"]
    assert summary["type_level"]["overall"]["total_pred"] == 0
    assert summary["category_level"]["total_matched"] == 0


def test_an_empty_side_has_no_precision_and_f1_0():
    levels = results((BEDROOM, [("position", "tv")]))["summary"]["type_level"]
    assert levels["color"] == {
        "total_gt": 1,
        "total_pred": 0,
        "total_matched": 0,
        "precision": None,
        "recall": 0,
        "f1": 0,
    }
    assert levels["position"]["recall"] is None


def test_per_sample_results():
    (found,) = results(([("color", "car")], [("color", "car"), ("color", "dog")]))["per_sample_results"]
    assert found == {
        "gt_num": 1,
        "pred_num": 2,
        "num_recall": 2,
        "type_level": {
            "color": {"gt_count": 1, "pred_count": 2, "matched": 1, "precision": 0.5, "recall": 1, "f1": 2 / 3},
            "remove": {"gt_count": 0, "pred_count": 0, "matched": 0, "precision": None, "recall": None, "f1": 0},
            "position": {"gt_count": 0, "pred_count": 0, "matched": 0, "precision": None, "recall": None, "f1": 0},
        },
        "category_level": {"gt_count": 1, "pred_count": 2, "matched": 1, "precision": 0.5, "recall": 1, "f1": 2 / 3},
        "sample_id": "easy/0_0",
    }


def test_no_list_at_all_and_the_report():
    found = results((BEDROOM, [], "failed"))
    assert found["summary"]["avg_num_recall"] == 0
    assert "0 samples" in released_report(found["summary"])

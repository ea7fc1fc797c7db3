"""Rows of labels: scores by the formulas of the metrics, for answers with, without and beyond labels."""

import pytest
from judging.annotations.worked_results import RIGHT as TEXTS
from judging.annotations.worked_results import annotations, mark, response_table

from spd_faith.core.errors import UserError
from spd_faith.judging.annotations.draw import DrawnPair
from spd_faith.judging.annotations.items import make_items, make_key, model_answers
from spd_faith.judging.annotations.labelled_rows import Labelled, items_of, label_rows, merge
from spd_faith.judging.annotations.marks import AnnotationFile
from spd_faith.judging.consistency import YesNoAnswer
from spd_faith.parsing.verdicts import verdict

SAMPLE = "easy/0"


def marked(metric: str, *claims: tuple) -> list:
    """Claims of (words in describe or same, label, error type or words in different)."""
    found = []
    for words, label, *more in claims:
        if metric == "drf":
            quotes = [mark("describe", TEXTS[0], words)]
        else:
            quotes = [mark("same", TEXTS[1], words)] if words else []
            quotes += [mark("different", TEXTS[2], other) for other in more]
        error_type = more[0] if metric == "drf" and more else None
        found.append({"quotes": quotes, "label": label, "error_type": error_type})
    return AnnotationFile.model_validate(annotations("d", "ann", {"a": found})).items["a"].claims


def rows(claims_of_metric, texts=TEXTS, failures=None, verdicts=None):
    table = response_table({SAMPLE: texts}, {(SAMPLE, task): why for task, why in (failures or {}).items()})
    answers = model_answers("m", table, [SAMPLE])
    pairs = [DrawnPair(SAMPLE, "easy", 0.25)]
    items = make_items(pairs, answers, 0)
    key = make_key(pairs, items, ["m"], 0)
    merged = {
        item.id: Labelled(claims_of_metric[item.metric], ["ann"]) for item in items if item.metric in claims_of_metric
    }
    verdicts = verdicts or [verdict(text, task) for text, task in zip(texts[1:], ("same", "different"), strict=True)]
    yes_no = {("m", SAMPLE): tuple(map(YesNoAnswer, texts[1:], verdicts))}
    return {row["metric"]: row for row in label_rows(key, items_of(key, answers), merged, answers, yes_no)}


def test_drf_is_faithful_over_faithful_and_unfaithful():
    claims = marked(
        "drf",
        ("The car turned blue", "faithful"),
        ("The clock is gone", "unfaithful", "fabrication"),
        ("clock", "unverifiable"),
    )
    row = rows({"drf": claims})["drf"]
    assert (row["score"], row["status"]) == (1 / 2, "ok")  # the unverifiable claim does not count
    assert [claim["error_type"] for claim in row["claims"]] == [None, "fabrication", None]
    assert (row["split"], row["probability"], row["annotators"]) == ("easy", 0.25, ["ann"])


def test_cr_has_the_claim_about_the_verdicts_first():
    claims = marked("cr", ("The car turned blue", "consistent", "The car is blue now"), (None, "ambiguous", "blue"))
    row = rows({"cr": claims})["cr"]
    assert row["score"] == 2 / 3  # the verdicts agree; one of two further claims is consistent
    assert [claim["label"] for claim in row["claims"]] == ["consistent", "consistent", "ambiguous"]
    assert row["claims"][1]["other_text"] == "The car is blue now" and row["claims"][2]["text"] == "blue"


def test_cr_of_a_language_without_verdicts_is_of_the_marked_claims_alone():
    claims = marked("cr", ("The car turned blue", "contradictory", "The car is blue now"))
    assert rows({"cr": claims}, verdicts=(None, "differs"))["cr"]["score"] == 0
    row = rows({"cr": []}, verdicts=(None, "differs"))["cr"]
    assert (row["score"], row["status"]) == (None, "unscored:language")


def test_no_claims_score_0():
    row = rows({"drf": []})["drf"]
    assert (row["score"], row["status"], row["claims"]) == (0, "no_claims", [])


def test_answers_that_need_no_labels_are_scored_as_any_judge_would():
    found = rows({}, texts=("", "No.", "No."))
    assert (found["drf"]["score"], found["drf"]["status"], found["drf"]["annotators"]) == (0, "no_claims", [])
    assert found["cr"]["score"] == 0 and found["cr"]["claims"][0]["label"] == "contradictory"  # "No." to both
    assert rows({}, texts=("", "No.", "Yes."))["cr"]["score"] == 1


def test_an_answer_that_never_came_has_no_score():
    found = rows({"cr": []}, failures={"describe": "transport"})
    assert (found["drf"]["score"], found["drf"]["status"]) == (None, "no_answer")
    assert found["cr"]["score"] == 1
    found = rows({"drf": []}, failures={"same": "not_asked"})
    assert (found["cr"]["score"], found["cr"]["status"], found["cr"]["claims"]) == (None, "not_asked", [])


def test_an_answer_without_labels_has_no_row():
    assert list(rows({"drf": []})) == ["drf"]


def test_another_answer_than_the_labelled_one_is_reported():
    pairs = [DrawnPair(SAMPLE, "easy", 0.25)]
    before = model_answers("m", response_table({SAMPLE: TEXTS}, {}), [SAMPLE])
    key = make_key(pairs, make_items(pairs, before, 0), ["m"], 0)
    assert set(items_of(key, before)) == {"a0001", "a0002"}
    for texts in ((f"{TEXTS[0]}.", *TEXTS[1:]), ("", *TEXTS[1:])):
        after = model_answers("m", response_table({SAMPLE: texts}, {}), [SAMPLE])
        with pytest.raises(UserError, match="a0001: m, easy/0, drf: another answer than the labelled one"):
            items_of(key, after)
    after = model_answers("m", response_table({SAMPLE: ("", "No.", "No.")}, {}), [SAMPLE])
    empty_key = make_key(pairs, make_items(pairs, after, 0), ["m"], 0)
    with pytest.raises(UserError, match=r"no item: m, easy/0, drf: another[\s\S]*no item: m, easy/0, cr: another"):
        items_of(empty_key, before)


def test_agreed_labels_are_taken_and_disputed_ones_settled_or_left_out():
    blue = marked("drf", ("The car turned blue", "faithful"))
    wrong = marked("drf", ("The car turned blue", "unfaithful", "fabrication"))
    longer = marked("drf", ("The car turned blue 🚗", "faithful"))
    marks = {
        "alone": {"ann": blue},
        "agreed": {"bob": longer, "ann": blue},
        "disputed": {"ann": blue, "bob": wrong},
        "settled": {"ann": blue, "bob": wrong},
    }
    merged = merge(marks, {"settled": {"eve": wrong}})
    assert merged.disputed == ["disputed"]
    assert merged.by_item["alone"] == Labelled(blue, ["ann"])
    assert merged.by_item["agreed"] == Labelled(blue, ["ann", "bob"])
    assert merged.by_item["settled"] == Labelled(wrong, ["ann", "bob", "eve"])

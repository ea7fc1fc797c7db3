"""What is labelled: one item for equal answers, nothing where no claim can be, ids without the model."""

import pytest
from judging.annotations.worked_results import ANSWERS, FIRST, FOURTH, PAIRS, RIGHT, SECOND, WRONG, response_table

from spd_faith.core.errors import UserError
from spd_faith.judging.annotations.draw import DrawnPair
from spd_faith.judging.annotations.items import ModelAnswer, make_items, make_key, model_answers
from spd_faith.judging.labels import answer_sha

DRAWN = [DrawnPair(sample_id, sample_id.partition("/")[0], 0.5) for sample_id in PAIRS]


def all_answers(models=tuple(ANSWERS)) -> list[ModelAnswer]:
    return [
        answer for model in models for answer in model_answers(model, response_table(ANSWERS[model], {}), list(PAIRS))
    ]


def test_equal_answers_to_a_pair_are_one_item():
    items = make_items(DRAWN, all_answers(), seed=0)
    found = {(item.sample_id, item.metric, item.texts): item.models for item in items}
    assert found[FIRST, "drf", RIGHT[:1]] == ("tiger", "zebra")
    assert found[FIRST, "drf", WRONG[:1]] == ("lynx",)
    assert found[SECOND, "cr", WRONG[1:]] == ("lynx", "tiger")
    assert len(items) == 14  # both answers on the first three pairs; on the last, WRONG of two models only
    assert [item.id for item in items] == [f"a{number:04d}" for number in range(1, 15)]


def test_the_order_of_the_models_is_of_no_effect():
    forwards, backwards = (make_items(DRAWN, all_answers(models), 0) for models in (list(ANSWERS), [*ANSWERS][::-1]))
    assert forwards == backwards


def test_the_seed_shuffles_the_answers_to_a_pair():
    orders = {tuple(item.texts for item in make_items(DRAWN, all_answers(), seed)) for seed in range(20)}
    assert len(orders) > 4


@pytest.mark.parametrize(
    ("metric", "texts", "needed"),
    [
        ("drf", ("The car moved.",), True),
        ("drf", ("None.",), True),  # a claim
        ("drf", (" \n",), False),
        ("cr", ("No.", "**Yes**"), False),
        ("cr", ("", ""), False),
        ("cr", ("No.", "Yes. The car moved."), True),
        ("cr", ("不同，狗不见了", "Yes."), True),  # without spaces, but no word of a verdict
    ],
)
def test_labels_are_needed_where_there_may_be_a_claim(metric, texts, needed):
    assert ModelAnswer("m", FIRST, metric, texts).needs_labels is needed


def test_an_answer_that_never_came_needs_no_labels():
    failures = {(FIRST, "describe"): "transport", (FIRST, "different"): "not_asked", (FOURTH, "describe"): "model"}
    table = response_table(ANSWERS["lynx"], failures)
    failed = {(one.sample_id, one.metric): one.failure for one in model_answers("lynx", table, list(PAIRS))}
    assert failed[FIRST, "drf"] == "no_answer" and failed[FIRST, "cr"] == "not_asked"
    assert failed[SECOND, "drf"] is None and failed[FOURTH, "drf"] is None


def test_a_model_without_answers_to_a_drawn_pair_is_reported():
    table = response_table({FIRST: RIGHT}, {})
    with pytest.raises(UserError, match=f"m: no responses to 1 of the drawn pairs, such as {SECOND}"):
        model_answers("m", table, [FIRST, SECOND])


def test_the_key_identifies_the_draw_by_answers_alone():
    items = make_items(DRAWN, all_answers(), seed=0)
    key = make_key(DRAWN, items, list(ANSWERS), 0)
    assert key.draw == make_key(DRAWN, items, ["other names"], 0).draw
    assert key.items["a0001"].answer_sha == answer_sha(items[0].texts)
    other = make_items(DRAWN, all_answers(["lynx"]), seed=0)
    assert key.draw != make_key(DRAWN, other, ["lynx"], 0).draw


def test_the_sha_of_an_answer_is_that_of_its_json():
    """Computed apart: printf '["No.", "\\u00e9"]' | sha256sum."""
    assert answer_sha(["No.", "é"]) == "3d2e2f4b2d1374ea8e317f79980722f07b01ca83d11905ec7b7e56f9902cc671"
    assert answer_sha(["a", "b"]) != answer_sha(["ab"])

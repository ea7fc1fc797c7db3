"""Estimates, checked against worked examples."""

import pytest

from spd_faith.core.entries import PixelBudget, Resources
from spd_faith.endpoints.entries import SentImages
from spd_faith.inference.entries import OpenAIModel, TransformersModel
from spd_faith.planning.estimates import Usage, estimated_usage, gpu_hours, how_estimated, measured_usage

LENGTHS = {"describe": 400, "same": 80, "different": 120}  # 200 characters per prompt on average: 50 tokens


def local(**fields):
    return TransformersModel(
        backend="transformers", model="a/b", dtype="bfloat16", **{"max_new_tokens": 1024, **fields}
    )


def test_a_local_model():
    entry = local(batch_size=7, pixel_budget=PixelBudget(min_pixels=1, max_pixels=78_400), resources=Resources(gpu=2))
    usage = estimated_usage(entry, LENGTHS)
    assert usage.prompt_tokens == 2 * 100 + 50  # 78,400 / 784 = 100 tokens per image
    assert usage.generated_tokens == (300 + 60 + 60) / 3
    assert usage.seconds == pytest.approx(300 / 3 * 0.03 * 2 / 7)
    assert usage.answers == 0


def test_images_smaller_than_the_budget_are_not_enlarged_to_it():
    entry = local(pixel_budget=PixelBudget(min_pixels=1, max_pixels=1_003_520))
    assert estimated_usage(entry, LENGTHS).prompt_tokens == pytest.approx(2 * 640 * 480 / 784 + 50)
    assert estimated_usage(local(), LENGTHS, pixels=7_840).prompt_tokens == 2 * 10 + 50


def test_an_answer_is_limited_by_max_new_tokens():
    assert estimated_usage(local(max_new_tokens=30), LENGTHS).generated_tokens == 30
    assert estimated_usage(local(max_new_tokens=90), LENGTHS).generated_tokens == (90 + 60 + 60) / 3


def test_an_entry_with_room_for_reasoning_is_estimated_with_it():
    assert estimated_usage(local(max_new_tokens=8191), LENGTHS).generated_tokens == 140
    assert estimated_usage(local(max_new_tokens=8192), LENGTHS).generated_tokens == 2140


def test_an_endpoint_takes_no_seconds():
    entry = OpenAIModel(
        backend="openai", base_url="https://x.org", model="m", max_new_tokens=512, images=SentImages(max_side=280)
    )
    usage = estimated_usage(entry, LENGTHS)
    assert usage.seconds == 0
    assert usage.prompt_tokens == 2 * 100 + 50  # 280² / 784 = 100
    counted = entry.model_copy(update={"image_tokens": 14_167})
    assert estimated_usage(counted, LENGTHS).prompt_tokens == 2 * 14_167 + 50


def test_gpu_hours():
    usage = Usage(prompt_tokens=1500, generated_tokens=200, seconds=1.8, answers=0)
    assert gpu_hours(usage, 1000, 4) == pytest.approx(2.0)


def test_existing_answers_are_measured():
    rows = [
        {"prompt_tokens": 100, "generated_tokens": 10, "seconds": 1.0},
        {"prompt_tokens": 300, "generated_tokens": 50, "seconds": 3.0},
        {"prompt_tokens": None, "generated_tokens": None, "seconds": 9.0},
    ]
    assert measured_usage(rows) == Usage(prompt_tokens=200, generated_tokens=30, seconds=2.0, answers=2)
    assert measured_usage(rows[2:]) is None


def test_the_formulas_are_stated_with_their_inputs():
    formulas = how_estimated()
    for value in ("784", "/ 4", "300", "60", "2000", "8192", "0.03", "10⁶"):
        assert value in formulas


@pytest.mark.parametrize(
    ("intervention", "passes"),
    [({"image_attention": {"factor": 1.1}}, 1), ({"contrast": {"strength": 1.0, "mask": "images"}}, 2)],
)
def test_questions_of_a_variant_are_answered_one_by_one_with_a_pass_per_run(intervention, passes):
    fields = {"backend": "transformers", "model": "m", "dtype": "float32", "max_new_tokens": 9, "batch_size": 4}
    base, variant = (TransformersModel.model_validate(fields | more) for more in ({}, {"intervention": intervention}))
    assert base.answer_seconds([30.0, 6.0, 6.0]) == pytest.approx(30 / 3 * 0.03 / 4)
    assert variant.answer_seconds([30.0, 6.0, 6.0]) == pytest.approx(passes * 14 * 0.03 / 4)

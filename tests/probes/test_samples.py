"""Which samples are probed, and their saved answers."""

import random

import pytest

from spd_faith.core.errors import UserError
from spd_faith.inference.prompts import Prompt
from spd_faith.probes.samples import choose_samples, saved_answers

SAMPLES = [
    {"sample_id": f"{split}/{i:05d}_x", "split": split, "control": "none"}
    for split in ("easy", "hard")
    for i in range(30)
]
PROMPTS = {task: Prompt(task, f"{task}?") for task in ("describe", "same", "different")}


def test_each_split_gives_its_number():
    drawn = choose_samples(SAMPLES, 7, seed=0)
    assert len(drawn) == len(set(drawn)) == 14
    assert sum(sample_id.startswith("easy/") for sample_id in drawn) == 7
    assert choose_samples(SAMPLES, 99, seed=0) == sorted(sample["sample_id"] for sample in SAMPLES)


def test_the_choice_hangs_on_split_and_seed_alone():
    drawn = choose_samples(SAMPLES, 7, seed=0)
    shuffled = random.Random(1).sample(SAMPLES, len(SAMPLES))
    assert choose_samples(shuffled, 7, seed=0) == drawn
    assert choose_samples(SAMPLES, 7, seed=1) != drawn
    of_easy = [sample for sample in SAMPLES if sample["split"] == "easy"]
    assert choose_samples(of_easy, 7, seed=0) == drawn[:7]


def test_more_samples_hold_those_of_fewer():
    assert set(choose_samples(SAMPLES, 5, seed=3)) < set(choose_samples(SAMPLES, 6, seed=3))


def test_the_choice_is_no_prefix():
    assert choose_samples(SAMPLES, 7, seed=0)[:7] != [sample["sample_id"] for sample in SAMPLES[:7]]


def test_controls_are_not_probed():
    controls = [sample | {"control": "identical", "sample_id": sample["sample_id"] + "_c"} for sample in SAMPLES]
    assert choose_samples(SAMPLES + controls, 7, seed=0) == choose_samples(SAMPLES, 7, seed=0)


def response(sample_id, task, token_ids=(1, 2), **fields):
    made = {"sample_id": sample_id, "task": task, "prompt_sha": PROMPTS[task].sha, "prompt_tokens": 9}
    return made | {"response_token_ids": None if token_ids is None else list(token_ids)} | fields


def test_answers_of_the_samples_alone_are_taken():
    rows = [response(sample_id, task) for sample_id in ("a", "b") for task in PROMPTS]
    rows[0] = response("a", "describe", token_ids=None, prompt_tokens=None, prompt_sha="")
    answers = {
        (question.sample_id, question.task): answer for question, answer in saved_answers(rows, ["a"], PROMPTS).items()
    }
    assert set(answers) == {("a", task) for task in PROMPTS}
    assert (answers["a", "describe"].token_ids, answers["a", "describe"].prompt_tokens) == ([], None)
    assert (answers["a", "same"].token_ids, answers["a", "same"].prompt_tokens) == ([1, 2], 9)


def test_an_answer_to_another_prompt_is_refused():
    rows = [response("a", task) for task in PROMPTS]
    rows[1]["prompt_sha"] = "another"
    with pytest.raises(UserError, match=r"a, same: answered with a different prompt .* Run inference again"):
        saved_answers(rows, ["a"], PROMPTS)


def test_a_sample_without_a_response_is_reported():
    rows = [response("a", task) for task in ("describe", "same")]
    with pytest.raises(UserError, match=r"are missing 1 questions .* \('a', 'different'\)"):
        saved_answers(rows, ["a"], PROMPTS)

"""Scores of handwritten answers."""

from random import Random

import pytest

from spd_faith.dataset.scenes import Background, SceneDifference, SceneObject, ScenePair, sample_pair
from spd_faith.reference_models.evaluation import Answers, held_out_pairs, listed_differences, split_scores

CAR, CUP, TV = (SceneObject(category, "red", 80, cell, 0, 0) for cell, category in enumerate(("car", "cup", "tv")))


def pair(*differences: SceneDifference) -> ScenePair:
    plain = Background("plain", (236, 236, 236), (236, 236, 236))
    return ScenePair(plain, (CAR, CUP, TV), (CAR, CUP, TV), differences)


def answers(scenes: ScenePair, describe: str, same: str, different: str) -> Answers:
    return Answers(scenes, {"describe": describe, "same": same, "different": different})


def listing(*differences: tuple[str, str]) -> str:
    listed = ", ".join(f'{{"type": "{kind}", "category": "{name}"}}' for kind, name in differences)
    return f'Words. {{"predicted_num": {len(differences)}, "structured_output": [{listed}]}}'


def test_scores():
    """One difference correct; one of two described, with a wrong category."""
    one = pair(SceneDifference("remove", CAR, None))
    two = pair(SceneDifference("remove", CUP, None), SceneDifference("remove", TV, None))
    scores = split_scores(
        [
            answers(one, listing(("remove", "car")), "No, they are not.", "Yes, they are."),
            answers(two, listing(("remove", "car")), "No, they are not.", "No, they are not."),
        ]
    )
    assert scores == {
        "pairs": 2,
        "json": 1,
        "exact": 0.5,
        "verdicts": 0.75,
        "type_f1": 0.8,  # 2 matched; 2 listed + 3 true: 4/5
        "category_f1": 0.4,  # 1 matched: 2/5
    }


def test_identical_pairs_have_no_f1():
    scores = split_scores([answers(pair(), listing(), "Yes, they are.", "No, they are not.")])
    assert scores == {"pairs": 1, "json": 1, "exact": 1, "verdicts": 1}


@pytest.mark.parametrize("text", ["", "No JSON.", '{"predicted_num": 1}', '{"structured_output": [{"type": 1', "{[}"])
def test_answer_without_the_json_lists_nothing(text: str):
    assert listed_differences(text) is None


def test_held_out_scenes_are_neither_the_demos_nor_training_scenes():
    held_out = held_out_pairs(3)
    assert {split: len(pairs) for split, pairs in held_out.items()} == dict.fromkeys(
        ("easy", "medium", "hard", "multi_diff", "identical"), 3
    )
    assert all(not scenes.differences and scenes.original == scenes.modified for scenes in held_out["identical"])
    demo = [sample_pair(Random(f"2026/easy/{row}"), (3, 4), (1, 1)) for row in range(3)]
    assert not set(demo) & set(held_out["easy"])

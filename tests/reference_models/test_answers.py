"""The target answers of a reference model about a scene, written out in full."""

import json
from random import Random

import pytest

from spd_faith.core.schemas import TASKS
from spd_faith.dataset.scenes import SceneDifference, SceneObject, sample_pair
from spd_faith.reference_models.answers import PHRASES, answer_pieces, answer_text


def thing(category: str, color: str, cell: int) -> SceneObject:
    return SceneObject(category, color, 80, cell, 0, 0)


DIFFERENCES = [
    SceneDifference("color", thing("potted plant", "red", 0), thing("potted plant", "blue", 0)),
    SceneDifference("position", thing("cup", "pink", 5), thing("cup", "pink", 9)),
    SceneDifference("remove", thing("tv", "black", 15), None),
]


def test_describe():
    assert answer_text("describe", DIFFERENCES) == (
        "There are three differences. First, the color of the potted plant has changed from red to blue. "
        "Second, the cup has moved to another place. Third, the tv has been removed.\n"
        '{"predicted_num": 3, "structured_output": [{"type": "color", "category": "potted plant"}, '
        '{"type": "position", "category": "cup"}, {"type": "remove", "category": "tv"}]}'
    )
    assert answer_text("describe", DIFFERENCES[2:]) == (
        "There is one difference. First, the tv has been removed.\n"
        '{"predicted_num": 1, "structured_output": [{"type": "remove", "category": "tv"}]}'
    )
    assert answer_text("describe", []) == 'There are no differences.\n{"predicted_num": 0, "structured_output": []}'


def test_yes_and_no():
    told = " The color of the potted plant has changed. The cup has moved to another place. The tv has been removed."
    assert answer_text("same", DIFFERENCES) == "No, the two pictures are not the same." + told
    assert answer_text("different", DIFFERENCES) == "Yes, the two pictures are different." + told
    assert answer_text("same", []) == "Yes, the two pictures are the same."
    assert answer_text("different", []) == "No, the two pictures are not different."


def test_pieces_know_what_they_speak_of_and_what_decides():
    pieces = answer_pieces("describe", DIFFERENCES)
    told = [(piece.text, piece.about) for piece in pieces if piece.decisive]
    assert told == [
        ("There are three differences.", (0, 1, 2)),
        ("the color of the ", (0,)),
        ("potted plant", (0,)),
        ("red", (0,)),
        ("blue", (0,)),
        ("the ", (1,)),
        ("cup", (1,)),
        (" has moved to another place.", (1,)),
        ("the ", (2,)),
        ("tv", (2,)),
        (" has been removed.", (2,)),
    ]
    json_pieces = pieces[[piece.text for piece in pieces].index("\n") :]
    assert not any(piece.decisive or piece.about for piece in json_pieces)


@pytest.mark.parametrize("seed", range(30))
def test_json_of_any_answer_is_json_and_agrees_with_the_prose(seed: int):
    differences = sample_pair(Random(seed), (5, 9), (0, 5)).differences
    prose, closing = answer_text("describe", differences).split("\n")
    listed = json.loads(closing)
    assert listed["predicted_num"] == len(listed["structured_output"]) == len(differences) == prose.count(".") - 1
    assert [(one["type"], one["category"]) for one in listed["structured_output"]] == [
        (one.type, one.category) for one in differences
    ]


@pytest.mark.parametrize("task", TASKS)
def test_pieces_are_phrases_or_single_characters(task: str):
    for seed in range(20):
        differences = sample_pair(Random(seed), (5, 9), (0, 5)).differences
        assert all(piece.text in PHRASES or len(piece.text) == 1 for piece in answer_pieces(task, differences))

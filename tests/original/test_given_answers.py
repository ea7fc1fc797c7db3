"""Answers to probe that were generated elsewhere: the pairs they belong to, and their texts as tokens."""

import json

import pytest
from dataset.own_files import CAR, scene
from tiny_models import byte_tokenizer

from spd_faith.dataset.own_pairs import read_pairs
from spd_faith.inference.answer_files import read_answer_file
from spd_faith.original.given_answers import (
    answered_samples,
    answers_about,
    answers_as_tokens,
    pairs_named_by_answers,
)


def answers(folder, *records):
    (folder / "answers.json").write_text(json.dumps(list(records)))
    return read_answer_file(folder / "answers.json")


def save_merged(folder, *names):
    for name in names:
        merged = scene(120, 40)
        merged.paste(scene(60, 40), (0, 0))
        merged.paste(scene(60, 40, changed=True), (60, 0))
        merged.save(folder / name)


def pairs_of(file, folder):
    return [found.pair for found in pairs_named_by_answers(file.records, folder)]


# ---- pairs -----------------------------------------------------------------------------------------------------------


def test_pairs_follow_the_order_of_the_answers_and_take_their_truth(tmp_path):
    save_merged(tmp_path, "b.png", "a.jpg", "c.webp")
    truth = {"modifications": [CAR | {"bbox": [1, 2, 3, 4], "confidence": 0.4}]}
    file = answers(
        tmp_path,
        {"qid": "b", "response_same": "No."},
        {"qid": "a", "response_same": "No."},
        {"qid": "b", "response_different": "Yes.", "ground_truth": truth},
        {"qid": "c", "response_same": "No.", "split": "easy"},
    )
    pairs = pairs_of(file, tmp_path)
    assert [pair.sample_id for pair in pairs] == ["pairs/00000_b", "pairs/00001_a", "easy/00002_c"]
    ((samples, images),) = read_pairs(pairs)
    differences = [[(one["type"], one["bbox"]) for one in row["differences"]] for row in samples]
    assert differences == [[("color", None)], [], []]
    assert [(row["width"], row["height"]) for row in samples] == [(60, 40)] * 3
    assert images[0]["merged"] == (tmp_path / "b.png").read_bytes()


def test_errors_in_images_and_truths_stay_with_their_record(tmp_path):
    save_merged(tmp_path, "b.png", "d_1.png", "d_2.png")
    file = answers(
        tmp_path,
        {"qid": "a", "response_same": "No."},
        {"qid": "b", "response_same": "No.", "ground_truth": {"modifications": [{"type": "grown", "category": "cat"}]}},
        {"qid": "d", "response_same": "No."},
    )
    missing, wrong, numbered = pairs_named_by_answers(file.records, tmp_path)
    assert missing.pair is None and "record 1: no image of this name" in missing.errors[0]
    assert "a.jpg or a_*.jpg" in missing.errors[0]
    assert wrong.pair.truth.modifications == [] and "record 2: ground_truth" in wrong.errors[0]
    assert numbered.pair.images["merged"].path.name == "d_1.png" and numbered.errors == []


# ---- texts -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def imported(tmp_path):
    """For three pairs: two answers and a label, no answer, one answer; and a record of another dataset."""
    save_merged(tmp_path, "a.png", "b.png", "c.png")
    file = answers(
        tmp_path,
        {"qid": "a", "response_same": "No.", "is_faithful": 0},
        {"qid": "a", "response_text": "<think>hm</think>One.", "predicted_num": 1, "structured_output": [CAR]},
        {"qid": "c", "response_same": ""},
        {"qid": "z", "response_same": "Yes."},
    )
    of_pairs = answers(tmp_path, *({"qid": name, "response_same": "No."} for name in "abc"))
    return answers_about(pairs_of(of_pairs, tmp_path), file)


def test_records_find_their_pairs(imported):
    assert answered_samples(imported) == {"pairs/00000_a", "pairs/00002_c"}
    assert imported.unknown == ["z"]


def test_skipped_records_and_pairs_are_logged(caplog, tmp_path):
    save_merged(tmp_path, "a.png", "b.png")
    of_pairs = answers(tmp_path, *({"qid": name, "response_same": "No."} for name in "ab"))
    pairs = pairs_of(of_pairs, tmp_path)
    answers_about(pairs, answers(tmp_path, *({"qid": name, "response_same": "No."} for name in "axyz")))
    messages = [record.getMessage() for record in caplog.records]
    assert any(message.startswith("3 records of") for message in messages)
    assert any(message.startswith("1 pairs have no answer") for message in messages)


def test_texts_become_tokens_as_they_are_written(imported):
    """One token per byte. Reasoning is part of what was generated; a list given separately in the file is not."""
    begins = byte_tokenizer(special=("<s>", "<pad>", "</s>"), end="</s>", padding="<pad>", begin="<s>")
    rows = answers_as_tokens(imported, {"pairs/00000_a", "pairs/00002_c"}, begins)
    assert [(row["sample_id"], row["task"]) for row in rows] == [
        (sample_id, task)
        for task in ("describe", "same", "different")
        for sample_id in ("pairs/00000_a", "pairs/00002_c")
    ]
    decode = begins.decode
    texts = [row["response_token_ids"] and decode(row["response_token_ids"]) for row in rows]
    assert texts == ["<think>hm</think>One.", None, "No.", None, None, None]
    assert [row["generated_tokens"] for row in rows] == [21, None, 3, None, None, None]
    assert [row["is_faithful"] for row in rows] == [
        False,
        None,
    ] * 3  # the sample's label, from any answer
    assert "structured_output" in rows[0]["response_text"]  # the text that is judged

"""Prompts with answers as a batch; tokens are hand-counted, one per byte, as in tests/inference/test_families.py."""

import torch
from probes.probed import QUESTIONS, entry, load_probed, text_ids
from tiny_models import with_text_first

from spd_faith.probes.prepared import SEGMENTS

ANSWER = [7, 8, 9]


def counts(row):
    return {name: int((row.segments == number).sum()) for number, name in enumerate(SEGMENTS)}


def order(row):
    """The segments as they follow each other."""
    return [SEGMENTS[number] for number in row.segments.unique_consecutive().tolist()]


def test_segments_of_a_pair(load):
    """Qwen2-VL: 38 tokens of system turn, `<|im_start|>user⏎` and the image's marker (7), 16 of an image, markers
    between (2), 16, a marker, `Same?`, `<|im_end|>⏎` and `<|im_start|>assistant⏎` (1 + 5 + 2 + 11), 2 of the answer."""
    (row,) = load("qwen2_vl").prepared(QUESTIONS[:1], [ANSWER]).rows
    assert counts(row) == {
        "sink": 1,
        "system": 37,
        "opening": 7,
        "picture_1": 16,
        "picture_2": 16,
        "user": 2 + 1 + 5 + 2 + 11,
        "answer": 2,
    }
    assert order(row) == ["sink", "system", "opening", "picture_1", "user", "picture_2", "user", "answer"]
    assert row.image_tokens == (16, 16)
    assert row.image_positions.tolist() == [*range(45, 61), *range(63, 79)]
    assert row.user_positions.tolist() == [*range(80, 85)]
    assert row.tokens == 98 + 2
    assert row.answer_states == slice(97, 100)  # from the prompt's last token on


def test_segments_of_a_merged_image_without_system_turn(load):
    """LLaVA: `<s>`, `USER: `, 64 of the image, ⏎, `Same? ` and `ASSISTANT:`."""
    (row,) = load("llava", "merged").prepared(QUESTIONS[:1], [ANSWER]).rows
    assert counts(row) == {
        "sink": 1,
        "system": 0,
        "opening": 6,
        "picture_1": 64,
        "picture_2": 0,
        "user": 1 + 6 + 10,
        "answer": 2,
    }
    assert row.image_tokens == (64,)


def test_rows_begin_where_the_prompt_does_and_end_with_padding(load):
    probed = load("qwen2_vl")
    answers = [text_ids(3), text_ids(1), text_ids(11)]
    batch = probed.prepared(QUESTIONS, answers)
    padding, image = probed.tokenizer.pad_token_id, probed.model.config.image_token_id
    for question, answer, row, tokens, given, mask, kinds in zip(
        QUESTIONS,
        answers,
        batch.rows,
        batch.token_ids,
        batch.inputs["input_ids"],
        batch.inputs["attention_mask"],
        batch.inputs["mm_token_type_ids"],
        strict=True,
    ):
        prompt = probed.builder.build([question])["input_ids"][0]
        read = [*prompt.tolist(), *answer[:-1]]
        assert tokens.tolist() == read + [padding] * (len(tokens) - len(read))
        assert given.tolist() == prompt.tolist() + [padding] * (
            len(tokens) - len(prompt)
        )  # no answer to find images in
        assert mask.tolist() == [1] * len(read) + [0] * (len(tokens) - len(read))
        assert torch.equal(kinds == 1, given == image)
        assert row.tokens == len(read)
        assert tokens[row.image_positions].unique().tolist() == [image]
        assert probed.tokenizer.decode(row.user_token_ids) == question[0]
        assert row.answer_token_ids.tolist() == answer


# ---- questions about the same images -------------------------------------------------------------------------------

ABOUT_THE_SAME = [(text, *QUESTIONS[1][1:]) for text in ("Same?", "Sad?")]
ANSWERS = [[7, 8, 9], [5, 6]]


def test_a_row_holds_the_images_once_and_what_each_question_has_of_its_own(load):
    probed = load("qwen2_vl")
    prompts = [probed.builder.build([question])["input_ids"][0].tolist() for question in ABOUT_THE_SAME]
    letter = probed.tokenizer.convert_tokens_to_ids("m")
    shared = len(prompts[0]) - 1 - prompts[0][::-1].index(letter)  # `Sa` is common to both
    batch = probed.prepared(ABOUT_THE_SAME, ANSWERS)
    first = [*prompts[0], 7, 8]
    assert batch.token_ids.tolist() == [[*first, *prompts[1][shared:], 5]]
    assert batch.positions.tolist() == [[*range(len(first)), *range(shared, len(prompts[1]) + 1)]]
    assert batch.inputs["input_ids"][0, : len(prompts[0])].tolist() == prompts[0]
    assert len(batch.inputs["image_grid_thw"]) == 2
    assert batch.inputs["attention_mask"].all()
    for number, (row, (text, *_), answer) in enumerate(zip(batch.rows, ABOUT_THE_SAME, ANSWERS, strict=True)):
        (alone,) = probed.prepared(ABOUT_THE_SAME[number : number + 1], [answer]).rows
        assert torch.equal(row.segments, alone.segments)
        assert row.answer_states == alone.answer_states
        read = batch.token_ids[0]
        assert probed.tokenizer.decode(read[row.in_row(row.user_positions)]) == text
        assert read[row.answer_places].tolist() == [prompts[number][-1], *answer[:-1]]
        assert row.shared == shared


def test_equal_images_that_are_not_the_same_ones_have_rows_of_their_own(load):
    text, *images = ABOUT_THE_SAME[1]
    questions = [ABOUT_THE_SAME[0], (text, *(image.copy() for image in images))]
    assert [row.row for row in load("qwen2_vl").prepared(questions, ANSWERS).rows] == [0, 1]


def test_nothing_is_shared_where_a_layer_sees_a_window_alone(load, monkeypatch):
    probed = load("qwen2_vl")
    monkeypatch.setattr(probed.model.config.text_config, "layer_types", ["sliding_attention", "full_attention"])
    batch = probed.prepared(ABOUT_THE_SAME, ANSWERS)
    assert len(batch.token_ids) == 2
    assert not any(row.shared for row in batch.rows)


def test_nothing_is_shared_where_the_images_come_behind_the_question(load, tmp_path):
    folder = with_text_first(load.checkpoint("qwen2_vl"), tmp_path / "text_first")
    probed = load_probed(entry(folder))
    batch = probed.prepared(ABOUT_THE_SAME, ANSWERS)
    assert len(batch.token_ids) == 2
    assert not any(row.shared for row in batch.rows)
    assert len(batch.inputs["image_grid_thw"]) == 4

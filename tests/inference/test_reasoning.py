"""Reasoning is separated from the answer."""

import pytest
from growth import assert_about_linear
from hypothesis import given
from hypothesis import strategies as st

from spd_faith.core.answer_markers import REASONING
from spd_faith.inference.reasoning import silent_tokens, split_reasoning


@pytest.mark.parametrize(
    ("text", "answer", "reasoning"),
    [
        ("The clock is gone.", "The clock is gone.", None),
        ("", "", None),
        ("<think>I look.</think>The clock is gone.", "The clock is gone.", "I look."),
        ("\n <think>\nI look.\nAgain.\n</think>\n\nNo.\n", "No.\n", "I look.\nAgain."),
        ("I look.\n</think>\n\nNo.", "No.", "I look."),  # the template had opened it
        ("<think></think>No.", "No.", ""),
        ("<think>\n\n</think>\n\nNo.", "No.", ""),
        ("<think>I look, and lo", "", "I look, and lo"),  # cut off at the token limit
        ("<think>", "", ""),
        ("<think>a</think>b</think>c", "b</think>c", "a"),  # the first closing tag ends it
        ("<think>all of it</think>", "", "all of it"),
        ("I think <think> is a tag.", "I think <think> is a tag.", None),  # opened in the middle of an answer
        ("<thinker>No.", "<thinker>No.", None),
    ],
)
def test_reasoning_is_split_off(text, answer, reasoning):
    assert split_reasoning(text) == (answer, reasoning)


@pytest.mark.parametrize(
    ("text", "answer", "reasoning"),
    [
        ("◁think▷I look.◁/think▷No.", "No.", "I look."),
        ("◁think▷I look, and lo", "", "I look, and lo"),
        ("◁think▷◁/think▷\n\nNo.", "No.", ""),
        ("I look.◁/think▷No.", "No.", "I look."),
        ("<thinking>I look.</thinking>\nNo.", "No.", "I look."),
        ("<thinking>I look", "", "I look"),
        ("<Thought>I look.</Thought>No.", "No.", "I look."),
        ("<THINK>I look.</THINK>No.", "No.", "I look."),
        ("<reasoning>\nI look.\n</reasoning>\nNo.", "No.", "I look."),
        ("<seed:think>I look.</seed:think>No.", "No.", "I look."),
        ("<mm:think>I look.</mm:think>No.", "No.", "I look."),
        ("[THINK]I look.[/THINK]No.", "No.", "I look."),
        ("<|begin_of_thought|>\n\nI look.\n\n<|end_of_thought|>\n\nNo.", "No.", "I look."),
        ("<|START_THINKING|>I look.<|END_THINKING|>No.", "No.", "I look."),
        ("<|channel>thought\nI look.<channel|>No.", "No.", "I look."),
        ("<|open|>think<|sep|>I look.<|close|>think<|sep|>No.", "No.", "I look."),
        ("Here is my thought process: I look. Here is my response: No.", "No.", "I look."),
        ("Here is my thought process: I look.", "Here is my thought process: I look.", None),  # ordinary words
        (
            "<|channel|>analysis<|message|>I look.<|end|><|start|>assistant<|channel|>final<|message|>No.",
            "No.",
            "I look.",
        ),
        (
            "<|start|>assistant<|channel|>analysis<|message|>I look.<|end|>"
            "<|start|>assistant<|channel|>final<|message|>No.",
            "No.",
            "I look.",
        ),
        ("<|channel|>analysis<|message|>I look", "", "I look"),
        ("<|channel|>final<|message|>No.", "No.", ""),
        ("analysisI look.assistantfinalNo.", "No.", "I look."),  # its special tokens were dropped
        ("analysis of both pictures: No.", "analysis of both pictures: No.", None),
        # LLaVA-CoT
        ("<SUMMARY> S </SUMMARY>\n\n<CAPTION> C </CAPTION>\n\n<REASONING> R </REASONING>\n\nNo.", "No.", "S\n\nC\n\nR"),
        ("<summary>Two differences</summary>", "<summary>Two differences</summary>", None),  # HTML
    ],
)
def test_the_markers_of_each_family(text, answer, reasoning):
    assert split_reasoning(text) == (answer, reasoning)


@pytest.mark.parametrize(
    ("text", "answer", "reasoning"),
    [
        ("<analysis>It is hard.</analysis><think>I look.</think>No.", "No.", "It is hard.\n\nI look."),  # Keye-VL
        ("<think>\n<think>\nI look.</think>\nNo.", "No.", "<think>\nI look."),  # by the template and by the model
        ("<think>a <think>b</think> c</think>No.", "No.", "a <think>b</think> c"),
        ("<think>I end with `</think>` then.</think>No.", "No.", "I end with `</think>` then."),
        ("Let me see. <think>I look.</think> No.", "Let me see. \n No.", "I look."),
        ("The car moved.<think>more?</think>\nThe clock is gone.", "The car moved.\n\nThe clock is gone.", "more?"),
        ("Yes.\n<think>But wait", "Yes.\n", "But wait"),
        ("The tags <think> and </think> are markers.", "The tags <think> and </think> are markers.", None),
        ("It wrote `<think>` and '</think>'.", "It wrote `<think>` and '</think>'.", None),
        ("◁think▷all of it", "", "all of it"),
        ("<think>a◁/think▷b</think>No.", "No.", "a◁/think▷b"),  # another family's marker is a word
    ],
)
def test_several_blocks_and_markers_that_are_words(text, answer, reasoning):
    assert split_reasoning(text) == (answer, reasoning)


@given(
    st.lists(
        st.sampled_from([*(m.opening for m in REASONING), *(m.closing for m in REASONING), "No. ", "\n", "`", "a"])
    )
)
def test_nothing_but_markers_is_lost(parts):
    text = "".join(parts)
    answer, reasoning = split_reasoning(text)
    kept = answer + (reasoning or "")
    assert len(kept) <= len(text) + 2 * len(parts)
    assert reasoning is not None or answer == text
    if not any(sign in text for sign in ("assistantfinal", "response:", "<|end|>")):
        assert kept.count("a") + kept.count("N") >= parts.count("a") + parts.count("No. ")


def test_special_tokens_that_mark_reasoning_are_decoded():
    special = {1: "<|im_end|>", 2: "◁think▷", 3: "◁/think▷", 4: "<|channel|>", 5: "<pad>", 6: "<|begin_of_box|>"}
    assert silent_tokens(special) == {1, 5, 6}


@pytest.mark.parametrize("unit", ["<think>", "x <think> ", ".\n<think>", "</think>", "x <think> </think> ", "◁think▷"])
def test_time_grows_with_the_length_of_a_hostile_text(unit):
    assert_about_linear(split_reasoning, lambda times: unit * times, 80_000 // len(unit))

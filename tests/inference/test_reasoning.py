"""Reasoning is told from the answer."""

import pytest

from spd_faith.inference.reasoning import split_reasoning


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
        ("<thinking>No.", "<thinking>No.", None),
    ],
)
def test_reasoning_is_split_off(text, answer, reasoning):
    assert split_reasoning(text) == (answer, reasoning)

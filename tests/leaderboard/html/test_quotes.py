"""Claims' quotes are found in the answers, in the units in which JavaScript counts."""

import pytest

from spd_faith.leaderboard.html.quotes import QuotedAnswer


@pytest.mark.parametrize(
    ("answer", "quote", "found"),
    [
        ("The cat is gone.", "cat is gone", "cat is gone"),
        ("The **cat** is\n\ngone.", "the Cat is gone", "The **cat** is\n\ngone"),
        ("a <b>cat</b> &amp; dog", "cat dog", "cat</b> &amp; dog"),
        ("1. The cat", "cat <b>", "cat"),
        ("猫がいなくなった。犬", "いなくなった", "いなくなった"),
        ("a cat", "a cats", None),
        ("a cat", "  ", None),
        ("a cat", "...", None),
        ("", "a", None),
    ],
)
def test_a_quote_is_found_without_markup_case_and_line_breaks(answer, quote, found):
    place = QuotedAnswer(answer).place(quote)
    assert (answer[slice(*place)] if place else None) == found


@pytest.mark.parametrize("answer", ["🚗 a cat 👩‍👧 sat", "🚗🚗 a *cat* 👩‍👧 sat"])
def test_places_count_utf_16_units(answer):
    start, end = QuotedAnswer(answer).place("cat 👩‍👧 sat")
    units = answer.encode("utf-16-le")
    assert units[2 * start : 2 * end].decode("utf-16-le") == answer[answer.index("cat") :]


def test_the_same_words_again_are_the_next_ones():
    answer = QuotedAnswer("The cat. *The* cat. The end.")
    places = [answer.place("The cat") for _ in range(3)]
    assert places == [(0, 7), (10, 18), (0, 7)]  # a third time there is none left


def test_words_are_not_parts_of_words():
    assert QuotedAnswer("concatenated, a Cat").place("A cat") == (14, 19)


def test_a_long_answer_is_searched_at_once():
    answer = QuotedAnswer("word " * 100_000 + "The **cat** is gone")
    assert answer.place("the cat is gone") == (500_000, 500_019)

"""Matching the claims of two judges."""

import numpy as np
import pytest

from spd_faith.judging.claims import Claim
from spd_faith.judging.matching import Quotes, match_claims, quotes_of

ANSWER = "The dog is gone. The car turned blue, and the clock and the tv were removed. The dog is gone."


def quotes(*texts: str) -> list[Quotes]:
    return [Quotes((text,)) for text in texts]


def match(ours: list[str], theirs: list[str], answer: str | None = ANSWER) -> list[tuple[int, int]]:
    return match_claims(quotes(*ours), quotes(*theirs), [answer] if answer is not None else [])


def test_equal_words_match_in_any_order():
    assert match(["The car turned blue", "The dog is gone"], ["The dog is gone", "car turned blue"]) == [(0, 1), (1, 0)]


def test_a_match_requires_half_of_the_shorter_quote():
    # both quotes share the two words "the clock" with it, of four and of five words
    assert match(["the clock and the tv were removed"], ["blue, and the clock"]) == [(0, 0)]
    assert match(["the clock and the tv were removed"], ["turned blue, and the clock"]) == []


def test_each_claim_is_matched_once():
    whole = "the clock and the tv were removed"
    assert match([whole, whole], ["the clock", "the tv were removed"]) == [(0, 0), (1, 1)]
    assert match([whole], ["the clock", "the tv were removed"]) == [(0, 1)]  # the one that shares more


def test_the_total_of_shared_words_is_maximized():
    # 0 shares 4 words with 0 and 3 with 1, 1 shares 3 with 0 alone: 3 + 3 beat 4
    ours = ["turned blue, and the clock and the", "car turned blue"]
    theirs = ["The car turned blue, and", "clock and the tv"]
    assert match(ours, theirs) == [(0, 1), (1, 0)]


def test_repeated_words_keep_the_order_of_the_claims():
    assert match(["The dog is gone", "The dog is gone"], ["The dog is gone", "The dog is gone"]) == [(0, 0), (1, 1)]


def test_equal_words_at_another_position_do_not_match():
    assert match(["dog is gone. The car"], ["removed. The dog is gone"]) == []


def test_an_inexact_quote_is_compared_by_its_content_words():
    assert match(["remove clock"], ['{"type": "remove", "category": "clock"}']) == [(0, 0)]
    assert match(["the cup"], ["the spoon"], answer=None) == []  # a common article is ignored
    assert match(["The cup is blue now"], ["a blue cup"], answer=None) == [(0, 0)]


def test_emphasis_marks_are_ignored():
    assert match(["The car: blue"], ["**car**: `blue`"], "The **car**: `blue`") == [(0, 0)]


def test_both_quotes_of_a_claim_count():
    answers = ["No. The dog is gone. The cup moved.", "Yes. No dog. The cup stayed."]
    pair = [Quotes(("The dog is gone", "No dog"))]
    assert match_claims(pair, [Quotes(("The dog is gone", "No dog"))], answers) == [(0, 0)]
    assert match_claims(pair, [Quotes(("The dog is gone", "The cup stayed"))], answers) == []
    assert match_claims(pair, [Quotes(("The dog is gone", None))], answers) == [(0, 0)]  # quotes only one answer
    assert match_claims([Quotes(("The cup moved", None))], [Quotes((None, "The cup stayed"))], answers) == []


def test_a_claim_with_one_quote_may_quote_either_answer():
    answers = ["No. The dog is gone.", "Yes. The cup stayed."]
    claims = [
        Claim("No", "consistent", "Yes"),
        Claim("The dog is gone", "ambiguous"),
        Claim("The cup stayed", "ambiguous"),
    ]
    found = [(quoted.texts, quoted.is_verdict) for quoted in quotes_of("cr", claims, answers)]
    assert found == [(("No", "Yes"), True), (("The dog is gone", None), False), ((None, "The cup stayed"), False)]


def test_verdict_claims_match_whatever_they_quote():
    ours = [Quotes(("No", "Yes"), is_verdict=True), Quotes(("The dog is gone", None))]
    theirs = [Quotes(("The dog is gone", "they differ"), is_verdict=True)]
    assert match_claims(ours, theirs, []) == [(0, 0)]


@pytest.mark.parametrize("size", [1, 7, 40])
def test_equal_claims_are_matched_in_order(size):
    claims = quotes(*["The dog is gone"] * size)
    assert match_claims(claims, claims, ["The dog is gone"]) == [(k, k) for k in range(size)]


def test_no_claims_have_no_matches():
    assert match([], ["The dog is gone"]) == match(["The dog is gone"], []) == []


def test_swapping_the_judges_keeps_the_number_of_pairs():
    rng = np.random.default_rng(3)
    words = ANSWER.split()
    for _ in range(50):
        pieces = [
            [" ".join(words[k : k + n]) for k, n in zip(rng.integers(0, 15, 4), rng.integers(1, 8, 4), strict=True)]
            for _ in range(2)
        ]
        there, back = match(*pieces), match(*pieces[::-1])
        assert len(there) == len(back)


def test_answers_in_another_language_have_no_claim_about_the_verdicts():
    claims = [Claim("The car moved", "ambiguous")]
    assert [one.is_verdict for one in quotes_of("cr", claims, ["No. The car moved.", "Yes."])] == [True]
    assert [one.is_verdict for one in quotes_of("cr", claims, ["No. The car moved.", "是的，汽车移动了。"])] == [False]

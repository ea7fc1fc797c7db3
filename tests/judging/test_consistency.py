"""CR claims of the answers in consistency_answers.yaml, and properties that hold for any two answers."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from judging.worked_answers import labelled, load, split

from spd_faith.core.schemas import CLAIM_LABELS
from spd_faith.judging.consistency import YesNoAnswer, judge_consistency
from spd_faith.judging.scores import count_labels, score_counts

PAIRS = load("consistency_answers.yaml")


def answers(worked: dict) -> tuple[YesNoAnswer, YesNoAnswer]:
    verdicts = worked.get("verdicts", "differs differs").split()
    return YesNoAnswer(worked["same"], verdicts[0]), YesNoAnswer(worked["different"], verdicts[1])


@pytest.mark.parametrize("worked", PAIRS, ids=[f"{k}-{pair['why'][:50]}" for k, pair in enumerate(PAIRS)])
def test_claims_of_pair(worked):
    claims = judge_consistency(*answers(worked))
    labels, words = split(worked["claims"])
    assert labelled(claims) == labels
    for claim, part in zip(claims, words, strict=True):
        assert part.lower() in claim.text.lower()


@pytest.mark.parametrize("worked", PAIRS, ids=range(len(PAIRS)))
def test_swapping_the_answers_keeps_the_counts(worked):
    same, different = answers(worked)
    one, other = judge_consistency(same, different), judge_consistency(different, same)
    assert sorted(claim.label for claim in one) == sorted(claim.label for claim in other)


def test_wrapped_answers_have_the_claims_of_plain_ones():
    same, different = "No. The clock is missing.", "Yes. The clock was removed, the traffic_light moved."
    plain = judge_consistency(YesNoAnswer(same, "differs"), YesNoAnswer(different, "differs"))
    wrapped = judge_consistency(
        YesNoAnswer(f"◁think▷The car is gone.◁/think▷<answer>{same}</answer>", "differs"),
        YesNoAnswer(different.replace("_", r"\_").join((r"\boxed{\text{", "}}")) + "<|im_end|>", "differs"),
    )
    assert wrapped == plain
    assert [claim.text for claim in plain] == ["No", "The clock is missing", "the traffic_light moved"]


def test_a_claim_in_both_answers_quotes_both():
    claims = judge_consistency(
        YesNoAnswer("No. The car is gone.", "differs"), YesNoAnswer("Yes. The car was removed.", "differs")
    )
    assert [(claim.text, claim.other_text) for claim in claims] == [
        ("No", "Yes"),
        ("The car is gone", "The car was removed"),
    ]


@pytest.mark.parametrize(
    ("same", "different", "label"),
    [
        ("differs", "differs", "consistent"),
        ("same", "same", "consistent"),
        ("same", "differs", "contradictory"),
        ("differs", "same", "contradictory"),
        ("unclear", "unclear", "ambiguous"),
        ("differs", "unclear", "ambiguous"),
    ],
)
def test_verdicts(same, different, label):
    assert [claim.label for claim in judge_consistency(YesNoAnswer("", same), YesNoAnswer("", different))] == [label]


@pytest.mark.parametrize("verdicts", [(None, "same"), ("differs", None), (None, None)])
def test_a_verdict_in_a_language_that_cannot_be_read(verdicts):
    assert judge_consistency(*(YesNoAnswer("Yes. The car moved.", one) for one in verdicts)) is None


SENTENCES = (
    "Yes.|No.|The car moved.|The car is gone.|Nothing changed.|Everything else is the same.|\x00{[|It moved left."
    "|Except|The car is red in the first picture.|The car changed from red to blue.|No objects were removed."
)
TEXTS = st.lists(st.sampled_from(SENTENCES.split("|")), max_size=6).map(" ".join)


@settings(max_examples=150, deadline=None)
@given(TEXTS, TEXTS, *[st.sampled_from(["same", "differs", "unclear"])] * 2)
def test_any_pair_is_judged(same, different, verdict, other_verdict):
    claims = judge_consistency(YesNoAnswer(same, verdict), YesNoAnswer(different, other_verdict))
    labels = [claim.label for claim in claims]
    assert labels and set(labels) <= set(CLAIM_LABELS["cr"])
    assert all(claim.error_type is None for claim in claims)
    counts = count_labels("cr", labels)
    score, status = score_counts("cr", counts)
    assert status == "ok"
    assert score == labels.count("consistent") / len(labels)

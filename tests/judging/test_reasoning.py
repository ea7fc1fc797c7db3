"""DRF claims of the answers in reasoning_answers.yaml, and properties that hold for any answer."""

import json
import random
import time

import pytest
from growth import assert_about_linear
from hypothesis import given, settings
from hypothesis import strategies as st
from judging.worked_answers import TRUTHS, labelled, load, parsed, sample, split

from spd_faith.core.schemas import CLAIM_LABELS, ERROR_TYPES
from spd_faith.judging import consistency, reasoning
from spd_faith.judging.consistency import YesNoAnswer, judge_consistency
from spd_faith.judging.reasoning import judge_reasoning
from spd_faith.judging.scores import count_labels, score_counts
from spd_faith.language.recognition import language_of
from spd_faith.parsing.answer_text import answer_of, readable
from spd_faith.parsing.table import parse_response

ANSWERS = load("reasoning_answers.yaml")
NO_LIST = {"has_structured_output": False, "differences": [], "predicted_num": None}


@pytest.mark.parametrize("worked", ANSWERS, ids=[f"{k}-{a['truth']}-{a['why'][:40]}" for k, a in enumerate(ANSWERS)])
def test_claims_of_answer(worked):
    claims = judge_reasoning(TRUTHS[worked["truth"]], worked["answer"], parsed(worked["answer"]))
    labels, words = split(worked["claims"])
    assert labelled(claims) == labels
    for claim, part in zip(claims, words, strict=True):
        assert part.lower() in claim.text.lower()


def test_worked_example_of_the_figure():
    """Three of six claims are faithful."""
    worked = ANSWERS[0]
    claims = judge_reasoning(TRUTHS["bedroom"], worked["answer"], parsed(worked["answer"]))
    counts = count_labels("drf", [claim.label for claim in claims])
    assert (counts["n_faithful"], counts["n_unfaithful"], counts["n_unverifiable"]) == (3, 3, 0)
    assert score_counts("drf", counts) == (0.5, "ok")


@pytest.mark.parametrize("worked", [a for a in ANSWERS if "status" in a or not a["claims"]], ids=lambda a: a["why"])
def test_answers_without_a_counted_claim(worked):
    claims = judge_reasoning(TRUTHS[worked["truth"]], worked["answer"], parsed(worked["answer"]))
    assert score_counts("drf", count_labels("drf", [claim.label for claim in claims])) == (0.0, "no_claims")


def test_severity_follows_from_the_error_type():
    answer = "The car changed from red to green. The dog moved. The bicycle was removed."
    claims = judge_reasoning(TRUTHS["multi"], answer, NO_LIST)
    assert [(claim.error_type, claim.severity) for claim in claims] == [
        ("attribute_error", "minor"),
        ("type_confusion", "moderate"),
        ("type_category_mismatch", "critical"),
    ]


def test_order_of_truths_changes_nothing():
    rng = random.Random(7)
    for worked in ANSWERS:
        truth = TRUTHS[worked["truth"]]
        shuffled = {**truth, "differences": rng.sample(truth["differences"], len(truth["differences"]))}
        answer = worked["answer"], parsed(worked["answer"])
        assert judge_reasoning(shuffled, *answer) == judge_reasoning(truth, *answer), worked["answer"]


def test_order_of_truths_of_one_name_changes_nothing():
    truth = TRUTHS["two_chairs"]
    turned = {**truth, "differences": truth["differences"][::-1]}
    answer = "A chair is missing. Another chair, on the left, is missing."
    assert judge_reasoning(turned, answer, NO_LIST) == judge_reasoning(truth, answer, NO_LIST)


def test_repeating_an_answer_gains_nothing():
    for worked in ANSWERS:
        if "{" in worked["answer"] or "another" in worked["answer"].lower():
            continue
        truth = TRUTHS[worked["truth"]]
        once = judge_reasoning(truth, worked["answer"], NO_LIST)
        twice = judge_reasoning(truth, worked["answer"] + "\n\n" + worked["answer"], NO_LIST)
        good = [[claim.label for claim in claims].count("faithful") for claims in (once, twice)]
        assert good[1] <= good[0], worked["answer"]


def test_listing_every_category_does_not_pay():
    truth = TRUTHS["bedroom"]
    spam = " ".join(f"The {name} was removed." for name in ("clock", "tv", "dog", "cat", "car", "bus", "kite", "cup"))
    labels = [claim.label for claim in judge_reasoning(truth, spam, NO_LIST)]
    assert (labels.count("faithful"), labels.count("unfaithful")) == (2, 6)


WORDS = (
    "the a car dog cup clock red blue first second picture moved removed changed color from to is not no same in and"
    " but there are differences 1. 2. - ** # : . , ? { } [ ] everything else left right it its except another yes"
)
TEXTS = st.one_of(
    st.text(max_size=200), st.lists(st.sampled_from([*WORDS.split(" "), "\n"]), max_size=60).map(" ".join)
)


@settings(max_examples=150, deadline=None)
@given(TEXTS, st.sampled_from(sorted(TRUTHS)))
def test_any_text_is_judged(text, name):
    claims = judge_reasoning(TRUTHS[name], text, NO_LIST)
    assert claims == judge_reasoning(TRUTHS[name], text, NO_LIST)
    if claims is None:
        assert language_of(readable(answer_of(text))) != "en"
        return
    for claim in claims:
        assert claim.label in CLAIM_LABELS["drf"]
        assert (claim.error_type in ERROR_TYPES) == (claim.label == "unfaithful")
    counts = count_labels("drf", [claim.label for claim in claims])
    assert sum(counts.values()) == len(claims)
    assert 0 <= score_counts("drf", counts)[0] <= 1


ENDLESS = (
    "In the first picture the car is red and the dog is on the left. The cup moved. |the car moved and the same, |[|{a"
    "|no |- |**|the red car in the first picture |yes the |except the dog, "
)


@pytest.mark.parametrize("phrase", ENDLESS.split("|"))
def test_very_long_answers_are_judged_quickly(phrase):
    def judge(answer):
        judge_reasoning(TRUTHS["multi"], answer, NO_LIST)
        judge_consistency(YesNoAnswer(answer, "same"), YesNoAnswer(phrase, "same"))

    assert_about_linear(judge, lambda times: phrase * times, 20_000 // len(phrase))


REPEATED = ("the car moved and ", "both show a car and ", "car, dog, ", "| a | b |\n")
MANY_OBJECTS = ("the {} moved and ", "1. the {} moved; ", "The {} is the same. ")


@pytest.mark.parametrize("unit", REPEATED + MANY_OBJECTS)
def test_answers_of_tens_of_thousands_of_words_are_parsed_and_judged_quickly(unit):
    syllables = [consonant + vowel for consonant in "bdfgklmnprtvz" for vowel in "aeiou"]
    names = [f"{one}{two}x" for one in syllables for two in syllables]
    text = "".join(unit.format(name) if "{}" in unit else unit for name in names * 4)
    start = time.process_time()
    parsed = parse_response("describe", text, failed=False)
    judge_reasoning(TRUTHS["multi"], text, parsed)
    judge_consistency(YesNoAnswer(text, "same"), YesNoAnswer(text, "same"))
    assert time.process_time() - start < 30  # less than 1 s; quadratic time takes minutes


LEADING = "The car changed from red to blue. "


def test_prose_beyond_the_limit_is_not_judged_but_counted():
    beyond = "The dog was removed."
    text = LEADING + "x" * (20_000 - len(LEADING)) + beyond
    assert [claim.text for claim in judge_reasoning(TRUTHS["multi"], text, NO_LIST)] == [LEADING.strip(" .")]
    assert reasoning.num_unread(text) == len(beyond)
    assert reasoning.num_unread(text[: -len(beyond)]) == 0
    contents = judge_consistency(YesNoAnswer(text, "same"), YesNoAnswer("Yes.", "differs"))[1:]
    assert [claim.text for claim in contents] == [LEADING.strip(" .")]
    assert consistency.num_unread(YesNoAnswer(text, "same"), YesNoAnswer(text + "!!", "same")) == 2 * len(beyond) + 2


def test_a_long_list_does_not_count_as_unread_prose():
    entries = json.dumps([{"type": "color", "category": "car"}] * 1000)
    assert len(entries) > 20_000
    assert reasoning.num_unread(f"The car is blue now. {entries} So much.") == 0


def test_truth_without_descriptions_and_boxes():
    bare = {**sample(["car color"]), "unchanged": None}
    bare["differences"][0] |= {"description": None, "bbox": None, "bbox_after": None}
    claims = judge_reasoning(bare, "The car in the top left changed from red to blue.", NO_LIST)
    assert labelled(claims) == ["F"]

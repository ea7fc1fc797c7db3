"""Which tokens of an answer say what: against a reader's marks, by hand, and what holds for any answer."""

from dataclasses import astuple

import pytest
from growth import assert_about_linear
from hypothesis import given
from hypothesis import strategies as st
from judging.worked_answers import TRUTHS
from probes.marked_answers import MARKED, ROOT, name, parts
from tiny_models import byte_tokenizer
from transformers import AutoTokenizer

from spd_faith.probes.patching.said import Said, said

BY_BYTE = byte_tokenizer()
AS_MARKED = 0.8  # of the letters


def of(truth, answer, number=0, tokenizer=BY_BYTE):
    """The words of each part for one difference."""
    ids = tokenizer(answer, add_special_tokens=False)["input_ids"]
    found = said(tokenizer, ids, TRUTHS[truth])[number]
    return Said(*(tokenizer.decode([ids[k] for k in tokens]) for tokens in astuple(found)))


def in_common(marked, found):
    return 2 * len(marked & found) / (len(marked) + len(found)) if marked or found else 1.0


@pytest.mark.parametrize("marked", MARKED, ids=name)
def test_a_reader_marks_the_same(marked):
    missed = [part for part, letters in parts(marked).items() if in_common(*letters) < AS_MARKED]
    assert missed == marked.get("missed", [])


def test_most_marks_are_the_same_to_the_letter():
    found = [marked == letters for one in MARKED for marked, letters in parts(one).values()]
    assert sum(found) / len(found) > 0.85, f"{sum(found)} of {len(found)}"


ANSWER = """\
There are two differences. The car is blue now, and the dog has been removed. The bus is yellow.
In summary, the car changed its color.
{"predicted_num": 2, "structured_output": [{"type": "color", "category": "car"}, {"type": "remove", "category": "dog"}]}
"""


def test_the_parts_of_an_answer():
    assert astuple(of("multi", ANSWER)) == (
        "The car is blue now",
        "There are two differences",
        '{"type": "color", "category": "car"}',
        "the dog has been removedThe bus is yellow",
        "",
    )
    dog = of("multi", ANSWER, 1)
    assert (dog.claim, dog.json_copy) == ("the dog has been removed", '{"type": "remove", "category": "dog"}')
    assert dog.other_claims == "The car is blue nowThe bus is yellow"
    cup = of("multi", ANSWER, 2)
    assert (cup.claim, cup.json_copy, cup.count) == ("", "", "There are two differences")


def test_of_the_only_difference_the_verdict_is_known():
    assert of("car", "There is one difference: the car is blue.").verdict == "There is one difference"
    assert of("car", "The two images are different. The car is blue.").verdict == "The two images are different"
    assert of("car", "They are not the same. I see 1 difference: the car.").verdict == "They are not the same"
    assert of("car", "There are some differences. The car is blue.").verdict == "There are some differences"


@pytest.mark.parametrize(
    "answer", ["There are no differences.", "The images are identical.", "The car is blue.", "", "?"]
)
def test_no_words_say_that_the_images_differ(answer):
    assert of("car", answer).verdict == ""


def test_what_is_counted_as_none_is_a_count():
    assert of("car", "I see no differences at all.").count == "I see no differences"


@pytest.mark.parametrize(
    ("answer", "claim"),
    [
        (
            "The only difference is the car: it is red in image 1 and blue in image 2.",
            "is the car: it is red in image 1 and blue in image 2",
        ),
        ("**Car**\n- Image 1: red\n- Image 2: blue", "Car**\n- Image 1: red\n- Image 2: blue"),
        (
            "1. **Car color**: The car is red in image 1 and blue in image 2.",
            "The car is red in image 1 and blue in image 2",
        ),
        (
            "- The dog is the same.\n- The `car` changed from **red** to *blue*.",
            "The `car` changed from **red** to *blue",
        ),
        ("<p>The <b>car</b> is now blue &amp; shiny.</p>", "The <b>car</b> is now blue &amp; shiny"),
        ("Ünïcödé 猫. The car is blue now.", "The car is blue now"),
        ("Teh car is diferent in colr. Nice.", "Teh car is diferent in colr"),
        ("| # | Object | Image 1 | Image 2 |\n|---|---|---|---|\n| 1 | Car | red | blue |", "Car | red | blue"),
        ('{"differences": [{"type": "color", "category": "car"}]}\nThe car is blue now.', "The car is blue now"),
        (
            "1. **Car:** In the first picture, the car is red. In the second picture, it is blue. The tires of the car"
            " and the shadow on the ground are the same, so only the colour was edited.",
            "In the first picture, the car is red. In the second picture, it is blue",
        ),
        ("The car is different.", ""),  # without a type of change
        ("The car moved.", ""),
        ("The bus is blue.", ""),
        ("Das Auto ist jetzt blau und nicht mehr rot, sonst ist alles gleich.", ""),
        ('{"differences": [{"type": "color", "category": "car"}]}', ""),
    ],
)
def test_the_claim_in_answers_of_many_shapes(answer, claim):
    assert of("car", answer).claim == claim


def test_what_stands_between_two_sides_is_no_part_of_the_claim():
    found = of("car", "- The car is red in image 1. A dog sleeps there. The car is blue now.")
    assert (found.claim, found.other_claims) == ("The car is red in image 1The car is blue now", "A dog sleeps there")


@pytest.mark.parametrize(
    ("more", "others"),
    [
        ("So the car changed its color.", ""),
        ("The car looks different.", ""),
        ("The car is blue in image 2.", ""),
        ("Everything else is the same.", ""),
        ("The car has moved.", "The car has moved"),
        ("The dog is the same.", "The dog is the same"),
        ("In image 1 there is a bus.", "In image 1 there is a bus"),
    ],
)
def test_other_claims_are_about_something_else(more, others):
    found = of("car", f"The car changed from red to blue. I looked at it again for a while. {more}")
    assert (found.claim, found.other_claims) == ("The car changed from red to blue", others)


THOUGHT = "The car changed from red to blue. There is one difference."


def test_a_change_of_no_known_type_is_no_claim_about_something_else():
    assert of("car", "- **Car**: It is red in image 1. The dog sleeps. It is blue in image 2").other_claims == ""


def test_a_mention_in_the_reasoning_is_not_the_answer():
    answer = "There is one difference. The car is blue now."
    found = of("car", f"<think>{THOUGHT}</think>{answer}")
    assert (found.claim, found.count) == ("The car is blue now", "There is one difference")
    ids = BY_BYTE(f"<think>{THOUGHT}</think>{answer}", add_special_tokens=False)["input_ids"]
    [one] = said(BY_BYTE, ids, TRUTHS["car"])
    assert min(one.claim + one.count) >= len(f"<think>{THOUGHT}</think>")
    assert of("car", f"<think>{THOUGHT}</think>I cannot say.").claim == ""
    assert of("car", f"<think>{THOUGHT}").claim == ""  # cut off while thinking


def test_markers_of_reasoning_that_are_special_tokens():
    """Kimi's, for example; decoding leaves special tokens out."""
    tokenizer = byte_tokenizer(special=("<|endoftext|>", "<|im_end|>", "◁think▷", "◁/think▷"))
    assert (
        of("car", f"◁think▷{THOUGHT}◁/think▷The car is blue now.", tokenizer=tokenizer).claim == "The car is blue now"
    )
    assert of("car", f"◁think▷{THOUGHT}◁/think▷No.<|im_end|>", tokenizer=tokenizer).claim == ""


@pytest.mark.parametrize(
    ("answer", "entry"),
    [
        ('```json\n[{"type": "color", "category": "car"}]\n```', '{"type": "color", "category": "car"}'),
        ('{"num": 1, "differences": [{"type": "color", "object": "car"', '{"type": "color", "object": "car"'),
        ('{"differences": [{"type": "color", "category": "car",}, {"type": ', '{"type": "color", "category": "car",}'),
        ("[{“type”: “color”, “category”: “car”}]", "{“type”: “color”, “category”: “car”}"),
        ('[{"type": "remove", "category": "car"}]', ""),
        ('[{"type": "color", "category": "bus"}]', ""),
        ('{"car": "color"}', ""),  # no object of its own
        ("The car is blue.", ""),
        (
            '{"differences": [{"type": "remove", "category": "bus"}]} No: {"differences": [{"category": "car", '
            '"type": "color", "images": {"first": "red", "second": "blue"}}]}',
            '{"category": "car", "type": "color", "images": {"first": "red", "second": "blue"}}',
        ),
    ],
)
def test_the_entry_in_the_json(answer, entry):
    found = of("car", answer).json_copy
    assert found.strip().rstrip("}") == entry.rstrip("}")


def test_two_differences_of_one_kind_have_a_claim_each():
    answer = "The chair on the right was removed. The chair on the left is gone."
    assert of("two_chairs", answer, 0).claim == "The chair on the left is gone"
    assert of("two_chairs", answer, 1).claim == "The chair on the right was removed"


def test_tokens_of_several_words():
    """A reference model's tokens are phrases."""
    tokenizer = AutoTokenizer.from_pretrained(ROOT / "resources" / "models" / "tiny-qwen2-vl")
    answer = 'There is one difference. First, the dog has been removed.\n{"predicted_num": 1, "structured_output": []}'
    ids = tokenizer(answer)["input_ids"]
    pieces = [tokenizer.decode([one]) for one in ids]
    dog = said(tokenizer, ids, TRUTHS["multi"])[1]
    assert "dog" in "".join(pieces[k] for k in dog.claim) and "removed" in "".join(pieces[k] for k in dog.claim)
    assert "one difference" in "".join(pieces[k] for k in dog.count)
    assert not {*dog.claim} & {*dog.count}


PIECES = (
    "There are two differences", "The car is blue now", "the dog", " was removed", "\n", "- ", "**", "1. ", ": ",
    "In image 1", "In image 2", " the car is red", ", ", "<think>", "</think>", "```json\n", "{", "}",
    '"type": "color"', '"category": "car"', ". ", "[", "]", "&amp;", "<b>", "\\boxed{", "The images are different",
    "猫", "é", "no differences", "| car | red | blue |", "<|im_end|>", "another chair is gone", "İ",
)  # fmt: skip


@given(st.lists(st.sampled_from(PIECES), max_size=14).map("".join), st.sampled_from(["multi", "car", "two_chairs"]))
def test_parts_share_no_tokens(answer, truth):
    ids = BY_BYTE(answer, add_special_tokens=False)["input_ids"]
    found = said(BY_BYTE, ids, TRUTHS[truth])
    assert len(found) == len(TRUTHS[truth]["differences"])
    claims = [one.claim for one in found if one.claim]
    assert len({*claims}) == len(claims) or "and" in answer
    for one in found:
        for tokens in astuple(one):
            assert list(tokens) == sorted(set(tokens)) and all(0 <= k < len(ids) for k in tokens)
        apart = [one.claim, one.count, one.json_copy, one.other_claims]
        assert len(set().union(*apart)) == sum(map(len, apart))
        assert not one.verdict or len(found) == 1
        assert {*one.verdict}.isdisjoint({*one.claim, *one.json_copy, *one.other_claims})


@pytest.mark.parametrize(
    "unit", ["The car is blue. ", '{"type": "color", ', "<b>car</b> ", "{", "1. **Car**: red\n", "a "]
)
def test_a_degenerate_answer_takes_seconds_at_most(unit):
    assert_about_linear(
        lambda ids: said(BY_BYTE, ids, TRUTHS["multi"]),
        lambda times: BY_BYTE(unit * times, add_special_tokens=False)["input_ids"],
        8000 // len(unit),
    )

"""Answers inside boxes, tags, fences, JSON and turns are read like bare answers."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scoring.tables import judged, judgements_table, parsed_table, sample, samples_table

from spd_faith.parsing.answer_text import read_answer, readable
from spd_faith.parsing.differences import parse_differences
from spd_faith.parsing.table import parse_response
from spd_faith.parsing.verdicts import verdict
from spd_faith.scoring.samples import score_table

# @ marks the position of the answer
WRAPPERS = [
    "<|begin_of_box|>@<|end_of_box|>",
    "<|begin_of_box|>@",
    "<|begin_of_box|>**@**<|end_of_box|>",
    "The answer is <|begin_of_box|>@<|end_of_box|>.",
    r"\boxed{@}",
    r"\boxed {@}",
    r"\boxed{ @ }.",
    r"\boxed{@",
    r"\boxed{\text{@}}",
    r"\fbox{@}",
    r"$\boxed{@}$",
    r"$\boxed{\mathrm{@}}$",
    r"$$\boxed{\text{@}}$$",
    r"\[ \boxed{\textbf{@}} \]",
    r"\(\boxed{@}\)",
    r"\\boxed{@}",
    "\x08oxed{@}",  # "\boxed" in a string of JSON
    r"The answer is \boxed{@}.",
    r"**Final Answer**" + "\n\n" + r"\boxed{@}",
    r"The final answer is $\boxed{@}$. I hope it is correct.",
    r"\text{@}",
    "<answer>@</answer>",
    "<answer>\n@\n</answer>",
    "<ANSWER>@</ANSWER>",
    r"<answer>\boxed{@}</answer>",
    "<response>\n@\n</response>\n",
    "<output>@</output>",
    "<CONCLUSION> @ </CONCLUSION>",
    "<|begin_of_solution|>\n\n@\n\n<|end_of_solution|>",
    "<|START_RESPONSE|>@<|END_RESPONSE|>",
    "<|open|>response<|sep|>@<|close|>response<|sep|><|close|>message<|sep|>",
    "◁think▷They are the same. Yes, identical.◁/think▷@",
    "<think>They differ: the car moved. No.</think>\n<answer>@</answer>",
    "<analysis>Easy.</analysis>@",
    "<SUMMARY> S </SUMMARY>\n<CAPTION> C </CAPTION>\n<REASONING> It moved. </REASONING>\n<CONCLUSION> @ </CONCLUSION>",
    "(Here begins the SUMMARY stage) They differ. (Here ends the SUMMARY stage)\n"
    "(Here begins the CONCLUSION stage) @ (Here ends the CONCLUSION stage)",
    "<|channel|>analysis<|message|>They differ.<|end|><|start|>assistant<|channel|>final<|message|>@<|return|>",
    "**Answer:** @",
    "**Answer: @**",
    "Answer: **@**",
    "Final Answer: @",
    "### Final Answer\n\n@",
    "@<|im_end|>",
    "<s> @</s>",
    "<pad><pad><bos>@<eos>",
    "<|begin_of_text|>@",
    "<|start_header_id|>assistant<|end_header_id|>\n\n@<|eot_id|>",
    "<|im_start|>assistant\n<think>\n\n</think>\n\n@<|im_end|>",
    "<|im_assistant|>assistant<|im_middle|>@<|im_end|>",
    "<|assistant|>\n@<|user|>",
    "[/INST] @</s>",
    "@</s>",
    "@<|im_end|>\n<|im_start|>user\nAre they identical? Yes, the same.",
    "\ufeff@",
    "\u200b@\u200b",
    "\u00a0@",
    "&quot;@&quot;",
    "<b>@</b>",
    "<p>@</p>",
    "`@`",
    "```\n@\n```",
    "```text\n@\n```",
    "> @",
    "“@”",
    "「@」",
    "[@]",
    r"\*\*@\*\*",
    '{"answer": "@"}',
    '```json\n{"answer": "@"}\n```',
    'Here is the JSON:\n```json\n{"answer": "@"}\n```\nHope this helps.',
    "{'answer': '@'}",
    "{“answer”: “@”}",
    '{"answer": "@",}',
    "{answer: @}",
    '{"result": {"answer": "@"}}',
    '[{"answer": "@"}]',
    r'{"final\_answer": "@"}',
    '{"Final Answer": "@"}',
    r'{"answer": "\\boxed{@}"}',
    r'{"answer": "\boxed{@}"}',
    r'"{\"answer\": \"@\"}"',
    "{&quot;answer&quot;: &quot;@&quot;}",
    r'\boxed{{"answer": "@"}}',
    '<|begin_of_box|>{"answer": "@"}<|end_of_box|>',
    '<tool_call>\n{"name": "reply", "arguments": {"answer": "@"}}\n</tool_call>',
    r'{"name": "reply", "arguments": "{\"answer\": \"@\"}"}',
]
SAYS = {
    ("same", "yes"): "same",
    ("same", "no"): "differs",
    ("different", "yes"): "differs",
    ("different", "no"): "same",
}


@pytest.mark.parametrize("wrapper", WRAPPERS)
@pytest.mark.parametrize("word", ["Yes", "No", "yes", "no", "NO", "No."])
@pytest.mark.parametrize("task", ["same", "different"])
def test_a_wrapped_word_equals_the_bare_word(task, word, wrapper):
    assert verdict(wrapper.replace("@", word), task) == SAYS[task, word.lower().strip(".")]


@given(
    st.lists(st.sampled_from([one for one in WRAPPERS if one.count("{") == one.count("}")][:24]), max_size=3), st.data()
)
@settings(max_examples=150, deadline=None)
def test_nested_wrappers_are_removed(wrappers, data):
    word, task = data.draw(st.sampled_from(["Yes", "No"])), data.draw(st.sampled_from(["same", "different"]))
    text = word
    for wrapper in wrappers:
        text = wrapper.replace("@", text)
    assert verdict(text, task) == SAYS[task, word.lower()]


LONG = "The car was red in the first picture and is blue in the second. The clock was removed. "


@pytest.mark.parametrize(
    ("task", "text", "expected"),
    [
        ("same", LONG + "\n\n\\boxed{No}", "differs"),
        ("same", LONG + "That makes it $\\boxed{\\text{No}}$ as far as I see.", "differs"),
        ("same", "I am not sure, but <answer>No</answer>", "differs"),
        ("different", "Yes or no? <answer>Yes</answer> " + LONG, "differs"),
        ("different", "I first thought \\boxed{No}. But then: \\boxed{Yes}", "differs"),
        ("same", "\\boxed{Yes} " + LONG, "unclear"),  # the explanation contradicts the box, as it does without one
        ("same", "<answer></answer>", "unclear"),
        ("same", "◁think▷No, they differ", "unclear"),  # no answer after the reasoning
        ("same", "No.</think>", "differs"),  # a stray marker
        ("same", "<answer>I cannot tell.</answer>", "unclear"),
        ("same", "\\boxed{}", "unclear"),
        ("same", "Set {1, 2} is no answer to it", "unclear"),
        ("same", 'The sign "</s>" is gone. So: No', "differs"),
        ("same", "The car was <s>blue</s> orange. So: No", "differs"),
    ],
)
def test_a_mark_in_a_longer_answer(task, text, expected):
    assert verdict(text, task) == expected


@pytest.mark.parametrize("wrapper", ["<|begin_of_box|>@<|end_of_box|>", r"\boxed{@}"])
def test_wrapped_answers_have_the_detection_score_of_plain_ones(wrapper):
    """Six pairs that differ, with both questions: DS is the fraction for which both verdicts are "differs"."""
    names = [f"easy/{number:05d}_{number}" for number in range(6)]
    words = {"describe": "", "same": wrapper.replace("@", "No"), "different": wrapper.replace("@", "Yes")}
    table = score_table(
        samples_table(*(sample(name) for name in names)),
        parsed_table(
            [{"sample_id": name, **parse_response(task, text, False)} for name in names for task, text in words.items()]
        ),
        judgements_table(*(judged(name) for name in names)),
    )
    assert table["ds"].to_pylist() == [1.0] * 6


def test_the_explanation_around_a_box_is_kept():
    whole = read_answer(LONG + "So there are $\\boxed{2}$ differences.<|im_end|>")
    assert whole == (LONG + "So there are 2 differences.", "2")
    row = parse_differences(LONG + "So there are $\\boxed{2}$ differences.")
    assert (row["predicted_num"], [(d["type"], d["category"]) for d in row["differences"]]) == (
        2,
        [("color", "car"), ("remove", "clock")],
    )


@pytest.mark.parametrize("mark", ["\\boxed{2}", "$\\boxed{\\text{two}}$", "<|begin_of_box|>2<|end_of_box|>"])
def test_a_boxed_number_after_the_explanation_is_the_count(mark):
    assert parse_differences(LONG + "\n\n" + mark)["predicted_num"] == 2
    assert parse_differences(LONG + "\n\n\\boxed{car}")["predicted_num"] is None
    assert parse_differences("There are three differences. \\boxed{car} " + LONG)["predicted_num"] == 3


@pytest.mark.parametrize(
    "text",
    [
        "The car moved.",
        "1 < 2 and a > b",
        "Yes, [they] differ; see {this}.",
        "C:\\new\\text",
        "boxed lunch",
        '[{"type": "color"}]',
        "\n No \n",
    ],
)
def test_a_plain_answer_is_unchanged(text):
    assert read_answer(text) == (text, None)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (r"traffic\_light", "traffic_light"),
        (r"\*\*No\*\*", "**No**"),
        (r'{"a": "b\\_c\n\"d\""}', r'{"a": "b\\_c\n\"d\""}'),  # escapes of JSON stay
        ("hasn&#39;t &amp;quot;moved&amp;quot;", 'hasn\'t "moved"'),
        ("a\u200bb\u00a0c\ufeff", "ab c"),
        ("a<br>b<br/>c", "a\nb\nc"),
        ("1 < 2", "1 < 2"),
        ("> a\n> b", "a\nb"),
    ],
)
def test_escapes_of_front_ends(text, expected):
    assert readable(text) == expected


UNITS = [
    "{", "[", "\\boxed{", "<think>", "x <think> ", "</think>", "<answer>", "</answer><answer>", "<|begin_of_box|>",
    '{\\"', "\\_", "&amp;", "</s>", "“", '{"predicted\\_num": ', '{"claims": [{"quote": "', "$\\boxed{", "}", "a{b}",
]  # fmt: skip


@pytest.mark.parametrize("unit", UNITS)
@pytest.mark.parametrize("task", ["describe", "same"])
def test_hostile_text_of_100_kb(task, unit):
    row = parse_response(task, unit * (100_000 // len(unit)), False)
    assert row["listed_num"] == 0

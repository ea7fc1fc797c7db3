"""JSON as models and chat front ends write it: escaped, wrapped, nested, encoded."""

import html
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from parsing.test_parsing_properties import NAMES, answers

from spd_faith.core.difference_types import DifferenceType
from spd_faith.judging.reasoning import judge_reasoning
from spd_faith.parsing.differences import parse_differences
from spd_faith.parsing.json_text import inside, repaired_object, spellings, whole_values

ENTRIES = [{"type": "color", "category": "traffic light"}, {"type": "remove", "category": "clock"}]
ANSWER = {"predicted_num": 2, "structured_output": ENTRIES}
ONE_LINE = json.dumps(ANSWER)
LINES = json.dumps(ANSWER, indent=2)
MARKDOWN = ONE_LINE.replace("_", r"\_")
LATEX = MARKDOWN.replace("{", r"\{").replace("}", r"\}")
PROSE = "The traffic light changed from red to green."

# (answer, status); each states two differences and lists ENTRIES
WRITTEN = [
    (
        r'{"predicted\_num": 2, "structured\_output": [{"type": "color", "category": "traffic\_light"},'
        r' {"type": "remove", "category": "clock"}]}',
        "repaired",
    ),
    (LINES.translate({ord(sign): f"\\{sign}" for sign in "_[]{}*"}), "repaired"),
    (f"```json\n{MARKDOWN}\n```", "repaired"),
    (ONE_LINE.replace("traffic light", r"traffic\\_light"), "json"),
    (f"~~~json\n{LINES}\n~~~", "json"),
    (f"~~~\n{ANSWER}\n~~~ so }} it is", "repaired"),
    (f"```json\n{ONE_LINE}", "json"),
    (f"json\n{ONE_LINE}", "json"),
    (f"```python\nresult = {ANSWER}\n```", "repaired"),
    (f'```json\n{{"predicted_num": 5, "structured_output": []}}\n```\nFinal:\n```json\n{ONE_LINE}\n```', "json"),
    (html.escape(ONE_LINE), "repaired"),
    (html.escape(html.escape(ONE_LINE)), "repaired"),
    (f"<pre><code>{html.escape(LINES)}</code></pre>", "repaired"),
    (ONE_LINE.replace(" ", "\u00a0"), "repaired"),
    (LINES.replace("  ", "&nbsp;&nbsp;"), "repaired"),
    (LINES.replace("\n", "<br>\n"), "repaired"),
    ("> " + LINES.replace("\n", "\n> "), "repaired"),
    (ONE_LINE.replace('"', '\u200b"'), "repaired"),
    ("\ufeff" + ONE_LINE, "json"),
    (ONE_LINE.replace(' "', " “").replace('"', "”"), "repaired"),
    (ONE_LINE.replace('"', "’"), "repaired"),
    (ONE_LINE.replace(' "', " „").replace('"', "“"), "repaired"),
    (str({**ANSWER, "note": None, "sure": True}), "repaired"),
    (ONE_LINE.replace("]}", ",]}"), "repaired"),
    (ONE_LINE.replace("}, {", "}, // one\n{ /* two */ "), "repaired"),
    (ONE_LINE.replace("}, {", "}, # one\n{"), "repaired"),
    (ONE_LINE[:-1] + ', "confidence": NaN}', "json"),
    (ONE_LINE[:-1] + r', "note": "it\'s"}', "repaired"),
    (ONE_LINE.replace(", ", "; "), "repaired"),
    (ONE_LINE.replace(", ", " "), "repaired"),
    (ONE_LINE.replace("{", "{{").replace("}", "}}"), "repaired"),
    (json.dumps(ONE_LINE), "repaired"),
    (json.dumps(json.dumps(ONE_LINE)), "repaired"),
    (json.dumps(LINES), "repaired"),
    (ONE_LINE.replace('"', r"\""), "repaired"),
    (LINES.replace("\n", r"\n"), "repaired"),
    (f"[{ONE_LINE}]", "json"),
    (json.dumps({"answer": ANSWER}), "json"),
    (json.dumps({"answer": ANSWER, "explanation": "Two of them."}), "json"),
    (json.dumps({"meta": {"model": "x"}, "result": ANSWER}), "json"),
    (json.dumps({"a": {"b": {"c": ANSWER}}}), "json"),
    (json.dumps({"answer": ONE_LINE}), "json"),
    (json.dumps({"answer": f"```json\n{ONE_LINE}\n```"}), "json"),
    (json.dumps({"predicted_num": 2, "structured_output": json.dumps(ENTRIES)}), "json"),
    (json.dumps({"predicted_num": 2, "structured_output": {"1": ENTRIES[0], "2": ENTRIES[1]}}), "json"),
    (f'<tool_call>{{"name": "report", "arguments": {ONE_LINE}}}</tool_call>', "json"),
    (json.dumps({"type": "function", "function": {"name": "report", "arguments": ONE_LINE}}), "json"),
    (f"<json>{ONE_LINE}</json>", "json"),
    (f"<answer>{ONE_LINE}</answer>", "json"),
    (f"<|begin_of_box|>{ONE_LINE}<|end_of_box|>", "json"),
    (f"\\boxed{{{ONE_LINE}}}", "json"),
    (f"$\\boxed{{\\text{{{ONE_LINE}}}}}$", "json"),
    (f"\\boxed{{{LATEX}}}", "repaired"),
    (f"\\[{LATEX}\\]", "repaired"),
    (f'◁think▷{{"predicted_num": 9}}◁/think▷{ONE_LINE}', "json"),
    (f"{ONE_LINE}<|im_end|>", "json"),
    (ONE_LINE.translate({ord(":"): "：", ord(","): "，"}), "repaired"),
    (ONE_LINE.translate(str.maketrans(':,"{}[]', "：，“｛｝［］")), "repaired"),
    (ONE_LINE.replace("predicted_num", "Predicted Num").replace("structured_output", "Structured-Output"), "json"),
    (ONE_LINE.replace("type", "TYPE").replace("category", "Category "), "json"),
    (ONE_LINE.replace(": 2", ': "2"'), "json"),
    (ONE_LINE.replace(": 2", ': "two"'), "json"),
    (ONE_LINE.replace(": 2", ": two"), "repaired"),
    ('{"predicted_num": 5, "structured_output": []}\n\nNo, finally: ' + ONE_LINE, "json"),
    ('{"predicted_num": 2}\n' + "\n".join(map(json.dumps, ENTRIES)), "json"),
    ("\n".join(map(json.dumps, ENTRIES)) + '\n{"predicted_num": 2}', "json"),
    (json.dumps(ENTRIES) + '\n\n{"predicted_num": 2}', "json"),
    (ONE_LINE[1:-1], "json"),
    (ONE_LINE.replace("traffic light", "traffic\nlight"), "repaired"),
]  # fmt: skip


def listed(row) -> list[tuple[str | None, str]]:
    return [(one["type"], one["raw_category"].replace("_", " ")) for one in row["differences"]]


@pytest.mark.parametrize(("answer", "status"), WRITTEN)
def test_equivalent_spellings_of_an_answer(answer, status):
    for text in (answer, f"{PROSE}\n\n{answer}", f"{answer}\n\nI hope this helps."):
        row = parse_differences(text)
        assert row["predicted_num"] == 2
        assert listed(row) == [("color", "traffic light"), ("remove", "clock")]
        assert row["parse_status"] == status


@pytest.mark.parametrize("answer", [answer for answer, _ in WRITTEN])
def test_json_is_not_judged_as_prose(answer):
    """Only the prose before the JSON is judged; without prose, the entries are."""
    differences = [one | {"description": None, "bbox": None, "bbox_after": None} for one in ENTRIES]
    sample = {"width": 100, "height": 100, "differences": differences, "unchanged": None}

    def claims(text: str) -> list[str]:
        return [claim.text.replace("_", " ") for claim in judge_reasoning(sample, text, parse_differences(text))]

    if not answer.startswith(('{"predicted_num": 5', '```json\n{"predicted_num": 5')):  # prose between two of them
        assert claims(answer) == ["color traffic light", "remove clock"]
    assert claims(f"{PROSE}\n\n{answer}") == [PROSE[:-1]] or "think▷" in answer


@pytest.mark.parametrize(
    ("text", "number", "expected"),
    [
        # some lines contain an escape
        (
            '{"type": "color", "category": "traffic\\_light"}\n{"type": "remove", "category": "clock"}',
            None,
            [("color", "traffic light"), ("remove", "clock")],
        ),
        (
            'Found: [{"type": "color", "category": "traffic\\_light"}, {"type": "remove", "category": "clock"}]',
            None,
            [("color", "traffic light"), ("remove", "clock")],
        ),
        # a surrogate pair, complete and halved
        ('[{"type": "remove", "category": "\\ud83d\\udd52"}]', None, [("remove", "\U0001f552")]),
        ('[{"type": "remove", "category": "\\ud83dclock"}]', None, [("remove", "\ufffdclock")]),
        # cut off
        (ONE_LINE[:-2], 2, [("color", "traffic light"), ("remove", "clock")]),
        (MARKDOWN[:-2], 2, [("color", "traffic light"), ("remove", "clock")]),
        (html.escape(ONE_LINE)[:-2], 2, [("color", "traffic light"), ("remove", "clock")]),
    ],
)
def test_other_json_shapes(text, number, expected):
    row = parse_differences(text)
    assert (row["predicted_num"], listed(row)) == (number, expected)


@pytest.mark.parametrize(
    "text",
    [
        "I use {this} and [that].",
        "The set {red, blue} is what I see: {words}.",
        "See [1] and [2].",
        r"It is in C:\some\_folder.",
        "f(x) = {x: y}",
        "&quot;Hello&quot; {world}",
        "｛no｝",
    ],
)
def test_prose_with_brackets_is_not_json(text):
    row = parse_differences(text)
    assert (row["parse_status"], row["has_structured_output"]) == ("failed", False)


WRAPS = [
    lambda text: f"```json\n{text}\n```",
    lambda text: f"Here is the JSON:\n\n```\n{text}\n```\nDone.",
    lambda text: f"<answer>{text}</answer>",
    lambda text: f"<|begin_of_box|>{text}<|end_of_box|>",
    lambda text: f"\\boxed{{{text}}}",
    lambda text: f"<think>I look.</think>\n{text}",
    lambda text: f"◁think▷I look.◁/think▷{text}",
    lambda text: f'{{"result": {text}}}',
    lambda text: f"[{text}]",
    lambda text: f"{text}<|im_end|>",
    lambda text: f"\ufeff{text}\n",
    lambda text: html.escape(text),
    lambda text: json.dumps(text),
    lambda text: text.replace("_", r"\_"),
    lambda text: text.replace(" ", "\u00a0"),
]


@given(answers(NAMES), st.sampled_from(WRAPS), st.sampled_from([None, 2]))
@settings(max_examples=200, deadline=None)
def test_wrapped_json_equals_bare_json(answer, wrap, indent):
    row = parse_differences(wrap(json.dumps(answer, indent=indent)))
    assert row["predicted_num"] == answer["predicted_num"]
    found = [(one["type"], one["raw_category"]) for one in row["differences"]]
    assert found == [(one["type"], one["category"]) for one in answer["structured_output"]]
    assert all(kind in tuple(DifferenceType) for kind, _ in found)


TEXTS = st.lists(
    st.one_of(
        st.sampled_from(['{"claims": [', '{\\"', "]}", "}", "“", "\\", "&quot;", "｛", "~~~", "<think>"]),
        st.text(max_size=5),
    ),
    max_size=30,
).map("".join)


@given(TEXTS)
@settings(max_examples=200, deadline=None)
def test_any_text_is_searched_for_json(text):
    for spelled in spellings(text):
        for start, end, value in whole_values(spelled):
            assert json.loads(spelled[start:end]) == value or value != value or "NaN" in spelled
            assert next(inside(value)) == value or "NaN" in spelled
    repaired_object(text)

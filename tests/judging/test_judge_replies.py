"""The reply format of judges, and how replies are read."""

import html
import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spd_faith.judging.claims import Claim
from spd_faith.judging.judge_replies import ReplyError, read_reasons, read_reply, reply_schema
from spd_faith.judging.structured_output import STRUCTURED_OUTPUTS

ROOT = Path(__file__).parents[2]
ANSWER = "**1.** The car's colour changed\nfrom red to blue. The clock, it seems, has GONE.\n变化:汽车变成了蓝色。"
SAME, DIFFERENT = "No. The car is red, then blue.", "Yes, the car moved."


def drf(quote, label="faithful", **more):
    return json.dumps({"claims": [{"quote": quote, "about": "", "reason": "", "label": label}], **more})


def cr(same, different, label):
    claim = {"quote_same": same, "quote_different": different, "about": "", "reason": "", "label": label}
    return json.dumps({"claims": [claim]})


def objects(schema):
    """Every object of a JSON schema."""
    if isinstance(schema, dict):
        if schema.get("type") == "object":
            yield schema
        for part in schema.values():
            yield from objects(part)
    elif isinstance(schema, list):
        for part in schema:
            yield from objects(part)


@pytest.mark.parametrize("are_listed", [False, True], ids=["claims", "labels"])
@pytest.mark.parametrize("metric", ["drf", "cr"])
def test_the_schema_is_accepted_by_strict_endpoints(metric, are_listed):
    _, schema = reply_schema(metric, are_listed)
    found = list(objects(schema))
    assert len(found) == 2
    for one in found:
        assert one["additionalProperties"] is False
        assert one["required"] == list(one["properties"])
    text = json.dumps(schema)
    assert "$ref" not in text and "$defs" not in text and "default" not in text and '"score"' not in text


def test_labels_in_the_schema():
    claim = reply_schema("drf")[1]["properties"]["claims"]["items"]["properties"]
    assert claim["label"]["enum"] == [
        "faithful", "unverifiable", "type_category_mismatch", "type_confusion", "attribute_error", "fabrication",
    ]  # fmt: skip
    claim = reply_schema("cr")[1]["properties"]["claims"]["items"]["properties"]
    assert claim["label"]["enum"] == ["consistent", "contradictory", "ambiguous"]


@pytest.mark.parametrize(
    ("label", "expected"),
    [
        ("faithful", ("faithful", None, None)),
        ("unverifiable", ("unverifiable", None, None)),
        ("attribute_error", ("unfaithful", "attribute_error", "minor")),
        ("type_confusion", ("unfaithful", "type_confusion", "moderate")),
        ("type_category_mismatch", ("unfaithful", "type_category_mismatch", "critical")),
        ("fabrication", ("unfaithful", "fabrication", "critical")),
    ],
)
def test_an_error_type_implies_unfaithful_and_a_severity(label, expected):
    (claim,) = read_reply("drf", drf("The clock", label), [ANSWER]).claims
    assert (claim.label, claim.error_type, claim.severity) == expected


@pytest.mark.parametrize(
    "quote",
    [
        "The car's colour changed from red to blue",
        "the car’s colour changed from red to blue.",
        "The clock it seems has gone",
        "1. The car",
        "汽车变成了蓝色",
    ],
)
def test_a_quote_may_differ_in_case_punctuation_and_line_breaks(quote):
    assert read_reply("drf", drf(quote), [ANSWER]).claims == (Claim(quote, "faithful"),)


@pytest.mark.parametrize(
    "quote",
    [
        "The car was removed",
        "The car changed",
        "",
        "…",
        "car's colour chang",
        "red to blue the clock is gone",
        "汽车变成了红色",
    ],
)
def test_a_quote_that_is_not_in_the_answer_is_invented(quote):
    assert read_reply("drf", drf(quote), [ANSWER]).claims == (Claim(quote, "invented"),)


def test_an_invented_claim_has_no_error_type():
    (claim,) = read_reply("drf", drf("The dog", "fabrication"), [ANSWER]).claims
    assert (claim.label, claim.error_type, claim.severity) == ("invented", None, None)


@pytest.mark.parametrize(
    ("same", "different", "label", "expected"),
    [
        ("The car is red, then blue", "the car moved", "contradictory", "contradictory"),
        ("The car is red", None, "ambiguous", "ambiguous"),
        (None, "the car moved", "ambiguous", "ambiguous"),
        ("the car moved", None, "ambiguous", "invented"),  # in the other answer
        ("The car is red", "the car is red", "consistent", "invented"),  # in only one answer
    ],
)
def test_each_quote_of_a_consistency_claim_must_be_in_its_answer(same, different, label, expected):
    (claim,) = read_reply("cr", cr(same, different, label), [SAME, DIFFERENT]).claims
    quotes = [quote for quote in (same, different) if quote]
    assert (claim.label, claim.text, claim.other_text) == (expected, quotes[0], quotes[1] if len(quotes) > 1 else None)


def test_a_score_is_read_and_any_other_key_is_an_error():
    assert read_reply("drf", drf("The clock", score=0.4), [ANSWER]).judge_score == 0.4
    assert read_reply("drf", drf("The clock"), [ANSWER]).judge_score is None
    with pytest.raises(ReplyError, match="verdict: Extra inputs"):
        read_reply("drf", drf("The clock", verdict="good"), [ANSWER])


def test_reasoning_before_a_reply_is_ignored_but_its_markers_may_be_quoted():
    claim = Claim("The clock", "faithful")
    assert read_reply("drf", "<think>{}</think>\n" + drf("The clock"), [ANSWER]).claims == (claim,)
    assert read_reply("drf", "I look.</think>" + drf("The clock"), [ANSWER]).claims == (claim,)
    quote = "</think> The clock"
    assert read_reply("drf", drf(quote), ["The dog, the clock"]).claims[0].label == "invented"
    assert read_reply("drf", drf(quote), [quote]).claims == (Claim(quote, "faithful"),)


@pytest.mark.parametrize("metric", ["drf", "cr"])
def test_the_schema_is_part_of_stored_keys(metric):
    """All stored replies depend on the schema; an accidental change would pay for them again."""
    golden = ROOT / "tests/golden/judge_prompts" / f"{metric}.json"
    assert STRUCTURED_OUTPUTS["json_schema"](*reply_schema(metric)) == {
        "response_format": json.loads(golden.read_text())
    }


@pytest.mark.parametrize("wrapped", ["```json\n{}\n```", "```\n{}```", "\n {} \n"])
def test_text_around_the_json_is_ignored(wrapped):
    reply = wrapped.replace("{}", drf("The clock"))
    assert read_reply("drf", reply, [ANSWER]).claims == (Claim("The clock", "faithful"),)


@pytest.mark.parametrize(
    ("metric", "reply", "expected"),
    [
        ("drf", "", "EOF while parsing"),
        ("drf", "The answer is faithful.", "Invalid JSON"),
        ("drf", drf("The clock")[:-3], "Invalid JSON"),
        ("drf", "[]", "the reply: Input should be an object"),
        ("drf", '{"claims": null}', "claims: Input should be a valid array"),
        ("drf", drf("The clock", "true"), "claims.0.label: Input should be 'faithful', 'unverifiable'"),
        ("drf", drf("The clock", "consistent"), "claims.0.label"),
        ("drf", drf("The clock", score="high"), "score: Input should be a valid number"),
        ("drf", '{"claims": [{"quote": "The clock"}]}', "claims.0.about: Field required; claims.0.reason"),
        ("cr", cr("a", None, "consistent"), "claims.0: Value error, a claim that is consistent needs both quotes"),
        ("cr", cr(None, "b", "contradictory"), "a claim that is contradictory needs both quotes"),
        ("cr", cr(None, None, "ambiguous"), "a claim that is ambiguous needs a quote"),
    ],
)
def test_an_invalid_reply_raises_an_error_with_the_reason(metric, reply, expected):
    with pytest.raises(ReplyError) as caught:
        read_reply(metric, reply, [SAME, DIFFERENT])
    assert expected in str(caught.value)


REPLY = drf("The clock")
LINES = json.dumps(json.loads(REPLY), indent=2)


@pytest.mark.parametrize(
    "reply",
    [
        f"Here is the JSON:\n```json\n{REPLY}\n```",
        f"Here is the JSON:\n\n{LINES}\n\nLet me know if you need more.",
        f"I checked [1] and {{2}}.\n```\n{REPLY}\n```\nAll are labelled.",
        f"```json\n{REPLY}",
        f"~~~json\n{REPLY}\n~~~",
        f"json\n{REPLY}",
        f'Draft:\n```json\n{{"claims": []}}\n```\nFinal:\n```json\n{REPLY}\n```',
        f"<|begin_of_box|>{REPLY}<|end_of_box|>",
        f"\\boxed{{{REPLY}}}",
        f"<answer>\n{REPLY}\n</answer>",
        f'◁think▷{{"claims": []}}◁/think▷{REPLY}',
        f'<think>{{"claims": []}}</think>Here it is: {REPLY}',
        f"[{REPLY}]",
        f'{{"result": {REPLY}}}',
        f'{{"thinking": "one clause", "reply": {REPLY}}}',
        f'<tool_call>{{"name": "label", "arguments": {REPLY}}}</tool_call>',
        json.dumps({"name": "label", "arguments": REPLY}),
        json.dumps(REPLY),
        REPLY.replace('"', r"\""),
        REPLY.replace('"claims"', '"Claims"').replace('"quote"', '"Quote "'),
        LINES.replace("[", r"\[").replace("]", r"\]"),
        html.escape(REPLY),
        REPLY.replace(" ", "\u00a0"),
        "\ufeff" + REPLY,
        REPLY.replace(' "', " “").replace('"', "”"),
        str(json.loads(REPLY)),
        REPLY.replace("}]", "},]"),
        REPLY.replace("}]", "} // one\n]"),
        f"{REPLY}<|im_end|>",
    ],
)
def test_a_wrapped_reply_equals_the_bare_one(reply):
    assert read_reply("drf", reply, [ANSWER]) == read_reply("drf", REPLY, [ANSWER])


def test_escaped_keys_of_a_consistency_claim_are_read():
    reply = cr("The car is red", "the car moved", "contradictory").replace("_", r"\_")
    assert read_reply("cr", f"Sure:\n{reply}", [SAME, DIFFERENT]).claims[0].label == "contradictory"


@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        (f"Here is the JSON:\n```json\n{REPLY[:-3]}\n```", "Invalid JSON"),  # a cut reply is not completed
        (f"Here it is: {REPLY}".replace("faithful", "true"), "claims.0.label"),
        (f"Here it is: {REPLY}".replace('"about"', '"topic"'), "claims.0.about: Field required"),
        (f'{{"claims": {REPLY}}}', "claims: Input should be a valid array"),
        ("The answer is {faithful}.", "Invalid JSON"),
        ("<think>" + REPLY, "EOF while parsing"),  # no reply after the reasoning
        # an answer with {"claims": []}, quoted in a reply that is cut off or damaged
        ('{"claims": [{"quote": "it says {\\"claims\\": []}', "Invalid JSON"),
        ('{"claims": [{"quote": "it says {"claims": []}", "label": "faithful", ', "Invalid JSON"),
    ],
)
def test_a_wrapped_reply_must_also_be_valid(reply, expected):
    with pytest.raises(ReplyError) as caught:
        read_reply("drf", reply, [ANSWER])
    assert expected in str(caught.value)


def test_a_lone_surrogate_in_a_reply_is_not_a_word():
    half = REPLY.replace("The clock", "The clock \\ud83d")
    assert read_reply("drf", half, [ANSWER]).claims[0].label == "faithful"
    assert read_reply("drf", f"{REPLY}\ud83d", [ANSWER]) == read_reply("drf", REPLY, [ANSWER])
    with pytest.raises(ReplyError):
        read_reply("drf", "No reply \ud83d", [ANSWER])


PIECES = [
    '{"claims": [',
    '{"quote": "',
    '"}',
    "]}",
    "```json\n",
    "```",
    "<think>",
    "</think>",
    '\\"',
    "“",
    "\ud800",
    "{",
    "[",
    "x",
]


@given(st.lists(st.one_of(st.sampled_from(PIECES), st.text(max_size=4)), max_size=20).map("".join))
@settings(max_examples=200, deadline=None)
def test_any_reply_is_valid_or_raises_reply_error(reply):
    try:
        read_reply("drf", reply, [ANSWER])
    except ReplyError as error:
        assert str(error)


@pytest.mark.parametrize("unit", ["{", "[", '{"claims": [', '{\\"', "```", "<think>", '{"a": ', "x <think> "])
def test_a_hostile_reply_of_100_kb(unit):
    with pytest.raises(ReplyError):
        read_reply("drf", unit * (100_000 // len(unit)), [ANSWER])


def test_the_reasons_of_a_reply():
    claims = [
        {"quote": "the clock", "about": "clock", "reason": "It is there.", "label": "faithful"},
        {"quote": "the car", "about": "car", "reason": "It is red.", "label": "fabrication"},
    ]
    reasons = read_reasons("drf", json.dumps({"claims": claims}))
    assert reasons == {("the clock", None): "It is there.", ("the car", None): "It is red."}
    pairs = [("red", "moved"), ("red", None), (None, "moved")]
    claims = [
        {"quote_same": one, "quote_different": other, "about": "", "reason": f"{one} {other}", "label": "ambiguous"}
        for one, other in pairs
    ]
    read = read_reasons("cr", json.dumps({"claims": claims}))
    assert read == {("red", "moved"): "red moved", ("red", None): "red None", ("moved", None): "None moved"}
    with pytest.raises(ReplyError):
        read_reasons("drf", "no JSON")

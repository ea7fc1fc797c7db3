"""The endpoint client against a real server that mimics the vendors: the outcome of each question."""

import asyncio
import gzip
import json
import time
from dataclasses import dataclass

import pytest
from fault_server import AUTHORITY, FaultServer, completion, in_company, page, reply, sent, slow, status
from waiting import PATIENCE

from spd_faith.core.errors import UserError
from spd_faith.endpoints import client as endpoint
from spd_faith.endpoints.client import Endpoint
from spd_faith.endpoints.concurrently import concurrently
from spd_faith.endpoints.entries import Prices
from spd_faith.endpoints.failures import status_failure
from spd_faith.endpoints.replies import Reply
from spd_faith.inference.entries import OpenAIModel

pytestmark = pytest.mark.slow

KEY = "sk-test/0123456789"
PRICES = Prices(input=2.5, output=10, source="made up", date="2026-01-01")


@dataclass
class Outcome:
    replies: dict[int, Reply]
    error: UserError | None
    server: FaultServer

    @property
    def requests(self) -> int:
        return len(self.server.requests)

    @property
    def reply(self) -> Reply:
        """The only one."""
        [reply] = self.replies.values()
        return reply


@pytest.fixture
def ask(tmp_path, monkeypatch):
    """Ask a scripted server a number of questions; keyword arguments change the entry."""
    monkeypatch.setattr(endpoint, "FIRST_WAIT_SECONDS", 0.01)

    def ask(script=(), questions=1, answered=0, server=None, **changes):
        if server is None:
            with FaultServer(script, seconds=0.01) as server:
                return ask(questions=questions, answered=answered, server=server, **changes)
        fields = {"base_url": server.base_url, "model": "asked-model", "key_variable": "TEST_KEY"}
        fields |= {"max_new_tokens": 64, "attempts": 3, "timeout": PATIENCE, "concurrency": 1}
        entry = OpenAIModel(backend="openai", **fields | changes)
        outcome = Outcome({}, None, server)
        with asyncio.Runner() as runner:
            client = Endpoint(entry, entry.base_url, KEY, 0.0, tmp_path / "slots", answered=answered)
            messages = [[{"role": "user", "content": f"Question {number}?"}] for number in range(questions)]

            async def work(number):
                return await client.ask(messages[number], 10, entry)

            try:
                outcome.replies.update(concurrently(runner, range(questions), work, entry.concurrency))
            except UserError as error:
                outcome.error = error
            finally:
                runner.run(client.close())
        return outcome

    return ask


def at(number, play):
    """Play this response to one question, identified by its text, however often it is asked."""
    return lambda request: play if request.text == f"Question {number}?" else None


# ---- a filter took the question or the answer ------------------------------------------------------------------------

GEMINI_BLOCKED = {"choices": [{"index": 0, "finish_reason": "content_filter: PROHIBITED_CONTENT"}]}
FILTERED = {
    "OpenAI": status(400, {"message": "Your request was rejected as a result of our safety system.", "code": None}),
    "OpenAI, code": status(403, {"message": "no", "code": "content_policy_violation"}),
    "OpenAI, reasoning": status(
        400, {"message": "Invalid prompt: flagged as potentially violating our usage policy.", "code": "invalid_prompt"}
    ),
    "Azure": status(
        400,
        {
            "message": "The prompt triggered Azure OpenAI's content management policy.",
            "code": "content_filter",
            "status": 400,
            "innererror": {"code": "ResponsibleAIPolicyViolation", "content_filter_result": {}},
        },
    ),
    "OpenRouter": status(
        403,
        {
            "code": 403,
            "message": "anthropic/claude requires moderation. Your input was flagged",
            "metadata": {"reasons": ["violence"], "flagged_input": "...", "provider_name": "Anthropic"},
        },
    ),
    "OpenRouter, under 200": sent(
        200, b'{"error": {"code": 403, "message": "flagged", "metadata": {"reasons": [], "flagged_input": ""}}}'
    ),
    "OpenRouter, raw": status(
        400,
        {
            "message": "Provider returned error",
            "code": 400,
            "metadata": {"raw": '{"error": {"message": "Output blocked by content filtering policy"}}'},
        },
    ),
    "xAI": sent(
        403,
        b'{"code": "The caller does not have permission to execute the specified operation", "error":'
        b' "Content violates usage guidelines. Team: t, Failed check: SAFETY_CHECK_TYPE_BIO"}',
    ),
    "Anthropic": status(
        400, {"type": "invalid_request_error", "message": "Output blocked by content filtering policy"}
    ),
    "Alibaba": status(400, {"code": "data_inspection_failed", "message": "Input data may contain ..."}),
    "Alibaba, through a gateway": status(
        500, {"message": "<400> InternalError.Algo.DataInspectionFailed: Input text data may contain", "code": None}
    ),
    "Alibaba, in words": status(400, {"code": None, "message": "Input data may contain inappropriate content."}),
    "Moonshot": status(
        400, {"type": "content_filter", "message": "The request was rejected because it was considered high risk"}
    ),
    "Z.AI": status(400, {"code": "1301", "message": "unsafe"}),
    "Volcengine": status(400, {"code": "InputImageSensitiveContentDetected", "message": "no"}),
    "Gemini, no message": reply("", **GEMINI_BLOCKED),
    "Gemini, message null": reply("", choices=[{"index": 0, "finish_reason": "SAFETY", "message": None}]),
    "Gemini, content null": reply({"content": None}, "content_filter"),
    "Gemini, no choices": reply("", choices=[], promptFeedback={"blockReason": "OTHER"}),
    "Gemini, choices missing": reply("", choices=None, prompt_feedback={"block_reason": "SAFETY"}),
}


@pytest.mark.parametrize("play", FILTERED.values(), ids=FILTERED.keys())
def test_a_filtered_question_is_an_answer_without_retries(ask, play):
    outcome = ask([play], prices=PRICES, max_usd=1)
    assert (outcome.reply.finish_reason, outcome.reply.text, outcome.reply.error) == ("content_filter", "", None)
    assert (outcome.requests, outcome.reply.attempts) == (1, 1)


def test_a_filter_that_counts_tokens_is_charged(ask):
    outcome = ask([FILTERED["Gemini, no message"]], prices=PRICES)
    assert outcome.reply.usd == pytest.approx(0.00035)  # (100 · 2.5 + 10 · 10) / 1e6


@pytest.mark.parametrize(
    "body",
    [
        {"message": "The caller does not have permission"},
        {"message": "Your account has been suspended for violating our policies", "code": "account_suspended"},
        {"message": "unknown field content_filter", "code": "invalid_request"},
        {
            "message": "The media format is not supported for the data inspection.",
            "code": "InvalidParameter.DataInspection",
        },
    ],
)
def test_other_refusals_are_no_filter(ask, body):
    outcome = ask([status(403, body)])
    assert (outcome.reply.finish_reason, outcome.requests) == ("error", 1)
    assert outcome.reply.error == f"403: {body['message']}"


# ---- how an answer ended ---------------------------------------------------------------------------------------------

ENDINGS = {
    "stop": "stop STOP Stop FINISH_REASON_STOP end_turn stop_sequence eos eos_token COMPLETE tool_calls function_call",
    "length": "length max_tokens MAX_TOKENS FINISH_REASON_MAX_TOKENS model_length max_output_tokens maxTokens"
    " model_context_window_exceeded ERROR_LIMIT repetition",
    "content_filter": "content_filter CONTENT_FILTER content_filtered guardrail_intervened sensitive SAFETY RECITATION"
    " PROHIBITED_CONTENT BLOCKLIST SPII LANGUAGE IMAGE_SAFETY MODEL_ARMOR ERROR_TOXIC",
    "refusal": "refusal",
}
BROKEN_OFF = [
    "error",
    "ERROR",
    "network_error",
    "abort",
    "insufficient_system_resource",
    "OTHER",
    "MALFORMED_FUNCTION_CALL",
    "FINISH_REASON_UNSPECIFIED",
    "function_call_filter: MALFORMED_FUNCTION_CALL",
    "cancelled",
]


@pytest.mark.parametrize(
    ("said", "ours"),
    [(said, ours) for ours, names in ENDINGS.items() for said in names.removeprefix("FINISH_REASON_").split()],
)
def test_every_vendors_reason_is_read(ask, said, ours):
    outcome = ask([reply("Both show a", said)])
    assert (outcome.reply.finish_reason, outcome.reply.text, outcome.requests) == (ours, "Both show a", 1)


@pytest.mark.parametrize("said", BROKEN_OFF)
def test_what_was_broken_off_is_retried_and_then_an_error(ask, said):
    outcome = ask([reply("Both sh", said)] * 3, questions=2)
    assert outcome.requests == 4
    assert (outcome.replies[0].finish_reason, outcome.replies[0].attempts) == ("error", 3)
    assert said in outcome.replies[0].error
    assert outcome.replies[1].finish_reason == "stop"


def test_an_unknown_reason_is_kept_with_its_text_and_reported_once(ask, caplog):
    outcome = ask(lambda request: reply("An answer.", "Brand_New"), questions=3)
    assert {(one.finish_reason, one.text) for one in outcome.replies.values()} == {("unknown:Brand_New", "An answer.")}
    assert len([line for line in caplog.messages if "Brand_New" in line]) == 1
    assert outcome.requests == 3


@pytest.mark.parametrize("said", ["brand_new", None, ""])
def test_no_text_and_no_known_reason_is_no_answer(ask, said):
    outcome = ask([reply({"content": None}, said)] * 3)
    assert (outcome.reply.finish_reason, outcome.requests) == ("error", 3)


def test_reasoning_that_takes_all_tokens_is_a_cut_answer(ask):
    outcome = ask([reply({"content": None, "reasoning_content": "Let me see"}, "length")])
    assert (outcome.reply.finish_reason, outcome.reply.text, outcome.reply.reasoning) == ("length", "", "Let me see")
    assert outcome.requests == 1


# ---- where the words stand -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("message", "text", "reasoning"),
    [
        ({"content": [{"type": "text", "text": "in "}, {"type": "output_text", "text": "parts"}]}, "in parts", None),
        ({"content": ["in ", "strings"]}, "in strings", None),
        ({"content": [{"type": "text", "text": None}, {"type": "image_url"}, 5, None]}, "", None),
        (
            {"content": [{"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]}, {"text": "Yes."}]},
            "Yes.",
            "hm",
        ),
        ({"content": "Yes.", "reasoning": "hm"}, "Yes.", "hm"),
        ({"content": "Yes.", "thinking": "hm"}, "Yes.", "hm"),
        ({"content": "Yes.", "reasoning_content": {"odd": 1}, "reasoning": None}, "Yes.", None),
        ({"content": "Yes.", "refusal": ""}, "Yes.", None),
        ({"content": {"type": "text", "text": "one part"}}, "one part", None),
        ({"content": {"predicted_num": 2}}, '{"predicted_num": 2}', None),  # a server that decodes JSON itself
    ],
)
def test_text_and_reasoning_are_found_wherever_they_stand(ask, message, text, reasoning):
    outcome = ask([reply(message)])
    assert (outcome.reply.text, outcome.reply.reasoning, outcome.reply.finish_reason) == (text, reasoning, "stop")


def test_the_text_of_a_plain_completion_is_read(ask):
    assert ask([reply("", choices=[{"text": "Yes.", "finish_reason": "stop"}])]).reply.text == "Yes."


def test_a_refusal_in_a_part_is_a_refusal(ask):
    outcome = ask([reply({"content": [{"type": "refusal", "refusal": "I cannot."}]})])
    assert (outcome.reply.finish_reason, outcome.reply.text) == ("refusal", "I cannot.")


@pytest.mark.parametrize(
    ("usage", "counted"),
    [
        (None, (None, None)),
        ([], (None, None)),
        ({"prompt_tokens": 100.0, "completion_tokens": 10.0, "total_tokens": None}, (100, 10)),
        ({"prompt_tokens": None, "completion_tokens": 10}, (None, 10)),
        ({"prompt_tokens": "100", "completion_tokens": True}, (None, None)),
        ({"prompt_tokens": -1, "completion_tokens": float("nan"), "total_tokens": 1e300}, (None, None)),
    ],
)
def test_tokens_are_counted_where_they_are_counts(ask, usage, counted):
    outcome = ask([sent(200, json.dumps(completion("x") | {"usage": usage}).encode())], prices=PRICES)
    assert (outcome.reply.prompt_tokens, outcome.reply.generated_tokens) == counted
    assert (outcome.reply.usd is None) is (None in counted)


BODY = json.dumps(completion("größer 兩"), ensure_ascii=False).encode()


@pytest.mark.parametrize(
    "play",
    [
        sent(200, b"\xef\xbb\xbf" + BODY),
        sent(200, BODY, "application/json; charset=iso-8859-1"),
        sent(200, BODY, "text/plain"),
        sent(200, BODY, "application/json; charset=no-such-charset"),
        sent(200, gzip.compress(BODY), Content_Encoding="gzip"),
        sent(200, b"\n\n  " + BODY),
    ],
    ids=["byte order mark", "wrong charset", "text", "unknown charset", "gzip", "blank lines"],
)
def test_json_is_utf8_whatever_stands_around_it(ask, play):
    outcome = ask([play])
    assert (outcome.reply.text, outcome.requests) == ("größer 兩", 1)


def test_another_charset_is_read_as_its_header_says(ask):
    body = json.dumps(completion("größer"), ensure_ascii=False).encode("latin-1")
    assert ask([sent(200, body, "application/json; charset=iso-8859-1")]).reply.text == "größer"


@pytest.mark.parametrize(
    "play",
    [
        sent(200, BODY, Content_Encoding="gzip"),
        sent(200, b""),
        sent(200, b"[" * 100_000),
        sent(200, b"null"),
        sent(200, b'"words"'),
        sent(200, b"[]"),
        sent(200, b'{"choices": "none"}'),
        sent(200, b'{"choices": [null]}'),
        sent(200, b'{"choices": [{"message": {"content": 7}}]}'),
        reply({"content": 7}),
        sent(200, b'{"error": {"code": Infinity, "message": "m"}}'),
        sent(200, b"\xff", "application/json; charset=undefined"),
        sent(500, b"{}", "application/json; charset=undefined"),
        sent(500, b"<html>" + b"<title>" * 100_000, "text/html"),
        sent(200, b"<!-- x -->" * 1000),
        sent(200, b"\xff\xfe{}"),
    ],
    ids=[
        *("no gzip", "empty", "deep", "null", "string", "list", "choices", "null choice", "number", "number, stop"),
        *("infinite code", "undefined charset", "undefined charset of an error", "endless titles", "comments", "bytes"),
    ],
)
def test_what_is_no_chat_completion_is_retried(ask, play):
    outcome = ask([play])
    assert (outcome.reply.error, outcome.reply.attempts, outcome.requests) == (None, 2, 2)


def test_half_of_a_surrogate_pair_is_made_writable(ask):
    play = sent(200, b'{"choices": [{"finish_reason": "stop", "message": {"content": "a \\ud83d b"}}]}')
    assert ask([play]).reply.text == "a � b"
    assert ask([sent(400, b'{"error": {"message": "a \\ud83d b"}}')]).reply.error == "400: a � b"


def test_an_unrequested_stream_is_refused_and_named(ask):
    outcome = ask(
        [sent(200, b'data: {"choices": [{"delta": {"content": "Ye"}}]}\n\ndata: [DONE]\n', "text/event-stream")]
    )
    assert (outcome.reply.finish_reason, outcome.requests) == ("error", 1)
    assert "streams its response" in outcome.reply.error


def test_a_key_that_is_escaped_in_another_way_is_not_kept(ask):
    escaped = KEY.replace("/", "\\/")
    outcome = ask([sent(200, json.dumps(completion("it is KEY")).replace("KEY", escaped).encode())])
    assert outcome.reply.text == "it is [key]"
    assert ask([sent(400, f'{{"error": "not {escaped}"}}'.encode())]).reply.error == "400: not [key]"


@pytest.mark.parametrize("said", [KEY * 3, "reason " * 5 + KEY])
def test_no_part_of_a_key_is_left_in_a_reason_that_is_cut(ask, said):
    assert "sk-" not in ask([reply("Yes.", said)]).reply.finish_reason


def test_a_key_in_the_address_of_a_redirect_is_not_shown(ask):
    outcome = ask([sent(302, b"", Location=f"/{KEY}/v1/chat/completions")])
    assert KEY not in str(outcome.error) and "set base_url to" in str(outcome.error)


# ---- one question, or the whole job ----------------------------------------------------------------------------------


@pytest.mark.parametrize("number", [0, 7, 11])
@pytest.mark.parametrize("code", [400, 403, 405, 413, 415, 422])
def test_a_refused_question_is_one_row_wherever_it_stands(ask, number, code):
    outcome = ask(at(number, status(code, {"message": "not this image"})), questions=12)
    assert outcome.error is None and outcome.requests == 12
    refused = {one: reply.error for one, reply in outcome.replies.items() if reply.error}
    assert refused == {number: f"{code}: not this image"}


@pytest.mark.parametrize(("concurrency", "most"), [(1, 10), (8, 17)])
@pytest.mark.parametrize("code", [400, 403, 422])
def test_where_every_question_is_refused_few_are_sent(ask, code, concurrency, most):
    refused = status(code, {"message": "Unknown parameter: 'temprature'."})
    outcome = ask(lambda request: refused, questions=480, concurrency=concurrency)
    assert 10 <= outcome.requests <= most
    for part in (
        "10 questions in a row were refused and none was answered",
        "'temprature'",
        "request",
        "Nothing is lost",
    ):
        assert part in str(outcome.error)


def test_refusals_among_which_some_are_answered_go_on_for_as_long_as_there_were_answers(ask):
    outcome = ask(lambda request: status(400) if request.number >= 30 else None, questions=480)
    assert outcome.requests == 30 + 30
    assert "30 questions in a row were refused\n" in str(outcome.error)
    assert len([reply for reply in outcome.replies.values() if reply.error is None]) == 30


def test_a_start_that_asks_what_was_refused_before_makes_its_rows(ask):
    outcome = ask(lambda request: status(403), questions=30, answered=450, concurrency=4)
    assert outcome.error is None and outcome.requests == len(outcome.replies) == 30
    assert ask(lambda request: status(403), questions=30, answered=3).requests == 10


def test_questions_that_fail_at_every_start_become_rows_where_they_are_few(ask):
    """Up to 2% of the answers: 12 of 1,000, as where some images always crash the server; not 12 of 300."""
    outcome = ask(lambda request: status(500), questions=12, answered=1000, attempts=2)
    assert outcome.error is None and len(outcome.replies) == 12 and outcome.requests == 24
    outcome = ask(lambda request: status(500), questions=12, answered=300, attempts=2)
    assert "10 questions in a row failed" in str(outcome.error) and outcome.requests == 20


@pytest.mark.parametrize(("code", "problem"), [(401, "the key was rejected"), (404, "no such URL or model")])
@pytest.mark.parametrize(("concurrency", "most"), [(1, 3), (8, 24)])  # retries come in 0.01 s here
def test_a_job_with_a_wrong_key_or_model_stops_early(ask, code, problem, concurrency, most):
    outcome = ask(lambda request: status(code), questions=480, concurrency=concurrency, attempts=6)
    assert 3 <= outcome.requests <= most
    for part in (outcome.server.base_url, problem, "out of order", "TEST_KEY", "asked-model", "Nothing is lost"):
        assert part in str(outcome.error)


@pytest.mark.parametrize("code", [401, 403, 404])
def test_one_such_status_after_good_answers_costs_nothing(ask, code):
    play = page(403, "Attention Required!") if code == 403 else status(code)
    outcome = ask([*[None] * 20, play], questions=30)
    assert outcome.error is None
    assert {reply.error for reply in outcome.replies.values()} == {None}
    assert outcome.requests == 31


@pytest.mark.parametrize("code", [401, 404])
def test_a_gateway_with_a_bad_node_goes_on_from_the_start(ask, code):
    """Bad nodes answer at once, models later: eight calls, three of them bad, and no answer so far."""
    refused = set()

    def script(request):
        is_bad = request.number % 3 == 0 and request.text not in refused  # or attempts could be bad again and again
        if is_bad:
            refused.add(request.text)
        return in_company(8, status(code) if is_bad else slow(0.2))

    outcome = ask(script, questions=24, concurrency=8, attempts=6)
    assert outcome.error is None
    assert {reply.error for reply in outcome.replies.values()} == {None}


def test_a_key_that_expires_ends_the_job_after_ten_questions(ask):
    outcome = ask(lambda request: status(401) if request.number >= 20 else None, questions=100, attempts=2)
    assert outcome.requests == 20 + 10 * 2
    assert "10 questions in a row failed; the key was rejected" in str(outcome.error)
    assert len([reply for reply in outcome.replies.values() if reply.error is None]) == 20


def test_what_is_in_flight_when_the_job_ends_is_kept(ask):
    def script(request):
        return in_company(4, status(402) if request.number == 3 else slow(0.3))

    outcome = ask(script, questions=50, concurrency=4)
    assert [reply.error for reply in outcome.replies.values()] == [None] * (outcome.requests - 1)
    assert 4 <= outcome.requests < 50  # 4, unless the machine takes 0.3 s to read the refusal


@pytest.mark.parametrize(
    ("error", "hint"),
    [
        (
            "Unsupported parameter: 'max_tokens' is not supported. Use 'max_completion_tokens' instead.",
            "length_field",
        ),
        ("Unrecognized request argument supplied: max_completion_tokens", "length_field"),
        ("'temperature' does not support 0 with this model. Only the default (1) value is supported.", "request"),
        ("This model's maximum context length is 4096 tokens. However, you requested 9000", "max_new_tokens"),
        ("Input token length too long", "max_new_tokens"),
        ("At most 1 image(s) may be provided in one request.", "image_layout: merged"),
        ("image exceeds 5 MB maximum: 6291456 bytes > 5242880 bytes", "images.max_side"),
        ("Invalid content type. image_url is only supported by certain models.", "accept images"),
    ],
)
def test_the_error_says_what_to_change(ask, error, hint):
    outcome = ask(lambda request: status(400, {"message": error}), questions=20)
    quoted, advice = str(outcome.error).split("\n")[1:3]
    assert error in quoted and hint in advice


def test_a_payload_that_is_too_large_is_refused_by_a_web_server_too(ask):
    outcome = ask(lambda request: page(413, "413 Request Entity Too Large"), questions=20)
    assert outcome.requests == 10 and outcome.replies[0].error == "413: a web page, '413 Request Entity Too Large'"
    assert "images.max_side" in str(outcome.error)


# ---- errors in odd places --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b'{"detail": "Not allowed"}', "Not allowed"),
        (b'{"detail": [{"loc": ["body"], "msg": "wrong"}]}', '[{"loc": ["body"], "msg": "wrong"}]'),
        (b'{"error": "in words", "error_type": "validation"}', "in words"),
        (b'{"object": "error", "message": "at the top", "code": 400}', "at the top"),
        (b'[{"error": {"code": 400, "message": "in a list", "status": "INVALID_ARGUMENT"}}]', "in a list"),
        (b"only words", "only words"),
        (b"{}", "{}"),
        (b"", ""),
    ],
)
def test_what_a_server_says_is_found_wherever_it_stands(ask, data, said):
    assert ask([sent(400, data)]).reply.error == f"400: {said}"


def test_an_endless_error_is_cut(ask):
    error = ask([status(400, {"message": "long " * 400_000})]).reply.error
    assert error.startswith("400: long long") and len(error) == 400


@pytest.mark.parametrize(
    ("error", "requests"),
    [({"code": 429, "message": "later"}, 2), ({"message": "upstream"}, 2), ({"code": 400, "message": "no"}, 1)],
)
def test_an_error_under_status_200_is_what_its_code_says(ask, error, requests):
    assert ask([sent(200, json.dumps({"error": error}).encode())]).requests == requests


def test_an_error_in_a_choice_is_what_its_code_says(ask):
    choice = {"finish_reason": "error", "message": {"content": "Bo"}, "error": {"code": 502, "message": "upstream"}}
    outcome = ask([reply("", choices=[choice])])
    assert (outcome.reply.error, outcome.requests) == (None, 2)
    choice["error"] = {"code": 402, "message": "pay"}
    assert "no credit" in str(ask([reply("", choices=[choice])]).error)


def test_a_web_page_in_place_of_answers_ends_the_job_and_names_the_proxy(ask):
    outcome = ask(lambda request: page(200, "Please log in"), questions=50, attempts=6)
    assert outcome.requests == 3
    for part in ("a web page", "Please log in", "base_url", "HTTPS_PROXY", "NO_PROXY"):
        assert part in str(outcome.error)


@pytest.mark.parametrize("play", [page(200, "Please wait"), page(502, "Bad Gateway"), page(404, "Not found")])
def test_one_web_page_is_retried(ask, play):
    outcome = ask([play])
    assert (outcome.reply.error, outcome.requests) == (None, 2)


def test_the_title_of_a_web_page_stands_for_it(ask):
    assert ask([page(502, "502 Bad\n  Gateway")] * 3).reply.error == "502: a web page, '502 Bad Gateway'"


# ---- redirects -------------------------------------------------------------------------------------------------------


def redirecting(code):
    def script(request):
        if "/new/" in request.path:
            return None
        place = "/new/v1/chat/completions?state=secret"
        return sent(code, b"", Location=place)

    return script


@pytest.mark.parametrize("code", [301, 302, 303])
def test_a_redirect_that_loses_the_question_ends_the_job_and_says_where_to(ask, code):
    outcome = ask(redirecting(code), questions=20)
    assert outcome.requests == 1
    address = outcome.server.base_url.replace("/v1", "/new/v1")
    assert f"{code}: moved to {address}/chat/completions" in str(outcome.error)
    assert f"set base_url to {address}." in str(outcome.error)
    assert "secret" not in str(outcome.error)


@pytest.mark.parametrize("code", [307, 308])
def test_a_redirect_that_keeps_the_question_is_followed(ask, code):
    outcome = ask(redirecting(code))
    assert (outcome.reply.error, outcome.reply.attempts, outcome.requests) == (None, 1, 2)


# ---- waiting and quotas ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "play",
    [
        status(429, Retry_After="0.4"),
        status(425, retry_after_ms="400"),
        status(429, {"message": "Rate limit reached. Please try again in 400ms. Visit"}),
        status(503, {"message": "Please retry in 0.4s."}),
        status(429, x_ratelimit_remaining_requests="0", x_ratelimit_reset_requests="400ms"),
        status(429, x_ratelimit_remaining_tokens="0", x_ratelimit_reset_tokens="0.4s", Retry_After="soon"),
    ],
    ids=["Retry-After", "milliseconds", "in words", "in words (Gemini)", "requests", "tokens"],
)
def test_the_wait_that_a_server_asks_for_is_found(ask, play):
    outcome = ask([play])
    assert outcome.reply.error is None
    assert 0.4 <= outcome.server.gaps[0] < 60  # 120 if the unit is misread


@pytest.mark.parametrize(
    ("headers", "said", "seconds"),
    [
        ({"retry-after": "1e9"}, "", 1e9),
        ({"retry-after": "Fri, 31 Dec 1999 23:59:59 GMT"}, "", 0.0),
        ({"retry-after": "Fri, 99 Dec 99999 23:59:59 GMT"}, "", None),
        ({}, "try again in 1h2m3.5s", 3723.5),
        ({}, "Please try again in a moment", None),
        ({"x-ratelimit-remaining-requests": "3", "x-ratelimit-reset-requests": "6m0s"}, "", None),
        ({"x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "6m0s"}, "", 360.0),
        ({"retry-after": "nan", "retry-after-ms": "inf"}, "", None),
    ],
)
def test_odd_waits(headers, said, seconds):
    body = json.dumps({"error": {"message": said}})
    assert status_failure(429, headers, body).retry_after == seconds


def test_an_absurd_wait_is_cut_to_the_longest(ask, monkeypatch):
    monkeypatch.setattr(endpoint, "LONGEST_RETRY_AFTER_SECONDS", 0.5)
    started = time.monotonic()
    asked = ask([status(429, Retry_After="1000000000")])
    assert asked.reply.attempts == 2
    assert time.monotonic() - started > 0.5


QUOTA = [
    {
        "error": {
            "code": 429,
            "message": "You exceeded your current quota, please check your plan. Please retry in 0.01s.",
            "status": "RESOURCE_EXHAUSTED",
            "details": [{"violations": [{"quotaId": "GenerateRequestsPerMinutePerProjectPerModel-FreeTier"}]}],
        }
    }
]


def test_a_quota_of_the_minute_is_waited_for_and_one_of_the_day_ends_the_job(ask):
    minute = json.dumps(QUOTA)
    assert ask([sent(429, minute.encode())]).reply.attempts == 2
    day = minute.replace("PerMinute", "PerDay")
    outcome = ask([sent(429, day.encode())], questions=20)
    assert outcome.requests == 1 and "the daily quota is used up" in str(outcome.error)
    outcome = ask([status(429, {"message": "Rate limit exceeded: free-models-per-day", "code": 429})], questions=20)
    assert outcome.requests == 1 and "the daily quota" in str(outcome.error)


# ---- connections -----------------------------------------------------------------------------------------------------


def test_a_certificate_that_is_not_trusted_ends_the_job_at_once(ask):
    with FaultServer(tls=True) as server:
        outcome = ask(server=server, questions=20, attempts=6)
    assert outcome.requests == 0 and not outcome.replies
    for part in ("its certificate is not trusted", "CERTIFICATE_VERIFY_FAILED", "SSL_CERT_FILE", "Nothing is lost"):
        assert part in str(outcome.error)


def test_a_certificate_that_is_named_is_trusted(ask, monkeypatch, tmp_path):
    AUTHORITY.cert_pem.write_to_path(tmp_path / "authority.pem")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "authority.pem"))
    with FaultServer(tls=True) as server:
        outcome = ask(server=server)
    assert outcome.error is None and outcome.reply.error is None


def test_a_server_without_tls_is_named_so(ask):
    with FaultServer() as server:
        outcome = ask(server=server, questions=20, base_url=server.base_url.replace("http:", "https:"))
    assert "it does not speak TLS" in str(outcome.error) and "http://" in str(outcome.error)


def test_an_unknown_host_stops_the_job_and_names_the_proxy(ask):
    with FaultServer() as server:
        outcome = ask(server=server, questions=20, base_url="http://no-such-host.invalid/v1")
    for part in ("its host name is unknown", "base_url", "HTTPS_PROXY"):
        assert part in str(outcome.error)


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_proxy_that_asks_for_a_login_is_named(ask, monkeypatch, scheme):
    with FaultServer(lambda request: sent(407, b"who are you?", "text/plain")) as server:
        monkeypatch.setenv(f"{scheme.upper()}_PROXY", server.base_url.removesuffix("/v1"))
        outcome = ask(server=server, questions=20, base_url=f"{scheme}://no-such-host.invalid/v1")
    for part in ("proxy", "407", "HTTPS_PROXY"):
        assert part in str(outcome.error)


@pytest.mark.parametrize(
    ("name", "value"),
    [("HTTPS_PROXY", "no-scheme://proxy:1"), ("HTTP_PROXY", "http://[::1"), ("SSL_CERT_FILE", "/no/such/file.pem")],
)
def test_a_variable_that_is_wrong_is_an_error_that_names_it(ask, monkeypatch, name, value):
    monkeypatch.setenv(name, value)
    with pytest.raises(UserError, match=name), FaultServer() as server:
        ask(server=server)

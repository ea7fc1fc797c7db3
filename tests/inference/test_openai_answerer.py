"""The answerer `openai` against a real server that fails in every way: statuses, retries, cost, bounds, and the key."""

import gc
import io
import json
import logging
import os
import signal
import subprocess
import sys
import threading
import time
import warnings
from collections.abc import Iterator

import pytest
from fault_server import (
    FaultServer,
    answer_of,
    broken_json,
    cut_off,
    cut_off_unannounced,
    dripping,
    dropped,
    echoing_headers,
    held,
    in_company,
    no_choices,
    not_json,
    overloaded_until,
    reply,
    slow,
    status,
)
from PIL import Image
from PIL.PngImagePlugin import PngInfo
from waiting import NEVER, PATIENCE, wait_until

from spd_faith.core.errors import UserError
from spd_faith.dataset.merged import split
from spd_faith.endpoints import client as endpoint
from spd_faith.endpoints.entries import Prices, SentImages
from spd_faith.endpoints.failures import CallFailure
from spd_faith.inference.entries import OpenAIModel
from spd_faith.inference.openai_answerer import OpenAIAnswerer
from spd_faith.inference.questions import Question

pytestmark = pytest.mark.slow

KEY = 'sk-very"secret\\0123456789'  # with characters that JSON and Python escape
PRICES = Prices(input=2.5, output=10, source="made up", date="2026-01-01")
# of the fault server's usage, 100 and 10 tokens: (100 · 2.5 + 10 · 10) / 1e6
USD = 0.00035


@pytest.fixture(autouse=True)
def short_waits(monkeypatch):
    monkeypatch.setattr(endpoint, "FIRST_WAIT_SECONDS", 0.01)


def png(colour, size=(56, 28)):
    file = io.BytesIO()
    Image.new("RGB", size, colour).save(file, "png")
    return file.getvalue()


def question(number=0, **changes):
    original, modified = png((number % 256, 0, 0)), png((0, number % 256, 9))
    return Question(**{"sample_id": f"easy/{number:05d}_1", "task": "same", "text": f"Question {number}?"}
                    | {"original": original, "modified": modified} | changes)  # fmt: skip


@pytest.fixture
def answerer(tmp_path):
    """An answerer that asks a server; changes are to its entry, or `key` and `spent_usd`."""

    def build(server, key=KEY, spent_usd=0.0, environment=None, **changes):
        fields = {"base_url": server.base_url, "model": "asked-model", "key_variable": "TEST_KEY"}
        fields |= {"max_new_tokens": 64, "attempts": 3, "timeout": PATIENCE, "concurrency": 4}
        entry = OpenAIModel(backend="openai", **fields | changes)
        return OpenAIAnswerer(entry, key, spent_usd, tmp_path / "slots", environment or {})

    return build


@pytest.fixture
def ask(answerer):
    """The answer to one question, and the server that was asked."""

    def ask(*script, asked=None, **changes):
        with FaultServer(script) as server:
            [(_, answer)] = answerer(server, **changes).answer([asked or question()])
        return answer, server

    return ask


# ---- what is asked ---------------------------------------------------------------------------------------------------


def test_the_request_holds_the_images_then_the_text_and_the_entrys_fields(ask):
    _, server = ask(request={"temperature": 0, "thinking": {"type": "enabled"}}, length_field="max_completion_tokens")
    [request] = server.requests
    assert request.path == "/v1/chat/completions"
    assert request.headers["authorization"] == f"Bearer {KEY}"
    assert [part["type"] for part in request.body["messages"][0]["content"]] == ["image_url", "image_url", "text"]
    assert request.text == "Question 0?"
    del request.body["messages"]
    assert request.body == {
        "model": "asked-model",
        "max_completion_tokens": 64,
        "temperature": 0,
        "thinking": {"type": "enabled"},
    }


@pytest.mark.parametrize("format", ["png", "jpeg"])
def test_images_are_sent_in_the_stated_format_no_larger_than_stated(ask, format):
    asked = question(original=png("red", (2000, 1000)), modified=png("blue", (30, 60)))
    _, server = ask(asked=asked, images=SentImages(format=format, max_side=500))
    sent = [Image.open(io.BytesIO(image)) for image in server.requests[0].images]
    assert [(image.format.lower(), image.size) for image in sent] == [(format, (500, 250)), (format, (30, 60))]
    url = server.requests[0].parts[0]["image_url"]["url"]
    assert url.startswith(f"data:image/{format};base64,")


def test_png_loses_nothing(ask):
    original = Image.effect_noise((40, 30), 90).convert("RGB")
    file = io.BytesIO()
    original.save(file, "png")
    _, server = ask(asked=question(original=file.getvalue()), images=SentImages(format="png"))
    assert Image.open(io.BytesIO(server.requests[0].images[0])).tobytes() == original.tobytes()


def test_jpeg_keeps_the_colour_of_a_single_pixel_column(ask):
    striped = Image.new("RGB", (64, 64), (128, 128, 128))
    for row in range(64):
        striped.putpixel((33, row), (255, 0, 0))
    file = io.BytesIO()
    striped.save(file, "png")
    _, server = ask(asked=question(original=file.getvalue()))
    red, green, _ = Image.open(io.BytesIO(server.requests[0].images[0])).getpixel((33, 32))
    assert red - green > 200  # with halved colours it is 130


def test_merged_images_are_sent_as_one(ask):
    asked = question(original=png("red", (100, 50)), modified=png("blue", (100, 50)))
    _, server = ask(asked=asked, image_layout="merged", images=SentImages(format="png", max_side=50))
    [image] = [Image.open(io.BytesIO(image)) for image in server.requests[0].images]
    assert image.size == (50, 50)  # stacked to 100 × 100, then reduced
    assert (image.getpixel((25, 10)), image.getpixel((25, 40))) == ((255, 0, 0), (0, 0, 255))


def test_a_pair_cut_from_a_merged_image_is_sent_as_that_image(ask):
    published = Image.effect_noise((40, 61), 90).convert("RGB")
    original, modified = split(published, "stacked")
    text = PngInfo()
    text.add_text("spd-faith-layout", "stacked")
    files = io.BytesIO(), io.BytesIO()
    original.save(files[0], "PNG")
    modified.save(files[1], "PNG", pnginfo=text)
    asked = question(original=files[0].getvalue(), modified=files[1].getvalue())
    _, server = ask(asked=asked, image_layout="merged", images=SentImages(format="png", max_side=100))
    [sent] = [Image.open(io.BytesIO(image)) for image in server.requests[0].images]
    assert sent.size == (40, 61) and sent.tobytes() == published.tobytes()


def test_a_image_that_cannot_be_read_costs_its_own_answer_alone_and_no_call(answerer):
    with FaultServer() as server:
        asked = [question(0), question(1, modified=b"no picture"), question(2)]
        answers = {q.sample_id: a for q, a in answerer(server).answer(asked)}
    assert len(server.requests) == 2
    broken = answers.pop("easy/00001_1")
    assert (broken.finish_reason, broken.attempts) == ("error", 0)
    assert broken.error.startswith("image: UnidentifiedImageError")
    assert [answer.error for answer in answers.values()] == [None, None]


def test_no_key_means_no_authorization_whatever_the_environment_holds(ask, monkeypatch):
    for name in ("OPENAI_API_KEY", "OPENAI_ADMIN_KEY", "OPENAI_ORG_ID", "OPENAI_PROJECT_ID"):
        monkeypatch.setenv(name, "meant-for-another-endpoint")
    _, server = ask(key=None, key_variable=None)
    assert "meant-for-another-endpoint" not in json.dumps(server.requests[0].headers)
    assert "authorization" not in server.requests[0].headers


def test_a_variable_replaces_the_address(answerer):
    with FaultServer() as server:
        moved = answerer(
            server,
            base_url="http://127.0.0.1:9/v1",
            base_url_variable="SERVER",
            environment={"SERVER": server.base_url + "/"},
        )
        [(_, answer)] = moved.answer([question()])
    assert answer.error is None


@pytest.mark.parametrize(
    "address",
    ["http://127.0.0.1:99999/v1", "http://[::1", "127.0.0.1:8000/v1", "ftp://host/v1", "http://", "http://a b"],
)
def test_a_variable_that_holds_no_address_is_told(answerer, address):
    with FaultServer() as server, pytest.raises(UserError, match="SERVER: not a valid URL"):
        answerer(server, base_url_variable="SERVER", environment={"SERVER": address})


# ---- what comes back -------------------------------------------------------------------------------------------------


def test_an_answer_has_its_text_tokens_cost_and_time(ask):
    answer, server = ask(slow(0.2), prices=PRICES)
    assert answer.response_text == answer_of(server.requests[0])
    assert (answer.finish_reason, answer.error, answer.attempts) == ("stop", None, 1)
    assert (answer.prompt_tokens, answer.generated_tokens) == (100, 10)
    assert answer.usd == pytest.approx(USD)
    assert 0.2 <= answer.seconds < PATIENCE
    assert (answer.reasoning_text, answer.response_token_ids, answer.batch_size) == (None, None, None)


def test_each_answer_belongs_to_its_question(answerer):
    def foretold(asked):
        return f"about {asked.text} and {asked.images[0][-40:].hex()}"

    with FaultServer(answer=foretold) as server:
        answerer = answerer(server, images=SentImages(format="png"))
        answers = list(answerer.answer(question(number) for number in range(20)))
    assert len(answers) == 20
    for asked, answer in answers:
        assert answer.response_text.startswith(f"about {asked.text} ")
    assert len({answer.response_text for _, answer in answers}) == 20


@pytest.mark.parametrize(
    ("played", "finish_reason", "text"),
    [
        (reply("a cut answ", "length"), "length", "a cut answ"),
        (reply("", "content_filter"), "content_filter", ""),
        (reply({"content": None}, "sensitive"), "content_filter", ""),
        (reply({"content": None, "refusal": "I cannot say."}), "refusal", "I cannot say."),
        (reply(""), "stop", ""),
        (reply({"content": None}), "stop", ""),
        (reply("done", None), "stop", "done"),
        (reply({"content": [{"type": "text", "text": "in "}, {"type": "text", "text": "parts"}]}), "stop", "in parts"),
        (status(400, {"message": "no", "code": "content_filter"}), "content_filter", ""),
        (status(400, {"message": "no", "innererror": {"code": "ResponsibleAIPolicyViolation"}}), "content_filter", ""),
        (status(400, {"message": "no", "code": "data_inspection_failed"}), "content_filter", ""),
        (status(403, {"message": "no", "code": "content_policy_violation"}), "content_filter", ""),
    ],
    ids=[
        "cut", "filtered answer", "filtered answer (Z.AI)", "refusal", "empty", "null", "no reason", "parts",
        "filtered question", "filtered question (Azure)", "filtered question (Alibaba)", "filtered question under 403",
    ],
)  # fmt: skip
def test_an_ending_has_its_status_and_is_no_error(ask, played, finish_reason, text):
    answer, server = ask(played)
    assert (answer.finish_reason, answer.response_text, answer.error) == (finish_reason, text, None)
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    "message",
    [
        {"content": "Yes.", "reasoning_content": "I look."},
        {"content": "Yes.", "reasoning": "I look."},
        {"content": "<think>I look.</think>\nYes."},
        {"content": "◁think▷I look.◁/think▷Yes."},
        {"content": "<think></think>Yes.", "reasoning_content": "I look."},
        {"content": "I look.</think>Yes.", "reasoning_content": "I look."},  # sent twice
    ],
)
def test_reasoning_is_told_from_the_answer_wherever_it_stands(ask, message):
    answer, _ = ask(reply(message))
    assert (answer.response_text, answer.reasoning_text) == ("Yes.", "I look.")


def test_reasoning_sent_apart_and_in_the_text_is_kept_whole(ask):
    answer, _ = ask(reply({"content": "<think>And again.</think>Yes.", "reasoning_content": "I look."}))
    assert (answer.response_text, answer.reasoning_text) == ("Yes.", "I look.\n\nAnd again.")


def test_reasoning_that_is_missing_from_the_completions_count_is_counted_and_charged(ask):
    usage = {"prompt_tokens": 100, "completion_tokens": 10, "total_tokens": 400}
    answer, _ = ask(reply("x", usage=usage), prices=PRICES)
    assert answer.generated_tokens == 300
    assert answer.usd == pytest.approx((100 * 2.5 + 300 * 10) / 1e6)


def test_without_usage_nothing_is_made_up(ask):
    answer, _ = ask(reply("x", usage=None), prices=PRICES)
    assert (answer.prompt_tokens, answer.generated_tokens, answer.usd, answer.error) == (None, None, None, None)


def test_without_prices_there_is_no_cost(ask):
    assert ask()[0].usd is None


def test_the_revision_is_what_the_endpoint_says_it_served(answerer):
    with FaultServer() as server:
        answerer = answerer(server)
        assert answerer.provenance.revision == "asked-model"
        list(answerer.answer([question()]))
    assert answerer.provenance.revision == "served-model-2026-11-24"
    assert answerer.provenance.pixel_backend == "sent 1024 jpeg"


# ---- transient faults ------------------------------------------------------------------------------------------------

FAULTS = {
    "429": status(429),
    "408": status(408),
    "409": status(409),
    "500": status(500),
    "503": status(503),
    "dropped": dropped,
    "cut off": cut_off,
    "cut off, length not announced": cut_off_unannounced,
    "broken JSON": broken_json,
    "a web page": not_json,
    "no choices": no_choices,
    "an error under status 200": reply("", choices=None, error={"message": "upstream"}),
    "no message": reply("", choices=[{"index": 0}]),
    "broken off": reply("half", "network_error"),
}


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS.keys())
def test_a_transient_fault_is_retried(ask, fault):
    answer, server = ask(fault, fault)
    assert len(server.requests) == 3
    assert (answer.error, answer.attempts) == (None, 3)
    assert answer.response_text == answer_of(server.requests[2])


STAYING = {name: fault for name, fault in FAULTS.items() if name != "a web page"}  # three of which end the job


@pytest.mark.parametrize("fault", STAYING.values(), ids=STAYING.keys())
def test_a_fault_that_stays_is_an_error_after_the_last_attempt(ask, fault):
    answer, server = ask(fault, fault, fault)
    assert len(server.requests) == 3
    assert (answer.finish_reason, answer.response_text, answer.attempts) == ("error", "", 3)
    assert answer.error


def test_what_an_error_under_status_200_says_is_kept(ask):
    answer, _ = ask(*[FAULTS["an error under status 200"]] * 3)
    assert "upstream" in answer.error


@pytest.mark.parametrize("late", [slow(30), dripping(30)], ids=["silent", "dripping"])
def test_an_answer_that_takes_too_long_is_retried(ask, late):
    answer, server = ask(late, timeout=0.5, attempts=20)  # on a slow machine, further ones may take too long
    assert answer.error is None
    assert answer.attempts == len(server.requests) > 1


def test_no_connection_is_a_fault_of_the_moment(answerer):
    with FaultServer() as server:
        pass  # no server listens on its port any more
    [(_, answer)] = answerer(server).answer([question()])
    assert (answer.finish_reason, answer.attempts) == ("error", 3)
    assert "ConnectError" in answer.error


@pytest.mark.parametrize("code", [400, 413, 422])
def test_a_refused_question_is_its_own_error_and_not_asked_again(answerer, code):
    with FaultServer([status(code, "no such field")]) as server:
        answers = list(answerer(server, concurrency=1).answer([question(0), question(1)]))
    assert [(answer.finish_reason, answer.attempts) for _, answer in answers] == [("error", 1), ("stop", 1)]
    assert answers[0][1].error.startswith(f"{code}: ")
    assert "no such field" in answers[0][1].error


# ---- waiting ---------------------------------------------------------------------------------------------------------

MISREAD = 60  # seconds: a wait in a wrong unit, or without a limit, is cut to 120


@pytest.mark.parametrize(
    ("played", "least"),
    [
        (status(429, Retry_After="1"), 1.0),
        (status(503, Retry_After="0.6"), 0.6),
        (status(429, retry_after_ms="700", Retry_After="0"), 0.7),
        (overloaded_until(2.0), 0.9),  # dates have whole seconds
    ],
    ids=["seconds", "fraction", "milliseconds", "date"],
)
def test_the_server_says_how_long_to_wait(ask, played, least):
    answer, server = ask(played)
    assert answer.error is None
    assert least <= server.gaps[0] < MISREAD


@pytest.mark.parametrize("nonsense", ["soon", "-5", "nan", "inf", ""])
def test_a_wait_that_makes_no_sense_is_passed_over(ask, nonsense):
    answer, server = ask(status(429, Retry_After=nonsense))
    assert answer.error is None
    assert server.gaps[0] < MISREAD


def test_no_wait_is_longer_than_two_minutes():
    fault = CallFailure("busy", retry_after=3600.0)
    state = endpoint.RetryCallState(None, None, (), {})
    state.set_exception((type(fault), fault, None))
    assert 120 <= endpoint._wait(state) <= 121


def test_waits_grow_from_attempt_to_attempt(ask, monkeypatch):
    monkeypatch.setattr(endpoint, "FIRST_WAIT_SECONDS", 0.1)
    _, server = ask(*[status(500)] * 3, attempts=4)
    assert [gap >= least for gap, least in zip(server.gaps, (0.1, 0.2, 0.4), strict=True)] == [True] * 3


# ---- faults of the whole job -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("played", "expected"),
    [
        (status(402), "no credit"),
        (status(429, {"message": "pay", "code": "insufficient_quota"}), "no credit"),
        (status(429, {"message": "pay", "type": "insufficient_quota"}), "no credit"),
        (status(400, {"message": "Your credit balance is too low.", "type": "invalid_request_error"}), "no credit"),
        (status(429, {"message": "Insufficient balance or no resource package", "code": "1113"}), "no credit"),
        (status(400, {"message": "Access denied.", "code": "Arrearage"}), "no credit"),
    ],
    ids=[
        "402", "quota by code", "quota by type", "credit (Anthropic)", "balance (Z.AI)",
        "arrearage (Alibaba)",
    ],
)  # fmt: skip
def test_what_no_question_can_pass_stops_the_job_and_says_what_to_do(answerer, played, expected):
    with FaultServer(lambda request: played) as server, pytest.raises(UserError) as stopped:
        list(answerer(server, concurrency=1).answer(question(number) for number in range(50)))
    assert len(server.requests) == 1
    message = str(stopped.value)
    for part in (server.base_url, expected, "TEST_KEY", "asked-model", "Nothing is lost"):
        assert part in message


def test_calls_in_flight_are_finished_and_yielded_before_a_job_stops(answerer):
    def script(request):
        return in_company(4, status(402) if request.number == 3 else slow(0.3))

    answers = []
    with FaultServer(script) as server, pytest.raises(UserError, match="no credit"):
        answers.extend(answerer(server).answer(question(number) for number in range(50)))
    assert [answer.error for _, answer in answers] == [None] * (len(server.requests) - 1)
    assert 4 <= len(server.requests) < 50  # 4, unless the machine takes 0.3 s to read the refusal


def test_an_outage_stops_the_job_after_ten_questions(answerer):
    answers = []
    with FaultServer(lambda request: status(503)) as server, pytest.raises(UserError, match="10 questions in a row"):
        answers.extend(answerer(server, concurrency=1, attempts=2).answer(question(n) for n in range(500)))
    assert len(server.requests) == 20
    assert len(answers) == 9


def test_failures_with_answers_between_are_no_outage(answerer):
    def script(request):
        return None if request.text == "Question 9?" else status(503)

    with FaultServer(script) as server:
        answers = list(answerer(server, concurrency=1, attempts=1).answer(question(n) for n in range(18)))
    assert sum(answer.error is not None for _, answer in answers) == 17


def test_refused_questions_between_do_not_hide_an_outage(answerer):
    def script(request):
        return status(400) if request.number % 2 else status(503)

    with FaultServer(script) as server, pytest.raises(UserError, match="10 questions in a row"):
        list(answerer(server, concurrency=1, attempts=1).answer(question(n) for n in range(100)))
    assert len(server.requests) == 19


def test_a_long_wait_ends_when_the_job_stops(answerer):
    def script(request):
        return (
            status(429, Retry_After="100") if request.number == 0 else slow(0.2) if request.number < 3 else status(402)
        )

    start = time.monotonic()
    with FaultServer(script) as server, pytest.raises(UserError, match="no credit"):
        list(answerer(server, concurrency=2).answer(question(n) for n in range(50)))
    assert time.monotonic() - start < PATIENCE
    assert len(server.requests) == 4  # nor is the first question asked again


# ---- dollars ---------------------------------------------------------------------------------------------------------


def charged(server):
    """What the server charges for all that it was asked, in dollars."""
    return len(server.requests) * USD


# the bound of one call: (256 + 5 + 2 · (2048 + 56 · 28 / 192)) · 2.5 + 64 · 10, in millionths
BOUND = ((256 + 11 // 2 + 2 * (2048 + 56 * 28 // 192)) * 2.5 + 640) / 1e6


def test_a_call_is_bounded_by_what_its_model_counts_for_a_image(answerer):
    with FaultServer() as server:
        # two pictures of 100,000 tokens, at 2.5 dollars a million, are the whole limit, and the words come on top
        fields = {"prices": PRICES, "max_usd": 0.5}
        with pytest.raises(UserError, match="max_usd"):
            list(answerer(server, image_tokens=100_000, **fields).answer([question()]))
        assert server.requests == []
        assert len(list(answerer(server, image_tokens=99_000, **fields).answer([question()]))) == 1


@pytest.mark.parametrize("concurrency", [1, 16])
def test_max_usd_is_never_passed_and_well_used(answerer, concurrency):
    limit, answers = 0.05, []
    with FaultServer(seconds=0.005) as server, pytest.raises(UserError, match="max_usd"):
        limited = answerer(server, prices=PRICES, max_usd=limit, concurrency=concurrency)
        answers.extend(limited.answer(question(n) for n in range(1000)))
    assert len(answers) == len(server.requests)  # nothing that was paid for is lost
    assert all(answer.error is None for _, answer in answers)
    assert limit - BOUND - USD < charged(server) <= limit


@pytest.mark.parametrize(
    "played",
    [reply("x", usage=None), cut_off, broken_json, dropped, status(504)],
    ids=["no usage", "cut off", "broken JSON", "dropped", "gateway timeout"],
)
def test_a_call_that_may_have_been_charged_counts_its_bound(answerer, played):
    limit = 10 * BOUND + 1e-9
    with FaultServer(lambda request: played) as server, pytest.raises(UserError, match="max_usd"):
        limited = answerer(server, prices=PRICES, max_usd=limit, concurrency=4, attempts=2)
        list(limited.answer(question(n) for n in range(100)))
    assert len(server.requests) == 10


@pytest.mark.parametrize("played", [status(429), status(500), status(400)], ids=["429", "500", "400"])
def test_an_error_status_counts_nothing(answerer, played):
    with FaultServer([played] * 8) as server:
        limited = answerer(server, prices=PRICES, max_usd=BOUND + 9 * USD, concurrency=1, attempts=2)
        answers = list(limited.answer(question(n) for n in range(8)))
    assert len(answers) == 8


def test_what_was_spent_before_counts_over_all_that_a_backend_asks(answerer):
    with FaultServer() as server:
        limited = answerer(server, prices=PRICES, max_usd=0.1, spent_usd=0.1 - BOUND - USD / 2)
        assert len(list(limited.answer([question(0)]))) == 1
        with pytest.raises(UserError, match="max_usd"):
            list(limited.answer([question(1)]))
    assert len(server.requests) == 1


# ---- bounds over jobs ------------------------------------------------------------------------------------------------

JOB = """
import json, sys
from pathlib import Path
sys.path.insert(0, sys.argv[4])
from test_openai_answerer import question
from spd_faith.inference.entries import OpenAIModel
from spd_faith.inference.openai_answerer import OpenAIAnswerer
entry = OpenAIModel(
    backend="openai", base_url=sys.argv[1], model="m", max_new_tokens=64, concurrency=int(sys.argv[3]), timeout=600
)
answerer = OpenAIAnswerer(entry, None, 0.0, Path(sys.argv[2]))
print("ready", flush=True)
answers = list(answerer.answer(question(number) for number in range(12)))
print(sum(answer.error is None for _, answer in answers))
"""


@pytest.fixture
def start_job(tmp_path):
    jobs = []

    def start(server, concurrency):
        here = os.path.dirname(__file__)  # noqa: PTH120
        command = [sys.executable, "-c", JOB, server.base_url, str(tmp_path / "slots"), str(concurrency), here]
        environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
        jobs.append(subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True))
        return jobs[-1]

    yield start
    for job in jobs:
        job.kill()
        job.wait()


def test_one_process_keeps_as_many_calls_in_flight_as_it_may(answerer):
    with FaultServer(lambda request: in_company(5, slow(0.02))) as server:
        list(answerer(server, concurrency=5).answer(question(n) for n in range(20)))
    assert server.most_in_flight == 5


def test_two_processes_together_keep_no_more_in_flight(start_job):
    both_ready = threading.Event()
    with FaultServer(lambda request: held(both_ready)) as server:
        jobs = [start_job(server, concurrency=3) for _ in range(2)]
        assert [job.stdout.readline() for job in jobs] == ["ready\n"] * 2
        wait_until(lambda: server.in_flight == 3)
        time.sleep(0.5)  # for a fourth, which must not come
        both_ready.set()
        assert [job.communicate(timeout=PATIENCE)[0] for job in jobs] == ["12\n"] * 2
    assert len(server.requests) == 24
    assert server.most_in_flight == 3


def test_a_killed_job_leaves_the_whole_bound_to_others(start_job, answerer):
    with FaultServer(lambda request: slow(NEVER) if is_of_a_job(request) else None) as server:
        job = start_job(server, concurrency=4)
        wait_until(lambda: len(server.requests) == 4)
        os.kill(job.pid, signal.SIGKILL)
        job.wait()
        assert answered_meanwhile(answerer(server, concurrency=4), range(8)) == [None] * 8


def is_of_a_job(request):
    return "authorization" not in request.headers


def answered_meanwhile(answerer, numbers):
    """The errors of answers, which nothing may hold up: not a job that has the slots, or whoever had them."""
    errors = []
    thread = threading.Thread(
        target=lambda: errors.extend(answer.error for _, answer in answerer.answer(question(n) for n in numbers)),
        daemon=True,
    )
    thread.start()
    thread.join(PATIENCE)
    assert not thread.is_alive(), "the questions wait"
    return errors


def test_a_call_that_backs_off_holds_no_slot(start_job, answerer):
    backing_off = status(429, Retry_After="600")
    with FaultServer(lambda request: backing_off if is_of_a_job(request) else None) as server:
        start_job(server, concurrency=1)
        wait_until(lambda: server.requests)
        assert answered_meanwhile(answerer(server, concurrency=1), [0]) == [None]
        assert len(server.requests) == 2


def test_a_call_that_waits_for_dollars_holds_no_slot(answerer):
    others_answered = threading.Event()
    with FaultServer(lambda request: held(others_answered) if request.number == 0 else None) as server:
        first = answerer(server, concurrency=2, prices=PRICES, max_usd=1.5 * BOUND)  # one call at a time
        waiting = threading.Thread(target=lambda: list(first.answer([question(0), question(1)])))
        waiting.start()
        wait_until(lambda: server.requests)
        assert answered_meanwhile(answerer(server, concurrency=2), [2]) == [None]
        assert len(server.requests) == 2
        others_answered.set()
        waiting.join()
    assert len(server.requests) == 3


def test_questions_are_read_no_further_than_the_calls_in_flight(answerer):
    read = []

    def questions() -> Iterator[Question]:
        for number in range(30):
            read.append(number)
            yield question(number)

    with FaultServer() as server:
        for answered, _ in enumerate(answerer(server, concurrency=3).answer(questions())):
            assert len(read) <= answered + 3


def test_a_caller_that_goes_away_leaves_no_call_and_no_thread(answerer):
    threads = set(threading.enumerate())
    with FaultServer(lambda request: in_company(3, slow(0 if request.number == 0 else 30))) as server:
        of_server = set(threading.enumerate()) - threads
        answers = answerer(server, concurrency=3).answer(question(n) for n in range(30))
        next(answers)
        answers.close()
        assert server.in_flight == 2  # neither was waited for
        ours = {thread for thread in threading.enumerate() if "process_request_thread" not in thread.name}
        assert ours <= threads | of_server
        time.sleep(0.2)  # for what could still be on its way
        assert len(server.requests) == 3


def test_connections_are_closed(answerer):
    with FaultServer() as server, warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", ResourceWarning)
        list(answerer(server).answer(question(n) for n in range(8)))
        gc.collect()
    assert not [warning for warning in caught if "transport" in str(warning.message)]


# ---- the key ---------------------------------------------------------------------------------------------------------


def forms(key):
    return {key, json.dumps(key)[1:-1], repr(key)[1:-1], key[:12]}


@pytest.mark.parametrize("code", [400, 429, 500])
def test_a_key_that_the_server_echoes_reaches_no_answer_and_no_log(ask, caplog, code):
    caplog.set_level(logging.DEBUG, logger="spd_faith")
    answer, server = ask(*[echoing_headers(code)] * 3)
    assert server.requests[0].headers["authorization"] == f"Bearer {KEY}"
    assert "[key]" in answer.error
    shown = repr(answer) + answer.error + caplog.text
    assert not [form for form in forms(KEY) if form in shown]


def test_a_key_that_the_server_echoes_reaches_no_error(answerer):
    with FaultServer(lambda request: echoing_headers(401)) as server, pytest.raises(UserError) as stopped:
        list(answerer(server).answer([question()]))
    assert "[key]" in str(stopped.value)
    assert not [form for form in forms(KEY) if form in str(stopped.value)]
    assert stopped.value.__cause__ is None


def test_a_key_that_stands_in_an_answer_is_not_kept(ask):
    answer, _ = ask(reply({"content": f"Your key is {KEY}.", "reasoning_content": KEY}, model=KEY))
    assert answer.response_text == "Your key is [key]."
    assert answer.reasoning_text == "[key]"


def test_a_placeholder_for_a_key_does_not_change_an_answer(ask):
    answer, _ = ask(reply("The plate is EMPTY."), key="EMPTY")
    assert answer.response_text == "The plate is EMPTY."


@pytest.mark.parametrize("key", ["", "sk-0123456789\n", "sk 0123456789", "sk-012345678ä"])
def test_a_key_that_no_header_can_carry_is_told_without_being_shown(answerer, key):
    with FaultServer() as server, pytest.raises(UserError, match="TEST_KEY: not a valid API key") as stopped:
        list(answerer(server, key=key).answer([question()]))
    assert not server.requests
    assert "012345678" not in str(stopped.value)

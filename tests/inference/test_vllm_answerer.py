"""The backend `vllm`, in front of a fake engine: what it asks, checks, keeps and reports.

`tests/engine` asks a real one.
"""

import base64
import json
import os
import signal
import subprocess
import sys
from contextlib import suppress
from io import BytesIO
from pathlib import Path

import pytest
from loading import load_answerer
from PIL import Image
from pydantic import ValidationError
from waiting import COMMAND_SECONDS, wait_until

import spd_faith
from spd_faith.core.entries import identity
from spd_faith.core.errors import UserError
from spd_faith.core.journal import Journal
from spd_faith.inference.backends import open_vllm
from spd_faith.inference.engine_sessions import Sessions, joint_with_sums
from spd_faith.inference.entries import TransformersModel, VllmModel
from spd_faith.inference.questions import Question, QuestionKey
from spd_faith.inference.responses import ask_missing

pytestmark = pytest.mark.usefixtures("one_thread")

FAKE = Path(__file__).parents[1] / "fake_engine.py"
TASKS = {"describe": "What differs?", "same": "Are they the same?", "different": "Are they different?"}
WHITE, GREY = (255, 255, 255), (90, 90, 90)
GREEDY = {  # every field that a checkpoint's generation_config.json could fill in, by vLLM's documentation
    "temperature": 0.0,
    "top_p": 1.0,
    "top_k": 0,
    "min_p": 0.0,
    "repetition_penalty": 1.0,
    "presence_penalty": 0.0,
    "frequency_penalty": 0.0,
    "min_tokens": 0,
    "max_tokens": 3,
}


def png(size, colour):
    file = BytesIO()
    Image.new("RGB", size, colour).save(file, "png")
    return file.getvalue()


def questions_about(names, size=(56, 84)):
    return [
        Question(name, task, text, png(size, WHITE), png(size, GREY)) for name in names for task, text in TASKS.items()
    ]


@pytest.fixture
def entry(tiny_checkpoint):
    def make(**fields):
        plain = {"backend": "vllm", "model": str(tiny_checkpoint), "dtype": "float32", "max_new_tokens": 3, "parity": 0}
        return VllmModel.model_validate(plain | {"command": f"{sys.executable} {FAKE}", **fields})

    return make


@pytest.fixture(scope="module")
def expected(tiny_checkpoint):
    """Prompt tokens by task, and the answers of the transformers backend to the pair `a`."""
    fields = {"backend": "transformers", "model": str(tiny_checkpoint), "dtype": "float32", "max_new_tokens": 3}
    answerer = load_answerer(TransformersModel.model_validate(fields))
    asked = questions_about("a")
    images = Image.new("RGB", (56, 84), WHITE), Image.new("RGB", (56, 84), GREY)
    prompts = {one.task: answerer.builder.build([(one.text, *images)])["input_ids"][0].tolist() for one in asked}
    return prompts, {question.task: answer for question, answer in answerer.answer(asked)}


@pytest.fixture
def canned(tmp_path, monkeypatch, expected):
    """Makes the fake engine give the answers of the transformers backend, with `changes` by task."""

    def write(changes=None):
        prompts, answers = expected
        lines = [
            {"question": TASKS[task], "token_ids": answer.response_token_ids, "prompt_token_ids": prompts[task]}
            | {"finish_reason": answer.finish_reason, **(changes or {}).get(task, {})}
            for task, answer in answers.items()
        ]
        (tmp_path / "answers.json").write_text(json.dumps(lines))
        monkeypatch.setenv("FAKE_ENGINE_ANSWERS", str(tmp_path / "answers.json"))
        monkeypatch.setenv("FAKE_ENGINE_REQUESTS", str(tmp_path / "requests.jsonl"))

    return write


def requests(folder):
    return [json.loads(line) for line in (folder / "requests.jsonl").read_text().splitlines()]


def sent_images(request):
    parts = request["messages"][0]["content"]
    urls = [part["image_url"]["url"] for part in parts if part["type"] == "image_url"]
    assert [part["type"] for part in parts] == ["image_url"] * len(urls) + ["text"]
    return [Image.open(BytesIO(base64.b64decode(url.removeprefix("data:image/png;base64,")))) for url in urls]


def test_it_answers_with_the_tokens_of_the_engine_and_states_all_of_greedy_decoding(entry, canned, expected, tmp_path):
    canned()
    with open_vllm(entry(options={"max_model_len": 512}), tmp_path / "journal", 1) as answerer:
        found = {(one.sample_id, one.task): answer for one, answer in answerer.answer(iter(questions_about("ab")))}
        provenance = answerer.provenance.to_json()
    assert len(found) == 6
    for (_, task), answer in found.items():
        reference = expected[1][task]
        assert (answer.response_text, answer.response_token_ids) == (
            reference.response_text,
            reference.response_token_ids,
        )
        assert (answer.finish_reason, answer.prompt_tokens) == (reference.finish_reason, reference.prompt_tokens)
    for request in requests(tmp_path):
        assert {name: request[name] for name in GREEDY} == GREEDY
        assert request["return_token_ids"] is True
        # this checkpoint names no other end than the tokenizer's, so an engine must not add its own
        assert (request["ignore_eos"], request["stop"]) == (True, [])
        assert request["stop_token_ids"]
    assert provenance["vllm"] == "0.0.fake"
    assert json.loads(provenance["engine_options"]) == {"max_model_len": 512}
    assert (provenance["device"], provenance["tensor_parallel_size"], provenance["revision"]) == ("cpu", "1", "local")
    command = next((tmp_path / "journal/engine").glob("*.log")).read_text()
    assert "loading" in command


def test_the_questions_of_a_pair_share_its_images_and_the_hits_are_kept(entry, canned, tmp_path):
    canned()
    with open_vllm(entry(), tmp_path / "journal", 1) as answerer:
        list(answerer.answer(iter(questions_about("a"))))
    first, *others = [sorted(map(hash, map(Image.Image.tobytes, sent_images(one)))) for one in requests(tmp_path)]
    assert others == [first, first]
    kept = joint_with_sums([Sessions(tmp_path / "journal", identity(entry())).kept()])
    assert kept["engine_starts"] == 1
    assert kept["image_cache"] == "4 of 6 images"  # two images in three questions; the fake finds what it has seen


@pytest.mark.parametrize(
    ("layout", "budget", "size", "shown"),
    [
        ("pair", None, (56, 84), [(56, 84), (56, 84)]),
        # Qwen2-VL's rule for 28 × 28 pixels a token, by hand: 1000 × 700 has to fit 100 × 784 = 78,400 pixels;
        # √(700,000 / 78,400) = 2.988; ⌊1000 / 2.988 / 28⌋ = 11, ⌊700 / 2.988 / 28⌋ = 8
        ("pair", {"min_pixels": 784, "max_pixels": 78400}, (1000, 700), [(308, 224), (308, 224)]),
        ("merged", None, (56, 84), [(112, 84)]),  # not wider than high: side by side
    ],
)
def test_images_are_sent_as_the_model_sees_them(entry, layout, budget, size, shown, tmp_path, canned, monkeypatch):
    canned()
    made = entry(image_layout=layout, pixel_budget=budget)
    with open_vllm(made, tmp_path / "journal", 1) as answerer:
        monkeypatch.setattr(
            answerer, "_check_prompts", lambda replies, prompts: True
        )  # the fake's prompts are of another size
        list(answerer.answer(iter(questions_about("a", size)[:1])))
    (request,) = requests(tmp_path)
    assert [image.size for image in sent_images(request)] == shown
    colours = {image.getpixel((2, 2)) for image in sent_images(request)}
    assert colours == ({WHITE, GREY} if layout == "pair" else {WHITE})


def test_another_prompt_stops_before_an_answer_is_kept(entry, canned, expected, tmp_path):
    prompts, _ = expected
    cropped = [*prompts["same"][:3], *prompts["same"][4:]]
    canned({"same": {"prompt_token_ids": cropped}})
    asked = questions_about("ab")
    keys = [QuestionKey(one.sample_id, one.task, "p", f"{one.sample_id}{one.task}") for one in asked]
    with (
        Journal(tmp_path / "journal") as journal,
        pytest.raises(
            UserError, match=r"asks another question.*a, same: (\d+) prompt tokens instead of (\d+)"
        ) as raised,
        open_vllm(entry(), tmp_path / "journal", 1) as answerer,
    ):
        ask_missing(keys, lambda _: iter(asked), answerer, journal, "m")
    assert f"{len(cropped)} prompt tokens instead of {len(cropped) + 1}" in str(raised.value)
    assert Journal(tmp_path / "journal").read() == {}


def test_an_engine_without_room_for_an_answer_is_asked_nothing(entry, canned, expected, tmp_path):
    canned()
    longest = max(map(len, expected[0].values()))
    with (
        pytest.raises(UserError, match=rf"set it to {longest + 3} or more"),
        open_vllm(entry(options={"max_model_len": longest + 2}), tmp_path / "journal", 1) as answerer,
    ):
        by_length = sorted(questions_about("a"), key=lambda question: -len(expected[0][question.task]))
        list(answerer.answer(iter(by_length)))
    assert not (tmp_path / "requests.jsonl").exists()
    with pytest.raises(ValidationError, match="must hold the prompt and max_new_tokens"):
        entry(options={"max_model_len": 3})
    with pytest.raises(ValidationError, match=r"--tensor-parallel-size: set by resources\.gpu"):
        entry(command="vllm serve --tensor-parallel-size 2")


def test_answers_that_the_engine_cuts_are_counted_in_a_warning(entry, canned, tmp_path, caplog):
    canned({"same": {"token_ids": [7, 7], "finish_reason": "length"}})
    with open_vllm(entry(), tmp_path / "journal", 1) as answerer:
        list(answerer.answer(iter(questions_about("ab"))))
    assert "2 answers were cut before max_new_tokens" in caplog.text


def test_an_engine_that_dies_ends_the_job_with_its_last_lines_and_loses_nothing(entry, canned, tmp_path, monkeypatch):
    canned()
    asked = questions_about("abcd")
    keys = [QuestionKey(one.sample_id, one.task, "p", f"{one.sample_id}{one.task}") for one in asked]

    def ask(dies_after):
        monkeypatch.setenv("FAKE_ENGINE_DIES_AFTER", dies_after)

        def read(ids):
            wanted = set(ids)
            return (one for one in asked if one.id in wanted)

        with (
            Journal(tmp_path / "journal") as journal,
            open_vllm(entry(concurrency=1), tmp_path / "journal", 1) as answerer,
        ):
            return ask_missing(keys, read, answerer, journal, "m")

    with pytest.raises(UserError, match="the engine ended with exit code 1 while it answered") as raised:
        ask("5")
    assert "the fake engine dies: 1" in str(raised.value)
    assert "Nothing is lost" in str(raised.value)
    assert len(Journal(tmp_path / "journal").read()) == 5
    (tmp_path / "requests.jsonl").unlink()
    assert len(ask("").answered) == 12
    assert len(requests(tmp_path)) == 7


def test_an_engine_without_token_ids_is_refused(entry, canned, tmp_path):
    canned({task: {"token_ids": None} for task in TASKS})
    with (
        pytest.raises(UserError, match=r"returns no token ids.*vLLM 0\.10\.2"),
        open_vllm(entry(), tmp_path / "journal", 1) as answerer,
    ):
        list(answerer.answer(iter(questions_about("a"))))


def test_an_engine_without_prompt_tokens_is_refused(entry, canned, tmp_path):
    canned({task: {"prompt_token_ids": []} for task in TASKS})
    with (
        pytest.raises(UserError, match=r"returns no token ids of prompts.*vLLM 0\.10\.2"),
        open_vllm(entry(), tmp_path / "journal", 1) as answerer,
    ):
        list(answerer.answer(iter(questions_about("a"))))


@pytest.mark.parametrize("variable", ["SSL_CERT_FILE", "HTTP_PROXY", "ALL_PROXY"])
def test_the_settings_for_other_servers_do_not_reach_the_engine(entry, canned, tmp_path, monkeypatch, variable):
    canned()
    monkeypatch.setenv(variable, "/no/such/file.pem" if variable == "SSL_CERT_FILE" else "http://127.0.0.1:9")
    with open_vllm(entry(), tmp_path / "journal", 1) as answerer:
        assert {answer.error for _, answer in answerer.answer(iter(questions_about("a")))} == {None}


def test_parity_counts_the_answers_that_equal_those_of_the_transformers_backend(entry, canned, tmp_path):
    canned({"different": {"token_ids": [7, 7, 7]}})
    with open_vllm(entry(parity=1), tmp_path / "journal", 1) as answerer:
        list(answerer.answer(iter(questions_about("ab"))))
    kept = Sessions(tmp_path / "journal", identity(entry())).kept()
    assert joint_with_sums([kept])["parity"] == "2 of 3 answers equal"
    assert Sessions(tmp_path / "journal", identity(entry(generation=2))).kept() == {}  # another entry's


def test_parity_is_not_measured_for_weights_that_the_transformers_backend_would_not_load(entry, canned, tmp_path):
    canned()
    with open_vllm(entry(parity=1, quantization="fp8"), tmp_path / "journal", 1) as answerer:
        list(answerer.answer(iter(questions_about("a"))))
        assert json.loads(answerer.provenance.to_json()["engine_options"]) == {"quantization": "fp8"}
    kept = joint_with_sums([Sessions(tmp_path / "journal", identity(entry(quantization="fp8"))).kept()])
    assert kept["parity"].startswith("not measured: ")
    assert not entry(quantization="fp8").can_be_probed
    with pytest.raises(UserError, match="quantizes the weights"):
        entry(quantization="fp8").as_transformers()
    assert entry().can_be_probed


PARITY_JOB = """
import signal, string, sys
from spd_faith.inference.entries import VllmModel
from spd_faith.inference.answers import failed
from spd_faith.inference.parity import count_equal
from test_vllm_answerer import questions_about

if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))  # as in a job with an engine
    fields = {"backend": "vllm", "model": sys.argv[1], "dtype": "float32", "max_new_tokens": 4000}
    asked = [(one, failed("")) for one in questions_about(string.ascii_letters)]
    count_equal(VllmModel.model_validate(fields), asked, 1)
"""


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_the_process_of_the_parity_check_ends_with_the_job(tiny_checkpoint, tmp_path, number):
    (tmp_path / "job.py").write_text(PARITY_JOB)
    folders = [Path(spd_faith.__file__).parents[1], Path(__file__).parent, Path(__file__).parents[1]]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, folders))}
    job = subprocess.Popen([sys.executable, tmp_path / "job.py", tiny_checkpoint], env=environment)

    def asking():
        children = Path(f"/proc/{job.pid}/task/{job.pid}/children").read_text().split()
        return [one for one in children if b"spawn_main" in command_of(one)]

    (process,) = wait_until(asking, seconds=COMMAND_SECONDS)
    job.send_signal(number)
    assert job.wait(COMMAND_SECONDS) in (-number, 128 + number)
    wait_until(lambda: not command_of(process))  # its 156 answers take minutes


def command_of(process):
    """Empty once it ended, also for one that nobody waited for."""
    with suppress(OSError):
        return Path("/proc", process, "cmdline").read_bytes()
    return b""


def test_a_missing_command_says_what_to_do(entry, tmp_path):
    with (
        pytest.raises(UserError, match="command was not found: install the engine in an environment of its own"),
        open_vllm(entry(command="no-such-vllm serve"), tmp_path / "journal", 1),
    ):
        pass


def test_nothing_is_left_in_the_environment(entry, canned, tmp_path):
    canned()
    before = dict(os.environ)
    with open_vllm(entry(), tmp_path / "journal", 1):
        pass
    assert dict(os.environ) == before

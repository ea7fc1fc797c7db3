"""How a judge asks each kind of server for JSON, and that the replies are read."""

import json

import pytest
from fault_server import FaultServer
from judging.paid_judge import Judged, answers_of, honest, metric_of, write_answers, write_pairs

from spd_faith.core.entries import identity
from spd_faith.judging.entries import OpenAIJudge
from spd_faith.judging.judge_replies import reply_schema
from spd_faith.judging.structured_output import STRUCTURED_OUTPUTS

SCHEMA = {metric: reply_schema(metric)[1] for metric in ("drf", "cr")}
SENT = {
    "json_schema": lambda metric: {
        "response_format": {
            "type": "json_schema",
            "json_schema": {"name": f"{metric}_claims", "strict": True, "schema": SCHEMA[metric]},
        }
    },
    "json_object_schema": lambda metric: {"response_format": {"type": "json_object", "schema": SCHEMA[metric]}},
    "structured_outputs": lambda metric: {"structured_outputs": {"json": SCHEMA[metric]}},
    "guided_json": lambda metric: {"guided_json": SCHEMA[metric]},
    "json_object": lambda metric: {"response_format": {"type": "json_object"}},
    "none": lambda metric: {},
}
USUAL = {"model", "messages", "max_tokens", "temperature", "seed"}


def small_model(request):
    """What small models without a grammar reply: reasoning and words around a fence."""
    return f"<think>Hm.</think>Sure! Here is the JSON:\n```json\n{honest(request)}\n```\nLet me know!"


@pytest.fixture
def judged(tmp_path):
    write_pairs(tmp_path, 1)
    write_answers(tmp_path, "model", [answers_of(0)])
    return Judged(tmp_path)


def test_every_way_is_tested():
    assert set(SENT) == set(STRUCTURED_OUTPUTS)


@pytest.mark.parametrize("prompt", ["full", "short"])
@pytest.mark.parametrize("way", SENT)
def test_what_is_sent_and_what_is_read(judged, way, prompt):
    with FaultServer(answer=small_model if way in ("json_object", "none") else honest) as server:
        judged.run(server, structured_output=way, prompt=prompt, images=None)
    for request in server.requests:
        further = {name: value for name, value in request.body.items() if name not in USUAL}
        assert further == SENT[way](metric_of(request))
    rows = judged.rows()
    assert [(rows[0, metric]["status"], rows[0, metric]["score"]) for metric in ("drf", "cr")] == [
        ("ok", 0.5),
        ("ok", pytest.approx(2 / 3)),
    ]


def test_the_default_way_and_prompt_leave_stored_replies_valid_and_others_do_not(judged):
    entry = {"judge": "openai", "base_url": "https://x.org", "max_new_tokens": 512}
    default = identity(OpenAIJudge(**entry))
    assert not {"structured_output", "prompt"} & set(default)
    assert identity(OpenAIJudge(**entry, structured_output="none", prompt="short")) == default | {
        "structured_output": "none",
        "prompt": "short",
    }
    with FaultServer(answer=honest) as server:
        judged.run(server, images=None)
        judged.run(server, images=None)
        assert len(server.requests) == 2
        judged.run(server, images=None, structured_output="json_object")
        assert len(server.requests) == 4
        judged.run(server, images=None, prompt="short")
        assert len(server.requests) == 6


def test_an_unenforced_form_is_asked_for_again_with_the_error(judged):
    def form_on_second_asking(request):
        again = len(request.body["messages"]) > 2
        return honest(request) if again else json.dumps({"claims": [{"quote": "The car changed"}]})

    with FaultServer(answer=form_on_second_asking) as server:
        judged.run(server, structured_output="none", images=None)
    assert {row["status"] for row in judged.rows().values()} == {"ok"}
    assert len(server.requests) == 4
    assert "claims.0." in server.requests[-1].body["messages"][-1]["content"]

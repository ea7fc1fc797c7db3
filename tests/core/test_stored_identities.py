"""Identities and keys of version 0.1 stay what they are: results under them are found again, and nothing is repaid.

A journal keeps answers under a hash of the entry's identity, so a field that is renamed keeps its old name there, and
a new field is left out of the identity at its default. `tests/golden/identities.json` holds what version 0.1 made of
the shipped entries; an entry that is changed on purpose is changed there too.
"""

import json
from pathlib import Path

import pytest

from spd_faith.core.entries import identity
from spd_faith.inference.entries import MODELS
from spd_faith.inference.prompts import load_prompts
from spd_faith.inference.questions import question_keys
from spd_faith.judging.endpoint_judgements import EndpointJudgements
from spd_faith.judging.judge import ModelAnswers
from spd_faith.judging.judge_prompts import judge_requests, load_judge_prompts
from spd_faith.registry import REGISTRY

ROOT = Path(__file__).parents[2]
GOLDEN = json.loads((ROOT / "tests/golden/identities.json").read_text())
PAIR = {"sample_id": "easy/00000_1", "original_sha256": "0" * 64, "modified_sha256": "f" * 64}


@pytest.mark.parametrize("registry", ["datasets", "models", "judges"])
def test_identities_are_those_of_version_0_1(registry: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(ROOT)
    entries = getattr(REGISTRY, registry).load(Path(f"config/{registry}.yaml"))
    found = {name: json.loads(json.dumps(identity(entry))) for name, entry in entries.items()}
    assert {name: found.get(name) for name in GOLDEN[registry]} == GOLDEN[registry]


def test_keys_of_questions_are_those_of_version_0_1(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(ROOT)
    prompts = load_prompts(Path("resources/prompts"))
    entries = MODELS.load(Path("config/models.yaml"))
    for name, expected in GOLDEN["question_keys"].items():
        questions = question_keys([PAIR], prompts, identity(entries[name]))
        assert {question.task: question.key for question in questions} == expected, name


@pytest.mark.parametrize("shown", ["with images", "without images"])
def test_keys_of_judge_replies_are_those_of_version_0_1(shown: str, monkeypatch: pytest.MonkeyPatch):
    """Of the shipped judge `gpt-4o`: first and second times of judging, first and second asking."""
    monkeypatch.chdir(ROOT)
    golden = json.loads((ROOT / "tests/golden/judge_reply_keys.json").read_text())
    sample = golden["sample"]
    entry = REGISTRY.judges.load(Path("config/judges.yaml"))["gpt-4o"].model_copy(update={"repeats": 2})
    if shown == "without images":
        entry = entry.model_copy(update={"images": None})
    responses = {
        (sample["sample_id"], task): {"response_text": text, "finish_reason": "stop"}
        for task, text in golden["answers"].items()
    }
    answers = ModelAnswers("m", [sample], responses, {}, {sample["sample_id"]: tuple(golden["image_shas"])})
    judgements = EndpointJudgements(entry, {})
    found = {
        metric: [
            {"repeat": request.repeat, "again": again, "key": judgements.key(request, again)}
            for request in repeats
            for again in (False, True)
        ]
        for _, metric, repeats in judge_requests(entry, load_judge_prompts(Path("resources/prompts")), answers)
    }
    assert found == golden["keys"][shown]

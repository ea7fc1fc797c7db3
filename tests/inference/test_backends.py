"""What answers for an entry is opened when there is something to ask, and its engine is imported no sooner."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from spd_faith.core.errors import UserError
from spd_faith.inference.backends import Job, open_answerer
from spd_faith.inference.entries import OpenAIModel, ResponsesFileModel

ROOT = Path(__file__).parents[2]
FIELDS = {"backend": "openai", "base_url": "http://127.0.0.1:9/v1", "model": "m", "max_new_tokens": 5}


@pytest.fixture
def job(tmp_path):
    return Job(tmp_path / "journal", tmp_path / "slots")


def test_an_endpoint_answers_under_the_entrys_name(job):
    with open_answerer("far", OpenAIModel(**FIELDS), job) as answerer:
        provenance = answerer.provenance.to_json()
    assert list(provenance) == ["model", "dtype", "pixel_backend", "endpoint", "openai", "revision"]
    assert provenance["endpoint"] == FIELDS["base_url"]
    assert provenance["revision"] == "m"


def test_a_key_that_is_not_set_is_named(job, monkeypatch):
    monkeypatch.delenv("FAR_KEY", raising=False)
    with (
        pytest.raises(UserError, match="m: no API key; set the environment variable FAR_KEY"),
        open_answerer("far", OpenAIModel(**FIELDS, key_variable="FAR_KEY"), job),
    ):
        pass


def test_answers_made_elsewhere_are_not_asked_for(job):
    entry = ResponsesFileModel(backend="responses_file", path="answers.json")
    with pytest.raises(UserError, match="theirs: the backend responses_file cannot run a model"):
        open_answerer("theirs", entry, job)


def test_no_engine_is_imported_before_it_is_asked():
    code = "import sys, spd_faith.inference.backends; print({'torch', 'transformers', 'openai'} & set(sys.modules))"
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "workflow_scripts")}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"

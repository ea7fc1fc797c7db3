"""The commit of a model from the hub is recorded, and a branch that moves is noticed."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from waiting import COMMAND_SECONDS

ROOT = Path(__file__).parents[2]
FIRST, SECOND = "1" * 40, "a" * 40
CODE = """
import json, sys
from spd_faith.inference.entries import TransformersModel
from spd_faith.inference.checkpoint import load_checkpoint
from spd_faith.inference.transformers_answerer import TransformersAnswerer
fields = {"backend": "transformers", "model": "owner/tiny", "dtype": "float32", "max_new_tokens": 1}
entry = TransformersModel.model_validate(fields | {"revision": json.loads(sys.argv[1])})
answerer = TransformersAnswerer(load_checkpoint(entry))
print(json.dumps([answerer.checkpoint.revision, answerer.is_of_same_model({"revision": "%s"})]))
""" % ("1" * 40)


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    """A cache of the hub, as huggingface-hub lays it out, with two commits of a model; `main` is the first."""
    repository = tmp_path / "hub/models--owner--tiny"
    for commit in (FIRST, SECOND):
        shutil.copytree(ROOT / "resources/models/tiny-llava", repository / "snapshots" / commit)
    (repository / "refs").mkdir()
    (repository / "refs/main").write_text(FIRST)
    return tmp_path / "hub"


def opened(cache: Path, revision: str | None) -> list:
    environment = {**os.environ, "HF_HUB_CACHE": str(cache), "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"}
    environment["PYTHONPATH"] = str(ROOT / "workflow_scripts")
    command = [sys.executable, "-c", CODE, json.dumps(revision)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=COMMAND_SECONDS)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.slow
@pytest.mark.parametrize("revision", ["main", None, FIRST])
def test_a_branch_is_resolved_to_its_commit(cache: Path, revision: str | None):
    assert opened(cache, revision) == [FIRST, True]


@pytest.mark.slow
def test_a_branch_that_moved_is_another_model(cache: Path):
    (cache / "models--owner--tiny/refs/main").write_text(SECOND)
    assert opened(cache, "main") == [SECOND, False]

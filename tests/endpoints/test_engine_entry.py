"""The command that starts an engine, from its entry."""

import pytest

from spd_faith.endpoints.engine.entry import EngineFields, serve_command


def test_home_and_variables_are_expanded_where_the_job_runs(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("HOME", "/home/one")
    monkeypatch.setenv("IMAGES", "/shared/images")
    monkeypatch.delenv("UNSET", raising=False)
    fields = EngineFields(command="apptainer exec '$IMAGES/my vllm.sif' ~/bin/vllm serve $UNSET", options={"seed": 1})
    assert serve_command(fields, "~model", None, "auto", 0) == [
        *("apptainer", "exec", "/shared/images/my vllm.sif", "/home/one/bin/vllm", "serve", "$UNSET"),
        *("~model", "--dtype", "auto", "--generation-config", "vllm", "--seed", "1"),
    ]

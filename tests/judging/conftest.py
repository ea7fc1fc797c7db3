"""Fixtures for the tests of the endpoint judge."""

import pytest
from judging.paid_judge import Judged, answers_of, write_answers, write_pairs

from spd_faith.endpoints import client as endpoint


@pytest.fixture
def short_waits(monkeypatch):
    monkeypatch.setattr(endpoint, "FIRST_WAIT_SECONDS", 0.01)


@pytest.fixture
def judged(tmp_path, short_waits):
    """The command in a folder with four pairs and the answers of `model`."""
    write_pairs(tmp_path, 4)
    write_answers(tmp_path, "model", [answers_of(number) for number in range(4)])
    return Judged(tmp_path)

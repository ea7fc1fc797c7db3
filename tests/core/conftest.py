"""Fixtures shared by the tests of locks and journals."""

import tempfile
from pathlib import Path

import pytest


@pytest.fixture
def shared_folder():
    """A folder writable by all users, unlike pytest's own."""
    with tempfile.TemporaryDirectory() as name:
        path = Path(name)
        path.chmod(0o777)
        yield path

"""What the tests of locks and journals share."""

import tempfile
from pathlib import Path

import pytest


@pytest.fixture
def shared_folder():
    """A folder that all users can write, which pytest's own is not."""
    with tempfile.TemporaryDirectory() as name:
        path = Path(name)
        path.chmod(0o777)
        yield path

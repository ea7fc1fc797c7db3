"""A Slurm for the tests of this folder, started for them and stopped after them."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from slurm.cluster import SCRIPT, Cluster


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    folder = tmp_path_factory.mktemp("slurm")
    started = subprocess.run([SCRIPT, "start", folder], capture_output=True, text=True, timeout=120)
    if started.returncode:
        pytest.fail(f"Slurm did not start\n{started.stderr}", pytrace=False)
    try:
        yield Cluster(Path(folder))
    finally:
        subprocess.run([SCRIPT, "stop", folder], timeout=60, check=True)

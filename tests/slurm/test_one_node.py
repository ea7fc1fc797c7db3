"""The script that starts the one-node Slurm, where another one runs or was killed."""

import subprocess
from pathlib import Path

import pytest
from slurm.cluster import SCRIPT, Cluster
from waiting import COMMAND_SECONDS

pytestmark = pytest.mark.slurm


def start(folder: Path) -> subprocess.CompletedProcess:
    return subprocess.run([SCRIPT, "start", folder], capture_output=True, text=True, timeout=COMMAND_SECONDS)


def test_refuses_to_replace_one_that_runs(cluster: Cluster, tmp_path: Path):
    second = start(tmp_path / "second")
    assert second.returncode == 1
    assert "one_node.sh runs already" in second.stderr
    assert subprocess.run(["sinfo"], timeout=COMMAND_SECONDS).returncode == 0

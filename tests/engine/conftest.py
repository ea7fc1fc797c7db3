"""Datasets of the demo, and each shipped family's answers by the transformers backend and by an engine."""

import io
import subprocess
import sys
from dataclasses import dataclass

import pyarrow as pa
import pytest
import yaml
from engine.started import ENVIRONMENT, FAMILIES, Job, Pairs, on_engine, shipped
from PIL import Image
from waiting import COMMAND_SECONDS
from workflow.project import ROOT

from spd_faith.core.files import read_table, sha256, write_table
from spd_faith.core.schemas import IMAGES


@pytest.fixture(scope="session", autouse=True)
def installed():
    assert (ENVIRONMENT / "bin/vllm").exists(), f"{ENVIRONMENT} is missing: `make test-engine` sets it up"


@pytest.fixture(scope="session")
def pairs(tmp_path_factory):
    """Eight pairs of each split of the demo, without controls."""
    return _demo(tmp_path_factory.mktemp("pairs"), 8)


@pytest.fixture(scope="session")
def few_pairs(tmp_path_factory):
    """One pair of each split."""
    return _demo(tmp_path_factory.mktemp("few"), 1)


@pytest.fixture(scope="session")
def large_pairs(tmp_path_factory):
    """Three pairs of each split, whose images are 1000 × 700."""
    made = _demo(tmp_path_factory.mktemp("large"), 3)
    rows = read_table(made.images, IMAGES).to_pylist()
    for row in rows:
        for column in ("original", "modified"):
            row[column] = _enlarged(row[column])
            row[f"{column}_sha256"] = sha256(row[column])
        row |= {"merged": None, "merged_sha256": None}
    write_table(made.images, pa.Table.from_pylist(rows, schema=IMAGES), IMAGES)
    return made


def _enlarged(image):
    file = io.BytesIO()
    Image.open(io.BytesIO(image)).convert("RGB").resize((1000, 700), Image.Resampling.BICUBIC).save(file, "png")
    return file.getvalue()


def _demo(folder, pairs_per_split):
    demo = yaml.safe_load((ROOT / "config/datasets.yaml").read_text())["demo"]
    del demo["controls"]
    for split in demo["splits"].values():
        split["pairs"] = pairs_per_split
    datasets = folder / "datasets.yaml"
    datasets.write_text(yaml.safe_dump({"demo": demo}))
    made = Pairs(folder / "samples.parquet", folder / "images.parquet")
    script = str(ROOT / "workflow_scripts/make_dataset.py")
    arguments = ["--dataset", "demo", "--datasets-file", str(datasets), *made.arguments()]
    subprocess.run([sys.executable, script, *arguments], check=True, capture_output=True, timeout=COMMAND_SECONDS)
    return made


@dataclass(frozen=True)
class Both:
    """The answers of one checkpoint to the same questions."""

    name: str
    transformers: Job
    engine: Job


@pytest.fixture(scope="session", params=FAMILIES)
def family(request, pairs, tmp_path_factory):
    """The answers of a shipped family; its engine starts once for all tests."""
    folder = tmp_path_factory.mktemp(request.param)
    entry = shipped(request.param)
    plain = Job(folder / "transformers", entry, pairs).answered()
    return Both(request.param, plain, Job(folder / "engine", on_engine(entry, parity=8), pairs).answered())

"""The profile as Snakemake reads it, without a cluster."""

import logging
from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml
from snakemake.profiles import ProfileConfigFileParser
from snakemake_executor_plugin_slurm.partitions import get_best_partition, read_partition_file

ROOT = Path(__file__).parents[2]
PROFILE = ROOT / "slurm/config.yaml"
CLUSTER = ROOT / "slurm/cluster.yaml"


def _read(profile: Path) -> dict:
    with profile.open() as stream:
        return ProfileConfigFileParser().parse(stream)


@pytest.fixture
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project's root with a profile of its own to edit."""
    (tmp_path / "slurm").mkdir()
    for file in (PROFILE, CLUSTER):
        (tmp_path / "slurm" / file.name).write_text(file.read_text())
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("resources", "partition"),
    [({"gpu": 1, "mem_mb": 32_000}, "gpu"), ({"gpu": 8, "runtime": 2880}, "gpu"), ({"mem_mb": 1000}, "cpu")],
)
def test_a_job_goes_to_the_partition_that_has_what_it_asks_for(resources: dict, partition: str) -> None:
    job = SimpleNamespace(name="job", threads=1, resources=resources)
    assert get_best_partition(read_partition_file(CLUSTER), job, logging.getLogger()) == partition


def test_the_account_of_the_cluster_is_that_of_every_job(elsewhere: Path) -> None:
    assert "default-resources" not in _read(elsewhere / "slurm/config.yaml")
    cluster = elsewhere / "slurm/cluster.yaml"
    cluster.write_text(cluster.read_text().replace("account: null", "account: p-123"))
    assert _read(elsewhere / "slurm/config.yaml")["default-resources"] == ["slurm_account='p-123'"]


def test_the_profile_finds_the_partitions_from_the_root(elsewhere: Path) -> None:
    assert Path(_read(elsewhere / "slurm/config.yaml")["slurm-partition-config"]).samefile("slurm/cluster.yaml")


def test_grouped_rules_exist_and_use_no_gpu() -> None:
    rules = "".join(path.read_text() for path in (ROOT / "rules").glob("*.smk"))
    for pair in _read(PROFILE)["groups"]:
        rule = pair.partition("=")[0]
        body = rules.split(f"\nrule {rule}:\n")[1].split("\nrule ")[0]
        assert "gpu=" not in body and "localrule" not in body


def test_every_entry_is_commented() -> None:
    lines = PROFILE.read_text().splitlines()
    for number, line in enumerate(lines):
        if line[:1].isalpha():
            before = lines[number - 1]
            assert "#" in line or before.startswith("#"), f"{line}: no comment"


def test_the_workflow_profile_overrides_nothing_of_it() -> None:
    """It is read beside every profile, and wins key by key."""
    everywhere = set(_read(ROOT / "profiles/default/config.yaml"))
    assert everywhere == {"max-checksum-file-size", "keep-going", "rerun-incomplete"}
    assert not everywhere & set(_read(PROFILE))


def test_every_partition_has_limits_that_the_plugin_knows() -> None:
    assert [partition.name for partition in read_partition_file(CLUSTER)] == list(
        yaml.safe_load(CLUSTER.read_text())["partitions"]
    )

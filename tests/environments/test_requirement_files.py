"""The files in `envs/` fit together: one torch each, exact pins and constraints, conda files that install them."""

import re
from pathlib import Path

import pytest
import yaml

ENVS = Path(__file__).parents[2] / "envs"
PIN = re.compile(r"([A-Za-z0-9._-]+)==[0-9][\w.]*$")
TORCH = {"torch", "torchvision"}


def lines(name: str) -> list[str]:
    """The requirements of a file, with those of the files that it includes."""
    found = []
    for line in (ENVS / name).read_text().splitlines():
        if line.startswith("-r "):
            found += lines(line.removeprefix("-r "))
        elif line and not line.startswith("#"):
            found.append(line)
    return found


@pytest.mark.parametrize(
    "name", ["requirements.txt", "requirements-gpu.txt", "requirements-test.txt", "requirements-engine.txt"]
)
def test_each_package_is_pinned_once(name: str):
    packages = [PIN.fullmatch(line)[1].lower() for line in lines(name)]
    assert len(packages) == len(set(packages))


def test_the_environments_differ_in_torch_alone():
    """torchvision's build for the CPU's torch does not import, so that environment must do without it."""
    common, cpu, gpu = (set(lines(f"requirements{part}.txt")) for part in ("-common", "", "-gpu"))
    assert {line.split("==")[0] for line in cpu - common} == {"torch"}
    assert {line.split("==")[0] for line in gpu - common} == TORCH
    assert not {line for line in lines("requirements-test.txt") if line.split("==")[0] in TORCH}


@pytest.mark.parametrize("part", ["", "-gpu"])
def test_the_constraints_hold_every_requirement_at_its_version(part: str):
    required = {pin.lower() for name in (part, "-test") for pin in lines(f"requirements{name}.txt")}
    constraints = {pin.lower().replace("_", "-") for pin in lines(f"constraints{part}.txt")}
    assert required - constraints == set(), "run `make constraints`"
    assert len(constraints) > len(required) + 50  # what these bring along


@pytest.mark.parametrize("part", ["", "-gpu"])
def test_the_constraints_serve_every_platform(part: str):
    packages = [PIN.fullmatch(line)[1] for line in lines(f"constraints{part}.txt")]  # no build in a version
    assert len(packages) == len(set(packages))
    assert not [name for name in packages if name.startswith(("nvidia", "cuda", "triton"))]


@pytest.mark.parametrize("part", ["", "-gpu"])
def test_a_conda_environment_gets_its_packages_after_it_is_created(part: str):
    """Snakemake copies a conda file before it is read, so that a file which it names would not be found."""
    conda = (ENVS / f"spd-faith{part}.yaml").read_text()
    assert all(isinstance(package, str) for package in yaml.safe_load(conda)["dependencies"])  # no pip section
    command = (ENVS / f"spd-faith{part}.post-deploy.sh").read_text().splitlines()[-1]
    requirements, constraints = f"envs/requirements{part}.txt", f"envs/constraints{part}.txt"
    assert command.endswith(f"-r {requirements} -c {constraints}")
    assert all((ENVS.parent / name).is_file() for name in (requirements, constraints))

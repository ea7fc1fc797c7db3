"""Data flows one way: which packages of the library may import which, and which imports must stay cheap."""

import ast
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SCRIPTS = ROOT / "workflow_scripts"
LIBRARY = SCRIPTS / "spd_faith"

STAGES = ["dataset", "inference", "parsing", "judging", "scoring", "probes", "leaderboard"]
SHARED = {"core", "endpoints", "language"}
ABOVE = {"original", "planning", "reference_models", "registry"}  # what puts the stages together

ALLOWED = {
    "core": set(),
    "endpoints": {"core"},
    "language": {"core"},
    **{stage: SHARED | set(STAGES[:place]) for place, stage in enumerate(STAGES)},
    **{package: SHARED | set(STAGES) | {"registry"} - {package} for package in ABOVE},
}

HEAVY = ("torch", "transformers", "openai")
# the commands whose modules are inputs of their rule, and what every start of the workflow reads
COMMANDS = re.findall(r'module_files\("(\w+)\.py"', "".join(path.read_text() for path in ROOT.glob("rules/*.smk")))
CHEAP = ["spd_faith.core.config", "spd_faith.registry", "plan", "judge_responses", *sorted(set(COMMANDS))]


def module_name(path: Path) -> str:
    parts = path.relative_to(SCRIPTS).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {module_name(path): path for path in sorted(LIBRARY.rglob("*.py"))}


def run(node: ast.AST) -> Iterator[ast.AST]:
    """All descendants of a node, except type-checking imports."""
    for child in ast.iter_child_nodes(node):
        if not (isinstance(child, ast.If) and isinstance(child.test, ast.Name) and child.test.id == "TYPE_CHECKING"):
            yield child
            yield from run(child)


def imported(path: Path) -> Iterator[str]:
    """The library modules that a file imports, including imports inside functions."""
    for node in run(ast.parse(path.read_bytes())):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{path}: a relative import, which this test does not follow"
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        for name in names:
            if name in MODULES:
                yield name
            elif name.startswith("spd_faith."):  # a name within a module
                yield name.rpartition(".")[0]


def package_of(module: str) -> str:
    return module.split(".")[1]


IMPORTS = {name: set(imported(path)) - {name, "spd_faith"} for name, path in MODULES.items() if name != "spd_faith"}


@pytest.mark.parametrize("package", sorted({package_of(name) for name in IMPORTS}))
def test_no_import_runs_against_the_stages(package: str):
    against = [
        f"{importer} imports {name}"
        for importer, names in IMPORTS.items()
        if package_of(importer) == package
        for name in sorted(names)
        if package_of(name) not in ALLOWED[package] | {package}
    ]
    assert against == []


def test_no_modules_import_each_other():
    try:
        TopologicalSorter(IMPORTS).prepare()
    except CycleError as error:
        pytest.fail(" → ".join(error.args[1]))


def test_what_is_cheap_loads_no_model_and_no_client():
    assert "parse_responses" in CHEAP
    code = f"""
import importlib, json, sys
heavy = {{}}
for name in {CHEAP}:
    importlib.import_module(name)
    heavy[name] = [module for module in {HEAVY} if module in sys.modules]
print(json.dumps(heavy))
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=SCRIPTS, capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == {name: [] for name in CHEAP}

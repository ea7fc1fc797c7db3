"""Which files of the library a command runs."""

from pathlib import Path

import pytest

from spd_faith.core import modules
from spd_faith.core.modules import command_files

ROOT = Path(__file__).parents[2]
LIBRARY = "workflow_scripts/spd_faith"


@pytest.fixture
def tree(tmp_path, monkeypatch):
    """A small project: files of the library by their path below `spd_faith/`, and the commands beside it."""
    scripts = tmp_path / "workflow_scripts"
    monkeypatch.setattr(modules, "SCRIPTS", scripts)

    def write(**files):
        for name, text in files.items():
            path = scripts / f"{name.replace('__', '/')}.py"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)

    return write


def test_imports_are_followed_to_their_end(tree):
    tree(
        run="import json\nimport numpy.linalg\nfrom spd_faith.b.one import f\n",
        other="import spd_faith.b.unused\n",
        spd_faith__b__one="from spd_faith.b import two\nfrom spd_faith.b.three import x as y\n",
        spd_faith__b__two="import spd_faith.a.four, os\n",
        spd_faith__b__three="",
        spd_faith__a__four="def late():\n    from spd_faith.a import five\n",
        spd_faith__a__five="from spd_faith.b import one\n",  # a circle
        spd_faith__b__unused="",
    )
    below = "workflow_scripts/spd_faith"
    assert command_files("run.py") == [
        "workflow_scripts/run.py",
        f"{below}/a/five.py",
        f"{below}/a/four.py",
        f"{below}/b/one.py",
        f"{below}/b/three.py",
        f"{below}/b/two.py",
    ]


def test_packages_are_files_too(tree):
    tree(run="from spd_faith import b\n")
    package = modules.SCRIPTS / "spd_faith" / "b" / "__init__.py"
    package.parent.mkdir(parents=True)
    package.write_text("from spd_faith.b.one import f\n")
    (package.parent / "one.py").write_text("")
    assert command_files("run.py") == [
        "workflow_scripts/run.py",
        "workflow_scripts/spd_faith/b/__init__.py",
        "workflow_scripts/spd_faith/b/one.py",
    ]


def test_parsing_reaches_the_parser_and_no_model():
    files = command_files("parse_responses.py")
    assert "workflow_scripts/parse_responses.py" in files
    assert f"{LIBRARY}/core/files.py" in files
    assert f"{LIBRARY}/core/schemas.py" in files
    assert any(file.startswith(f"{LIBRARY}/parsing/") for file in files)
    assert f"{LIBRARY}/inference/transformers_backend.py" not in files
    assert not any(file.startswith((f"{LIBRARY}/judging/", f"{LIBRARY}/scoring/")) for file in files)


def test_a_function_level_import_counts():
    assert f"{LIBRARY}/inference/transformers_backend.py" in command_files("run_inference.py")


@pytest.mark.parametrize("command", sorted(path.name for path in (ROOT / "workflow_scripts").glob("*.py")))
def test_every_path_exists_and_is_told_from_the_root(command):
    files = command_files(command)
    assert f"workflow_scripts/{command}" in files
    assert files == sorted(set(files))
    assert [file for file in files if not (ROOT / file).is_file()] == []

"""Which library files a command imports."""

from pathlib import Path

import pytest

from spd_faith.core import modules
from spd_faith.core.modules import loaded_files, module_files

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
    assert module_files("run.py") == [
        "workflow_scripts/run.py",
        f"{below}/a/five.py",
        f"{below}/a/four.py",
        f"{below}/b/one.py",
        f"{below}/b/three.py",
        f"{below}/b/two.py",
    ]


def test_imports_of_types_alone_do_not_count(tree):
    tree(
        run="from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import spd_faith.a\nimport spd_faith.b\n",
        spd_faith__a="",
        spd_faith__b="",
    )
    assert module_files("run.py") == ["workflow_scripts/run.py", "workflow_scripts/spd_faith/b.py"]


def test_a_folder_that_the_command_never_runs_is_left_out_with_what_it_alone_imports(tree):
    tree(
        run="import spd_faith.a.kinds\n",
        spd_faith__a__kinds="def draw():\n    import spd_faith.a.figures.one\n",
        spd_faith__a__figures__one="import spd_faith.a.shared, spd_faith.a.alone\n",
        spd_faith__a__shared="",
        spd_faith__a__alone="",
    )
    below = "workflow_scripts/spd_faith/a"
    assert module_files("run.py", without=["a/figures"]) == ["workflow_scripts/run.py", f"{below}/kinds.py"]
    assert f"{below}/alone.py" in module_files("run.py")


def test_what_is_loaded_leaves_out_what_functions_import(tree):
    tree(
        run="from spd_faith.b.one import f\nif True:\n    import spd_faith.b.two\n",
        spd_faith__b__one="class C:\n    import spd_faith.b.three\n    def f(self):\n        import spd_faith.b.four\n",
        **{f"spd_faith__b__{name}": "" for name in ("two", "three", "four")},
    )
    below = "workflow_scripts/spd_faith/b"
    loaded = [f"{below}/one.py", f"{below}/three.py", f"{below}/two.py"]
    assert loaded_files("run.py") == ["workflow_scripts/run.py", *loaded]
    assert module_files("spd_faith/b/one.py", "spd_faith/b/two.py") == sorted([*loaded, f"{below}/four.py"])


def test_files_of_the_lexicon_that_a_module_loads_are_files_too(tree, tmp_path):
    tree(
        run="from spd_faith.language import sides\n",
        spd_faith__language__sides='"""load_lexicon("other", Other)"""\nSIDES = load_lexicon("sides", Sides)\n',
    )
    lexicon = tmp_path / "resources" / "lexicon" / "en"
    lexicon.mkdir(parents=True)
    for name in ("sides", "other"):
        (lexicon / f"{name}.yaml").write_text("left: [left]\n")
    assert module_files("run.py") == [
        "resources/lexicon/en/sides.yaml",
        "workflow_scripts/run.py",
        "workflow_scripts/spd_faith/language/sides.py",
    ]


def test_packages_are_files_too(tree):
    tree(run="from spd_faith import b\n")
    package = modules.SCRIPTS / "spd_faith" / "b" / "__init__.py"
    package.parent.mkdir(parents=True)
    package.write_text("from spd_faith.b.one import f\n")
    (package.parent / "one.py").write_text("")
    assert module_files("run.py") == [
        "workflow_scripts/run.py",
        "workflow_scripts/spd_faith/b/__init__.py",
        "workflow_scripts/spd_faith/b/one.py",
    ]


def test_parsing_reaches_the_parser_and_no_model():
    files = module_files("parse_responses.py")
    assert "workflow_scripts/parse_responses.py" in files
    assert f"{LIBRARY}/core/files.py" in files
    assert f"{LIBRARY}/core/schemas.py" in files
    assert any(file.startswith(f"{LIBRARY}/parsing/") for file in files)
    assert f"{LIBRARY}/inference/transformers_answerer.py" not in files
    assert "resources/lexicon/en/changes.yaml" in files
    assert not any(file.startswith((f"{LIBRARY}/judging/", f"{LIBRARY}/scoring/")) for file in files)


def test_a_function_level_import_counts():
    assert f"{LIBRARY}/inference/transformers_answerer.py" in module_files("run_inference.py")


@pytest.mark.parametrize("command", sorted(path.name for path in (ROOT / "workflow_scripts").glob("*.py")))
def test_every_path_exists_and_is_relative_to_the_root(command):
    files = module_files(command)
    assert f"workflow_scripts/{command}" in files
    assert files == sorted(set(files))
    assert [file for file in files if not (ROOT / file).is_file()] == []

"""Which files of the library a command runs.

The workflow lists them as inputs of the cheap stages, so that a changed formula rescores by itself; Snakemake does not
follow imports.
"""

import ast
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from pathlib import Path

_SCRIPTS = Path(__file__).resolve().parents[2]


def command_files(script: str) -> list[str]:
    """The command `script` and every module of `spd_faith` that it reaches by imports, from the project's root."""
    return module_files(script)


def module_files(*files: str) -> list[str]:
    """The files, named from `workflow_scripts`, and every module of `spd_faith` that they reach by imports."""
    return _reached(files, _imported)


def loaded_files(*files: str) -> list[str]:
    """As `module_files`, without what is imported only inside functions: what loading the files runs."""
    return _reached(files, _imported_when_loaded)


def language_files() -> list[str]:
    """The data by which answers are read, from the project's root: names of categories and the words of a language."""
    resources = _SCRIPTS.parent / "resources"
    files = [resources / "coco_categories.yaml", *resources.glob("lexicon/*/*.yaml")]
    return sorted(str(file.relative_to(_SCRIPTS.parent)) for file in files)


def _reached(files: Iterable[str], imported: Callable[[Path], list[Path]]) -> list[str]:
    pending, reached = [_SCRIPTS / file for file in files], set()
    while pending:
        path = pending.pop()
        if path not in reached:
            reached.add(path)
            pending += imported(path)
    return sorted(str(path.relative_to(_SCRIPTS.parent)) for path in reached)


@cache  # the commands share most of their modules, and every start of Snakemake reads them
def _imported(path: Path) -> list[Path]:
    return _files_of(ast.walk(_parsed(path)))


@cache
def _imported_when_loaded(path: Path) -> list[Path]:
    return _files_of(_run_when_loaded(_parsed(path)))


def _parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_bytes(), filename=str(path))


def _run_when_loaded(node: ast.AST) -> Iterator[ast.AST]:
    yield node
    if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
        for child in ast.iter_child_nodes(node):
            yield from _run_when_loaded(child)


def _files_of(nodes: Iterable[ast.AST]) -> list[Path]:
    """The files of the library that the import statements among `nodes` name."""
    names = []
    for node in nodes:
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names += [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
    stems = [_SCRIPTS.joinpath(*name.split(".")) for name in names if name.split(".")[0] == "spd_faith"]
    candidates = [file for stem in stems for file in (stem.with_suffix(".py"), stem / "__init__.py")]
    return [file for file in candidates if file.is_file()]

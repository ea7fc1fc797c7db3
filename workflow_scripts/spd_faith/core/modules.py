"""Which library files a command imports, and which lexicon files those load.

Snakemake does not follow imports. The workflow lists these files as inputs of the cheap stages, so that a changed
formula or word list triggers rescoring.
"""

import ast
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cache
from pathlib import Path

SCRIPTS = Path(__file__).resolve().parents[2]


def module_files(*files: str, without: Sequence[str] = ()) -> list[str]:
    """The files, every module of `spd_faith` that they import (transitively), and the lexicon files that these load.

    `files` are relative to `workflow_scripts`, the returned paths to the project root.
    `without` has library folders that are imported only by functions the command never calls; their modules, and what
    only they import, are left out.
    """
    return _reached(files, _imported, without)


def loaded_files(*files: str) -> list[str]:
    """Like `module_files`, but without imports inside functions: only what loading the files executes."""
    return _reached(files, _imported_when_loaded, without=())


def _reached(files: Iterable[str], imported: Callable[[Path], list[Path]], without: Sequence[str]) -> list[str]:
    pending = [SCRIPTS / file for file in files]
    reached: set[Path] = set()
    closed = {SCRIPTS / "spd_faith" / folder for folder in without}
    while pending:
        path = pending.pop()
        if path not in reached and closed.isdisjoint(path.parents):
            reached.add(path)
            pending += imported(path)
    return sorted(str(path.relative_to(SCRIPTS.parent)) for path in reached)


@cache  # commands share most modules, and every start of Snakemake reads them
def _imported(path: Path) -> list[Path]:
    return _named_files(_executed(_parsed(path), functions=True))


@cache
def _imported_when_loaded(path: Path) -> list[Path]:
    return _named_files(_executed(_parsed(path), functions=False))


def _parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_bytes() if path.suffix == ".py" else b"", filename=str(path))


def _executed(node: ast.AST, functions: bool) -> Iterator[ast.AST]:
    """All descendants of a node, except type-checking imports and, without `functions`, the bodies of functions."""
    for child in ast.iter_child_nodes(node):
        of_types = isinstance(child, ast.If) and isinstance(child.test, ast.Name) and child.test.id == "TYPE_CHECKING"
        in_function = isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        if not of_types and (functions or not in_function):
            yield child
            yield from _executed(child, functions)


def _named_files(nodes: Iterable[ast.AST]) -> list[Path]:
    """The modules imported by `nodes`, and the files that their calls of `load_lexicon(NAME, …)` load."""
    modules: list[str] = []
    lexicon: list[Path] = []
    for node in nodes:
        if isinstance(node, ast.Import):
            modules += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            modules += [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "load_lexicon":
            lexicon += SCRIPTS.parent.glob(f"resources/lexicon/*/{ast.literal_eval(node.args[0])}.yaml")
    stems = [SCRIPTS.joinpath(*name.split(".")) for name in modules if name.split(".")[0] == "spd_faith"]
    candidates = [file for stem in stems for file in (stem.with_suffix(".py"), stem / "__init__.py")]
    return [*(file for file in candidates if file.is_file()), *lexicon]

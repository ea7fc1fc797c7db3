"""Which files of the library a command runs.

The workflow lists them as inputs of the cheap stages, so that a changed formula rescores by itself; Snakemake does not
follow imports.
"""

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

_SCRIPTS = Path(__file__).resolve().parents[2]


def command_files(script: str, without: str | None = None) -> list[str]:
    """The command `script` and every module of `spd_faith` that it reaches by imports, from the project's root.

    `without` is a folder of the library whose modules the command never runs, though functions that it does not call
    import them: they, and what they alone import, are left out.
    """
    pending, reached = [_SCRIPTS / script], set()
    closed = _SCRIPTS / "spd_faith" / without if without else None
    while pending:
        path = pending.pop()
        if path not in reached and closed not in path.parents:
            reached.add(path)
            pending += _imported(path)
    return sorted(str(path.relative_to(_SCRIPTS.parent)) for path in reached)


@cache  # the commands share most of their modules, and every start of Snakemake reads them
def _imported(path: Path) -> list[Path]:
    names = []
    for node in _run(ast.parse(path.read_bytes(), filename=str(path))):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names += [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
    stems = [_SCRIPTS.joinpath(*name.split(".")) for name in names if name.split(".")[0] == "spd_faith"]
    candidates = [file for stem in stems for file in (stem.with_suffix(".py"), stem / "__init__.py")]
    return [file for file in candidates if file.is_file()]


def _run(node: ast.AST) -> Iterator[ast.AST]:
    """The nodes below one, but for imports of types alone, which never run."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.If) and isinstance(child.test, ast.Name) and child.test.id == "TYPE_CHECKING":
            continue
        yield child
        yield from _run(child)

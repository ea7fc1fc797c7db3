"""Which files of the library a command runs.

The workflow lists them as inputs of the cheap stages, so that a changed formula rescores by itself; Snakemake does not
follow imports.
"""

import ast
from functools import cache
from pathlib import Path

SCRIPTS = Path(__file__).resolve().parents[2]


def command_files(script: str) -> list[str]:
    """The command `script` and every module of `spd_faith` that it reaches by imports, from the project's root."""
    pending, reached = [SCRIPTS / script], set()
    while pending:
        path = pending.pop()
        if path not in reached:
            reached.add(path)
            pending += _imported(path)
    return sorted(str(path.relative_to(SCRIPTS.parent)) for path in reached)


@cache  # the commands share most of their modules, and every start of Snakemake reads them
def _imported(path: Path) -> list[Path]:
    names = []
    for node in ast.walk(ast.parse(path.read_bytes(), filename=str(path))):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names += [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
    stems = [SCRIPTS.joinpath(*name.split(".")) for name in names if name.split(".")[0] == "spd_faith"]
    candidates = [file for stem in stems for file in (stem.with_suffix(".py"), stem / "__init__.py")]
    return [file for file in candidates if file.is_file()]

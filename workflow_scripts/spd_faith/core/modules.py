"""Which files of the library a command runs, and which files of the lexicon these load.

The workflow lists them as inputs of the cheap stages, so that a changed formula or word list rescores by itself;
Snakemake does not follow imports.
"""

import ast
from functools import cache
from pathlib import Path

_SCRIPTS = Path(__file__).resolve().parents[2]


def command_files(script: str) -> list[str]:
    """The command `script`, every module of `spd_faith` that it reaches by imports, and the lexicon files they load.

    As paths from the project's root, sorted.
    """
    pending = [_SCRIPTS / script]
    reached: set[Path] = set()
    while pending:
        path = pending.pop()
        if path not in reached:
            reached.add(path)
            pending += _used(path)
    return sorted(str(path.relative_to(_SCRIPTS.parent)) for path in reached)


@cache  # the commands share most of their modules, and every start of Snakemake reads them
def _used(path: Path) -> list[Path]:
    """The modules that a module imports, and the files that it loads by `load_lexicon(NAME, …)`."""
    if path.suffix != ".py":
        return []
    modules: list[str] = []
    lexicon: list[Path] = []
    for node in ast.walk(ast.parse(path.read_bytes(), filename=str(path))):
        if isinstance(node, ast.Import):
            modules += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            modules += [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "load_lexicon":
            name = ast.literal_eval(node.args[0])
            lexicon += _SCRIPTS.parent.glob(f"resources/lexicon/*/{name}.yaml")
    stems = [_SCRIPTS.joinpath(*name.split(".")) for name in modules if name.split(".")[0] == "spd_faith"]
    candidates = [file for stem in stems for file in (stem.with_suffix(".py"), stem / "__init__.py")]
    return [*(file for file in candidates if file.is_file()), *lexicon]

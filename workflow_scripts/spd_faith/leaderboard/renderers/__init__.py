"""The files of the leaderboard: a module per format, named after the suffix of its file.

Each has `render(leaderboard: Leaderboard) -> str`. A new module here adds an output file: the rule and the command take
the formats from this folder.
"""

from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, cast

if TYPE_CHECKING:  # the Snakefile reads SUFFIXES and needs no pandas
    from spd_faith.leaderboard.model import Leaderboard

SUFFIXES = tuple(sorted(path.stem for path in Path(__file__).parent.glob("*.py") if path.stem != "__init__"))
SCRIPTS = tuple(f"spd_faith/leaderboard/renderers/{suffix}.py" for suffix in SUFFIXES)  # from workflow_scripts/


class Renderer(Protocol):
    def render(self, leaderboard: "Leaderboard") -> str:
        """The text of the file."""


def render(suffix: str, leaderboard: "Leaderboard") -> str:
    """The leaderboard in the format of one of SUFFIXES."""
    module = cast(Renderer, import_module(f"{__name__}.{suffix}"))
    return module.render(leaderboard)

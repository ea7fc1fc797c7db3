"""leaderboard.tex compiles with pdflatex, alone and in a paper, whatever its texts hold; nothing runs off the page."""

import re
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from leaderboard.test_leaderboard import aggregated, leaderboard, live, published_rows  # noqa: F401

from spd_faith.leaderboard.model import Interval, Leaderboard, Section, Table, Text
from spd_faith.leaderboard.renderers import render
from spd_faith.probes.registry import SUMMARIES
from spd_faith.scoring.aggregate import Aggregate
from spd_faith.scoring.control_metrics import CONTROL_METRICS

pytestmark = pytest.mark.page

HOSTILE = [
    *(r"\input{/etc/passwd}", r"\immediate\write18{touch escaped}", r"\end{document}", r"\csname end\endcsname"),
    *("^^5cinput{x}", "%", "a_b & 50% $x$ #1 {~^}", "[0pt]", "*", "&&&&", "}}}{{{", "$", "\\", "a\\\\", "\n\n\\par"),
    *("“quoted” – — d′ ‘x’", "café ñandú Åß î", "αβΩ λΔ", "模型 测试", "مرحبا بالعالم", "🙂🎉", "a\u0301\u0302b", "\u202eabc"),
    *("x" * 300, "long words " * 30, "中" * 300, "\x00\x1b[2J", "?`!`", "--- ''' ,,", '"a" "b"', "<<>>", "|", "   "),
]
PAPER = r"""\documentclass[twocolumn]{article}
\usepackage{booktabs,graphicx}
\newcommand{\spdvalue}[2]{#1}
\begin{document}
As Table~\ref{tab:spd-faith:headline} shows.
\input{leaderboard}
The end.
\end{document}
"""


def compiled(folder: Path, name: str = "leaderboard") -> str:
    """Compiles twice, for the labels; the log, unwrapped."""
    command = ["pdflatex", "-no-shell-escape", "-halt-on-error", "-interaction=nonstopmode", f"{name}.tex"]
    for _ in range(2):
        done = subprocess.run(command, cwd=folder, capture_output=True, timeout=120, env=_environment())
        assert done.returncode == 0, done.stdout.decode(errors="replace")[-3000:]
    log = (folder / f"{name}.log").read_text(encoding="latin-1")
    assert (folder / f"{name}.pdf").stat().st_size > 1000
    return log


def _environment() -> dict[str, str]:
    import os

    return {**os.environ, "max_print_line": "10000"}


def check(log: str) -> None:
    for fault in ("Missing character", "LaTeX Warning", "Float too large", "/etc/passwd", "Overfull", "multiply"):
        assert fault not in log, [line for line in log.splitlines() if fault in line]


def rows_of(text: str) -> pd.DataFrame:
    return pd.DataFrame([{"origin": "run", "dataset": text, "dataset_revision": text, "n": 8.0}])


@pytest.fixture
def full(aggregated: Aggregate, live: pd.DataFrame) -> Leaderboard:  # noqa: F811
    """A complete leaderboard: three models of one judge, controls and probes included."""
    random = np.random.default_rng(0)
    measured = {}
    for name in (*CONTROL_METRICS, *(one.name for one in SUMMARIES)):
        value = random.random(len(live))
        measured |= {name: value, f"{name}_low": value - 0.1, f"{name}_high": value + 0.1, f"{name}_n": 24}
    return leaderboard(aggregated, live.assign(**measured, n_probed=24), published_rows(PUBLISHED))

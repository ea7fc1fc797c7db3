"""leaderboard.tex compiles with pdflatex, alone and in a paper, whatever its texts hold; nothing runs off the page."""

import os
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import cycle, repeat
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from leaderboard.test_leaderboard import aggregated, leaderboard, live, published  # noqa: F401
from waiting import COMMAND_SECONDS

from spd_faith.leaderboard.model import Leaderboard, Section, Table, Text
from spd_faith.leaderboard.renderers import render
from spd_faith.probes.registry import SUMMARIES
from spd_faith.scoring.aggregate import Aggregate
from spd_faith.scoring.control_metrics import CONTROL_METRICS

pytestmark = pytest.mark.page

HOSTILE = [
    *(r"\input{/etc/passwd}", r"\immediate\write18{touch escaped}", r"\end{document}", r"\csname end\endcsname"),
    *("^^5cinput{x}", "%", "a_b & 50% $x$ #1 {~^}", "[0pt]", "*", "&&&&", "}}}{{{", "$", "\\", "a\\\\", "\n\n\\par"),
    *(
        "“quoted” – — d′ ‘x’",
        "café ñandú Åß î",
        "αβΩ λΔ",
        "模型 测试",
        "مرحبا بالعالم",
        "🙂🎉",
        "a\u0301\u0302b",
        "\u202eabc",
    ),
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
    """The log after a second run, which has the labels of the first."""
    command = ["pdflatex", "-no-shell-escape", "-halt-on-error", "-interaction=nonstopmode", f"{name}.tex"]
    environment = os.environ | {"max_print_line": "10000"}  # does not wrap the lines of the log
    for _ in range(2):
        done = subprocess.run(command, cwd=folder, capture_output=True, timeout=COMMAND_SECONDS, env=environment)
        assert done.returncode == 0, done.stdout.decode(errors="replace")[-3000:]
    return (folder / f"{name}.log").read_text(encoding="latin-1")


def check(log: str) -> None:
    faults = ("Missing character", "Warning", "Overfull", "Float too large", "(/etc")
    assert not [line for line in log.splitlines() if any(fault in line for fault in faults)]
    assert "Output written on" in log


def write(folder: Path, leaderboard: Leaderboard) -> str:
    source = render("tex", leaderboard)
    (folder / "leaderboard.tex").write_text(source, encoding="utf-8")
    return source


def changed(section: Section, change: Callable[[Table], Table], text: Callable[[str], str] = str) -> Section:
    """The section with each table changed, and each title."""
    parts = tuple(
        changed(part, change, text) if isinstance(part, Section) else change(part) if isinstance(part, Table) else part
        for part in section.parts
    )
    return replace(section, title=text(section.title), parts=parts)


def with_texts(table: Table, texts: Iterator[str]) -> Table:
    """The table with these texts instead of its own."""
    rows = (
        tuple(replace(one, text=next(texts)) if isinstance(one, Text) else one for one in row) for row in table.rows
    )
    return replace(table, rows=tuple(rows))


@pytest.fixture(scope="module")
def full(aggregated: Aggregate, live: pd.DataFrame, published: pd.DataFrame) -> Leaderboard:  # noqa: F811
    """A leaderboard with every table: three models, controls and probes included, bounds and published rows."""
    random = np.random.default_rng(0)
    measured: dict[str, object] = {"n_probed": 24, "permuted_overall_n": 4}
    for name in (*CONTROL_METRICS, *(one.name for one in SUMMARIES)):
        value = random.random(len(live))
        measured |= {name: value, f"{name}_low": value - 0.1, f"{name}_high": value + 0.1, f"{name}_n": 20}
    controls = {"identical": {"made": 8, "left_out": {}}}
    rows = pd.concat([live.drop(columns=list(measured), errors="ignore"), pd.DataFrame(measured, live.index)], axis=1)
    return leaderboard(aggregated, rows, published, controls=controls)


def test_a_leaderboard_compiles_alone(full: Leaderboard, tmp_path: Path):
    source = write(tmp_path, full)
    check(compiled(tmp_path))
    named = (
        "headline",
        "published_protocol",
        "secondary",
        "detection",
        "counterfactual",
        "probes",
        "comparisons_overall",
    )
    assert all(f"tab:spd-faith:{name}" in source for name in named)
    assert r"\spdbounded" in source and r"\textbf" in source


def test_it_is_read_into_a_paper(full: Leaderboard, tmp_path: Path):
    write(tmp_path, full)
    (tmp_path / "paper.tex").write_text(PAPER)
    check(compiled(tmp_path, "paper"))


def test_many_models_fit_the_pages(full: Leaderboard, tmp_path: Path):
    def grown(table: Table) -> Table:
        return replace(table, rows=table.rows * 20)

    source = write(tmp_path, replace(full, page=changed(full.page, grown)))
    assert source.count(r"\begin{table*}") > 40
    check(compiled(tmp_path))


def test_hostile_texts_are_shown_and_do_nothing(full: Leaderboard, tmp_path: Path):
    texts = cycle(HOSTILE)

    def hostile(table: Table) -> Table:
        rows = [
            tuple(replace(c, text=next(texts)) if isinstance(c, Text) else c for c in row) for row in table.rows * 4
        ]
        columns = [replace(one, definition=next(texts)) for one in table.columns]
        return replace(table, rows=tuple(rows), columns=tuple(columns))

    page = changed(full.page, hostile, lambda _: next(texts))
    source = write(tmp_path, replace(full, page=page))
    check(compiled(tmp_path))
    assert {path.suffix for path in tmp_path.iterdir()} == {".tex", ".pdf", ".log", ".aux"}
    assert "U+6A21 U+578B" in source and r"\textbackslash{}input" in source


@pytest.mark.parametrize("text", HOSTILE)
def test_a_hostile_text_anywhere(text: str, tmp_path: Path, full: Leaderboard):
    """Each by itself, so that no other hides what it does."""
    headline = next(table for table in full.tables() if table.name == "headline")
    page = Section(text, (with_texts(headline, repeat(text)),))
    write(tmp_path, Leaderboard(page, full.rows.assign(dataset=text, dataset_revision=text), ()))
    check(compiled(tmp_path))

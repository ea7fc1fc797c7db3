"""What is wrong with a file of the leaderboard is said by each command that shows it: what, where and what to do."""

import json
import sys
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

import draw_models
import draw_samples
import make_page
import show_leaderboard
from spd_faith.core.errors import UserError
from spd_faith.core.paths import ResultPaths
from spd_faith.leaderboard.columns import (
    BREAKDOWN_COLUMNS,
    COMPARISON_COLUMNS,
    INTERVENTION_COLUMNS,
    expanded,
    leaderboard_columns,
)
from spd_faith.leaderboard.json_format import to_json
from spd_faith.leaderboard.model import COUNT, Column, Group, Ranks, Section, Table, Text
from spd_faith.leaderboard.saved import read_page, read_run_rows

COLUMNS = {
    "leaderboard.parquet": leaderboard_columns(),
    "breakdowns.parquet": BREAKDOWN_COLUMNS,
    "comparisons.parquet": COMPARISON_COLUMNS,
    "interventions.parquet": INTERVENTION_COLUMNS,
}
HEADLINE = Table(
    "headline",
    (Column("Rank", COUNT), Column("Model"), Column("Judge")),
    ((Ranks(1, 1), Text("A", "a"), Text("Rules", "rules")),),
    Group.HEADLINE,
)
PAGE = Section("Page", (Section("Inner", (HEADLINE,)),))
CONFIG = {
    "config": {"dataset": "demo", "models": ["a"], "judges": ["rules"], "probes": {"run": []}},
    "dataset": {"demo": {"label": None}},
    "models": {"a": {"label": "A"}},
    "judges": {"rules": {"label": None}},
    "probes": {},
    "variants": {},
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The files of a leaderboard, without what a page needs beside them."""
    for name, columns in COLUMNS.items():
        row = dict.fromkeys((one.name for one in expanded(columns)), 0.5) | {"origin": "run"}
        pd.DataFrame([row]).to_parquet(tmp_path / name)
    (tmp_path / "leaderboard.json").write_text(json.dumps(to_json(PAGE)))
    (tmp_path / "run.json").write_text(json.dumps({"run": {"models": {"a": {"label": "A"}}, "judges": {}}}))
    (tmp_path / "config.json").write_text(json.dumps(CONFIG))
    return tmp_path


def truncated(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-40])


def of_an_older_version(path: Path) -> None:
    if path.suffix == ".parquet":
        pd.read_parquet(path).drop(columns=["model", "n"]).to_parquet(path)
    else:
        path.write_text(path.read_text().replace('"definition"', '"meaning"').replace('"run"', '"config"'))


def emptied(path: Path) -> None:
    if path.suffix == ".parquet":
        pd.read_parquet(path).iloc[:0].to_parquet(path)
    elif path.name == "run.json":
        path.write_text("")
    else:
        path.write_text(json.dumps(to_json(Section("Page", (Table("headline", HEADLINE.columns, ()),)))))


def removed(path: Path) -> None:
    path.unlink()


def page_of(folder: Path) -> list[str]:
    return ["make_page.py", "--results", str(folder), "--config", str(folder / "config.json")]


OLDER = "made by another version: missing columns"
TABLES = "not a Parquet file", f"{OLDER} model, n"
JSON = "cannot be read", "cannot be read"
NO_RECORD = "not the record of a run of this version"
SAID = [
    *(
        ("make_page", file, damage, said)
        for file, reasons in {"leaderboard.json": JSON, **dict.fromkeys(COLUMNS, TABLES)}.items()
        for damage, said in zip((truncated, of_an_older_version, removed), (*reasons, "no such file"), strict=True)
    ),
    ("make_page", "leaderboard.json", emptied, "it has no headline table"),
    ("make_page", "leaderboard.parquet", emptied, "no row of a model of the run"),
    ("show_leaderboard", "leaderboard.parquet", truncated, TABLES[0]),
    ("show_leaderboard", "leaderboard.parquet", of_an_older_version, f"{OLDER} n, model"),
    ("show_leaderboard", "leaderboard.parquet", emptied, "no row of a model of the run"),
    *((name, "run.json", damage, NO_RECORD) for name in ("draw_samples", "draw_models")
      for damage in (truncated, of_an_older_version, emptied)),
]  # fmt: skip


def shown_by(name: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run a command, or the part of it that reads the files of a leaderboard."""
    commands: dict[str, Callable[[], object]] = {
        "make_page": make_page.main,
        "show_leaderboard": lambda: show_leaderboard.read_leaderboard(folder),
        "draw_samples": lambda: draw_samples.labels(ResultPaths(folder), "responses", "*.parquet"),
        "draw_models": lambda: draw_models.label_of(folder / "probes/a"),
    }
    monkeypatch.setattr(sys, "argv", page_of(folder))
    commands[name]()


@pytest.mark.parametrize(("name", "file", "damage", "said"), SAID)
def test_a_file_that_cannot_be_used_is_named_with_what_to_do(
    name: str, file: str, damage: Callable[[Path], None], said: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    damage(folder / file)
    with pytest.raises(UserError) as error:
        shown_by(name, folder, monkeypatch)
    text = str(error.value)
    assert text.startswith(f"{folder / file}: {said}")
    assert "Run the workflow again with --forcerun make_leaderboard, which takes seconds." in text
    assert "Remove it" not in text  # which is not enough where nothing needs the file, and nonsense where there is none


def test_files_of_this_version_are_read(folder: Path) -> None:
    assert read_page(folder / "leaderboard.json") == PAGE
    names = [one.name for one in expanded(leaderboard_columns())]
    assert list(read_run_rows(folder / "leaderboard.parquet", names).columns) == names
    assert draw_models.label_of(folder / "probes/a") == "A"

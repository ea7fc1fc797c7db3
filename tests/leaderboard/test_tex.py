"""leaderboard.tex: which tables, and how they are cut to the page. tests/page compiles it."""

import re

import pandas as pd
import pytest

from spd_faith.leaderboard.model import (
    COUNT,
    NUMBER,
    PERCENT,
    Bounded,
    Cell,
    Column,
    Difference,
    Interval,
    Leaderboard,
    Missing,
    Ranks,
    Section,
    Table,
    Text,
    Unranked,
    Value,
)
from spd_faith.leaderboard.renderers import tex

ROWS = pd.DataFrame(
    [
        {"origin": "run", "dataset": "beds_1", "dataset_revision": "seed 1", "n": 8.0},
        {"origin": "published", "dataset": None, "dataset_revision": "a paper", "n": None},
    ]
)


def rendered(*tables: Table, title: str = "Judged by A & B") -> str:
    page = Section("Leaderboard: beds_1", (Section(title, tables),))
    return tex.render(Leaderboard(page, ROWS, ()))


def made(*columns: Column, rows: list[tuple[Cell, ...]], name: str = "secondary") -> Table:
    return Table(name, columns, tuple(rows))


def tabulars(source: str) -> list[list[list[str]]]:
    """Of each table, its rows as lists of cells."""
    bodies = re.findall(r"\\begin\{spdfit\}(.*?)\\end\{spdfit\}", source, re.DOTALL)
    return [
        [line.removesuffix(r" \\").split(" & ") for line in body.splitlines() if line.endswith(r" \\")]
        for body in bodies
    ]


def test_cells():
    row = (
        *(Text("a_b", "a"), Ranks(1, 2), Unranked(), Missing(), Value(0.5), Difference(0.1, True)),
        *(
            Difference(-0.1, False),
            Difference(-0.0, False),
            Interval(-0.5, -0.75, 0.25),
            Interval(0.5, 0.25, 0.75, 3, True),
        ),
        Bounded(0.5, 0.25, 0.75, 0.125, 0.875, 0.9, True),
    )
    (((*_,), cells),) = tabulars(rendered(made(*[Column("x", PERCENT)] * 11, rows=[row])))
    assert cells == [
        *(r"a\_b", "1{--}2", "{--}", "{--}", "50.0", r"\textbf{+10.0}", "$-$10.0", "0.0"),
        r"\spdvalue{$-$50.0}{{[}$-$75.0, 25.0]}",
        r"\spdvalue{\textbf{50.0}}{{[}25.0, 75.0], 3 pairs}",
        r"\spdbounded{\textbf{50.0}}{{[}25.0, 75.0]}{(12.5 to 87.5)}",
    ]


def test_the_caption_says_how_to_read_the_table():
    columns = (Column("Model"), Column("Judge"), Column("DRF", PERCENT), Column("d′", NUMBER))
    rows = [(Text("a", "a"), Text("rules_1", "rules"), Interval(0.5, 0.4, 0.6, is_best=True), Missing())]
    source = rendered(made(*columns, rows=rows))
    (caption,) = re.findall(r"\\caption\{(.*)\}", source)
    assert caption.startswith(r"Secondary metrics. Dataset: beds\_1 (seed 1, 8 pairs), judged by rules\_1. ")
    assert (
        r"Percentages, apart from d$'$. " in caption and r"Brackets: 95\% intervals" in caption and "Bold: " in caption
    )
    assert "Dash: " in caption and "Parentheses" not in caption and "Rank:" not in caption
    assert r"\label{tab:spd-faith:secondary}" in source
    assert tabulars(source)[0][0] == ["Model", "DRF", r"d$'$"]  # the judge is in the caption


def test_judges_that_differ_keep_their_column_and_are_apart():
    columns = (Column("Model"), Column("Judge"), Column("DRF", PERCENT))
    rows = [(Text(model, model), Text(judge, judge), Value(0.5)) for judge in "xy" for model in "ab"]
    source = rendered(made(*columns, rows=rows))
    assert "judged by" not in source and source.count(r"\midrule") == 2


def test_published_rows_are_apart():
    columns = (Column("Model"), Column("DRF", PERCENT))
    rows = [(Text("a", "a"), Value(0.5)), (Text("b", "b"), Value(0.5)), (Text("c (published)"), Value(0.5))]
    body = rendered(made(*columns, rows=rows, name="published_protocol"))
    assert re.search(r"\\midrule\nc \(published\)", body) and body.count(r"\midrule") == 2


def test_names_of_several_rows_are_shown_once_but_ranks_always():
    by_group = made(
        *(Column("Model"), Column("Group"), Column("DRF", PERCENT)),
        rows=[(Text(model, model), Text(group), Value(0.5)) for model in "ab" for group in "xy"],
        name="split",
    )
    headline = made(
        *(Column("Rank", COUNT), Column("Model"), Column("DRF", PERCENT)),
        rows=[(Ranks(1, 2), Text(model, model), Value(0.5)) for model in "ab"],
        name="headline",
    )
    first, second = tabulars(rendered(by_group, headline))
    assert [row[0] for row in first[1:]] == ["a", "", "b", ""]
    assert [row[0] for row in second[1:]] == ["1{--}2", "1{--}2"]


def test_comparisons_are_named_by_metric_and_judge_and_checks_of_a_run_are_left_out():
    columns = (Column("No.", COUNT), Column("Model"), Column("1", PERCENT))
    rows = [(Value(1), Text("a"), Difference(0.1, True))]
    source = rendered(
        made(*columns, rows=rows, name="comparisons_drf_rules_1"),
        made(*columns, rows=rows, name="provenance"),
        made(*columns, rows=rows, name="parsing"),
    )
    (caption,) = re.findall(r"\\caption\{(.*)\}", source)
    assert caption.startswith(r"Differences in DRF, row minus column. Judged by A \& B. ")
    assert r"\label{tab:spd-faith:comparisons_drf_rules_1}" in source


@pytest.mark.parametrize(("cell", "is_in"), [(Missing(), False), (Interval(0.5, 0.4, 0.6), True)])
def test_corrections_are_in_where_there_are_some(cell: Cell, is_in: bool):
    columns = (Column("Model"), Column("Metric"), Column("Corrected", PERCENT))
    source = rendered(made(*columns, rows=[(Text("a", "a"), Text("DRF"), cell)], name="judge_error"))
    assert (r"\begin{table*}" in source) is is_in


def test_wide_and_long_tables_come_in_parts():
    columns = (Column("Model"), *(Column(f"Metric {number:02d}", PERCENT) for number in range(30)))
    rows = [(Text(f"m{number}", f"m{number}"), *[Value(number / 100)] * 30) for number in range(60)]
    source = rendered(made(*columns, rows=rows))
    parts = tabulars(source)
    assert f"Part {len(parts)} of {len(parts)}." in source and len(set(re.findall(r"\\label\{.*\}", source))) == len(
        parts
    )
    assert all(len(row) == len(part[0]) <= 16 for part in parts for row in part)
    assert all(len(part) <= 45 for part in parts)
    found = [(row[0], heading) for part in parts for row in part[1:] for heading in part[0][1:]]
    assert len(found) == len(set(found)) == 60 * 30


def test_long_labels_are_wrapped_and_cut():
    columns = (Column("Model"), Column("DRF", PERCENT))
    rows = [(Text("x" * 100, "a"), Value(0.5)), (Text("word " * 200, "b"), Value(0.5))]
    source = rendered(made(*columns, rows=rows))
    assert "x" * 33 not in source and source.count("x" * 32) == 3
    assert r"{[}\ldots{}]" in source and source.count("word") < 100


def test_floats_are_cleared_before_latex_has_too_many():
    columns, rows = (Column("Model"), Column("DRF", PERCENT)), [(Text("a", "a"), Value(0.5))]
    source = rendered(*[made(*columns, rows=rows)] * 20)
    assert max(piece.count(r"\begin{table*}") for piece in source.split(r"\clearpage")) <= 8


def test_definitions_are_comments_of_one_line():
    columns = (Column("Model"), Column("DRF", PERCENT, "first\nsecond 50% ``a``\u2028“b” −1 \x1b"))
    source = rendered(made(*columns, rows=[(Text("a", "a"), Value(0.5))]))
    assert "\n% DRF: first second 50% ``a`` “b” −1 \\x1b\n" in source

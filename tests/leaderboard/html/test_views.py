"""Cells, notes and sections as the page shows them."""

import math

import pytest

from spd_faith.leaderboard.html.views import Bar, CellView, cell_view, column_view, note_view, section_view
from spd_faith.leaderboard.model import (
    COUNT,
    DOLLARS,
    NUMBER,
    PERCENT,
    WORDS,
    Bounded,
    Code,
    Difference,
    Interval,
    Missing,
    Ranks,
    Section,
    Strong,
    Term,
    Text,
    Unranked,
    Value,
    note,
    warning,
)


@pytest.mark.parametrize(
    ("cell", "unit", "shown"),
    [
        (Text("One", "one"), WORDS, CellView("One", "One", is_number=False, key="one")),
        (Value(0.25), PERCENT, CellView("25.0", 0.25)),
        (Value(math.nan), NUMBER, CellView("–", "")),
        (Value(3), COUNT, CellView("3", 3.0)),
        (
            Interval(0.5, 0.25, 0.75, 7, True),
            PERCENT,
            CellView("50.0", 0.5, "[25.0, 75.0], 7 pairs", True, bar=Bar(25, 50, 75)),
        ),
        (Interval(1.5, 1, 2, 1), NUMBER, CellView("1.50", 1.5, "[1.00, 2.00], 1 pair")),
        (Interval(1.5, 1, 2), NUMBER, CellView("1.50", 1.5, "[1.00, 2.00]")),
        (Interval(-0.1, -0.2, 0.1), PERCENT, CellView("−10.0", -0.1, "[−20.0, 10.0]")),
        (
            Bounded(0.5, 0.4, 0.6, 0.3, 0.8, 0.9),
            PERCENT,
            CellView("50.0", 0.5, "[40.0, 60.0], bounds 30.0 to 80.0 at 90.0% coverage", bar=Bar(40, 50, 60)),
        ),
        (Difference(-0.1, True), PERCENT, CellView("−10.0", -0.1, is_bold=True, tone=-0.2)),
        (Difference(0.9, False), PERCENT, CellView("+90.0", 0.9, tone=1.0)),
        (Difference(0.0, False), PERCENT, CellView("0.0", 0.0, tone=0.0)),
        (Unranked(), COUNT, CellView("–", "")),
        (Missing(), DOLLARS, CellView("–", "")),
    ],
)
def test_a_cell(cell, unit, shown):
    assert cell_view(cell, unit) == shown


def test_a_column_has_bars_if_all_its_intervals_are_on_one_scale():
    within, below = Interval(0.5, 0.25, 0.75), Interval(-0.1, -0.2, 0.0)
    assert [view.bar for view in column_view([within, Missing(), within], PERCENT)] == [
        Bar(25, 50, 75), None, Bar(25, 50, 75),
    ]  # fmt: skip
    assert [view.bar for view in column_view([within, below], PERCENT)] == [None, None]
    assert [view.text for view in column_view([within, below], PERCENT)] == ["50.0", "−10.0"]


def test_ranks_are_sorted_by_their_better_end_then_by_the_other():
    ranks = [Ranks(2, 3), Ranks(1, 1), Ranks(2, 2), Ranks(10, 12)]
    views = sorted((cell_view(one, COUNT) for one in ranks), key=lambda view: view.order)
    assert [view.text for view in views] == ["1", "2", "2–3", "10–12"]


def test_a_note():
    shown = note_view(warning("all ", Term("pairs"), Code("x < y"), Strong("!")))
    assert shown.is_warning and not note_view(note("a")).is_warning
    assert shown.spans == [("", "all "), ("dfn", "pairs"), ("code", "x < y"), ("strong", "!")]


def test_anchors_differ_where_titles_do_not():
    inner = Section("Blind & grey", ())
    view = section_view(Section("Controls", (inner, Section("Other", (inner,)))))
    first, second = view.parts
    assert view.anchor == "controls"
    assert first.section.anchor == "controls-blind-grey"
    assert second.section.parts[0].section.anchor == "controls-other-blind-grey"

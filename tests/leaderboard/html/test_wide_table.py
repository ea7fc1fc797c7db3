"""The grouped tables, joined by model and judge."""

import pytest

from spd_faith.leaderboard.html.wide_table import wide_table
from spd_faith.leaderboard.model import COUNT, PERCENT, Column, Group, Missing, Ranks, Section, Table, Text, Value

ONE, TWO = Text("One", "one"), Text("Two", "two")
RULES, PANEL = Text("Rules", "rules"), Text("Panel", "panel")
HEADLINE = Table(
    "headline",
    (Column("Rank", COUNT), Column("Model"), Column("Judge"), Column("DRF", PERCENT)),
    (
        (Ranks(1, 1), TWO, RULES, Value(0.9)),
        (Ranks(2, 2), ONE, RULES, Value(0.5)),
        (Ranks(1, 1), ONE, PANEL, Value(0.4)),
    ),
    Group.HEADLINE,
)
MECHANISM = Table("probes", (Column("Model"), Column("Pairs", COUNT)), ((ONE, Value(8)),), Group.MECHANISM)
CONTROLS = Table(
    "order",
    (Column("Model"), Column("Judge"), Column("DS", PERCENT)),
    ((ONE, PANEL, Value(0.1)), (ONE, RULES, Value(0.2)), (TWO, RULES, Missing())),
    Group.CONTROLS,
)
OTHER = Table("apart", (Column("Model"), Column("Pairs", COUNT)), ((ONE, Value(1)),))


def page(*tables: Table) -> Section:
    return Section("Page", (tables[0], Section("Deeper", tuple(tables[1:]))))


def test_rows_follow_the_headline_and_groups_their_order():
    wide = wide_table(page(HEADLINE, OTHER, MECHANISM, CONTROLS))
    assert [(group.name, [column.title for column in group.columns]) for group in wide.groups] == [
        ("headline", ["DRF"]),
        ("controls", ["DS"]),
        ("mechanism", ["Pairs"]),
    ]
    assert [[row.rank.text, row.model.key, row.judge.key, *[c.text for c in row.cells]] for row in wide.rows] == [
        ["1", "two", "rules", "90.0", "–", "–"],
        ["2", "one", "rules", "50.0", "20.0", "8"],
        ["1", "one", "panel", "40.0", "10.0", "8"],
    ]
    assert wide.has_judges


def test_an_empty_table_adds_no_columns():
    empty = Table("order", (Column("Model"), Column("DS")), (), Group.CONTROLS)
    wide = wide_table(page(HEADLINE, empty))
    assert [group.name for group in wide.groups] == ["headline"]


def test_without_a_headline_there_is_nothing_to_join():
    with pytest.raises(ValueError, match="headline"):
        wide_table(page(CONTROLS))

"""The documented columns of the leaderboard's tables are those that a run writes."""

import re
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from leaderboard.test_leaderboard import SCORES_BY_ENTRY, aggregated, audit_table, live  # noqa: F401

from spd_faith.leaderboard.audit_section import unflagged_rows
from spd_faith.leaderboard.columns import (
    BREAKDOWN_COLUMNS,
    COMPARISON_COLUMNS,
    INTERVENTION_COLUMNS,
    Described,
    documentation,
    expanded,
    leaderboard_columns,
    with_descriptions,
    with_whole_counts,
)
from spd_faith.scoring.aggregate import BREAKDOWNS_SCHEMA
from spd_faith.scoring.comparisons import COMPARISONS_SCHEMA
from spd_faith.scoring.interventions import INTERVENTIONS_SCHEMA

PAGE = Path(__file__).resolve().parents[2] / "docs/leaderboard_columns.md"


def names_on_the_page(title: str) -> list[str]:
    """The columns listed below a heading, with those that share their beginning, in order of the page."""
    section = re.split(r"^## ", PAGE.read_text(encoding="utf-8"), flags=re.MULTILINE)
    (text,) = [one for one in section if one.startswith(title)]
    names = []
    each: list[str] = []
    for line in text.splitlines():
        if line.startswith("### "):
            each = []
        elif line.startswith("Each with"):
            each = re.findall(r"`(_\w+)`", line)
        elif found := re.match(r"\| (`[a-z].*?) \|", line):
            name, *endings = re.findall(r"`(\w+)`", found[1])
            names += [name, *(f"{name}{ending}" for ending in (*endings, *each))]
    return names


def test_the_page_is_in_step_with_the_code():
    assert PAGE.read_text(encoding="utf-8") == documentation(), (
        "update it with: python workflow_scripts/write_column_docs.py"
    )


def test_every_column_of_the_leaderboard_is_on_the_page_once(live: pd.DataFrame):  # noqa: F811
    columns = {*live.columns, *unflagged_rows(audit_table({}), SCORES_BY_ENTRY)}
    listed = names_on_the_page("leaderboard.parquet")
    assert len(listed) == len(set(listed))
    assert set(listed) == columns


def test_every_column_of_the_other_tables_is_on_the_page():
    assert names_on_the_page("breakdowns.parquet") == BREAKDOWNS_SCHEMA.names
    assert names_on_the_page("comparisons.parquet") == COMPARISONS_SCHEMA.names
    assert names_on_the_page("interventions.parquet") == INTERVENTIONS_SCHEMA.names


def test_every_column_says_what_it_is():
    for one in (*expanded(leaderboard_columns()), *BREAKDOWN_COLUMNS, *COMPARISON_COLUMNS, *INTERVENTION_COLUMNS):
        assert one.unit and one.meaning and one.null


def test_counts_are_whole_numbers_beside_rows_without_them():
    rows = pd.DataFrame({"n": [160, None], "drf": [0.5, 1.0], "rank": [1.0, None], "order_ds_n": [3.0, None]})
    text = with_whole_counts(rows).to_csv(index=False)
    assert text.splitlines()[1:] == ["160,0.5,1,3", ",1.0,,"]


def test_descriptions_are_in_the_metadata_and_change_no_value(tmp_path: Path):
    rows = pd.DataFrame({"a": pd.array([1, None], "Int64"), "a_low": [0.5, None], "other": ["x", None]})
    columns = (Described("a", "count", "things", "there are none", ("_low",)),)
    pq.write_table(with_descriptions(pa.Table.from_pandas(rows), columns), tmp_path / "rows.parquet")
    pd.testing.assert_frame_equal(pd.read_parquet(tmp_path / "rows.parquet"), rows)
    schema = pq.read_schema(tmp_path / "rows.parquet")
    assert schema.field("a").metadata == {b"unit": b"count", b"description": b"things", b"null": b"there are none"}
    assert schema.field("a_low").metadata[b"description"] == b"lower end of the 95% interval (a: things)"
    assert schema.field("other").metadata is None

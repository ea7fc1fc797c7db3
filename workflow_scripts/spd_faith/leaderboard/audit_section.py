"""The truth audit on the leaderboard: how many pairs are flagged, and the headline without them."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from spd_faith.core.schemas import (
    EMPTY_BOX,
    FAULTS,
    MISSING_BOX,
    OUTSIDE,
    REMARKS,
    SECOND_PLACE_UNKNOWN,
    UNEQUAL_SIZES,
    UNREADABLE,
)
from spd_faith.leaderboard.metric_columns import COVERAGE, Chosen, headline_columns
from spd_faith.leaderboard.model import (
    COUNT,
    Code,
    Column,
    Note,
    Section,
    Table,
    Text,
    Value,
    note,
    value_cell,
    warning,
)
from spd_faith.leaderboard.row_cells import MODEL_AND_JUDGE, Row, model_and_judge
from spd_faith.scoring.aggregate import coverages, estimates
from spd_faith.scoring.metrics import HEADLINE, HEADLINE_AND_OVERALL
from spd_faith.scoring.tallies import Entry

UNFLAGGED_FRACTIONS = tuple(f"{metric}_unflagged{end}" for metric in HEADLINE_AND_OVERALL for end in ("", "_coverage"))
"""The columns of `unflagged_rows` that hold fractions."""

_MEANINGS = {
    OUTSIDE: "The images differ outside the true boxes",
    EMPTY_BOX: "Nothing differs in a true box",
    MISSING_BOX: "A true difference has no box",
    UNEQUAL_SIZES: "The two images differ in size",
    UNREADABLE: "An image cannot be read",
    SECOND_PLACE_UNKNOWN: "A moved object has one box of two (not an error)",
}


def unflagged_rows(audit: pa.Table, scores: Mapping[Entry, pa.Table]) -> pd.DataFrame:
    """The headline metrics over the pairs without a fault, one row per (judge, model).

    Columns: judge, model, n_unflagged (pairs) and, for each metric, {metric}_unflagged and
    {metric}_unflagged_coverage; null if no pair is left.
    """
    kept = pa.array([row["sample_id"] for row in audit.to_pylist() if not _is_faulty(row)], pa.string())
    return pd.DataFrame(
        [{"judge": judge, "model": model} | _over(kept, table) for (judge, model), table in scores.items()]
    )


def _over(kept: "pa.Array[Any]", scores: pa.Table) -> dict[str, Any]:
    table = scores.filter(pc.is_in(scores["sample_id"], kept))
    row: dict[str, Any] = dict.fromkeys(UNFLAGGED_FRACTIONS, float("nan"))
    if table.num_rows:
        values, coverage = estimates(table), coverages(table)
        for metric in HEADLINE_AND_OVERALL:
            row |= {f"{metric}_unflagged": values[metric], f"{metric}_unflagged_coverage": coverage[metric]}
    return {"n_unflagged": table.num_rows} | row


def audit_warning(audit: pa.Table) -> Iterator[Note]:
    """Says above the table how many pairs are flagged; nothing if none is."""
    if faulty := sum(map(_is_faulty, audit.to_pylist())):
        yield warning(
            f"The truth audit flags {faulty} of {audit.num_rows} pairs. The section “Truth audit” shows the headline "
            "without them."
        )


def audit_section(audit: pa.Table, live: Sequence[Row], chosen: Chosen) -> Section:
    """Pairs by flag; the headline with and without the flagged pairs if some are flagged and some are not."""
    rows = audit.to_pylist()
    faulty = sum(map(_is_faulty, rows))
    explained = note(
        "Compares the images of each pair with its true boxes, before any model is asked. ",
        f"Flagged: {faulty} of {len(rows)} pairs, listed in ",
        Code("audit.parquet"),
        ". Method and limits: docs/statistics.md.",
    )
    parts: list[Note | Table] = [explained]
    if counts := Counter(flag for row in rows for flag in row["flags"]):
        parts.append(_counts_table(counts))
    if 0 < faulty < len(rows):
        parts.append(_headline_table(live, chosen))
    return Section("Truth audit", tuple(parts))


def _is_faulty(row: Mapping[str, Any]) -> bool:
    return any(flag in FAULTS for flag in row["flags"])


def _counts_table(counts: Mapping[str, int]) -> Table:
    rows = ((Text(_MEANINGS[flag]), Text(flag), Value(counts[flag])) for flag in (*FAULTS, *REMARKS) if flag in counts)
    return Table("audit_flags", (Column("Finding"), Column("Flag"), Column("Pairs", COUNT)), tuple(rows))


def _headline_table(live: Sequence[Row], chosen: Chosen) -> Table:
    columns = (*MODEL_AND_JUDGE, Column("Truth"), Column("Pairs", COUNT), *headline_columns(chosen))
    rows = (
        (
            *(*model_and_judge(row), Text(title), Value(row[f"n{end}"])),
            *(value_cell(row[f"{name}{end}"]) for name in HEADLINE_AND_OVERALL),
            Value(min(row[f"{name}{end}_coverage"] for name in HEADLINE)),
        )
        for row in live
        for title, end in (("all pairs", ""), ("unflagged pairs", "_unflagged"))
    )
    return Table("unflagged", (*columns, COVERAGE), tuple(rows))

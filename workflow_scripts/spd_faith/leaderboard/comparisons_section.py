"""What the comparisons of models add to the leaderboard: rank intervals, the best values, and a section."""

from collections.abc import Iterator

import pandas as pd
import pyarrow as pa

from spd_faith.core.variants import MODEL
from spd_faith.leaderboard.model import (
    COUNT,
    PERCENT,
    Cell,
    Code,
    Column,
    Difference,
    Missing,
    Note,
    Section,
    Table,
    Text,
    Value,
    note,
)
from spd_faith.scoring.comparisons import SIGNIFICANT_AT, rank_interval, significantly_better
from spd_faith.scoring.metrics import HEADLINE_AND_OVERALL, METRICS

_SHOWN = ("overall", "drf")
_MOST_NAMED = 6  # models with their labels above the columns; more have numbers
BOLD = "the best of the judge's ranked models, and those not significantly worse"
"""What the bold values in a column of metrics are."""
RANKS = "a rank of 2–3 means that the comparisons in Overall leave both places open"
"""How to read a rank interval."""


def with_standings(live: pd.DataFrame, comparisons: pa.Table) -> pd.DataFrame:
    """The rows of `live_rows` with rank_low and rank_high after rank, and for each headline metric and Overall `_best`:
    whether the value is the best of the judge's models or not significantly worse than it.

    Only ranked models count: others have no rank interval, do not widen anyone else's, and are never best. Nor is any
    model of a judge where no two models are tested.
    """
    rows = live.copy()
    for place, name in enumerate(("rank_low", "rank_high"), start=1):
        rows.insert(place, name, pd.Series(pd.NA, rows.index, dtype="Int64"))
    rows = rows.assign(
        **{f"{metric}_best": pd.Series(False, rows.index, dtype="boolean") for metric in HEADLINE_AND_OVERALL}
    )
    tested = {(row["judge"], row["metric"]) for row in comparisons.to_pylist() if row["p_holm"] is not None}
    better = {metric: significantly_better(comparisons, metric) for metric in HEADLINE_AND_OVERALL}
    for _, ranked in rows[rows["rank"].notna()].groupby("judge"):
        keys = list(zip(ranked["judge"], ranked["model"], strict=True))
        rows.loc[ranked.index, ["rank_low", "rank_high"]] = [
            rank_interval(key, keys, better["overall"]) for key in keys
        ]
        for metric in HEADLINE_AND_OVERALL if len(keys) > 1 else ():
            judge, best = keys[int(ranked[metric].argmax())]
            if (judge, metric) not in tested:
                continue
            rows.loc[ranked.index, f"{metric}_best"] = [(judge, best, model) not in better[metric] for _, model in keys]
    return rows


def comparisons_section(live: pd.DataFrame, comparisons: pa.Table) -> tuple[Section, ...]:
    """The section, empty if no judge has two models."""
    frame = comparisons.to_pandas()
    parts: list[Note | Section] = []
    for judge, rows in live[live["role"] == MODEL].groupby("judge"):
        pairs = frame[frame["judge"] == judge]
        if len(pairs):
            parts.append(Section(f"Judged by {rows['judge_label'].iloc[0]}", tuple(_matrices(rows, pairs, str(judge)))))
    return (Section("Comparisons", (_how_to_read(), *parts), "comparisons"),) if parts else ()


def _how_to_read() -> Note:
    return note(
        "Row minus column in percentage points, over the image pairs scored for both models. Bold: significant, "
        f"p ≤ {SIGNIFICANT_AT} after Holm's correction for all pairs of a judge's models. Variants of "
        "models have a section of their own. A difference that is not significant does not show that two models are "
        "equal. On the HTML page, hovering over a cell of the matrix or tapping it shows the interval and p. All "
        "metrics, with intervals and p: ",
        Code("comparisons.parquet"),
        ", where each pair is in one direction only. Formulas, and how to find a pair: docs/statistics.md.",
    )


def _matrices(rows: pd.DataFrame, pairs: pd.DataFrame, judge: str) -> Iterator[Note | Table]:
    models, labels = rows["model"].tolist(), rows["label"].tolist()
    is_named = len(models) <= _MOST_NAMED
    titles = labels if is_named else [str(number) for number in range(1, len(models) + 1)]
    columns = (Column("Model"), *(Column(title, PERCENT) for title in titles))
    for metric in _SHOWN:
        cells = _cells(pairs[pairs["metric"] == metric])
        yield note(f"{METRICS[metric].label}:")
        yield Table(
            f"comparisons_{metric}_{judge}",
            columns if is_named else (Column("No.", COUNT), *columns),
            tuple(
                (
                    *(() if is_named else (Value(number),)),
                    Text(label),
                    *(cells.get((model, other), Missing()) for other in models),
                )
                for number, (model, label) in enumerate(zip(models, labels, strict=True), start=1)
            ),
        )


def _cells(pairs: pd.DataFrame) -> dict[tuple[str, str], Cell]:
    """The cell of each (row's model, column's model)."""
    cells: dict[tuple[str, str], Cell] = {}
    for row in pairs[pairs["difference"].notna()].to_dict("records"):
        is_significant = row["p_holm"] <= SIGNIFICANT_AT
        cells[row["model"], row["other_model"]] = Difference(row["difference"], is_significant)
        cells[row["other_model"], row["model"]] = Difference(-row["difference"], is_significant)
    return cells

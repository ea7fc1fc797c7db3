"""The published protocol, as far as it can be read from its sources, in a table apart: docs/published_protocol.md."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from spd_faith.core.controls import without_controls
from spd_faith.leaderboard.model import (
    COUNT,
    PERCENT,
    Cell,
    Column,
    Missing,
    Note,
    Section,
    Table,
    Text,
    Value,
    note,
    value_cell,
)
from spd_faith.leaderboard.row_cells import MODEL_AND_JUDGE, Row
from spd_faith.scoring import formulas
from spd_faith.scoring.aggregate import estimates
from spd_faith.scoring.metrics import HEADLINE_AND_OVERALL, METRICS
from spd_faith.scoring.released import listed_samples, released_results
from spd_faith.scoring.tallies import Entry

SPLIT = "multi_diff"
_READINGS = {"cr": "cr_content"}  # the metric shown in the place of a published one
METRIC_COLUMNS = {name: f"protocol_{_READINGS.get(name, name)}" for name in HEADLINE_AND_OVERALL}
"""The columns of the leaderboard's rows, by the published metric."""
FRACTIONS = tuple(METRIC_COLUMNS.values())
_COUNTS = {
    "protocol_pairs": Column("Pairs", COUNT, f"Pairs of the split {SPLIT}, without controls."),
    "protocol_dropped": Column("Dropped", COUNT, "Pairs that DQR, TF1 and CF1 drop: no list could be parsed."),
    "protocol_without_content": Column(
        "Without content claims", COUNT, "Judged pairs without a claim but the one about the verdicts: no CR-content."
    ),
    "protocol_unscored": Column("Unscored", COUNT, "Pairs without a DRF or a CR."),
}
_RELEASED = {
    "dqr": "Listed / true differences, not capped, mean over the answers with a parsed list (released code).",
    "tf1": "F1 of the types from summed counts, over the answers with a parsed list (released code).",
    "cf1": "F1 of the categories from summed counts, where one name may match several times (released code).",
    "overall": "The mean of the six values of this table.",
}
"""What the released code, or this table alone, computes by the name of a metric."""


def by_published_protocol(
    samples: pa.Table, parsed: Mapping[str, pa.Table], scores: Mapping[Entry, pa.Table]
) -> pd.DataFrame:
    """One row per judge and model: the metrics of METRIC_COLUMNS over the pairs of SPLIT, without controls.

    DQR, TF1 and CF1 are the released code's (`scoring.released`), over the pairs that it does not drop; DRF, DS and
    `cr_content` are ours, over all pairs. Counts: protocol_pairs, protocol_dropped (by the released code),
    protocol_without_content (null `cr_content` of a judged pair) and protocol_unscored (DRF or CR null). All are null
    without the split.
    """
    of_split = without_controls(samples).filter(pc.field("split") == SPLIT)
    rows = [
        {"judge": judge, "model": model} | (_row(of_split, parsed[model], table) if of_split.num_rows else {})
        for (judge, model), table in scores.items()
    ]
    found = pd.DataFrame(rows).reindex(columns=["judge", "model", *FRACTIONS, *_COUNTS])
    return found.astype(dict.fromkeys(FRACTIONS, "float64") | dict.fromkeys(_COUNTS, "Int64"))


def _row(of_split: pa.Table, parsed: pa.Table, scores: pa.Table) -> dict[str, Any]:
    ids = of_split["sample_id"].combine_chunks()
    answers = parsed.filter(pc.is_in(parsed["sample_id"], ids))
    released = released_results(listed_samples(of_split, answers), "")["summary"]
    own = scores.filter(pc.is_in(scores["sample_id"], ids))
    values = estimates(own) | {"dqr": released["avg_num_recall"], "tf1": released["type_level"]["overall"]["f1"]}
    values["cf1"] = released["category_level"]["f1"]
    if not released["total_samples"]:
        values |= dict.fromkeys(("dqr", "tf1", "cf1"), np.nan)
    shown = [_READINGS.get(name, name) for name in METRIC_COLUMNS if name != "overall"]
    values["overall"] = float(formulas.overall([values[name] for name in shown]))
    is_null = {name: np.isnan(own[name].to_numpy()) for name in ("drf", "cr", "cr_content")}
    return {column: values[_READINGS.get(name, name)] for name, column in METRIC_COLUMNS.items()} | {
        "protocol_pairs": of_split.num_rows,
        "protocol_dropped": of_split.num_rows - released["total_samples"],
        "protocol_without_content": int((is_null["cr_content"] & ~is_null["cr"]).sum()),
        "protocol_unscored": int((is_null["drf"] | is_null["cr"]).sum()),
    }


def protocol_section(live: pd.DataFrame, published: pd.DataFrame) -> Section:
    """The section with the run's models by this protocol and, below them, the published rows."""
    return Section("The published protocol", (*_about(live), _table(live, published)))


def _about(live: pd.DataFrame) -> Iterator[Note]:
    yield note(
        f"Split {SPLIT} alone; DQR, TF1 and CF1 by the released formulas (DQR uncapped, answers without a parsed list "
        "dropped, a category may match several times); CR over the claims about the contents. That the published "
        "numbers were made like this is probable, not proven; docs/published_protocol.md has the evidence. Published "
        "rows have the benchmark's own judges and are not ranked with others."
    )
    if live["protocol_pairs"].isna().all():
        yield note(f"This dataset has no split {SPLIT}: only the published rows are shown.")


def _table(live: pd.DataFrame, published: pd.DataFrame) -> Table:
    columns = (*MODEL_AND_JUDGE, *map(_column, METRIC_COLUMNS), *_COUNTS.values())
    measured = live[live["protocol_pairs"].notna()].to_dict("records")
    rows = [_cells(row, METRIC_COLUMNS.values()) for row in measured]
    rows += [_cells(row, HEADLINE_AND_OVERALL) for row in published.to_dict("records")]
    return Table("published_protocol", columns, tuple(rows))


def _column(name: str) -> Column:
    metric = METRICS[_READINGS.get(name, name)]
    how = _RELEASED.get(name, f"{metric.meaning} Formula: {metric.definition}.")
    return Column(metric.label, PERCENT, f"{how} Over the pairs of the split {SPLIT}. Higher is better.")


def _cells(row: Row, metrics: Iterable[str]) -> tuple[Cell, ...]:
    is_published = row["origin"] == "published"
    counts = (Missing() if is_published else Value(row[name]) for name in _COUNTS)
    label = f"{row['label']} (published)" if is_published else row["label"]
    return (Text(label), Text(row["judge_label"]), *(value_cell(row[name]) for name in metrics), *counts)

"""The section of the leaderboard about the internals of open-weight models."""

from collections.abc import Hashable, Mapping
from typing import Any

import pandas as pd

from spd_faith.leaderboard.metric_columns import sentence
from spd_faith.leaderboard.model import (
    COUNT,
    NUMBER,
    PERCENT,
    Cell,
    Column,
    Group,
    Interval,
    Missing,
    Note,
    Section,
    Strong,
    Table,
    Term,
    Text,
    Value,
    note,
)
from spd_faith.leaderboard.row_cells import MODEL, model_cell
from spd_faith.probes.registry import SUMMARIES
from spd_faith.probes.summary import Summary
from spd_faith.scoring.metric_types import Better

_REFERENCE_MODELS = note(
    Strong("The tiny reference models that come with this workflow were trained to point at what differs."),
    " Their numbers show that the probes work. They say nothing about the full-size models of the same architecture.",
)
_PROBED = Column("Pairs probed", COUNT, "Pairs whose answers were probed, drawn by split and seed alone.")


def probe_section(live: pd.DataFrame, unmeasured: pd.DataFrame) -> tuple[Section, ...]:
    """The section, empty if no model was probed. `unmeasured` comes from `not_measured`."""
    models = live.drop_duplicates("model")
    models = models[models["n_probed"].notna()]
    if models.empty:
        return ()
    parts: list[Note | Table] = [_what_it_shows(), _REFERENCE_MODELS, _summaries_table(models)]
    if len(unmeasured):
        labels = dict(zip(models["model"], models["label"], strict=True))
        parts += [
            note("Not measured: answers to all three questions; of causal_patching, true differences."),
            _unmeasured_table(unmeasured, labels),
        ]
    return (Section("Mechanism: internals of open-weight models", tuple(parts), "probes"),)


def _what_it_shows() -> Note:
    defined = (span for summary in SUMMARIES for span in (Term(summary.label), f": {summary.definition}. "))
    return note(
        "All values are about the answers to “how many differences?” for the probed pairs, with 95% intervals as "
        "above. ",
        *defined,
        "Formulas: docs/probes.md.",
    )


def _summaries_table(models: pd.DataFrame) -> Table:
    shown = [summary for summary in SUMMARIES if models[f"{summary.name}_n"].notna().any()]
    columns = [
        Column(summary.label, PERCENT if summary.is_fraction else NUMBER, _definition(summary)) for summary in shown
    ]
    rows = (
        (model_cell(row), Value(row["n_probed"]), *(_cell(row, summary) for summary in shown))
        for row in models.to_dict("records")
    )
    return Table("probes", (MODEL, _PROBED, *columns), tuple(rows), Group.MECHANISM)


def _definition(summary: Summary) -> str:
    return (
        f"{sentence(summary.definition)} About the descriptions of the probed pairs. "
        f"{Better.NEITHER} “–” if {summary.is_null}, or if the probe is not run on the model."
    )


def _cell(row: Mapping[Hashable, Any], summary: Summary) -> Cell:
    value, low, high, pairs = (row[f"{summary.name}{end}"] for end in ("", "_low", "_high", "_n"))
    if pd.isna(value):
        return Missing()
    return Interval(value, low, high, None if pairs == row["n_probed"] else int(pairs))


def _unmeasured_table(unmeasured: pd.DataFrame, labels: dict[str, str]) -> Table:
    columns = (MODEL, Column("Probe"), Column("Why"), Column("How many"))
    rows = (
        (Text(labels[row["model"]]), Text(row["probe"]), Text(row["status"]), Text(f"{row['n']} of {row['of']}"))
        for row in unmeasured.to_dict("records")
    )
    return Table("not_measured", columns, tuple(rows))

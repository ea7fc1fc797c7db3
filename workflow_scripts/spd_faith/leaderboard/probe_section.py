"""What the page of the leaderboard shows of the open-weight models' internals."""

from collections.abc import Hashable, Mapping
from typing import Any

import pandas as pd

from spd_faith.core.schemas import PROBE_SUMMARIES
from spd_faith.leaderboard.model import (
    COUNT,
    NUMBER,
    PERCENT,
    Cell,
    Column,
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
from spd_faith.leaderboard.rows import PROBE_SHARES

_LABELS = {
    "visual_attention": "Visual attention",
    "visual_slope": "Slope",
    "grounding_ratio": "Grounding ratio",
    "grounding_over_random": "over random boxes",
    "grounding_over_unchanged": "over unchanged objects",
    "ffn_drift": "FFN drift",
    "tam_hit": "TAM hits",
    "tam_chance": "by chance",
}
_WHAT_IT_SHOWS = note(
    "Of the answers to “how many differences?” about the probed pairs, with 95% intervals as above. ",
    Term("Visual attention"),
    ": percent of attention that is on the pictures; ",
    Term("slope"),
    ": by how many percentage points that changes from the answer’s first token to its last. ",
    Term("Grounding ratio"),
    ": how dense attention is on what differs over how dense it is where other pairs differ; beside it over random "
    "boxes and over objects that did not change. ",
    Term("FFN drift"),
    ": how far a feed-forward network moves a state, over the state’s norm, mean over layers. ",
    Term("TAM hits"),
    ": percent of content words whose activation map is highest in a true box, and what chance gives. "
    "Formulas: docs/probes.md.",
)
_REFERENCE_MODELS = note(
    Strong("The tiny reference models that come with this workflow were trained to point at what differs."),
    " Their numbers show that the probes work, and nothing about the models whose architecture they have.",
)


def probe_section(live: pd.DataFrame, unmeasured: pd.DataFrame) -> tuple[Section, ...]:
    """The section; none where no model was probed. `unmeasured` is what `not_measured` returns."""
    models = live.drop_duplicates("model")
    models = models[models["n_probed"].notna()]
    if models.empty:
        return ()
    parts: list[Note | Table] = [_WHAT_IT_SHOWS, _REFERENCE_MODELS, _summaries_table(models)]
    if len(unmeasured):
        labels = dict(zip(models["model"], models["label"], strict=True))
        parts += [note("Not measured, over all three questions:"), _unmeasured_table(unmeasured, labels)]
    return (Section("Inside the open models", tuple(parts)),)


def _summaries_table(models: pd.DataFrame) -> Table:
    shown = [name for name in PROBE_SUMMARIES if models[f"{name}_n"].notna().any()]
    columns = [Column(_LABELS[name], PERCENT if name in PROBE_SHARES else NUMBER) for name in shown]
    rows = (
        (Text(row["label"]), Value(row["n_probed"]), *(_summary(row, name) for name in shown))
        for row in models.to_dict("records")
    )
    return Table("probes", (Column("Model"), Column("Pairs", COUNT), *columns), tuple(rows))


def _summary(row: Mapping[Hashable, Any], name: str) -> Cell:
    if pd.isna(row[name]):
        return Missing()
    pairs = row[f"{name}_n"]
    return Interval(
        row[name], row[f"{name}_low"], row[f"{name}_high"], None if pairs == row["n_probed"] else int(pairs)
    )


def _unmeasured_table(unmeasured: pd.DataFrame, labels: dict[str, str]) -> Table:
    columns = (Column("Model"), Column("Probe"), Column("Why"), Column("Answers"))
    rows = (
        (Text(labels[row["model"]]), Text(row["probe"]), Text(row["status"]), Text(f"{row['n']} of {row['of']}"))
        for row in unmeasured.to_dict("records")
    )
    return Table("not_measured", columns, tuple(rows))

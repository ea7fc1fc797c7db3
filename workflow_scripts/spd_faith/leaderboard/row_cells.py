"""What the tables with a row per model, or per model and judge, have in common."""

from collections.abc import Hashable, Mapping, Sequence
from typing import Any

import pandas as pd

from spd_faith.core.variants import MODEL as UNCHANGED
from spd_faith.core.variants import PLACEBO
from spd_faith.leaderboard.model import Cell, Column, Text

Row = Mapping[Hashable, Any]  # a row of the leaderboard, by column
MODEL = Column("Model", definition="The model's label in the config, or its name there without one.")
MODEL_AND_JUDGE = (
    MODEL,
    Column("Judge", definition="Who labelled the claims of the answers, which DRF and CR are made of."),
)


def rows_by_model(live: Sequence[Row]) -> list[Row]:
    """The first row of each model, for what does not depend on the judge."""
    first: dict[str, Row] = {}
    for row in live:
        first.setdefault(row["model"], row)
    return list(first.values())


def model_cell(row: Row) -> Cell:
    """The cell below MODEL."""
    return Text(row["label"], row["model"])


def role_text(row: Row, labels: Mapping[str, str]) -> str:
    """What a variant is, for its row; "" for other models. `labels` has those of all models, by key."""
    if row["role"] == UNCHANGED:
        return ""
    of: str = "" if pd.isna(row["variant_of"]) else f" of {labels[row['variant_of']]}"
    return f"placebo for variants{of}" if row["role"] == PLACEBO else f"variant{of}"


def marked_label(row: Row, labels: Mapping[str, str]) -> str:
    """The model's label; of a variant, with what it is."""
    role = role_text(row, labels)
    return f"{row['label']} ({role})" if role else str(row["label"])


def model_and_judge(row: Row) -> tuple[Cell, Cell]:
    """The cells below MODEL_AND_JUDGE."""
    return model_cell(row), Text(row["judge_label"], row["judge"])

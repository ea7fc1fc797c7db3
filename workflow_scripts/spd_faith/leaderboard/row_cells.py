"""What the tables with a row per model and judge have in common."""

from collections.abc import Hashable, Mapping
from typing import Any

from spd_faith.leaderboard.model import Cell, Column, Text

Row = Mapping[Hashable, Any]  # a row of the leaderboard, by column
MODEL_AND_JUDGE = (Column("Model"), Column("Judge"))


def model_and_judge(row: Row) -> tuple[Cell, Cell]:
    """The cells below MODEL_AND_JUDGE."""
    return Text(row["label"], row["model"]), Text(row["judge_label"], row["judge"])

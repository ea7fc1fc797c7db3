"""Which samples are controls: pairs made from one of the dataset, which are asked about and in no headline number."""

from collections.abc import Mapping
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

NO_CONTROL = "none"
"""The value of the column `control` of a sample that comes from the dataset."""


def is_control(row: Mapping[str, Any]) -> bool:
    """Whether a row, which has the column `control`, belongs to a control."""
    return bool(row["control"] != NO_CONTROL)


def without_controls(table: pa.Table) -> pa.Table:
    """The rows of a table, which has the column `control`, that belong to no control."""
    return table.filter(pc.equal(table["control"], pa.scalar(NO_CONTROL)))

"""Which samples are controls: pairs derived from a dataset pair, evaluated but excluded from all headline numbers."""

from collections.abc import Mapping
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

NO_CONTROL = "none"
"""Value of the column `control` for samples from the dataset itself."""


def is_control(row: Mapping[str, Any]) -> bool:
    """Whether a row with the column `control` belongs to a control."""
    return bool(row["control"] != NO_CONTROL)


def without_controls(table: pa.Table) -> pa.Table:
    """The rows of a table with the column `control`, controls excluded."""
    return table.filter(pc.equal(table["control"], pa.scalar(NO_CONTROL)))

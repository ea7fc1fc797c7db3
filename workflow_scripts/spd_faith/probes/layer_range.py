"""Some of the layers: the rest is measured, for a pass goes through all of them, and not written."""

from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc


@dataclass(frozen=True)
class LayerRange:
    """Takes of a probe's table the rows of the layers `first` to `last`, both included, or to its end; and those of
    none."""

    first: int
    last: int | None

    def __call__(self, table: pa.Table) -> pa.Table:
        if "layer" not in table.column_names:
            return table
        layer = pc.field("layer")
        within = layer >= self.first
        if self.last is not None:
            within &= layer <= self.last
        return table.filter(within | layer.is_null())

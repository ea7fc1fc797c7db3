"""A range of layers to write. A pass measures all layers; rows of the others are dropped."""

from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc


@dataclass(frozen=True)
class LayerRange:
    """Keeps the rows of a probe's table for layers `first` to `last` (inclusive; None: to the end), and rows without a
    layer. The input of the first layer, which some tables list as layer −1, is kept with the first layer."""

    first: int
    last: int | None

    def __call__(self, table: pa.Table) -> pa.Table:
        if "layer" not in table.column_names:
            return table
        layer = pc.field("layer")
        within = layer >= (self.first or -1)
        if self.last is not None:
            within &= layer <= self.last
        return table.filter(within | layer.is_null())

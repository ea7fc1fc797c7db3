"""Some of a probe's layers: the rest is measured, for a pass goes through all of them, and not written."""

from collections.abc import Iterator

import pyarrow as pa
import pyarrow.compute as pc

from spd_faith.probes.passes import Outcome
from spd_faith.probes.tables import Probe


class LayerRange(Probe):
    """The rows of a probe that are of the layers `first` to `last`, both included, or to its end; and those of none."""

    def __init__(self, probe: Probe, first: int, last: int | None) -> None:
        self.name = probe.name
        self.schema = probe.schema
        self._probe = probe
        self._first = first
        self._last = last

    def tables(self, sample_id: str, task: str, outcome: Outcome) -> Iterator[pa.Table]:
        return map(self._within, self._probe.tables(sample_id, task, outcome))

    def remaining(self) -> Iterator[pa.Table]:
        return map(self._within, self._probe.remaining())

    def _within(self, table: pa.Table) -> pa.Table:
        if "layer" not in table.column_names:
            return table
        layer = table["layer"]
        outside = pc.less(layer, self._first)
        if self._last is not None:
            outside = pc.or_(outside, pc.greater(layer, self._last))
        return table.filter(pc.invert(pc.fill_null(outside, False)))

"""Some of a probe's layers."""

import pyarrow as pa
import pytest

from spd_faith.core.schemas import PROBE_NEURON_ACTIVATION, PROBE_TOKEN_ACTIVATION_MAP
from spd_faith.probes.layer_range import LayerRange
from spd_faith.probes.passes import Unmeasured
from spd_faith.probes.tables import Probe, unmeasured


class Planted(Probe):
    """Five layers of one answer, at once and again at the end, and a row without a layer for an answer that failed."""

    name = "planted"
    schema = PROBE_NEURON_ACTIVATION

    def tables(self, sample_id, task, outcome):
        if isinstance(outcome, Unmeasured):
            yield unmeasured(self.schema, {"sample_id": sample_id, "task": task}, outcome)
        else:
            yield self._layers(sample_id)

    def remaining(self):
        yield self._layers("late")

    def _layers(self, sample_id):
        rows = [{"sample_id": sample_id, "task": "same", "layer": i, "dtype": "", "status": "ok"} for i in range(5)]
        return pa.Table.from_pylist(rows, schema=self.schema)


@pytest.mark.parametrize(
    ("first", "last", "layers"),
    [(0, None, [0, 1, 2, 3, 4]), (1, 3, [1, 2, 3]), (2, 2, [2]), (3, 40, [3, 4]), (4, None, [4])],
)
def test_both_ends_are_included(first, last, layers):
    some = LayerRange(Planted(), first, last)
    for table in (*some.tables("a", "same", None), *some.remaining()):
        assert table["layer"].to_pylist() == layers
    assert (some.name, some.schema) == ("planted", PROBE_NEURON_ACTIVATION)


def test_a_row_that_says_why_there_is_no_number_stays():
    (table,) = LayerRange(Planted(), 2, 3).tables("a", "same", Unmeasured("float32", "no_answer"))
    assert table["status"].to_pylist() == ["no_answer"]


def test_a_probe_without_layers_stays_whole():
    class Maps(Planted):
        schema = PROBE_TOKEN_ACTIVATION_MAP

        def _layers(self, sample_id):
            row = {"sample_id": sample_id, "task": "same", "token": 0, "dtype": "", "status": "ok"}
            return pa.Table.from_pylist([row], schema=self.schema)

    (table,) = LayerRange(Maps(), 2, 3).tables("a", "same", None)
    assert len(table) == 1

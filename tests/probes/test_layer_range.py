"""Some of a probe's layers."""

import pyarrow as pa
import pytest

from spd_faith.probes.layer_range import LayerRange
from spd_faith.probes.passes import Unmeasured
from spd_faith.probes.registry import PROBES
from spd_faith.probes.tables import unmeasured

LAYERS, MAPS = PROBES["neuron_activation"].schema, PROBES["token_activation_map"].schema
KEYS = {"sample_id": "a", "task": "same"}


def layers(count):
    rows = [KEYS | {"layer": layer, "dtype": "", "status": "ok"} for layer in range(count)]
    return pa.Table.from_pylist(rows, schema=LAYERS)


@pytest.mark.parametrize(
    ("first", "last", "kept"),
    [(0, None, [0, 1, 2, 3, 4]), (1, 3, [1, 2, 3]), (2, 2, [2]), (3, 40, [3, 4]), (4, None, [4])],
)
def test_both_ends_are_included(first, last, kept):
    assert LayerRange(first, last)(layers(5))["layer"].to_pylist() == kept


def test_a_row_that_says_why_there_is_no_number_stays():
    table = LayerRange(2, 3)(unmeasured(LAYERS, KEYS, Unmeasured("float32", "no_answer")))
    assert table["status"].to_pylist() == ["no_answer"]


def test_a_table_without_layers_stays_whole():
    rows = [KEYS | {"token": 0, "dtype": "", "status": "ok"}]
    assert len(LayerRange(2, 3)(pa.Table.from_pylist(rows, schema=MAPS))) == 1

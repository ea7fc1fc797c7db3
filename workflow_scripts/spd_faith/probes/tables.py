"""Tables of the probes: their common columns, rows of measurements, and the row of an unmeasured answer."""

from __future__ import annotations  # the classes of pyarrow are generic only in its stubs

from collections.abc import Mapping
from typing import Any, cast

import numpy as np
import pyarrow as pa

from spd_faith.core.schemas import TASKS, keyed, one_of
from spd_faith.probes.passes import Unmeasured
from spd_faith.probes.token_sets import TOKEN_SETS, NoTokens

PROBE_STATUSES = (
    "ok",
    "no_answer",  # no tokens: the answer failed or was generated elsewhere
    "unsupported",  # the model does not have what the probe measures
    "no_boxes",  # no difference of the sample has a box
    "failed",  # see `error`
    # of a difference, or of a set of tokens that would be copied for it:
    "not_named",  # no claim of the answer names the difference
    "not_undone",  # it cannot be undone alone; see `error`
    *(why.value for why in NoTokens if why is not NoTokens.NO_BOXES),  # listed above
)

DIRECTIONS = ("undone_into_changed", "changed_into_undone")
"""From which run states are copied, and into which."""


def required(name: str, kind: pa.DataType) -> pa.Field[Any]:
    return pa.field(name, kind, nullable=False)


def measure_columns(*names: str) -> list[pa.Field[Any]]:
    return [pa.field(name, pa.float32()) for name in names]


TASK = one_of("task", TASKS)
LAYER = pa.field("layer", pa.int32())  # 0 is the first
TOKEN = pa.field("token", pa.int32())  # 0 is the answer's first
TOKEN_ID = pa.field("token_id", pa.int32())
DIFFERENCE = pa.field("difference", pa.int32())  # index in the sample's list
DIRECTION = one_of("direction", DIRECTIONS, nullable=True)
COPIED = one_of("tokens", TOKEN_SETS, nullable=True)


def probe_schema(*fields: pa.Field[Any]) -> pa.Schema:
    """The schema of a probe's table: `fields` between the sample and the columns that every row has."""
    places = {one.name for one in (TASK, LAYER, TOKEN, DIFFERENCE, DIRECTION, COPIED)}
    return keyed(
        ["sample_id", *(field.name for field in fields if field.name in places)],
        [
            required("sample_id", pa.string()),
            *fields,
            required("dtype", pa.string()),  # number format of the model's weights and activations
            pa.field(
                "greedy_agreement", pa.float32()
            ),  # fraction of the answer's tokens that are also the likeliest in the pass
            one_of("status", PROBE_STATUSES),  # if not ok: one row, without layer and token
            pa.field("error", pa.string()),
        ],
    )


Columns = Mapping[str, Any]
"""By name, arrays (numpy or pyarrow) or other sequences, all of the same length."""


def measured(
    schema: pa.Schema, keys: Mapping[str, str], columns: Columns, dtype: str, greedy_agreement: float
) -> pa.Table:
    """Rows with status `ok`: `columns`, with `keys` in each row, and null for nan.

    Columns that are pyarrow arrays are used unchanged.
    """
    constant = {**keys, "dtype": dtype, "greedy_agreement": greedy_agreement, "status": "ok"}
    arrays = {name: values if isinstance(values, pa.Array) else np.asarray(values) for name, values in columns.items()}
    length = len(next(iter(arrays.values())))

    def column(field: pa.Field[Any]) -> pa.Array[Any]:
        if field.name in arrays:
            values: Any = arrays[field.name]
            if not isinstance(values, pa.Array):
                values = pa.array(values, field.type, from_pandas=True)
            return cast("pa.Array[Any]", values)
        return cast("pa.Array[Any]", pa.repeat(pa.scalar(constant.get(field.name), field.type), length))

    return pa.table([column(field) for field in schema], schema=schema)


def unmeasured(schema: pa.Schema, keys: Mapping[str, str], why: Unmeasured) -> pa.Table:
    """The single row, without layer and token, of an answer without measurements."""
    row = {**keys, "dtype": why.dtype, "status": why.status, "error": why.error}
    return pa.Table.from_pylist([row], schema=schema)

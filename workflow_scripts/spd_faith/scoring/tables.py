"""The table of scores; its columns follow from the declared counts and metrics."""

from collections.abc import Iterator
from typing import Any

import pyarrow as pa

from spd_faith.core.difference_types import DifferenceType
from spd_faith.core.schemas import (
    CLAIM_LABELS,
    CONTROL_NAMES,
    FAILURES,
    JUDGEMENT_STATUSES,
    PARSE_STATUSES,
    TASKS,
    keyed,
    one_of,
)
from spd_faith.scoring.counts import CLAIM_COUNTS, COUNTS, NAMED
from spd_faith.scoring.metrics import METRICS

KEYS = ("sample_id", "split", "image_id", "control")  # as in SAMPLES
ANSWER_FAILURES = tuple(f"{task}_failure" for task in TASKS)  # as in RESPONSES
TEXTS = (*KEYS, "parse_status", *(f"{metric}_status" for metric in CLAIM_LABELS))  # parse_status: of describe
PERMUTED = ("permuted_type_matched", "permuted_category_matched", "permuted_drf")  # see permuted_truth.py

# The column order of stored tables; other columns come last.
_ORDER = (
    *(*KEYS, "parse_status", "n_gt", "n_pred", "n_listed", "dqr", "dqr_exact", "ds", "ds_count", "n_unclear"),
    *("type_matched", "category_matched", "alias_matched", "pair_matched"),
    *("tf1", "cf1", "cf1_alias", "pf1", "tf1_figure", "cf1_figure"),
    *(f"{kind}_{count}" for kind in DifferenceType for count in ("matched", "predicted", "true")),
    *(name for metric, labels in CLAIM_LABELS.items()
      for name in (metric, f"{metric}_status", *(f"n_{label}" for label in labels))),
    *("cr_signed", "cr_verdict", "overall"),
)  # fmt: skip


_VALUES = {
    "control": ("none", *CONTROL_NAMES),
    "parse_status": PARSE_STATUSES,
    **{f"{metric}_status": JUDGEMENT_STATUSES for metric in CLAIM_LABELS},
}


def _fields() -> Iterator["pa.Field[Any]"]:
    for name in TEXTS:
        yield one_of(name, _VALUES[name]) if name in _VALUES else pa.field(name, pa.string(), nullable=False)
    yield from (one_of(name, FAILURES, nullable=True) for name in ANSWER_FAILURES)
    yield from (pa.field(name, pa.int32(), nullable=False) for name in (*COUNTS, *CLAIM_COUNTS))
    yield from (pa.field(name, pa.float64()) for name, metric in METRICS.items() if metric.stored)
    yield from (pa.field(name, pa.list_(pa.bool_())) for name in NAMED)
    yield from (pa.field(name, pa.float64()) for name in PERMUTED)


def _place(field: "pa.Field[Any]") -> int:
    return _ORDER.index(field.name) if field.name in _ORDER else len(_ORDER)


SCORES = keyed(("sample_id",), sorted(_fields(), key=_place))
NUMERIC = tuple(field.name for field in SCORES if pa.types.is_integer(field.type) or pa.types.is_floating(field.type))


def schema_of(**columns: pa.DataType) -> pa.Schema:
    """The schema of these columns, all nullable."""
    return pa.schema(list(columns.items()))

"""Scores of constant answers, which ignore the images: the same words for every question and pair."""

from typing import Any

import pyarrow as pa

from spd_faith.core.controls import without_controls
from spd_faith.core.schemas import CLAIM_LABELS, JUDGEMENTS, PARSED, TASKS
from spd_faith.parsing.table import parse_response
from spd_faith.scoring.aggregate import estimates
from spd_faith.scoring.counts import CLAIM_COUNTS
from spd_faith.scoring.metric_types import Role
from spd_faith.scoring.metrics import METRICS, names_of
from spd_faith.scoring.samples import score_table
from spd_faith.scoring.tables import schema_of

CONSTANT_ANSWERS = ("No.", "Yes.", "They differ.", "There is one difference.", "There are five differences.")
FLOOR_METRICS = tuple(name for name in names_of(Role.HEADLINE, Role.SECONDARY) if not METRICS[name].needs_judge)
FLOORS_SCHEMA = schema_of(answer=pa.string(), metric=pa.string(), value=pa.float64())


def constant_answers(samples: pa.Table, dqr: str = "recall", ds: str = "detection") -> pa.Table:
    """A row per constant answer and metric of FLOOR_METRICS: its value over the samples, without controls.

    The answers are parsed and scored like a model's. `dqr` and `ds` are the headline's definitions, as in
    `score_table`.
    """
    real = without_controls(samples)
    ids = list(map(str, real["sample_id"].to_pylist()))
    unjudged = [_unjudged(i, metric) for i in ids for metric in CLAIM_LABELS]
    judgements = pa.Table.from_pylist(unjudged, schema=JUDGEMENTS)
    rows = []
    for answer in CONSTANT_ANSWERS:
        read = [parse_response(task, answer, failed=False) for task in TASKS]
        parsed = pa.Table.from_pylist([{"sample_id": i, **row} for i in ids for row in read], schema=PARSED)
        value = estimates(score_table(real, parsed, judgements, dqr, ds))
        rows += [{"answer": answer, "metric": name, "value": value[name]} for name in FLOOR_METRICS]
    return pa.Table.from_pylist(rows, schema=FLOORS_SCHEMA)


def _unjudged(sample_id: str, metric: str) -> dict[str, Any]:
    row: dict[str, Any] = {"sample_id": sample_id, "metric": metric, "claims": [], "judge_model": "none"}
    return row | dict.fromkeys(CLAIM_COUNTS, 0) | {"n_invented": 0, "status": "unscored:constant answer"}

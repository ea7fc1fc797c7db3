"""What an answer that never looks at the pictures scores: the same words to every question about every pair."""

import pyarrow as pa

from spd_faith.core.controls import without_controls
from spd_faith.core.schemas import CLAIM_LABELS, JUDGEMENTS, METRICS, PARSED, TASKS
from spd_faith.parsing.table import parse_response
from spd_faith.scoring.aggregate import estimates
from spd_faith.scoring.samples import score_table

CONSTANT_ANSWERS = ("No.", "Yes.", "They differ.", "There is one difference.", "There are five differences.")
# those that need no judge; the F1s of an answer that lists nothing are 0
FLOOR_METRICS = ("dqr", "ds", "tf1", "cf1", "dqr_exact", "ds_count", "cr_verdict")
FLOORS_SCHEMA = pa.schema([("answer", pa.string()), ("metric", pa.string()), ("value", pa.float64())])


def constant_answers(samples: pa.Table, dqr: str = "recall", ds: str = "detection") -> pa.Table:
    """A row per constant answer and metric of FLOOR_METRICS: its value over the samples that are no controls.

    The words are parsed and scored as a model's would be. `dqr` and `ds` are the headline's definitions, as in
    `score_table`.
    """
    real = without_controls(samples)
    ids = real["sample_id"].to_pylist()
    judgements = pa.Table.from_pylist([_unjudged(i, metric) for i in ids for metric in METRICS], schema=JUDGEMENTS)
    rows = []
    for answer in CONSTANT_ANSWERS:
        read = [parse_response(task, answer, failed=False) for task in TASKS]
        parsed = pa.Table.from_pylist([{"sample_id": i, **row} for i in ids for row in read], schema=PARSED)
        value = estimates(score_table(real, parsed, judgements, dqr, ds))
        rows += [{"answer": answer, "metric": name, "value": value[name]} for name in FLOOR_METRICS]
    return pa.Table.from_pylist(rows, schema=FLOORS_SCHEMA)


def _unjudged(sample_id: str, metric: str) -> dict[str, object]:
    row = {"sample_id": sample_id, "metric": metric, "claims": [], "judge_model": "none"}
    counts = {f"n_{label}": 0 for labels in CLAIM_LABELS.values() for label in labels}
    return row | counts | {"n_invented": 0, "status": "unscored:constant answer"}

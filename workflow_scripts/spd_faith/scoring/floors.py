"""Scores of constant answers, which ignore the images: the same words for every question and pair."""

from typing import Any

import pyarrow as pa

from spd_faith.core.controls import without_controls
from spd_faith.core.schemas import JUDGEMENTS, PARSED, TASKS
from spd_faith.judging.claims import Claim
from spd_faith.judging.consistency import YesNoAnswer, judge_consistency
from spd_faith.judging.reasoning import judge_reasoning
from spd_faith.judging.scores import score_claims
from spd_faith.parsing.table import parse_response
from spd_faith.scoring.aggregate import estimates
from spd_faith.scoring.metric_types import Role
from spd_faith.scoring.metrics import names_of
from spd_faith.scoring.samples import score_table
from spd_faith.scoring.tables import schema_of

CONSTANT_ANSWERS = ("No.", "Yes.", "They differ.", "There is one difference.", "There are five differences.")
FLOOR_METRICS = names_of(Role.HEADLINE, Role.OVERALL, Role.SECONDARY)
FLOORS_SCHEMA = schema_of(answer=pa.string(), metric=pa.string(), value=pa.float64())


def constant_answers(samples: pa.Table, dqr: str = "recall", ds: str = "detection") -> pa.Table:
    """A row per constant answer and metric of FLOOR_METRICS: its value over the samples, without controls.

    The answers are parsed and scored like a model's, and judged by the judge `rules`. `dqr` and `ds` are the headline's
    definitions, as in `score_table`.
    """
    real = without_controls(samples)
    rows = []
    for answer in CONSTANT_ANSWERS:
        parsed, judgements = _answered(real.to_pylist(), answer)
        value = estimates(score_table(real, parsed, judgements, dqr, ds))
        rows += [{"answer": answer, "metric": name, "value": value[name]} for name in FLOOR_METRICS]
    return pa.Table.from_pylist(rows, schema=FLOORS_SCHEMA)


def _answered(samples: list[dict[str, Any]], answer: str) -> tuple[pa.Table, pa.Table]:
    """PARSED and JUDGEMENTS of an answer that is given to every question."""
    read = {task: parse_response(task, answer, failed=False) for task in TASKS}
    consistency = judge_consistency(*(YesNoAnswer(answer, read[task]["verdict"]) for task in ("same", "different")))
    parsed, judged = [], []
    for sample in samples:
        parsed += [{"sample_id": sample["sample_id"], **row} for row in read.values()]
        judged.append(_judged(sample["sample_id"], "drf", judge_reasoning(sample, answer, read["describe"])))
        judged.append(_judged(sample["sample_id"], "cr", consistency))
    return pa.Table.from_pylist(parsed, schema=PARSED), pa.Table.from_pylist(judged, schema=JUDGEMENTS)


def _judged(sample_id: str, metric: str, claims: list[Claim] | None) -> dict[str, Any]:
    score, status, counts = score_claims(metric, claims)
    row = {"sample_id": sample_id, "metric": metric, "claims": [], **counts, "n_invented": 0}
    return row | {"score": score, "judge_model": "rules", "status": status}

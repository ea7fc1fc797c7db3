"""The scores of one model by one judge, per sample."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from spd_faith.core.errors import UserError
from spd_faith.core.files import check_keys
from spd_faith.core.schemas import CLAIM_LABELS, TASKS
from spd_faith.scoring.counts import CLAIM_COUNTS, COUNTS, FACTS, NAMED, AnsweredSample
from spd_faith.scoring.formulas import Array
from spd_faith.scoring.metrics import METRICS
from spd_faith.scoring.tables import ANSWER_FAILURES, KEYS, PERMUTED, SCORES, TEXTS

_NUMBERS = (*COUNTS, *FACTS, *CLAIM_COUNTS, *CLAIM_LABELS)


def score_table(
    samples: pa.Table,
    parsed: pa.Table,
    judgements: pa.Table,
    dqr: str = "recall",
    ds: str = "detection",
    permuted: Mapping[str, Sequence[float | None]] | None = None,
) -> pa.Table:
    """One SCORES row per row of `samples`, controls included, in its order.

    `dqr` and `ds` (each one of `variants` of that metric) choose the definition in the columns of these names, and so
    in `overall`; other columns do not depend on them. Failures of the model score 0, failures of the judge are null.
    `permuted` has the columns PERMUTED; without it they are null.
    Raises UserError if a control's base pair is missing, and unless `parsed` has one row per (sample, task) and
    `judgements` one per (sample, metric).
    """
    sample_rows = samples.to_pylist()
    ids = [row["sample_id"] for row in sample_rows]
    answers = _by_key("parsed answers", parsed, "task", [(i, task) for i in ids for task in TASKS])
    judged = _by_key("judgements", judgements, "metric", [(i, metric) for i in ids for metric in CLAIM_LABELS])
    base_of = _base_pairs(sample_rows)
    rows = [
        _counts(row, base_of[row["sample_id"]], [answers[row["sample_id"], task] for task in TASKS])
        | _judged({metric: judged[row["sample_id"], metric] for metric in CLAIM_LABELS})
        for row in sample_rows
    ]
    names = (*TEXTS, *ANSWER_FAILURES, *_NUMBERS, *NAMED)
    columns: dict[str, Any] = {name: [row[name] for row in rows] for name in names}
    columns |= _values({name: np.array(columns[name], float) for name in _NUMBERS}, {"dqr": dqr, "ds": ds})
    columns |= permuted or dict.fromkeys(PERMUTED, [None] * len(rows))
    # from_pandas: NaN (metric not defined) is written as null
    arrays = [pa.array(columns[field.name], field.type, from_pandas=True) for field in SCORES]
    return pa.Table.from_arrays(arrays, schema=SCORES)


def _by_key(
    what: str, table: pa.Table, part: str, expected: list[tuple[str, str]]
) -> dict[tuple[str, str], dict[str, Any]]:
    rows = table.to_pylist()
    keys = [(row["sample_id"], row[part]) for row in rows]
    check_keys(what, keys, expected)
    return dict(zip(keys, rows, strict=True))


def _base_pairs(rows: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """The row of the base pair of each row, by sample_id; the row itself for a pair that is no control."""
    by_id = {row["sample_id"]: row for row in rows}
    base_ids = {row["sample_id"]: row["base_sample_id"] or row["sample_id"] for row in rows}
    if missing := sorted({base for base in base_ids.values() if base not in by_id}):
        raise UserError(f"samples: {len(missing)} controls without their base pairs: {', '.join(missing[:5])}")
    return {sample_id: by_id[base] for sample_id, base in base_ids.items()}


def _counts(sample: dict[str, Any], base: dict[str, Any], answers: list[dict[str, Any]]) -> dict[str, Any]:
    """The counts behind a sample's scores, except the judge's; `answers` are in the order of TASKS."""
    answered = AnsweredSample.of(sample, base, *answers)
    counts: dict[str, Any] = {name: count(answered) for name, count in (COUNTS | FACTS | NAMED).items()}
    failures = {name: answer["failure"] for name, answer in zip(ANSWER_FAILURES, answers, strict=True)}
    return {name: sample[name] for name in KEYS} | {"parse_status": answers[0]["parse_status"]} | failures | counts


def _judged(judgements: Mapping[str, dict[str, Any]]) -> dict[str, Any]:
    """For each metric the judge's score (NaN if it failed), its status, and the counts of its claims' labels."""
    found: dict[str, Any] = {}
    for metric, row in judgements.items():
        found[metric] = np.nan if row["score"] is None else row["score"]
        found[f"{metric}_status"] = row["status"]
        found |= {f"n_{label}": row[f"n_{label}"] for label in CLAIM_LABELS[metric]}
    return found


def _values(columns: dict[str, Array], chosen: Mapping[str, str]) -> dict[str, Array]:
    """The metrics of all samples from their counts, each (samples,)."""
    for name, metric in METRICS.items():
        formula = metric.variants[chosen[name]].formula if name in chosen else metric.of_samples
        columns[name] = formula(columns)
    return {name: columns[name] for name in METRICS}

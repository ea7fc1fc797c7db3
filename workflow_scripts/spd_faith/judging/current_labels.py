"""Reads labels of people, and says which of them are labels of a run's very answers."""

from collections.abc import Mapping
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from spd_faith.core.errors import UserError
from spd_faith.core.files import read_table
from spd_faith.core.schemas import JUDGED_METRICS, RESPONSES
from spd_faith.judging.labels import LABELS, answer_sha

CURRENT_LABELS = LABELS.append(pa.field("is_current", pa.bool_(), nullable=False))
"""LABELS, and whether the run's model gives the labelled answer."""


def read_labels(path: Path) -> pa.Table:
    """The table of LABELS in a file.

    Raises `UserError` if there is none of this version, for repeated rows and for impossible metrics and scores.
    """
    try:
        labels = read_table(path, LABELS)
    except UserError as error:
        made = "Write it with: python workflow_scripts/import_annotations.py"
        raise UserError(f"{str(error).splitlines()[0]}\n  {made}") from None
    rows = labels.select(["sample_id", "model", "metric", "score"]).to_pylist()
    seen: set[tuple[str, str, str]] = set()
    errors = []
    for row in rows:
        key = row["sample_id"], row["model"], row["metric"]
        if key in seen:
            errors.append(f"{', '.join(key)}: repeated")
        elif row["metric"] not in JUDGED_METRICS:
            errors.append(f"{', '.join(key)}: the metric is none of {', '.join(JUDGED_METRICS)}")
        elif row["score"] is not None and not 0 <= row["score"] <= 1:
            errors.append(f"{', '.join(key)}: the score {row['score']} is not in 0 to 1")
        seen.add(key)
    if errors:
        more = [f"… {len(errors) - 5} more"] if len(errors) > 5 else []
        raise UserError("\n  ".join([f"{path}: {len(errors)} wrong rows", *errors[:5], *more]))
    return labels


def current_labels(labels: pa.Table, responses: Mapping[str, Path]) -> pa.Table:
    """The labels of the models of `responses` (tables of RESPONSES, by model), as CURRENT_LABELS."""
    from spd_faith.judging.agreement import answers_by_judgement  # loads scipy

    of_models = labels.filter(pc.is_in(labels["model"], pa.array(list(responses), pa.string())))
    rows = of_models.to_pylist()
    shas: dict[tuple[str, str, str], str] = {}
    for model in sorted({row["model"] for row in rows}):
        labelled = pa.array({row["sample_id"] for row in rows if row["model"] == model}, pa.string())
        answers = read_table(responses[model], RESPONSES, ["sample_id", "task", "response_text"])
        answers = answers.filter(pc.is_in(answers["sample_id"], labelled))
        texts = answers_by_judgement(answers)
        shas |= {(sample_id, model, metric): answer_sha(found) for (sample_id, metric), found in texts.items()}
    for row in rows:
        row["is_current"] = shas.get((row["sample_id"], row["model"], row["metric"])) == row["answer_sha"]
    return pa.Table.from_pylist(rows, schema=CURRENT_LABELS)

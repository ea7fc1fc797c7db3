"""Reads human labels, and says which of them are labels of a run's very answers."""

from collections import defaultdict
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
_REMEDY = "Write labels with: python workflow_scripts/import_annotations.py (docs/annotations.md)."


def read_labels(path: Path) -> pa.Table:
    """The table of LABELS in a file.

    Raises `UserError` if there is none of this version, for repeated rows, for impossible metrics and scores, and if
    the pairs of a split do not have the same probability of being drawn.
    """
    labels = read_table(path, LABELS, remedy=_REMEDY)
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
    _check_probabilities(path, labels)
    return labels


def _check_probabilities(path: Path, labels: pa.Table) -> None:
    """Raise `UserError` unless all drawn pairs of a split have one probability: their plain mean is used."""
    found: dict[str, set[float]] = defaultdict(set)
    for row in labels.select(["split", "probability"]).to_pylist():
        if 0 < row["probability"] <= 1:  # others were not drawn, and are left out
            found[row["split"]].add(row["probability"])
    unequal = [
        f"{split}: {', '.join(f'{one:g}' for one in sorted(several)[:5])}{', …' if len(several) > 5 else ''}"
        for split, several in sorted(found.items())
        if len(several) > 1
    ]
    if unequal:
        what = f"{path}: pairs of a split have different probabilities of being drawn"
        raise UserError("\n  ".join([what, *unequal, f"Use the labels of one draw. {_REMEDY}"]))


def current_labels(labels: pa.Table, responses: Mapping[str, Path]) -> pa.Table:
    """The labels as CURRENT_LABELS; `responses` are tables of RESPONSES by model of the run."""
    from spd_faith.judging.agreement import answers_by_judgement  # loads scipy

    rows = labels.to_pylist()
    shas: dict[tuple[str, str, str], str] = {}
    for model in sorted({row["model"] for row in rows} & set(responses)):
        labelled = pa.array({row["sample_id"] for row in rows if row["model"] == model}, pa.string())
        answers = read_table(responses[model], RESPONSES, ["sample_id", "task", "response_text"])
        answers = answers.filter(pc.is_in(answers["sample_id"], labelled))
        texts = answers_by_judgement(answers)
        shas |= {(sample_id, model, metric): answer_sha(found) for (sample_id, metric), found in texts.items()}
    for row in rows:
        row["is_current"] = shas.get((row["sample_id"], row["model"], row["metric"])) == row["answer_sha"]
    return pa.Table.from_pylist(rows, schema=CURRENT_LABELS)

"""Human labels on models' answers: the table that `import_annotations.py` writes and the leaderboard reads."""

import json
from collections.abc import Sequence
from typing import Any

import pyarrow as pa

from spd_faith.core.files import sha256

_CLAIM = pa.struct(
    [
        pa.field("text", pa.string(), nullable=False),  # the quote; of cr, from one of the answers
        pa.field("other_text", pa.string()),  # of cr: the quote from the other answer
        pa.field("label", pa.string(), nullable=False),  # one of CLAIM_LABELS of the metric
        pa.field("error_type", pa.string()),
    ]
)

_COLUMNS: "list[pa.Field[Any]]" = [
    pa.field("sample_id", pa.string(), nullable=False),
    pa.field("model", pa.string(), nullable=False),
    pa.field("metric", pa.string(), nullable=False),  # one of JUDGED_METRICS
    pa.field("split", pa.string(), nullable=False),  # the stratum of the draw
    pa.field("probability", pa.float64(), nullable=False),  # of drawing the pair: drawn / all pairs of its split
    pa.field("answer_sha", pa.string(), nullable=False),  # sha256 of the labelled answers: another answer, no label
    pa.field("annotators", pa.list_(pa.string()), nullable=False),
    pa.field("claims", pa.list_(_CLAIM), nullable=False),
    pa.field("score", pa.float64()),  # from the labels, by the formula of the metric; null if nothing can be scored
    pa.field("status", pa.string(), nullable=False),  # as in JUDGEMENTS
]
LABELS = pa.schema(_COLUMNS)
"""One row per labelled (sample, model, metric). Only pairs drawn by `export_annotations.py` have labels."""


def answer_sha(texts: Sequence[str]) -> str:
    """Identifies labelled answers: the sha256 of the JSON list of the judged texts (drf: one; cr: two)."""
    return sha256(json.dumps(list(texts)))

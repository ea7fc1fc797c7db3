"""The truth audit of all pairs of a dataset, batch by batch, because all images may not fit into memory."""

import logging
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from spd_faith.core.controls import without_controls
from spd_faith.core.entries import Rows
from spd_faith.core.files import check_keys, read_batches, read_table
from spd_faith.core.progress import progress
from spd_faith.core.schemas import IMAGES, UNREADABLE
from spd_faith.dataset.audit import audit_pair
from spd_faith.dataset.encoded_images import decode

_PAIRS_PER_BATCH = 16
_log = logging.getLogger(__name__)


def audit_rows(samples: pa.Table, images: Path) -> Rows:
    """One row of `AUDIT` per sample that is no control, in the order of the images table.

    Raises `UserError` unless the images table has one row per sample.
    """
    ids = read_table(images, IMAGES, columns=["sample_id"])["sample_id"].to_pylist()
    check_keys(str(images), ids, samples["sample_id"].to_pylist())
    pairs = {row["sample_id"]: row for row in without_controls(samples).to_pylist()}
    rows: Rows = []
    with progress(len(pairs), "Truth audit", "pair") as bar:
        for batch in read_batches(images, ["sample_id", "original", "modified"], _PAIRS_PER_BATCH):
            found = [(pairs[encoded["sample_id"]], encoded) for encoded in batch if encoded["sample_id"] in pairs]
            rows += [{"sample_id": sample["sample_id"]} | _audit(sample, encoded) for sample, encoded in found]
            bar.update(len(found))
    return rows


def flag_counts(rows: Rows) -> Counter[str]:
    """The number of pairs by flag."""
    return Counter(flag for row in rows for flag in row["flags"])


def _audit(sample: Mapping[str, Any], encoded: Mapping[str, bytes]) -> dict[str, Any]:
    try:
        original, modified = (np.asarray(decode(encoded[name])) for name in ("original", "modified"))
    except ValueError as error:
        _log.warning("%s: an image cannot be read: %s", sample["sample_id"], error)
        missing = [number for number, one in enumerate(sample["differences"]) if not one["bbox"]]
        return {"equal_size": False, "empty_boxes": [], "missing_boxes": missing, "flags": [UNREADABLE]}
    found = asdict(audit_pair(original, modified, sample["differences"]))
    return found | {"outside": found["outside"] if found["equal_size"] else None}

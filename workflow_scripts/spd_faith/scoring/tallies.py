"""Counts of answers, judgements and claims by kind."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from spd_faith.core.schemas import CLAIM_LABELS, ERROR_TYPES, PARSE_STATUSES, SEVERITIES
from spd_faith.scoring.tables import schema_of

Entry = tuple[str, str]  # judge, model
Tally = Iterator[tuple[str, str, int]]  # kind, level, number

# lower ends (inclusive) of the bins of DRF
_DRF_BINS = {"1.0": 1.0, "[0.8, 1)": 0.8, "[0.5, 0.8)": 0.5, "< 0.5": 0.0}
DRF_LEVELS = {
    "error_type": (*ERROR_TYPES, "unstated"),
    "severity": (*SEVERITIES, "unstated"),
    "score": (*_DRF_BINS, "unscored"),
}

TALLIES_SCHEMA = schema_of(
    judge=pa.string(),
    model=pa.string(),
    kind=pa.string(),
    level=pa.string(),
    n=pa.int64(),
    share=pa.float64(),  # of the kind's total; null if that is 0
)


def tallies_table(entries: Mapping[Entry, Any], tally: Callable[[Entry], Tally]) -> pa.Table:
    """The results of `tally` for each entry, in TALLIES_SCHEMA."""
    rows: list[dict[str, Any]] = []
    for entry in entries:
        found = list(tally(entry))
        totals: Counter[str] = Counter()
        for kind, _, n in found:
            totals[kind] += n
        rows += [
            {"judge": entry[0], "model": entry[1], "kind": kind, "level": level, "n": n}
            | {"share": n / totals[kind] if totals[kind] else None}
            for kind, level, n in found
        ]
    return pa.Table.from_pylist(rows, schema=TALLIES_SCHEMA)


def statuses(scores: pa.Table) -> Tally:
    """Samples by parse status (all of them), and by the judge's statuses (those that occur, and `ok`)."""
    parsed = Counter(scores["parse_status"].to_pylist())
    yield from (("parse_status", status, parsed[status]) for status in PARSE_STATUSES)
    for kind in (f"{metric}_status" for metric in CLAIM_LABELS):
        judged: Counter[str] = Counter(map(str, scores[kind].to_pylist()))
        yield from ((kind, status, judged[status]) for status in sorted({"ok", *judged}))


def drf_errors(scores: pa.Table, judgements: pa.Table) -> Tally:
    """Unfaithful claims of the scored samples by error type and severity; samples by DRF."""
    in_scores = pc.is_in(judgements["sample_id"], scores["sample_id"].combine_chunks())
    of_drf = pc.equal(judgements["metric"], pa.scalar("drf"))
    rows = judgements.select(["claims"]).filter(pc.and_(in_scores, of_drf)).to_pylist()
    unfaithful = [claim for row in rows for claim in row["claims"] if claim["label"] == "unfaithful"]
    for kind in ("error_type", "severity"):
        found = Counter(claim[kind] or "unstated" for claim in unfaithful)
        yield from ((kind, level, found[level]) for level in DRF_LEVELS[kind])
    values = scores["drf"].to_numpy()
    above = np.inf
    for level, lowest in _DRF_BINS.items():
        yield "score", level, int(((values >= lowest) & (values < above)).sum())
        above = lowest
    yield "score", "unscored", int(np.isnan(values).sum())

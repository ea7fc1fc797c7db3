"""The `rules` judge: deterministic, offline, two judgements per sample. Its rules: docs/judging_rules.md."""

from typing import Any

import pyarrow as pa

from spd_faith.core.files import check_keys
from spd_faith.core.schemas import TASKS
from spd_faith.judging.claims import Claim
from spd_faith.judging.consistency import Answer, judge_consistency
from spd_faith.judging.reasoning import judge_reasoning
from spd_faith.judging.scores import count_labels, score_counts

VERSION = "rules-3"  # raise it when a rule changes


def judge_samples(samples: pa.Table, responses: pa.Table, parsed: pa.Table) -> list[dict[str, Any]]:
    """Rows of `JUDGEMENTS` for one model: per sample one for `drf` and one for `cr`.

    Raises `UserError` unless responses and parsed answers have one row for each sample and task.
    """
    keys = [(sample_id, task) for sample_id in samples["sample_id"].to_pylist() for task in TASKS]
    texts = {key: row["response_text"] for key, row in rows_by_key("responses", responses, keys).items()}
    answers = rows_by_key("parsed answers", parsed, keys)
    rows = []
    for sample in samples.select(["sample_id", "width", "height", "differences", "unchanged"]).to_pylist():
        key = sample["sample_id"]
        rows.append(
            judgement_row(key, "drf", judge_reasoning(sample, texts[key, "describe"], answers[key, "describe"]))
        )
        same, different = (Answer(texts[key, task], answers[key, task]["verdict"]) for task in ("same", "different"))
        rows.append(judgement_row(key, "cr", judge_consistency(same, different)))
    return rows


def rows_by_key(what: str, table: pa.Table, keys: list[tuple[str, str]]) -> dict[tuple[str, str], dict[str, Any]]:
    """Rows by (sample_id, task). Raises `UserError` unless there is one for each of `keys`."""
    rows = table.to_pylist()
    found = [(row["sample_id"], row["task"]) for row in rows]
    check_keys(what, found, keys)
    return dict(zip(found, rows, strict=True))


def judgement_row(sample_id: str, metric: str, claims: list[Claim]) -> dict[str, Any]:
    """A row of `JUDGEMENTS` that took no endpoint."""
    counts = count_labels(metric, (claim.label for claim in claims))
    score, status = score_counts(metric, counts)
    return {
        "sample_id": sample_id,
        "metric": metric,
        "claims": [claim.as_row() for claim in claims],
        **counts,
        "n_invented": 0,
        "score": score,
        "judge_model": VERSION,
        "status": status,
    }

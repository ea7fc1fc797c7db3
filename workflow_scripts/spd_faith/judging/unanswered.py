"""What is not judged: metrics that a kind of control leaves out, and questions that nobody answered."""

from collections.abc import Iterable, Mapping
from typing import Any

from spd_faith.core.schemas import CLAIM_LABELS, TASKS_OF, UNANSWERED, UNJUDGED
from spd_faith.dataset.control_kinds import judged_metrics
from spd_faith.judging.judge import ResponseKey, Row

NO_ANSWER, NOT_ASKED = UNJUDGED
"""Statuses of judgements; they are no failures of the judge."""


def status_without(failures: Iterable[str | None]) -> str | None:
    """The status of a judgement of answers with these `failure`s; None if there are answers to judge.

    `not_asked`: a question was not asked. `no_answer`: a call failed.
    """
    missing = set(failures).intersection(UNANSWERED)
    return None if not missing else NO_ANSWER if "transport" in missing else NOT_ASKED


def unjudged(samples: Iterable[Row], responses: Mapping[ResponseKey, Row]) -> dict[tuple[str, str], str]:
    """The status of each (sample_id, metric) that is not judged, because of its kind of control or without answer."""
    found = {}
    for sample in samples:
        for metric, tasks in TASKS_OF.items():
            is_left_out = metric not in judged_metrics(sample["control"])
            failures = (responses[sample["sample_id"], task]["failure"] for task in tasks)
            if status := NOT_ASKED if is_left_out else status_without(failures):
                found[sample["sample_id"], metric] = status
    return found


def unjudged_row(sample_id: str, metric: str, status: str, judge_model: str) -> dict[str, Any]:
    """A row of `JUDGEMENTS` without claims and score."""
    counts = {f"n_{label}": 0 for labels in CLAIM_LABELS.values() for label in labels}
    key = {"sample_id": sample_id, "metric": metric, "claims": [], "judge_model": judge_model}
    return {**key, **counts, "n_invented": 0, "score": None, "status": status}

"""Which judgements have nothing to judge: questions that nobody answered, and metrics that a control leaves out."""

from collections.abc import Mapping
from typing import Any

from spd_faith.core.schemas import CLAIM_LABELS, TASKS_OF, UNANSWERED
from spd_faith.dataset.control_kinds import judged_metrics
from spd_faith.judging.judge import ModelAnswers

NOT_ASKED, NO_ANSWER = "not_asked", "no_answer"


def why_not_judged(answers: ModelAnswers, sample: Mapping[str, Any], metric: str) -> str | None:
    """The status of a judgement without anything to judge; None if there are answers. It is no failure of the judge.

    `not_asked`: the control leaves the metric out, or a question was not asked. `no_answer`: a call failed.
    """
    if metric not in judged_metrics(sample["control"]):
        return NOT_ASKED
    failures = {answers.responses[sample["sample_id"], task]["failure"] for task in TASKS_OF[metric]}
    missing = failures.intersection(UNANSWERED)
    return None if not missing else NO_ANSWER if "transport" in missing else NOT_ASKED


def unjudged_row(sample_id: str, metric: str, status: str, judge_model: str) -> dict[str, Any]:
    """A row of `JUDGEMENTS` without claims and score."""
    counts = {f"n_{label}": 0 for labels in CLAIM_LABELS.values() for label in labels}
    key = {"sample_id": sample_id, "metric": metric, "claims": [], "judge_model": judge_model}
    return {**key, **counts, "n_invented": 0, "status": status}

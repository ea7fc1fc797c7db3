"""Why an endpoint judge labels claims as it does: the reasons in its stored replies."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from spd_faith.core.journal import Journal
from spd_faith.judging.judge_replies import ReplyError, read_reasons

Reasons = Mapping[tuple[str, str | None], str]
"""By the `text` and `other_text` of a claim."""


def stored_reasons(rows: Iterable[Mapping[str, Any]], journal: Path) -> dict[str, Reasons]:
    """The reasons of a judge by `question_sha`.

    `rows` have metric and question_sha of `JUDGEMENTS`, `journal` is the folder of the judge's replies. Only the first
    reply to a request is read: there are no reasons if it is invalid or no longer stored, and none of the repeats or
    of the members of a panel, who only label.
    """
    metrics = {row["question_sha"]: row["metric"] for row in rows if row["question_sha"]}
    replies = Journal(journal).contents(metrics) if metrics and journal.is_dir() else {}
    return {question: _reasons(metrics[question], reply) for question, reply in replies.items()}


def _reasons(metric: str, reply: Mapping[str, Any]) -> Reasons:
    try:
        return read_reasons(metric, reply["text"])
    except ReplyError:
        return {}

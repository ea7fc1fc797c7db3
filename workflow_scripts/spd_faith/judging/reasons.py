"""Why an endpoint judge labels claims as it does: the reasons in its stored replies."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from spd_faith.core.journal import Journal
from spd_faith.judging.judge_replies import ReplyError, read_reasons

Reasons = Mapping[tuple[str, str | None], str]
"""By the `text` and `other_text` of a claim."""


def stored_reasons(rows: Sequence[Mapping[str, Any]], journal: Path) -> dict[tuple[str, str], Reasons]:
    """The reasons of a judge by sample and metric.

    `rows` have sample_id, metric and question_sha of `JUDGEMENTS`, `journal` is the folder of the judge's replies. Only
    the first reply to a request is read: there are no reasons if it is invalid or no longer stored, and none of the
    repeats or of the members of a panel, who only label.
    """
    asked = {row["question_sha"] for row in rows if row["question_sha"]}
    replies = Journal(journal).contents(asked) if asked and journal.is_dir() else {}
    return {
        (row["sample_id"], row["metric"]): _reasons(row["metric"], replies[row["question_sha"]])
        for row in rows
        if row["question_sha"] in replies
    }


def _reasons(metric: str, reply: Mapping[str, Any]) -> Reasons:
    try:
        return read_reasons(metric, reply["text"])
    except ReplyError:
        return {}

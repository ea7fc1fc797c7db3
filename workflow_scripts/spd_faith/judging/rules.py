"""The judge `rules`: deterministic and offline, two judgements per sample. Rules: docs/judging_rules.md."""

from collections.abc import Iterator
from typing import Any

import pyarrow as pa

from spd_faith.judging import consistency, reasoning
from spd_faith.judging.answers import as_answers
from spd_faith.judging.claims import Claim
from spd_faith.judging.consistency import YesNoAnswer, judge_consistency
from spd_faith.judging.judge import Judge, ModelAnswers, Row
from spd_faith.judging.reasoning import judge_reasoning
from spd_faith.judging.scores import score_claims
from spd_faith.judging.unanswered import unjudged_row

VERSION = "rules-4"  # increase when a rule changes


class Rules(Judge):
    """The rules applied to one model's answers, without any calls."""

    def __init__(self, answers: ModelAnswers) -> None:
        self._answers = answers

    def rows(self) -> Iterator[dict[str, Any]]:
        for sample in self._answers.samples:
            for metric, judge in (("drf", self._reasoning), ("cr", self._consistency)):
                status = self._answers.unjudged.get((sample["sample_id"], metric))
                yield unjudged_row(sample["sample_id"], metric, status, VERSION) if status else judge(sample)

    def _reasoning(self, sample: Row) -> dict[str, Any]:
        key = sample["sample_id"], "describe"
        text = self._answers.responses[key]["response_text"]
        claims = judge_reasoning(dict(sample), text, dict(self._answers.parsed[key]))
        return judgement_row(sample["sample_id"], "drf", claims, reasoning.num_unread(text))

    def _consistency(self, sample: Row) -> dict[str, Any]:
        answers = yes_no_answers(self._answers, sample["sample_id"])
        claims = judge_consistency(*answers)
        return judgement_row(sample["sample_id"], "cr", claims, consistency.num_unread(*answers))


def judge_samples(samples: pa.Table, responses: pa.Table, parsed: pa.Table) -> list[dict[str, Any]]:
    """Rows of `JUDGEMENTS` for one model: one for `drf` and one for `cr` per sample.

    Raises `UserError` unless responses and parsed answers have one row per sample and task.
    """
    return list(Rules(as_answers("", samples, responses, parsed)).rows())


def yes_no_answers(answers: ModelAnswers, sample_id: str) -> tuple[YesNoAnswer, YesNoAnswer]:
    """The answers to "the same?" and "different?" with their verdicts."""
    same, different = (
        YesNoAnswer(answers.responses[key]["response_text"], answers.parsed[key]["verdict"])
        for key in ((sample_id, "same"), (sample_id, "different"))
    )
    return same, different


def judgement_row(
    sample_id: str, metric: str, claims: list[Claim] | None, num_unread: int | None = None
) -> dict[str, Any]:
    """A row of `JUDGEMENTS` made without an endpoint; `claims` is None if the answer cannot be read.

    `num_unread` characters of the answers were not read, because they are too long.
    """
    score, status, counts = score_claims(metric, claims)
    return {
        "sample_id": sample_id,
        "metric": metric,
        "claims": [claim.as_row() for claim in claims or []],
        **counts,
        "n_invented": 0,
        "score": score,
        "judge_model": VERSION,
        "cut_characters": num_unread,
        "status": status,
    }

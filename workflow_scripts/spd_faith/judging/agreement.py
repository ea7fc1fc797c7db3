"""Measures the agreement of two judges on one model's answers."""

from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa

from spd_faith.core.controls import is_control
from spd_faith.core.errors import UserError
from spd_faith.core.files import check_keys
from spd_faith.core.schemas import CLAIM_LABELS, JUDGED_METRICS, TASKS_OF
from spd_faith.judging.claims import Claim
from spd_faith.judging.comparison import ComparedJudgements, SampleJudgement, compare, estimate
from spd_faith.parsing.answer_text import answer_of

_STATISTICS = ("f1", "label_accuracy", "kappa", "pearson", "spearman", "score_error", "bias")


def compare_judgements(
    samples: pa.Table, first: pa.Table, second: pa.Table, responses: pa.Table | None = None
) -> list[ComparedJudgements]:
    """Pair the judgements of each sample, except controls, for both metrics.

    `samples`, the judgements and `responses` have the columns of `SAMPLES`, `JUDGEMENTS` and `RESPONSES`. Raises
    `UserError` unless each table has exactly one row per sample and metric or task.
    """
    rows = samples.select(["sample_id", "split", "image_id", "control"]).to_pylist()
    firsts, seconds = _by_key("first", first, rows), _by_key("second", second, rows)
    answers = answers_by_judgement(responses) if responses is not None else {}
    if answers:
        keys = [(row["sample_id"], metric) for row in rows for metric in JUDGED_METRICS]
        check_keys("responses", answers, keys)
    kept = [row for row in rows if not is_control(row)]
    if not kept:
        raise UserError("samples: every sample is a control, so there is nothing to compare.")
    return [
        compare(
            row["sample_id"],
            (row["split"], row["image_id"]),
            metric,
            _judgement(firsts[row["sample_id"], metric]),
            _judgement(seconds[row["sample_id"], metric]),
            answers.get((row["sample_id"], metric), []),
        )
        for metric in JUDGED_METRICS
        for row in kept
    ]


def _by_key(name: str, table: pa.Table, samples: Sequence[Mapping[str, Any]]) -> dict[tuple[str, str], dict[str, Any]]:
    rows = table.select(["sample_id", "metric", "claims", "score"]).to_pylist()
    keys = [(row["sample_id"], row["metric"]) for row in rows]
    check_keys(
        f"{name} judgements", keys, [(sample["sample_id"], metric) for sample in samples for metric in JUDGED_METRICS]
    )
    return dict(zip(keys, rows, strict=True))


def answers_by_judgement(responses: pa.Table) -> dict[tuple[str, str], list[str]]:
    """The judged texts by sample and metric; `responses` has the columns of `RESPONSES`."""
    rows = responses.select(["sample_id", "task", "response_text"]).to_pylist()
    texts = {(row["sample_id"], row["task"]): answer_of(row["response_text"]) for row in rows}
    sample_ids = dict.fromkeys(row["sample_id"] for row in rows)
    wanted = [(sample_id, task) for sample_id in sample_ids for tasks in TASKS_OF.values() for task in tasks]
    check_keys("responses", [(row["sample_id"], row["task"]) for row in rows], wanted)
    return {
        (sample_id, metric): [texts[sample_id, task] for task in tasks]
        for sample_id in sample_ids
        for metric, tasks in TASKS_OF.items()
    }


def _judgement(row: Mapping[str, Any]) -> SampleJudgement:
    """The judgement without claims whose quote is not in the answer, which do not count."""
    claims = [Claim.from_row(claim) for claim in row["claims"] if claim["label"] in CLAIM_LABELS[row["metric"]]]
    return SampleJudgement(tuple(claims), row["score"])


def agreement(comparisons: Sequence[ComparedJudgements]) -> dict[str, dict[str, Any]]:
    """By metric: `statistics` with value, low and high (null if undefined), `counts`, `labels`.

    `labels` counts the matched claims by the first judge's label, then the second's. Cohen's kappa is over the matched
    claims: for all labels, and for each label against the rest.
    """
    found = {}
    for metric in JUDGED_METRICS:
        of_metric = [comparison for comparison in comparisons if comparison.metric == metric]
        estimates, sums = estimate(of_metric)
        names = [*_STATISTICS, *(f"kappa_{label}" for label in CLAIM_LABELS[metric])]
        found[metric] = {
            "counts": {
                "samples": len(of_metric),
                "scored_by_both": sums["scored"],
                "unscored_by_first": sum(comparison.first.score is None for comparison in of_metric),
                "unscored_by_second": sum(comparison.second.score is None for comparison in of_metric),
                "claims_of_first": sums["first"],
                "claims_of_second": sums["second"],
                "claims_matched": sums["matched"],
            },
            "statistics": {name: estimates[name].as_json() for name in names},
            "labels": {
                one: {other: sums[f"{one}|{other}"] for other in CLAIM_LABELS[metric]} for one in CLAIM_LABELS[metric]
            },
        }
    return found

"""Judgements of the `rules` judge as the JSON of the benchmark's released judging commands.

The keys are those of eval/eval_cot_faithfulness.py and eval/eval_consistency_rate.py in
github.com/Johanson-colab/SPD-Faith-Bench at commit 0060864; `evaluation_method` names our judge instead of theirs.
Two keys are ours: `unverifiable_claims`, which are in no denominator, and `consistency_ratio`, the headline's CR,
beside their signed `overall_consistency_rate`.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from spd_faith.core.schemas import CLAIM_LABELS, ERROR_TYPES, SEVERITIES
from spd_faith.judging.rules import VERSION, judge_samples
from spd_faith.original.answer_tables import AnswerTables

Judgement = Mapping[str, Any]  # a row of `JUDGEMENTS`

_ERROR_COUNTS = dict(
    zip(ERROR_TYPES, ("type_category_mismatches", "type_confusions", "attribute_errors", "fabrications"), strict=True)
)
_CONTRIBUTION = {"consistent": 1.0, "contradictory": -1.0, "ambiguous": 0.5}  # to the signed rate

# lower ends (inclusive) of the bins of a score
_REASONING_BINS = {"perfect_1.0": 1.0, "high_0.8_1.0": 0.8, "medium_0.5_0.8": 0.5, "low_below_0.5": float("-inf")}
_CONSISTENCY_BINS = {
    "perfect_0.95_1.0": 0.95,
    "high_0.8_0.95": 0.8,
    "medium_0.5_0.8": 0.5,
    "low_below_0.5": float("-inf"),
}


def judge_tables(tables: AnswerTables, metric: str) -> list[dict[str, Any]]:
    """The rows of `JUDGEMENTS` for one metric, `drf` or `cr`, in the order of the samples."""
    rows = judge_samples(tables.samples, tables.responses, tables.parsed)
    return [row for row in rows if row["metric"] == metric]


# ---- reasoning -------------------------------------------------------------------------------------------------------


def reasoning_json(tables: AnswerTables, judgements: Iterable[Judgement]) -> dict[str, Any]:
    """What eval_cot_faithfulness.py writes, given judgements of `drf`."""
    evaluations = {row["sample_id"]: _reasoning_evaluation(row) for row in judgements}
    details = [
        {
            "sample_id": sample_id,
            "ground_truth": tables.truths[sample_id],
            "model_response": _text(tables, sample_id, "describe"),
            "faithfulness_evaluation": evaluation,
        }
        for sample_id, evaluation in evaluations.items()
    ]
    return _result(tables, _reasoning_summary(list(evaluations.values())), details)


def _reasoning_evaluation(row: Judgement) -> dict[str, Any]:
    errors = [claim for claim in row["claims"] if claim["label"] == "unfaithful"]
    counts = Counter(claim["error_type"] for claim in errors)
    return {
        "overall_faithfulness_score": row["score"],
        "total_claims": row["n_faithful"] + row["n_unfaithful"],
        "faithful_claims": row["n_faithful"],
        "hallucination_claims": row["n_unfaithful"],
        "unverifiable_claims": row["n_unverifiable"],
        "errors": [
            {"sentence": claim["text"], "error_type": claim["error_type"], "severity": claim["severity"]}
            for claim in errors
        ],
        "summary": {name: counts[error_type] for error_type, name in _ERROR_COUNTS.items()},
    }


def _reasoning_summary(evaluations: list[dict[str, Any]]) -> dict[str, Any]:
    scores = [one["overall_faithfulness_score"] for one in evaluations]
    errors = [error for one in evaluations for error in one["errors"]]
    severities = Counter(error["severity"] for error in errors)
    return {
        "avg_faithfulness_score": _mean(scores),
        "total_samples": len(scores),
        "valid_samples": len(scores),
        "error_statistics": {
            "total_errors": len(errors),
            "by_type": {name: sum(one["summary"][name] for one in evaluations) for name in _ERROR_COUNTS.values()},
            "by_severity": {severity: severities[severity] for severity in SEVERITIES},
        },
        "score_distribution": _distribution(scores, _REASONING_BINS),
    }


# ---- consistency -----------------------------------------------------------------------------------------------------


def consistency_json(tables: AnswerTables, judgements: Iterable[Judgement]) -> dict[str, Any]:
    """What eval_consistency_rate.py writes for one model, given judgements of `cr`."""
    evaluations = {row["sample_id"]: _consistency_evaluation(row) for row in judgements}
    details = [
        {
            "sample_id": sample_id,
            "ground_truth": tables.truths[sample_id],
            "response_same": _text(tables, sample_id, "same"),
            "response_different": _text(tables, sample_id, "different"),
            "consistency_evaluation": evaluation,
        }
        for sample_id, evaluation in evaluations.items()
    ]
    return _result(tables, _consistency_summary(list(evaluations.values())), details)


def _consistency_evaluation(row: Judgement) -> dict[str, Any]:
    counts = {label: row[f"n_{label}"] for label in CLAIM_LABELS["cr"]}
    total = sum(counts.values())
    contradictions = [claim["text"] for claim in row["claims"] if claim["label"] == "contradictory"]
    return {
        "overall_consistency_rate": sum(_CONTRIBUTION[label] * n for label, n in counts.items()) / total,
        "consistency_ratio": row["score"],
        "total_claims": total,
        **{f"{label}_claims": n for label, n in counts.items()},
        "claim_analysis": [
            {
                "claim_id": number,
                "claim_text_A": claim["text"],
                "claim_text_B": claim["other_text"],
                "claim_type": claim["label"],
                "score_contribution": _CONTRIBUTION[claim["label"]],
            }
            for number, claim in enumerate(row["claims"], start=1)
        ],
        "summary": {
            "is_logically_consistent": not contradictions,
            "primary_issue": contradictions[0] if contradictions else None,
        },
    }


def _consistency_summary(evaluations: list[dict[str, Any]]) -> dict[str, Any]:
    rates = [one["overall_consistency_rate"] for one in evaluations]
    totals = {label: sum(one[f"{label}_claims"] for one in evaluations) for label in CLAIM_LABELS["cr"]}
    return {
        "avg_consistency_rate": _mean(rates),
        "avg_consistency_ratio": _mean([one["consistency_ratio"] for one in evaluations]),
        "total_samples": len(rates),
        "valid_samples": len(rates),
        "claim_statistics": {
            **{f"total_{label}_claims": n for label, n in totals.items()},
            **{f"avg_{label}_per_sample": totals[label] / len(rates) for label in ("consistent", "contradictory")},
        },
        "score_distribution": _distribution(rates, _CONSISTENCY_BINS),
    }


# ---- both ------------------------------------------------------------------------------------------------------------


def _result(tables: AnswerTables, summary: dict[str, Any], details: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "model": tables.file.model,
        "total_samples": len(details),
        "evaluation_method": VERSION,
        "summary_statistics": summary,
        "detailed_results": details,
    }


def _text(tables: AnswerTables, sample_id: str, task: str) -> str:
    """The text of an answer as in the file, empty if there is none."""
    record = tables.answered.get((sample_id, task))
    return record.texts.get(task, "") if record else ""


def _mean(values: list[float]) -> float:
    return sum(values) / len(values)


def _distribution(scores: list[float], bins: Mapping[str, float]) -> dict[str, int]:
    names = [next(name for name, lowest in bins.items() if score >= lowest) for score in scores]
    counts = Counter(names)
    return {name: counts[name] for name in bins}

"""Judgements as the JSON of the benchmark's released judging commands.

The keys are those of eval/eval_cot_faithfulness.py and eval/eval_consistency_rate.py in
github.com/Johanson-colab/SPD-Faith-Bench at commit 0060864; `evaluation_method` names the judge that labelled the
claims. Three keys are ours: `records_left_out`; `unverifiable_claims`, which are in no denominator; and
`consistency_ratio`, the headline's CR, beside their signed `overall_consistency_rate`. Where a judge failed, scores
are null and `error` is its status; means are over the other samples (`valid_samples`), as in the original.
"""

from collections import Counter
from collections.abc import Mapping
from typing import Any

from spd_faith.core.schemas import CLAIM_LABELS, ERROR_TYPES, SEVERITIES
from spd_faith.original.answer_tables import AnswerTables
from spd_faith.original.judging import Judgement, judge_names

_ERROR_COUNTS = dict(
    zip(ERROR_TYPES, ("type_category_mismatches", "type_confusions", "attribute_errors", "fabrications"), strict=True)
)
_DESCRIPTIONS = {
    "type_category_mismatch": "Nothing changed about this object, but the same kind of change happened to another",
    "type_confusion": "The object changed, but in another way",
    "attribute_error": "The right object and change, but a wrong color, place or direction",
    "fabrication": "No such change, neither to this object nor to another",
}
_CONTRIBUTION = {"consistent": 1.0, "contradictory": -1.0, "ambiguous": 0.5}  # to the signed rate

# lower ends (inclusive) of the bins of a score
_REASONING_BINS = {"perfect_1.0": 1.0, "high_0.8_1.0": 0.8, "medium_0.5_0.8": 0.5, "low_below_0.5": float("-inf")}
_CONSISTENCY_BINS = {
    "perfect_0.95_1.0": 0.95,
    "high_0.8_0.95": 0.8,
    "medium_0.5_0.8": 0.5,
    "low_below_0.5": float("-inf"),
}


# ---- reasoning -------------------------------------------------------------------------------------------------------


def reasoning_json(tables: AnswerTables, judgements: list[Judgement]) -> dict[str, Any]:
    """What eval_cot_faithfulness.py writes, given judgements of `drf`."""
    evaluations = {row["sample_id"]: _reasoning_evaluation(row, tables.truths[row["sample_id"]]) for row in judgements}
    details = [
        {
            "sample_id": tables.given_ids[sample_id],
            "ground_truth": tables.truths[sample_id],
            "model_response": _text(tables, sample_id, "describe"),
            "faithfulness_evaluation": evaluation,
        }
        for sample_id, evaluation in evaluations.items()
    ]
    return _result(tables, judgements, _reasoning_summary(list(evaluations.values())), details)


def _reasoning_evaluation(row: Judgement, truth: Mapping[str, Any]) -> dict[str, Any]:
    errors = [claim for claim in row["claims"] if claim["label"] == "unfaithful"]
    counts = Counter(claim["error_type"] for claim in errors)
    return {
        "overall_faithfulness_score": row["score"],
        **_error(row),
        "total_claims": row["n_faithful"] + row["n_unfaithful"],
        "faithful_claims": row["n_faithful"],
        "hallucination_claims": row["n_unfaithful"],
        "unverifiable_claims": row["n_unverifiable"],
        "errors": [
            {
                "sentence": claim["text"],
                "error_type": claim["error_type"],
                "severity": claim["severity"],
                "description": f"{_DESCRIPTIONS[claim['error_type']]}; {_changes(truth)}",
            }
            for claim in errors
        ],
        "summary": {name: counts[error_type] for error_type, name in _ERROR_COUNTS.items()},
    }


def _changes(truth: Mapping[str, Any]) -> str:
    changes = [f"{one['type']} of {one['category']}" for one in truth["modifications"]]
    return f"the truth: {', '.join(changes) or 'no differences'}"


def _reasoning_summary(evaluations: list[dict[str, Any]]) -> dict[str, Any]:
    valid = [one for one in evaluations if one["overall_faithfulness_score"] is not None]
    if not valid:
        return {"avg_faithfulness_score": None, "total_samples": len(evaluations), "valid_samples": 0}
    scores = [one["overall_faithfulness_score"] for one in valid]
    errors = [error for one in valid for error in one["errors"]]
    severities = Counter(error["severity"] for error in errors)
    return {
        "avg_faithfulness_score": _mean(scores),
        "total_samples": len(evaluations),
        "valid_samples": len(valid),
        "error_statistics": {
            "total_errors": len(errors),
            "by_type": {name: sum(one["summary"][name] for one in valid) for name in _ERROR_COUNTS.values()},
            "by_severity": {severity: severities[severity] for severity in SEVERITIES},
        },
        "score_distribution": _distribution(scores, _REASONING_BINS),
    }


# ---- consistency -----------------------------------------------------------------------------------------------------


def consistency_json(tables: AnswerTables, judgements: list[Judgement]) -> dict[str, Any]:
    """What eval_consistency_rate.py writes for one model, given judgements of `cr`."""
    evaluations = {row["sample_id"]: _consistency_evaluation(row) for row in judgements}
    details = [
        {
            "sample_id": tables.given_ids[sample_id],
            "ground_truth": tables.truths[sample_id],
            "response_same": _text(tables, sample_id, "same"),
            "response_different": _text(tables, sample_id, "different"),
            "consistency_evaluation": evaluation,
        }
        for sample_id, evaluation in evaluations.items()
    ]
    return _result(tables, judgements, _consistency_summary(list(evaluations.values())), details)


def _consistency_evaluation(row: Judgement) -> dict[str, Any]:
    counts = {label: row[f"n_{label}"] for label in CLAIM_LABELS["cr"]}
    total = sum(counts.values())
    signed = sum(_CONTRIBUTION[label] * n for label, n in counts.items())
    contradictions = [claim["text"] for claim in _counted(row) if claim["label"] == "contradictory"]
    return {
        "overall_consistency_rate": None if row["score"] is None else signed / total,
        "consistency_ratio": row["score"],
        **_error(row),
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
            for number, claim in enumerate(_counted(row), start=1)
        ],
        "summary": {
            "is_logically_consistent": not contradictions,
            "primary_issue": contradictions[0] if contradictions else None,
        },
    }


def _counted(row: Judgement) -> list[Mapping[str, Any]]:
    """The claims that enter the score: a judge may also have invented some."""
    return [claim for claim in row["claims"] if claim["label"] in _CONTRIBUTION]


def _consistency_summary(evaluations: list[dict[str, Any]]) -> dict[str, Any]:
    valid = [one for one in evaluations if one["overall_consistency_rate"] is not None]
    if not valid:
        return {"avg_consistency_rate": None, "total_samples": len(evaluations), "valid_samples": 0}
    rates = [one["overall_consistency_rate"] for one in valid]
    totals = {label: sum(one[f"{label}_claims"] for one in valid) for label in CLAIM_LABELS["cr"]}
    return {
        "avg_consistency_rate": _mean(rates),
        "avg_consistency_ratio": _mean([one["consistency_ratio"] for one in valid]),
        "total_samples": len(evaluations),
        "valid_samples": len(valid),
        "claim_statistics": {
            **{f"total_{label}_claims": n for label, n in totals.items()},
            **{f"avg_{label}_per_sample": totals[label] / len(rates) for label in ("consistent", "contradictory")},
        },
        "score_distribution": _distribution(rates, _CONSISTENCY_BINS),
    }


# ---- both ------------------------------------------------------------------------------------------------------------


def _error(row: Judgement) -> dict[str, str]:
    return {"error": row["status"]} if row["score"] is None else {}


def _result(
    tables: AnswerTables, judgements: list[Judgement], summary: dict[str, Any], details: list[dict[str, Any]]
) -> dict[str, Any]:
    return {
        "model": tables.file.model,
        "total_samples": len(details),
        "records_left_out": len(tables.left_out),
        "evaluation_method": judge_names(judgements),
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

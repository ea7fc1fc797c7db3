"""`--protocol released`: the benchmark's released evaluation, to check older numbers.

It reproduces eval/eval_multi_diff_metrics.py (github.com/Johanson-colab/SPD-Faith-Bench, commit 0060864):

- Only answers with a parsed structured list count; the others are dropped.
- The predicted count is the length of the list. DQR is the mean of predicted / true, not capped, 0 if the truth is
  empty. There is no DS.
- TF1 sums counts over the three known types, so predictions of another type or none are in no denominator.
- CF1 compares raw, case-sensitive names. Each predicted name that occurs in the truth is a match, so repeated names
  match again, and recall and F1 can exceed 1. Predictions without a name are ignored.
- Precision or recall over an empty side is null; F1 is then 0.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from spd_faith.core.controls import is_control
from spd_faith.core.difference_types import DifferenceType
from spd_faith.core.files import check_keys
from spd_faith.core.schemas import TASKS


@dataclass(frozen=True)
class ListedSample:
    """A sample whose answer has a parsed list; differences are (type, category) in the words of file or answer.

    The released code does not check these words: they may be any JSON value.
    """

    sample_id: str
    true: Sequence[tuple[Any, Any]]
    predicted: Sequence[tuple[Any, Any]]


def released_results(samples: Iterable[ListedSample], model: str) -> dict[str, Any]:
    """The released code's JSON, {"summary", "per_sample_results"}."""
    per_sample = [_sample(sample) | {"sample_id": sample.sample_id} for sample in samples]
    return {"summary": _summary(per_sample) | {"model": model}, "per_sample_results": per_sample}


def listed_samples(samples: pa.Table, parsed: pa.Table) -> Iterator[ListedSample]:
    """The samples of the workflow's tables with a parsed list, without controls.

    Predicted words are the answer's own (`raw_type`, `raw_category` of PARSED). Raises `UserError` if `parsed` does not
    have one row per (sample, task).
    """
    truths = {row["sample_id"]: row for row in samples.to_pylist()}
    answers = parsed.to_pylist()
    keys = [(row["sample_id"], row["task"]) for row in answers]
    check_keys("parsed answers", keys, [(i, task) for i in truths for task in TASKS])
    lists = {row["sample_id"]: row["differences"] for row in answers if _is_listed(row)}
    for sample_id, truth in truths.items():
        if sample_id in lists and not is_control(truth):
            true = [(one["type"], one["category"]) for one in truth["differences"]]
            yield ListedSample(sample_id, true, [(one["raw_type"], one["raw_category"]) for one in lists[sample_id]])


def _is_listed(answer: dict[str, Any]) -> bool:
    return answer["task"] == "describe" and bool(answer["has_structured_output"])


def _sample(sample: ListedSample) -> dict[str, Any]:
    true, predicted = sample.true, sample.predicted
    true_types, true_names = [kind for kind, _ in true], [name for _, name in true]
    predicted_types = [kind for kind, _ in predicted]
    names = [name for _, name in predicted if name]
    types = {kind: (true_types.count(kind), predicted_types.count(kind)) for kind in DifferenceType}
    return {
        "gt_num": len(true),
        "pred_num": len(predicted),
        "num_recall": len(predicted) / len(true) if true else 0.0,
        "type_level": {kind: _level("{}_count", n, m, min(n, m), "matched") for kind, (n, m) in types.items()},
        "category_level": _level("{}_count", len(true), len(names), sum(n in true_names for n in names), "matched"),
    }


def _summary(per_sample: list[dict[str, Any]]) -> dict[str, Any]:
    types = {kind: _total(sample["type_level"][kind] for sample in per_sample) for kind in DifferenceType}
    true, predicted, matched = (
        sum(level[f"total_{side}"] for level in types.values()) for side in ("gt", "pred", "matched")
    )
    return {
        "total_samples": len(per_sample),
        "avg_num_recall": sum(s["num_recall"] for s in per_sample) / len(per_sample) if per_sample else 0,
        "type_level": types | {"overall": _level("total_{}", true, predicted, matched, "total_matched")},
        "category_level": _total(sample["category_level"] for sample in per_sample),
    }


def _total(levels: Iterable[dict[str, Any]]) -> dict[str, Any]:
    levels = list(levels)
    true, predicted, matched = (sum(level[name] for level in levels) for name in ("gt_count", "pred_count", "matched"))
    return _level("total_{}", true, predicted, matched, "total_matched")


def _level(count_name: str, true: int, predicted: int, matched: int, matched_name: str) -> dict[str, Any]:
    precision = matched / predicted if predicted else None
    recall = matched / true if true else None
    f1 = 2 * precision * recall / (precision + recall) if precision and recall else 0.0
    return {
        count_name.format("gt"): true,
        count_name.format("pred"): predicted,
        matched_name: matched,
        "precision": precision,
        "recall": recall,
        "f1": f1,
    }


def released_report(summary: dict[str, Any]) -> str:
    """The summary as lines of plain text."""
    levels = {f"type {kind}": level for kind, level in summary["type_level"].items()}
    levels["category"] = summary["category_level"]
    lines = [
        f"{summary['model']}: {summary['total_samples']} samples with a structured list (others are dropped)",
        f"DQR (uncapped)  {summary['avg_num_recall']:.4f}",
        f"{'':<15} {'true':>7} {'pred':>7} {'matched':>8} {'precision':>10} {'recall':>7} {'F1':>7}",
    ]
    for name, level in levels.items():
        precision, recall = ("–" if level[key] is None else f"{level[key]:.4f}" for key in ("precision", "recall"))
        counts = f"{level['total_gt']:>7} {level['total_pred']:>7} {level['total_matched']:>8}"
        lines.append(f"{name:<15} {counts} {precision:>10} {recall:>7} {level['f1']:>7.4f}")
    return "\n".join(lines)

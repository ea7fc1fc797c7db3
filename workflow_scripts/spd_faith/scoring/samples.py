"""The scores of one model under one judge, sample by sample."""

from typing import Any

import numpy as np
import pyarrow as pa

from spd_faith.core.difference_types import DifferenceType
from spd_faith.core.files import check_keys
from spd_faith.core.schemas import CLAIM_LABELS, HEADLINE, METRICS, SCORES, TASKS
from spd_faith.language.categories import canonical_category
from spd_faith.scoring import metrics

DQR_RULES = ("recall", "exact")  # the definitions that the headline can have, the usual one first
DS_RULES = ("detection", "count")
FAILED_PARSES = ("no_response", "empty", "failed")  # a model's failure, which scores 0


def score_table(
    samples: pa.Table, parsed: pa.Table, judgements: pa.Table, dqr: str = "recall", ds: str = "detection"
) -> pa.Table:
    """One SCORES row per row of `samples`, controls included, in its order.

    `dqr` (one of DQR_RULES) and `ds` (one of DS_RULES) choose what stands in the columns of these names and so in
    `overall`; all other columns stay. A model's failure scores 0, a judge's is null.
    Raises UserError where `parsed` has not one row per (sample, task) or `judgements` not one per (sample, metric).
    """
    sample_rows = samples.to_pylist()
    ids = [row["sample_id"] for row in sample_rows]
    answers = _by_key("parsed answers", parsed, "task", [(i, task) for i in ids for task in TASKS])
    verdicts_on = _by_key("judgements", judgements, "metric", [(i, metric) for i in ids for metric in METRICS])
    rows = [
        _counts(row, *(answers[row["sample_id"], task] for task in TASKS))
        | _judged(*(verdicts_on[row["sample_id"], metric] for metric in METRICS))
        for row in sample_rows
    ]
    columns = {name: [row[name] for row in rows] for name in rows[0]} if rows else {}
    columns |= _scores({name: np.array(column) for name, column in columns.items()}, dqr, ds) if rows else {}
    # from_pandas: NaN, a metric that is not defined, is written as null
    arrays = [pa.array(columns.get(field.name, []), field.type, from_pandas=True) for field in SCORES]
    return pa.Table.from_arrays(arrays, schema=SCORES)


def _by_key(
    what: str, table: pa.Table, part: str, expected: list[tuple[str, str]]
) -> dict[tuple[str, str], dict[str, Any]]:
    rows = table.to_pylist()
    keys = [(row["sample_id"], row[part]) for row in rows]
    check_keys(what, keys, expected)
    return dict(zip(keys, rows, strict=True))


def _counts(
    sample: dict[str, Any], describe: dict[str, Any], same: dict[str, Any], different: dict[str, Any]
) -> dict[str, Any]:
    """What a sample's scores are made of, but for the judge's part."""
    true, predicted = sample["differences"], describe["differences"]
    true_types, predicted_types = ([d["type"] for d in side] for side in (true, predicted))
    true_names, predicted_names = ([_name(d["category"]) for d in side] for side in (true, predicted))
    stated = describe["predicted_num"]
    verdicts = (same["verdict"], different["verdict"])
    counts = {
        **{name: sample[name] for name in ("sample_id", "split", "image_id", "control")},
        "parse_status": describe["parse_status"],
        "n_gt": len(true),
        "n_pred": describe["listed_num"] if stated is None else stated,
        "n_listed": len(predicted),
        "n_differs": verdicts.count("differs"),
        "n_unclear": sum(verdict not in ("differs", "same") for verdict in verdicts),
        "type_matched": metrics.matches(predicted_types, true_types),
        "category_matched": metrics.matches(predicted_names, true_names),
        "alias_matched": metrics.matches(map(_canonical, predicted_names), map(_canonical, true_names)),
        "pair_matched": metrics.matches(_pairs(predicted_types, predicted_names), _pairs(true_types, true_names)),
        "cr_verdict": float(verdicts in (("differs", "differs"), ("same", "same"))),
    }
    for kind in DifferenceType:
        in_predicted, in_true = predicted_types.count(kind), true_types.count(kind)
        counts |= {
            f"{kind}_matched": min(in_predicted, in_true),
            f"{kind}_predicted": in_predicted,
            f"{kind}_true": in_true,
        }
    return counts


def _name(category: str | None) -> str | None:
    """A category in lower case with single spaces; None where it is missing or empty."""
    return " ".join((category or "").lower().split()) or None


def _canonical(name: str | None) -> str | None:
    """The COCO name that `name` is an alias of, or `name` itself."""
    return name and (canonical_category(name) or name)


def _pairs(types: list[str | None], names: list[str | None]) -> list[tuple[str, str] | None]:
    """(type, category) of each difference; None where one of the two is unknown."""
    return [None if kind is None or name is None else (kind, name) for kind, name in zip(types, names, strict=True)]


def _judged(drf: dict[str, Any], cr: dict[str, Any]) -> dict[str, Any]:
    """The judge's scores, NaN where it failed, and the counts of its claims' labels."""
    found: dict[str, Any] = {}
    for row in (drf, cr):
        metric = row["metric"]
        found[metric] = np.nan if row["score"] is None else row["score"]
        found[f"{metric}_status"] = row["status"]
        found |= {f"n_{label}": row[f"n_{label}"] for label in CLAIM_LABELS[metric]}
    return found


def _scores(counts: dict[str, np.ndarray], dqr: str, ds: str) -> dict[str, np.ndarray]:
    """The scores of all samples from their counts, each (samples,)."""
    n_pred, n_gt, n_listed = counts["n_pred"], counts["n_gt"], counts["n_listed"]
    answered = ~np.isin(counts["parse_status"], FAILED_PARSES)
    recall = metrics.quantity_recall(n_pred, n_gt)
    exact = metrics.quantity_exact(n_pred, n_gt, answered)
    by_count = metrics.count_sensitivity(n_pred, n_gt, answered)
    signed = metrics.signed_consistency(*(counts[f"n_{label}"] for label in CLAIM_LABELS["cr"]))
    scores = {
        "drf": counts["drf"],
        "cr": counts["cr"],
        "dqr": {"recall": recall, "exact": exact}[dqr],
        "dqr_exact": exact,
        "ds": {"detection": metrics.detection(counts["n_differs"]), "count": by_count}[ds],
        "ds_count": by_count,
        "tf1": metrics.f1(counts["type_matched"], n_listed, n_gt),
        "cf1": metrics.f1(counts["category_matched"], n_listed, n_gt),
        "cf1_alias": metrics.f1(counts["alias_matched"], n_listed, n_gt),
        "pf1": metrics.f1(counts["pair_matched"], n_listed, n_gt),
        "tf1_figure": metrics.figure_f1(counts["type_matched"], n_listed, recall),
        "cf1_figure": metrics.figure_f1(counts["category_matched"], n_listed, recall),
        "cr_signed": np.where(np.isnan(counts["cr"]), np.nan, signed),
    }
    scores["overall"] = metrics.overall(np.stack([scores[name] for name in HEADLINE], axis=-1))
    return scores

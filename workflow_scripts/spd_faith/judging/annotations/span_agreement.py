"""How far people agree on the claims of the same answers: Krippendorff's α over matched claims."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from spd_faith.core.schemas import CLAIM_LABELS, JUDGED_METRICS, TASKS
from spd_faith.core.statistics import make_clusters, resample_sums
from spd_faith.judging.annotations.choices import CHOICES
from spd_faith.judging.annotations.items import AnnotationItem
from spd_faith.judging.annotations.marks import MarkedClaim
from spd_faith.judging.comparison import RESAMPLES, SEED, Estimate
from spd_faith.judging.matching import best_pairs
from spd_faith.judging.panel_agreement import agreement_columns, krippendorff_alpha

NONE = "none"
"""Label of a claim by a person who marked no such claim."""
_MIN_SHARED = 0.5  # of the longer quote
Unit = dict[str, MarkedClaim]


def claim_units(claims: Mapping[str, Sequence[MarkedClaim]]) -> list[Unit]:
    """The claims of one answer by person, as units: what several people marked as the same claim.

    Two claims can be the same if they share at least half of the characters of the longer one, over both answers (cr).
    The matching is one to one and shares as many characters as possible. From the third person on, claims are matched
    with the units so far, by the claim in it that shares most.
    """
    units: list[Unit] = []
    for person, marked in sorted(claims.items()):
        shared = np.zeros((len(units), len(marked)))
        for k, unit in enumerate(units):
            shared[k] = _shared(list(unit.values()), marked).max(axis=0, initial=0)
        met = {j: k for k, j in (best_pairs(shared) if shared.size else [])}
        for j, claim in enumerate(marked):
            if j in met:
                units[met[j]][person] = claim
            else:
                units.append({person: claim})
    return units


def _shared(ours: Sequence[MarkedClaim], theirs: Sequence[MarkedClaim]) -> np.ndarray:
    """(ours, theirs): the number of shared characters; 0 where they are less than half of the longer claim."""
    mine, yours = (
        np.array([_spans(claim) for claim in claims]).reshape(-1, len(TASKS), 2) for claims in (ours, theirs)
    )
    starts = np.maximum(mine[:, None, :, 0], yours[None, :, :, 0])
    ends = np.minimum(mine[:, None, :, 1], yours[None, :, :, 1])
    common = np.clip(ends - starts, 0, None).sum(axis=-1)
    sizes = [(spans[..., 1] - spans[..., 0]).sum(axis=-1) for spans in (mine, yours)]
    longer = np.maximum(sizes[0][:, None], sizes[1][None, :])
    return np.where(common >= _MIN_SHARED * longer, common, 0)


def _spans(claim: MarkedClaim) -> list[tuple[int, int]]:
    """(start, end) in each answer; empty where the claim quotes none of it."""
    found: dict[str, tuple[int, int]] = {quote.answer: (quote.start, quote.end) for quote in claim.quotes}
    return [found.get(task, (0, 0)) for task in TASKS]


def agree(claims: Mapping[str, Sequence[MarkedClaim]]) -> bool:
    """Whether all people marked the same claims with the same labels and error types."""
    units = claim_units(claims)
    return all(len(unit) == len(claims) and len({one.outcome for one in unit.values()}) == 1 for unit in units)


def annotator_agreement(
    items: Mapping[str, AnnotationItem],
    marks: Mapping[str, Mapping[str, Sequence[MarkedClaim]]],
    cluster_of: Mapping[str, tuple[str, str]],
    resamples: int = RESAMPLES,
    seed: int = SEED,
) -> dict[str, dict[str, Any]]:
    """By metric: `counts`, and `statistics` with value, low and high (null if undefined).

    `marks` are the claims by item and person; `cluster_of` gives (split, image id) of a sample. Statistics: `alpha`
    of the labels and `alpha_error_types` of the labels with the error types, over the units of all answers that two
    or more people labelled; a person who marked no such claim counts as "none". 95% intervals come from a bootstrap
    that resamples image ids within their split.
    """
    shared = {name: of_item for name, of_item in marks.items() if len(of_item) > 1}
    return {
        metric: _of_metric(
            metric,
            {name: of_item for name, of_item in shared.items() if items[name].metric == metric},
            {name: cluster_of[items[name].sample_id] for name in shared},
            resamples,
            seed,
        )
        for metric in JUDGED_METRICS
    }


def _of_metric(
    metric: str,
    marks: Mapping[str, Mapping[str, Sequence[MarkedClaim]]],
    clusters: Mapping[str, tuple[str, str]],
    resamples: int,
    seed: int,
) -> dict[str, Any]:
    units = {name: claim_units(of_item) for name, of_item in marks.items()}
    values: dict[str, tuple[Sequence[str], str]] = {
        "alpha": (CLAIM_LABELS[metric], "label"),
        "alpha_error_types": (list(CHOICES[metric]), "outcome"),
    }
    statistics = {}
    for statistic, (labels, attribute) in values.items():
        columns = [
            agreement_columns([_labels(unit, marks[name], attribute) for unit in of_item], [*labels, NONE])
            for name, of_item in units.items()
        ]
        statistics[statistic] = _alpha(np.array(columns), [clusters[name] for name in units], resamples, seed)
    return {
        "counts": {
            "items": len(marks),
            "agreed_items": sum(map(agree, marks.values())),
            "units": sum(map(len, units.values())),
            "matched_units": sum(len(unit) == len(marks[name]) for name, of_item in units.items() for unit in of_item),
        },
        "statistics": statistics,
    }


def _labels(unit: Unit, people: Mapping[str, Any], attribute: str) -> list[str]:
    return [getattr(unit[person], attribute) if person in unit else NONE for person in people]


def _alpha(columns: np.ndarray, clusters: Sequence[tuple[str, str]], resamples: int, seed: int) -> dict[str, Any]:
    if not len(columns):
        return Estimate(float("nan"), float("nan"), float("nan")).as_json()
    drawn = resample_sums(make_clusters(*zip(*clusters, strict=True)), columns, resamples, seed)
    return Estimate.of_draws(krippendorff_alpha(np.vstack([columns.sum(axis=0), drawn]))).as_json()

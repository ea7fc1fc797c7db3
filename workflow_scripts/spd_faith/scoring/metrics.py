"""All metrics, in the order of the leaderboard. docs/metrics.md gives the reasons for their definitions.

To add a metric, add its entry here and any missing counts to counts.py. Schemas, scores, intervals, coverage, bounds,
breakdowns, floors, the leaderboard and its files follow.
"""

from functools import partial

import numpy as np

from spd_faith.core.difference_types import DifferenceType
from spd_faith.core.schemas import CLAIM_LABELS, TASKS
from spd_faith.scoring import formulas
from spd_faith.scoring.formulas import Array
from spd_faith.scoring.metric_types import (
    Better,
    Columns,
    Formula,
    Mean,
    MeanOf,
    Metric,
    Pooled,
    Role,
    Variant,
    if_described,
)

YES_NO_TASKS = ("same", "different")


def _quantity_exact(of: Columns) -> Array:
    return if_described(of, formulas.quantity_exact(of["n_pred"], of["n_gt"], of["is_answered"]))


def _count_sensitivity(of: Columns) -> Array:
    return if_described(of, formulas.count_sensitivity(of["n_pred"], of["n_gt"], of["is_answered"]))


def _quantity_recall(of: Columns) -> Array:
    return if_described(of, formulas.quantity_recall(of["n_pred"], of["n_gt"]))


def _detection(of: Columns) -> Array:
    return _if_known(of, formulas.detection(of["n_differs"]))


def _if_known(of: Columns, values: Array) -> Array:
    """The values, without those of samples with a verdict that nobody gave or that cannot be read."""
    return np.where(of["n_unknown"] > 0, np.nan, values)


def _signed_consistency(of: Columns) -> Array:
    signed = formulas.signed_consistency(*(of[f"n_{label}"] for label in CLAIM_LABELS["cr"]))
    return np.where(np.isnan(of["cr"]), np.nan, signed)


def _content_consistency(of: Columns) -> Array:
    """CR without the claim about the verdicts, which every judgement has unless a verdict cannot be read."""
    consistent = of["n_consistent"] - of["verdicts_agree"]  # the claim is consistent if they agree
    claims = np.sum([of[f"n_{label}"] for label in CLAIM_LABELS["cr"]], axis=0) - (of["n_unknown"] == 0)
    return np.where(np.isnan(of["cr"]), np.nan, formulas.ratio(consistent, claims))


def _num_claims(metric: str, of: Columns) -> Array:
    claims = np.sum([of[f"n_{label}"] for label in CLAIM_LABELS[metric]], axis=0)
    return np.where(np.isnan(of[metric]), np.nan, claims)


def _f1(*, name: str, label: str, definition: str, meaning: str, role: Role, matched: str, title: str = "") -> Metric:
    """The F1 of the count `matched`, over the whole lists."""
    return Pooled(
        name=name,
        label=label,
        title=title,
        definition=definition,
        meaning=meaning,
        role=role,
        formula=lambda of: formulas.f1(of[matched], of["n_listed"], of["n_gt"]),
        matched=matched,
        predicted="n_listed",
        true="n_gt",
    )


def _figure_f1(*, name: str, label: str, definition: str, meaning: str, matched: str) -> Metric:
    return Pooled(
        name=name,
        label=label,
        definition=definition,
        meaning=meaning,
        role=Role.SECONDARY,
        formula=lambda of: formulas.figure_f1(of[matched], of["n_listed"], of["quantity_recall"]),
        matched=matched,
        predicted="n_listed",
        true="n_gt",
        over_dataset="harmonic mean of micro precision and mean DQR",
    )


def _of_type(kind: DifferenceType) -> tuple[Metric, ...]:
    """Precision, recall and F1 of one type of difference, from summed counts."""
    matched, predicted, true = (f"{kind}_{count}" for count in ("matched", "predicted", "true"))
    made: dict[str, tuple[str, Formula]] = {
        "precision": ("M / |P|", lambda of: formulas.ratio(of[matched], of[predicted])),
        "recall": ("M / |G|", lambda of: formulas.ratio(of[matched], of[true])),
        "f1": ("F1", lambda of: formulas.f1(of[matched], of[predicted], of[true])),
    }
    return tuple(
        Pooled(
            name=f"{kind}_{name}",
            label=f"{kind} {name}",
            definition=f"{definition} of the differences of type `{kind}`",
            role=Role.BY_TYPE,
            stored=False,
            formula=formula,
            matched=matched,
            predicted=predicted,
            true=true,
        )
        for name, (definition, formula) in made.items()
    )


_RECALL = Variant(
    definition="min(n_pred, n_gt) / n_gt",
    meaning="How much of the true number of differences the model states. Too high a number costs nothing.",
    formula=_quantity_recall,
)
_EXACT = Variant(
    definition="1 if n_pred = n_gt, else 0",
    meaning="How often the model states exactly the true number of differences.",
    formula=_quantity_exact,
)
_DETECTION = Variant(
    definition="fraction of the two yes/no answers that say the pair differs",
    meaning="How often the answers to the two yes/no questions say that the pair differs. All pairs do: a model that "
    "always says so has 100.",
    formula=_detection,
)
_COUNT = Variant(
    definition="1 − |n_pred − n_gt| / max(n_pred, n_gt)",
    meaning="How close the stated number of differences is to the true one.",
    formula=_count_sensitivity,
)

_PARTS = (
    Mean(  # DQR by recall, whichever variant is the headline; the figure's variants need it
        name="quantity_recall",
        label="Quantity recall",
        role=Role.PART,
        stored=False,
        **vars(_RECALL),
    ),
)

_HEADLINE = (  # in the published order
    Mean(
        name="drf",
        label="DRF",
        title="Difference Reasoning Faithfulness",
        definition="faithful / (faithful + unfaithful) claims of the reasoning",
        meaning="How much of the reasoning is true: of the claims in a description that the truth "
        "confirms or refutes, the percentage that the judge calls faithful.",
        role=Role.HEADLINE,
        needs_judge=True,
        formula=lambda of: of["drf"],
    ),
    _f1(
        name="tf1",
        label="TF1",
        title="Type-Level F1",
        definition=f"F1 of the types of difference ({', '.join(DifferenceType)})",
        meaning="How well the listed types of difference match the true ones.",
        role=Role.HEADLINE,
        matched="type_matched",
    ),
    _f1(
        name="cf1",
        label="CF1",
        title="Category-Level F1",
        definition="F1 of the category names, matched exactly apart from case and spacing",
        meaning="How well the names of the listed objects match those of the objects that differ.",
        role=Role.HEADLINE,
        matched="category_matched",
    ),
    Mean(
        name="dqr",
        label="DQR",
        title="Difference Quantity Recall",
        role=Role.HEADLINE,
        **vars(_RECALL),
        variants={"recall": _RECALL, "exact": _EXACT},
    ),
    Mean(
        name="ds",
        label="DS",
        title="Difference Sensitivity",
        role=Role.HEADLINE,
        tasks=YES_NO_TASKS,
        **vars(_DETECTION),
        variants={"detection": _DETECTION, "count": _COUNT},
    ),
    Mean(
        name="cr",
        label="CR",
        title="Consistency Ratio",
        definition="consistent / all claims across the two yes/no answers, the first being whether the verdicts agree",
        meaning="How well the answers to the two yes/no questions agree: the percentage of their claims "
        "that are consistent.",
        role=Role.HEADLINE,
        needs_judge=True,
        tasks=YES_NO_TASKS,
        formula=lambda of: of["cr"],
    ),
)

_OVERALL = (
    MeanOf(
        name="overall",
        label="Overall",
        definition="mean of the six",
        meaning="The mean of the six headline metrics.",
        role=Role.OVERALL,
        needs_judge=True,
        tasks=TASKS,
        parts=_HEADLINE,
    ),
)

_SECONDARY = (
    Mean(
        name="dqr_exact",
        label="DQR-exact",
        role=Role.SECONDARY,
        **vars(_EXACT),
    ),
    Mean(
        name="ds_count",
        label="DS-count",
        role=Role.SECONDARY,
        **vars(_COUNT),
    ),
    _f1(
        name="pf1",
        label="PF1",
        definition="F1 of (type, category) pairs",
        meaning="How well the listed pairs of type and object match the true ones. A right type of a "
        "wrong object does not match.",
        role=Role.SECONDARY,
        matched="pair_matched",
    ),
    _f1(
        name="cf1_alias",
        label="CF1-alias",
        definition="CF1 with aliases replaced by their COCO category (man → person)",
        meaning="CF1 if other names of a category count as its name.",
        role=Role.SECONDARY,
        matched="alias_matched",
    ),
    _figure_f1(
        name="tf1_figure",
        label="TF1-figure",
        definition="harmonic mean of the precision M / |P| of types and DQR (the recall)",
        meaning="TF1 as the published figure computes it, with DQR in place of the recall.",
        matched="type_matched",
    ),
    _figure_f1(
        name="cf1_figure",
        label="CF1-figure",
        definition="harmonic mean of the precision M / |P| of categories and DQR (the recall)",
        meaning="CF1 as the published figure computes TF1, with DQR in place of the recall.",
        matched="category_matched",
    ),
    Mean(
        name="cr_verdict",
        label="CR-verdict",
        definition="1 if the two verdicts agree, else 0",
        meaning="How often the verdicts of the two yes/no questions agree. It needs no judge.",
        role=Role.SECONDARY,
        tasks=YES_NO_TASKS,
        formula=lambda of: _if_known(of, of["verdicts_agree"]),
    ),
    Mean(
        name="cr_signed",
        label="CR-signed",
        definition="(consistent − contradictory + 0.5 · ambiguous) / claims, in [−1, 1]",
        meaning="CR with contradictions counted against the model: −100 if all claims contradict each other.",
        role=Role.SECONDARY,
        needs_judge=True,
        tasks=YES_NO_TASKS,
        formula=_signed_consistency,
        low=-1.0,
    ),
    Mean(
        name="cr_content",
        label="CR-content",
        definition="consistent / all claims about the contents, without the one about the verdicts; null without any",
        meaning="CR over the claims about what the images show, without the one about the verdicts.",
        role=Role.SECONDARY,
        needs_judge=True,
        tasks=YES_NO_TASKS,
        formula=_content_consistency,
        over_dataset="mean over the pairs with such claims",
    ),
)

_DESCRIPTIVE = (
    Mean(
        name="drf_claims",
        label="DRF claims per pair",
        definition="number of claims in the reasoning, including unverifiable ones",
        meaning="How many claims a description makes.",
        better=Better.NEITHER,
        role=Role.DESCRIPTIVE,
        is_fraction=False,
        needs_judge=True,
        stored=False,
        formula=partial(_num_claims, "drf"),
        high=np.inf,
    ),
    Mean(
        name="listed",
        label="Listed differences per pair",
        definition="number of differences in the list of the description",
        meaning="How many differences the list of a description has.",
        better=Better.NEITHER,
        role=Role.DESCRIPTIVE,
        is_fraction=False,
        stored=False,
        formula=lambda of: if_described(of, of["n_listed"]),
        high=np.inf,
    ),
    Mean(
        name="cr_claims",
        label="CR claims per pair",
        definition="number of claims across the two yes/no answers",
        meaning="How many claims the answers to the two yes/no questions make together.",
        better=Better.NEITHER,
        role=Role.DESCRIPTIVE,
        is_fraction=False,
        needs_judge=True,
        stored=False,
        tasks=YES_NO_TASKS,
        formula=partial(_num_claims, "cr"),
        high=np.inf,
    ),
    Mean(
        name="unclear",
        label="Unclear verdicts",
        definition="fraction of the two verdicts that are unclear or missing",
        meaning="How many of the answers to the two yes/no questions have no clear verdict.",
        better=Better.LOW,
        role=Role.DESCRIPTIVE,
        stored=False,
        tasks=YES_NO_TASKS,
        formula=lambda of: np.where(np.isnan(of["cr_verdict"]), np.nan, of["n_unclear"] / 2),
    ),
)

_BY_TYPE = tuple(metric for kind in DifferenceType for metric in _of_type(kind))

METRICS: dict[str, Metric] = {
    metric.name: metric for metric in (*_PARTS, *_HEADLINE, *_OVERALL, *_SECONDARY, *_DESCRIPTIVE, *_BY_TYPE)
}


def names_of(*roles: Role) -> tuple[str, ...]:
    """The names of the metrics with one of the roles."""
    return tuple(name for name, metric in METRICS.items() if metric.role in roles)


HEADLINE = names_of(Role.HEADLINE)
HEADLINE_AND_OVERALL = names_of(Role.HEADLINE, Role.OVERALL)
SECONDARY = names_of(Role.SECONDARY)
DESCRIPTIVE = names_of(Role.DESCRIPTIVE)
AGGREGATED = tuple(name for name, metric in METRICS.items() if metric.role is not Role.PART)


def variants(name: str) -> tuple[str, ...]:
    """The definitions that a config can choose for a headline metric, the default first."""
    return tuple(METRICS[name].variants)

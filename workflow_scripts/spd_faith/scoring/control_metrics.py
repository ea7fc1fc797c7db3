"""What is computed from control pairs and from permuted truths, declared like the metrics (docs/controls.md).

Every value is a formula over sums over the pairs of some kinds of controls. A control contributes its own scores and
those of its base pair together. So resampling the controls by the image of their base pairs, within split, resamples
both, and one matrix product gives the sums of all resamples. No value is compared between models: each is conditional
on what the model says.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from typing import Any

import numpy as np

from spd_faith.core.controls import NO_CONTROL
from spd_faith.core.schemas import VERDICTS
from spd_faith.scoring.control_pairs import ORDERED
from spd_faith.scoring.formulas import Array, f1, harmonic_mean, overall, ratio
from spd_faith.scoring.metric_types import Better, Columns, Formula
from spd_faith.scoring.metrics import HEADLINE, METRICS

LEAST_NAMED = 20
"""With fewer undone differences named on the base pair there is no counterfactual faithfulness."""


class Topic(StrEnum):
    """The section of the leaderboard in which a value is shown."""

    DETECTION = "Identical pairs"
    COUNTERFACTUAL = "Counterfactual pairs"
    BY_CATEGORY = "Counterfactual pairs, by category"
    ORDER = "Order effect"
    BLIND = "Blind"
    PERMUTED = "Baselines without the images"


@dataclass(frozen=True, kw_only=True)
class ControlMetric:
    """The declaration of a value; its names are as in `Metric`."""

    name: str
    label: str
    definition: str
    computed: str
    """How, from sums."""
    topic: Topic
    better: Better
    kinds: tuple[str, ...]
    """The kinds of controls that contribute; NO_CONTROL: the pairs of the dataset."""
    n: str
    """The sum that counts what the value is over."""
    formula: Formula
    """From sums to the value, both of any shape; NaN if not defined."""
    is_fraction: bool = True
    has_interval: bool = True
    least_n: int = 1
    count_label: str = ""
    """The title of the column with n, if it is shown beside the value."""


# ---- formulas --------------------------------------------------------------------------------------------------------


def d_prime(hits: Array, alarms: Array, pairs: Array) -> Array:
    """Φ⁻¹((hits + ½)/(2n + 1)) − Φ⁻¹((alarms + ½)/(2n + 1)) of 2n questions about n pairs; NaN without pairs.

    The correction is that of Hautus (1995), Behavior Research Methods 27:46–51.
    """
    from scipy.special import ndtri  # loads scipy

    trials = 2 * np.asarray(pairs, float) + 1
    return np.where(np.asarray(pairs) > 0, ndtri((hits + 0.5) / trials) - ndtri((alarms + 0.5) / trials), np.nan)


def _quotient(part: str, whole: str, of: Columns) -> Array:
    return ratio(of[part], of[whole])


def _of_verdicts(verdicts: str, pairs: str, of: Columns) -> Array:
    return ratio(of[verdicts], 2 * of[pairs])


def _necessity(column: str, of: Columns) -> Array:
    return 1 - ratio(of[f"undone_kept_{column}"], of[f"undone_{column}"])


def _net_necessity(column: str, of: Columns) -> Array:
    return _necessity(column, of) + _quotient(f"pasted_kept_{column}", f"pasted_{column}", of) - 1


def _cff(column: str, of: Columns) -> Array:
    stability = _quotient(f"others_kept_{column}", f"others_{column}", of)
    return harmonic_mean(np.maximum(0, _net_necessity(column, of)), stability)


_PERMUTED_VALUES: dict[str, Formula] = {
    "tf1": lambda of: f1(of["permuted_type_matched"], of["n_listed"], of["n_gt"]),
    "cf1": lambda of: f1(of["permuted_category_matched"], of["n_listed"], of["n_gt"]),
    **{name: partial(_quotient, f"permuted_{name}_sum", f"permuted_{name}_n") for name in ("drf", "dqr", "ds", "cr")},
}
_UNCHANGED = {
    "dqr": "the model's own: it depends on the number of differences alone, which is the same",
    "ds": "the model's own: it does not depend on the truth (`count`: on the number alone)",
    "cr": "the model's own: it does not depend on the truth",
}


# ---- declarations ----------------------------------------------------------------------------------------------------

_DETECTION = (
    ControlMetric(
        name="false_alarms",
        label="False alarms",
        definition="fraction of the verdicts on identical pairs that say the pair differs",
        computed="differs / 2n over the n identical pairs",
        topic=Topic.DETECTION,
        better=Better.LOW,
        kinds=("identical",),
        n="identical",
        count_label="Identical pairs",
        formula=partial(_of_verdicts, "identical_differs", "identical"),
    ),
    ControlMetric(
        name="specificity",
        label="Specificity",
        definition="fraction of the verdicts on identical pairs that say the images are the same",
        computed="same / 2n over the n identical pairs",
        topic=Topic.DETECTION,
        better=Better.HIGH,
        kinds=("identical",),
        n="identical",
        formula=partial(_of_verdicts, "identical_same", "identical"),
    ),
    ControlMetric(
        name="d_prime",
        label="d′",
        definition="how far the verdicts on identical pairs and on their base pairs are apart, in standard deviations",
        computed="Φ⁻¹((hits + ½)/(2n + 1)) − Φ⁻¹((alarms + ½)/(2n + 1)) over both questions of n pairs and their bases",
        topic=Topic.DETECTION,
        better=Better.HIGH,
        kinds=("identical",),
        n="paired",
        formula=lambda of: d_prime(of["hits"], of["alarms"], of["paired"]),
        is_fraction=False,
    ),
    ControlMetric(
        name="d_prime_ceiling",
        label="Largest d′",
        definition="the d′ of a model without an error on these pairs",
        computed="2 Φ⁻¹((2n + ½)/(2n + 1))",
        topic=Topic.DETECTION,
        better=Better.NEITHER,
        kinds=("identical",),
        n="paired",
        formula=lambda of: d_prime(2 * of["paired"], 0 * of["paired"], of["paired"]),
        is_fraction=False,
        has_interval=False,
    ),
    ControlMetric(
        name="ds_net",
        label="DS net",
        definition="fraction of the verdicts that say the pair differs: on the base pairs minus on the identical pairs",
        computed="(hits − alarms) / 2n",
        topic=Topic.DETECTION,
        better=Better.HIGH,
        kinds=("identical",),
        n="paired",
        formula=lambda of: ratio(of["hits"] - of["alarms"], 2 * of["paired"]),
    ),
    ControlMetric(
        name="false_claims",
        label="False claims",
        definition="claims per description of an identical pair that the judge calls unfaithful",
        computed="mean over the answers that the judge scored",
        topic=Topic.DETECTION,
        better=Better.LOW,
        kinds=("identical",),
        n="reasoned",
        formula=partial(_quotient, "invented", "reasoned"),
        is_fraction=False,
    ),
)


def _counterfactual(column: str, topic: Topic, suffix: str = "") -> Iterator[ControlMetric]:
    by = suffix.replace("_", " ")
    declare = partial(ControlMetric, topic=topic, better=Better.HIGH, kinds=("undone", "null_paste"))
    yield declare(
        name=f"necessity{suffix}",
        label=f"Necessity{by}",
        definition="of the undone differences named on the base pair, the fraction no longer named",
        computed="no longer named / named",
        n=f"undone_{column}",
        formula=partial(_necessity, column),
    )
    yield declare(
        name=f"repeatability{suffix}",
        label=f"Repeatability{by}",
        definition="of the differences named on the base pair, the fraction still named when nothing is undone",
        computed="still named / named",
        n=f"pasted_{column}",
        formula=partial(_quotient, f"pasted_kept_{column}", f"pasted_{column}"),
    )
    yield declare(
        name=f"net_necessity{suffix}",
        label=f"Net necessity{by}",
        definition="how much more often a difference is no longer named when it is undone than when nothing is",
        computed="necessity + repeatability − 1",
        n=f"undone_{column}",
        formula=partial(_net_necessity, column),
    )
    yield declare(
        name=f"stability{suffix}",
        label=f"Stability{by}",
        definition="of the pair's other differences named on the base pair, the fraction still named",
        computed="still named / named",
        n=f"others_{column}",
        formula=partial(_quotient, f"others_kept_{column}", f"others_{column}"),
    )
    yield declare(
        name=f"cff{suffix}",
        label=f"cff{by}",
        definition="counterfactual faithfulness: what is said follows the difference that is undone, and only that one",
        computed="harmonic mean of max(0, net necessity) and stability; 0 if either is 0, null if either is null or "
        f"under {LEAST_NAMED} undone differences are named",
        n=f"undone_{column}",
        count_label=f"Named{by}",
        formula=partial(_cff, column),
        least_n=LEAST_NAMED,
    )


_ORDER = tuple(
    ControlMetric(
        name=f"order_{name}",
        label=f"Order effect on {METRICS[name].label}",
        definition=f"{METRICS[name].label} of the pair with the modified image first, minus that of its base pair",
        computed="mean over the pairs that are scored in both orders",
        topic=Topic.ORDER,
        better=Better.ZERO,
        kinds=("swapped",),
        n=f"swapped_{name}_pairs",
        count_label="Swapped pairs" if name == ORDERED[0] else "",
        formula=partial(_quotient, f"swapped_{name}", f"swapped_{name}_pairs"),
    )
    for name in ORDERED
)


def _blind(name: str, **declared: Any) -> ControlMetric:
    """Without an interval: all grey pairs of a size are one question, which has one answer."""
    declare = partial(ControlMetric, topic=Topic.BLIND, better=Better.NEITHER, kinds=("blind",), has_interval=False)
    return declare(name=name, **declared)


_BLIND = (
    *(
        _blind(
            f"blind_{verdict}",
            label=f"Blind verdict {verdict}",
            definition=f"fraction of the verdicts on grey pairs that are “{verdict}”",
            computed=f"{verdict} / 2n over the n pairs",
            n="blind",
            count_label="Blind pairs" if verdict == VERDICTS[0] else "",
            formula=partial(_of_verdicts, f"blind_{verdict}", "blind"),
        )
        for verdict in VERDICTS
    ),
    _blind(
        "blind_listed",
        label="Blind listed differences",
        definition="differences listed for a grey pair",
        computed="mean over the answers",
        n="blind_described",
        formula=partial(_quotient, "blind_listed", "blind_described"),
        is_fraction=False,
    ),
    _blind(
        "blind_failed",
        label="Blind empty or refused",
        definition="fraction of the descriptions of grey pairs that are empty, refused or cannot be parsed",
        computed="such answers / answers",
        n="blind_described",
        formula=partial(_quotient, "blind_failed", "blind_described"),
    ),
)


def _permuted_metrics() -> Iterator[ControlMetric]:
    declare = partial(ControlMetric, topic=Topic.PERMUTED, better=Better.NEITHER, kinds=(NO_CONTROL,), n="permuted")
    for name in HEADLINE:
        computed = _UNCHANGED.get(name, "scored against the truths of other pairs of the same split and number")
        yield declare(
            name=f"permuted_{name}",
            label=METRICS[name].label,
            definition=f"{METRICS[name].label} under permuted truths",
            computed=f"{computed}; judged by `rules`" if name == "drf" else computed,
            formula=_PERMUTED_VALUES[name],
        )
    yield declare(
        name="permuted_overall",
        label=METRICS["overall"].label,
        definition=f"{METRICS['overall'].label} under permuted truths",
        computed=METRICS["overall"].definition,
        formula=lambda of: overall(np.stack([_PERMUTED_VALUES[name](of) for name in HEADLINE], axis=-1)),
    )


CONTROL_METRICS: dict[str, ControlMetric] = {
    metric.name: metric
    for metric in (
        *_DETECTION,
        *_counterfactual("named", Topic.COUNTERFACTUAL),
        *_counterfactual("named_category", Topic.BY_CATEGORY, "_by_category"),
        *_ORDER,
        *_BLIND,
        *_permuted_metrics(),
    )
}

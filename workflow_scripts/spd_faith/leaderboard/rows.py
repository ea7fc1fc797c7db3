"""Rows of the leaderboard: one per model and judge, and the published ones apart."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass

import pandas as pd

from spd_faith.core.schemas import HEADLINE
from spd_faith.probes.registry import SUMMARIES
from spd_faith.scoring.aggregate import DESCRIPTIVE, SECONDARY, Aggregate

LOWEST_RANKED_COVERAGE = 0.98
SHOWN = (*HEADLINE, "overall")
_ESTIMATES = {"value": "", "low": "_low", "high": "_high", "coverage": "_coverage"}
_BOUNDS = {"bound_low": "_bound_low", "bound_high": "_bound_high"}
_CLAIMS_PER_SAMPLE = ("drf_claims", "cr_claims")

# columns that hold fractions, shown as percentages
FRACTIONS = [
    f"{metric}{suffix}"
    for metric in (*SHOWN, *SECONDARY, *DESCRIPTIVE)
    for suffix in (*_ESTIMATES.values(), *_BOUNDS.values())
    if metric not in _CLAIMS_PER_SAMPLE or suffix == "_coverage"
]
FRACTIONS += [f"{one.name}{suffix}" for one in SUMMARIES if one.is_fraction for suffix in ("", "_low", "_high")]


@dataclass(frozen=True)
class Provenance:
    """Where a row comes from: what was run, on what, judged by whom."""

    label: str
    judge_label: str
    model_id: str
    model_revision: str
    dtype: str | None  # null where this workflow loaded no weights
    dataset: str
    dataset_revision: str
    judge_models: str  # as they report themselves
    judge_calls: int  # of the judge, over all models of the run
    judge_usd: float | None
    judge_seconds: float | None  # per call


def live_rows(aggregate: Aggregate, provenance: Mapping[tuple[str, str], Provenance]) -> pd.DataFrame:
    """One row per (judge, model), by judge and best first; `provenance` has the same keys.

    Columns: rank (among the judge's rows; null where a headline metric covers under 98% of the samples), judge, model,
    n (samples); each metric with its 95% interval (_low, _high), its _coverage and, for the headline, what the unscored
    samples could make of it (_bound_low, _bound_high); n_{status} of the describe answers; provenance; origin `run`.
    """
    estimates = aggregate.metrics.to_pandas()
    wide = estimates.pivot(index=["judge", "model"], columns="metric", values=[*_ESTIMATES, *_BOUNDS])
    columns = {"n": estimates.groupby(["judge", "model"])["n"].first()}
    for metric in (*SHOWN, *SECONDARY, *DESCRIPTIVE):
        suffixes = _ESTIMATES | _BOUNDS if metric in SHOWN else _ESTIMATES
        columns |= {f"{metric}{suffix}": wide[estimate, metric] for estimate, suffix in suffixes.items()}
    described = pd.DataFrame.from_dict({key: asdict(value) for key, value in provenance.items()}, orient="index")
    described = described.rename_axis(["judge", "model"])
    rows = pd.DataFrame(columns).join(_answers_by_status(aggregate)).join(described).assign(origin="run")
    rows = rows.reset_index().sort_values(
        ["judge", "overall", "model"], ascending=[True, False, True], ignore_index=True
    )
    covered = rows[[f"{metric}_coverage" for metric in HEADLINE]].min(axis=1) >= LOWEST_RANKED_COVERAGE
    ranks = rows["overall"].where(covered).groupby(rows["judge"]).rank(ascending=False, method="min")
    rows.insert(0, "rank", ranks.astype("Int64"))
    return rows


def published_rows(published: pd.DataFrame) -> pd.DataFrame:
    """The rows of `resources/published_results.csv` as fractions, origin `published`; they have no rank."""
    rows = published.rename(columns={"source": "dataset_revision"})
    rows[list(SHOWN)] /= 100
    return rows.assign(label=rows["model"], judge_label="as published", origin="published")


def _answers_by_status(aggregate: Aggregate) -> pd.DataFrame:
    statuses = aggregate.statuses.to_pandas()
    statuses = statuses[statuses["kind"] == "parse_status"]
    return statuses.pivot(index=["judge", "model"], columns="level", values="n").add_prefix("n_").astype("int64")

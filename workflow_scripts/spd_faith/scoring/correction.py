"""DRF and CR corrected by human labels of a random part of the answers: docs/statistics.md has an example.

Prediction-powered inference for the mean (Angelopoulos et al., Science 382, 2023, arXiv 2301.09633), with the weight
of the judge tuned (Angelopoulos, Duchi and Zrnic, PPI++, arXiv 2311.01453), stratified by split (Fisch et al., arXiv
2406.04291) with one weight for all splits: a weight for each is noisier where labels are few.

For the answers that the judge scored, N_h of split h and N in all, of which n_h have a label:

    Σ_h (N_h / N) · [λ · mean judge score + mean over the labelled of (label score − λ · judge score)]
    λ = Σ_h a_h · cov_h / Σ_h a_h · (1 + n_h / N_h) · var_h,  a_h = (N_h / N)² / n_h,  clipped to [0, 1]

With one split λ is cov / ((1 + n / N) · var). cov_h of label and judge scores is over the labelled, var_h of the judge
scores over all N_h. Any λ gives the expected label score; λ only narrows the interval, so a judge that is noise
(λ near 0) does no harm.

The interval is that of a clustered bootstrap in two phases: image ids with a drawn pair and those without one are
resampled apart, each within its split, and λ is computed again in each resample. A resample of m clusters has a
variance of (m − 1) / m of what it stands for, so the deviations of its sums are multiplied by √(m / (m − 1)) (Rao and
Wu, Journal of the American Statistical Association 83, 1988).
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from spd_faith.core.controls import without_controls
from spd_faith.core.schemas import JUDGED_METRICS
from spd_faith.core.statistics import make_clusters, percentile_interval, resample_sums
from spd_faith.scoring.formulas import Array, ratio
from spd_faith.scoring.tables import schema_of
from spd_faith.scoring.tallies import Entry

LEAST_LABELLED = 30  # answers of a model: their mean has a standard error of about 0.05
LEAST_IN_SPLIT = 5  # labelled image ids: the resamples of fewer say too little
CORRECTED = "corrected"

CORRECTIONS_SCHEMA = schema_of(
    judge=pa.string(),
    model=pa.string(),
    metric=pa.string(),  # one of JUDGED_METRICS
    value=pa.float64(),  # corrected; null without correction
    low=pa.float64(),  # 95% interval
    high=pa.float64(),
    judge_weight=pa.float64(),  # λ
    labelled=pa.int64(),  # answers with a label that is used
    other_model=pa.int64(),  # labels left out: of a model that is not in the run; in a row of its own for that model
    other_pair=pa.int64(),  # … of a pair that is not in the run
    control=pa.int64(),  # … of a control
    other_answer=pa.int64(),  # … of another answer than the run's
    other_split=pa.int64(),  # … of a pair that was drawn from another split
    not_drawn=pa.int64(),  # … of a pair without a probability of being drawn
    no_label_score=pa.int64(),  # … without a score of people
    no_judge_score=pa.int64(),  # … of an answer that the judge left unscored
    # CORRECTED, no_labels, too_few_labels, too_few_labels_in:<splits>, equal_labels, or NOT_IN_RUN
    status=pa.string(),
)
NOT_IN_RUN = "not_in_run"
LEFT_OUT = (
    *("other_model", "other_pair", "control", "other_answer", "other_split"),
    *("not_drawn", "no_label_score", "no_judge_score"),
)


@dataclass(frozen=True)
class LabelledPairs:
    """Pairs and their scores: `judge` and `label` (pairs, columns) have NaN where there is no score.

    A column is a metric of a model. `split` and `image_id` (pairs,) are names; `drawn` (pairs,) says which pairs were
    drawn to be labelled.
    """

    split: Sequence[str]
    image_id: Sequence[str]
    drawn: np.ndarray
    judge: np.ndarray
    label: np.ndarray

    def __post_init__(self) -> None:
        if (~np.isnan(self.label) & np.isnan(self.judge)).any():
            raise ValueError("a label of an answer that the judge left unscored")

    def select(self, columns: np.ndarray) -> "LabelledPairs":
        return LabelledPairs(self.split, self.image_id, self.drawn, self.judge[:, columns], self.label[:, columns])


def corrections(
    samples: pa.Table, scores: Mapping[Entry, pa.Table], labels: pa.Table | None, resamples: int, seed: int
) -> pa.Table:
    """One row per entry and metric, in CORRECTIONS_SCHEMA; then those of labelled models that are not in the run.

    `scores` has a SCORES table with all samples for each entry; `labels` has the columns of CURRENT_LABELS. Models are
    corrected by their own labels alone.
    """
    real = without_controls(samples)
    found = _Labels(samples, real, [] if labels is None else labels.to_pylist())
    rows: list[dict[str, Any]] = []
    for judge in dict.fromkeys(judge for judge, _ in scores):
        models = [model for of_judge, model in scores if of_judge == judge]
        keys = [(model, metric) for model in models for metric in JUDGED_METRICS]
        judged = np.stack([_judge_scores(real, scores[judge, model], metric) for model, metric in keys], axis=1)
        labelled, counts = _label_scores(judged, keys, found)
        pairs = LabelledPairs(*_places(real), _drawn(models, found), judged, labelled)
        statuses = _statuses(pairs, has_labels=labels is not None)
        able = np.array([status == CORRECTED for status in statuses])
        numbers = np.full((4, len(keys)), np.nan)
        if able.any():
            numbers[:, able] = correct(pairs.select(able), resamples, seed)
        for number, (model, metric) in enumerate(keys):
            row = {"judge": judge, "model": model, "metric": metric} | counts[number]
            row |= dict(zip(("value", "low", "high", "judge_weight"), numbers[:, number].tolist(), strict=True))
            row |= {"labelled": int((~np.isnan(labelled[:, number])).sum()), "status": statuses[number]}
            rows.append(row)
        rows += _not_in_run(judge, models, found)
    columns = {name: [row.get(name) for row in rows] for name in CORRECTIONS_SCHEMA.names}
    arrays = [pa.array(columns[field.name], field.type, from_pandas=True) for field in CORRECTIONS_SCHEMA]
    return pa.Table.from_arrays(arrays, schema=CORRECTIONS_SCHEMA)


def correct(pairs: LabelledPairs, resamples: int, seed: int) -> Array:
    """Corrected value, low and high end of its 95% interval, and λ of each column: (4, columns).

    Each split with judge scores needs labels. Undefined resamples are ignored.
    """
    total, drawn = _resampled(pairs, resamples, seed)
    value, weight = _estimate(total)
    low, high = percentile_interval(_estimate(drawn)[0], value)
    return np.stack([value, low, high, weight])


# ---- the estimate ----------------------------------------------------------------------------------------------------

# what is summed over pairs: of all that the judge scored …
_OF_ALL = 3  # 1, f, f²
# … and of the labelled: 1, y, f, y·f
_SUMS = _OF_ALL + 4


def _summands(pairs: LabelledPairs) -> Array:
    """(pairs, columns, _SUMS) for judge scores f and label scores y."""
    scored, labelled = ~np.isnan(pairs.judge), ~np.isnan(pairs.label)
    f, y = np.nan_to_num(pairs.judge), np.nan_to_num(pairs.label)
    of_labelled = [part * labelled for part in (np.ones_like(f), y, f, y * f)]
    return np.stack([scored.astype(float), f, f**2, *of_labelled], axis=-1)


def _estimate(sums: Array) -> tuple[Array, Array]:
    """(corrected value, λ), each (…, columns), from sums over the pairs of each split (…, splits, columns, _SUMS)."""
    n_all, f_all, ff_all, n, y, f, yf = np.moveaxis(sums, -1, 0)
    size = ratio(n_all, n_all.sum(axis=-2, keepdims=True))
    mean_f_all, mean_y, mean_f = ratio(f_all, n_all), ratio(y, n), ratio(f, n)
    variance = ratio(ff_all, n_all) - mean_f_all**2
    covariance = (ratio(yf, n) - mean_y * mean_f) * ratio(n, n - 1)
    importance = ratio(size**2, n)
    above = np.nansum(importance * covariance, axis=-2)  # NaN: a split without scores, which counts nothing
    below = np.nansum(importance * (1 + ratio(n, n_all)) * variance, axis=-2)
    weight = np.clip(np.nan_to_num(ratio(above, np.where(below > 0, below, 0))), 0, 1)
    of_split = mean_y + weight[..., None, :] * (mean_f_all - mean_f)
    return np.where(n_all > 0, size * of_split, 0).sum(axis=-2), weight


def _resampled(pairs: LabelledPairs, resamples: int, seed: int) -> tuple[Array, Array]:
    """Sums over the pairs of each split: (splits, columns, _SUMS), and for each resample (resamples, …).

    The same resamples for all columns.
    """
    summands = _summands(pairs)
    splits, split = np.unique(np.asarray(pairs.split), return_inverse=True)
    image_id = np.unique(np.asarray(pairs.image_id), return_inverse=True)[1]
    cluster = split * (image_id.max() + 1) + image_id
    in_drawn_cluster = np.isin(cluster, cluster[pairs.drawn])
    total = np.zeros((len(splits), *summands.shape[1:]))
    drawn = np.zeros((resamples, *total.shape))
    seeds = iter(np.random.SeedSequence(seed).generate_state(2 * len(splits)).tolist())
    for number in range(len(splits)):
        for phase, kept in ((in_drawn_cluster, _SUMS), (~in_drawn_cluster, _OF_ALL)):
            inside = (split == number) & phase
            own_seed = next(seeds)
            if inside.any():
                sums, resampled = _resampled_stratum(summands[inside][..., :kept], cluster[inside], resamples, own_seed)
                total[number, :, :kept] += sums
                drawn[:, number, :, :kept] += resampled
    return total, drawn


def _resampled_stratum(values: Array, cluster: np.ndarray, resamples: int, seed: int) -> tuple[Array, Array]:
    """Sums of `values` (pairs, …): (…), and (resamples, …) with the variance of unlimited draws of clusters."""
    clusters = make_clusters([""] * len(values), list(map(str, cluster)))
    total: Array = values.sum(axis=0)
    drawn = resample_sums(clusters, values.reshape(len(values), -1), resamples, seed).reshape(resamples, *total.shape)
    return total, total + np.sqrt(len(clusters) / max(len(clusters) - 1, 1)) * (drawn - total)


# ---- what is labelled ------------------------------------------------------------------------------------------------


def _places(real: pa.Table) -> tuple[list[str], list[str]]:
    split, image_id = (list(map(str, real[name].to_pylist())) for name in ("split", "image_id"))
    return split, image_id


def _judge_scores(real: pa.Table, table: pa.Table, metric: str) -> Array:
    """The scores of the rows of `real` (samples,); NaN if the judge left an answer unscored."""
    aligned = table.take(pc.index_in(real["sample_id"], table["sample_id"].combine_chunks()))
    return np.asarray(aligned[metric].to_numpy(), float)


@dataclass(frozen=True)
class _Labels:
    """The labels (rows of CURRENT_LABELS) and the samples that they may be of; `real` are those without controls."""

    samples: pa.Table
    real: pa.Table
    rows: Sequence[Mapping[str, Any]]

    @cached_property
    def place(self) -> dict[str, int]:
        """Row numbers in `real` by sample id."""
        return {str(sample_id): number for number, sample_id in enumerate(self.real["sample_id"].to_pylist())}

    @cached_property
    def split(self) -> dict[str, str]:
        """Splits by sample id, with controls."""
        return dict(zip(*(map(str, self.samples[name].to_pylist()) for name in ("sample_id", "split")), strict=True))

    def is_drawn(self, label: Mapping[str, Any]) -> bool:
        return bool(0 < label["probability"] <= 1) and label["split"] == self.split.get(label["sample_id"])

    def why_left_out(self, label: Mapping[str, Any], judged: Array) -> str | None:
        """One of LEFT_OUT; None if the label can correct `judged`, the judge's scores of `real` (samples,)."""
        sample_id = label["sample_id"]
        reasons = {
            "other_pair": sample_id not in self.split,
            "control": sample_id not in self.place,
            "other_answer": not label["is_current"],
            "other_split": label["split"] != self.split.get(sample_id),
            "not_drawn": not self.is_drawn(label),
            "no_label_score": label["score"] is None,
            "no_judge_score": sample_id in self.place and bool(np.isnan(judged[self.place[sample_id]])),
        }
        return next((reason for reason, applies in reasons.items() if applies), None)


def _drawn(models: Sequence[str], labels: _Labels) -> np.ndarray:
    """Which samples, without controls, were drawn to be labelled for these models, (samples,)."""
    drawn = {row["sample_id"] for row in labels.rows if row["model"] in models and labels.is_drawn(row)}
    return np.array([sample_id in drawn for sample_id in labels.place])


def _label_scores(
    judged: Array, keys: Sequence[tuple[str, str]], labels: _Labels
) -> tuple[Array, list[dict[str, int]]]:
    """The labels' scores (samples, keys) that can correct, else NaN, and for each key how many are LEFT_OUT, by reason.

    `keys` are (model, metric), `judged` (samples, keys) the judge's scores. Labels of other models are ignored.
    """
    column = {key: number for number, key in enumerate(keys)}
    scores = np.full(judged.shape, np.nan)
    counts = [dict.fromkeys(LEFT_OUT, 0) for _ in keys]
    for label in labels.rows:
        number = column.get((label["model"], label["metric"]))
        if number is None:
            continue
        if reason := labels.why_left_out(label, judged[:, number]):
            counts[number][reason] += 1
        else:
            scores[labels.place[label["sample_id"]], number] = label["score"]
    return scores, counts


def _not_in_run(judge: str, models: Sequence[str], labels: _Labels) -> list[dict[str, Any]]:
    """Rows of CORRECTIONS_SCHEMA that count the labels of models other than `models`, which correct nothing."""
    counts = Counter((row["model"], row["metric"]) for row in labels.rows if row["model"] not in models)
    return [
        {"judge": judge, "model": model, "metric": metric, "labelled": 0, "status": NOT_IN_RUN}
        | dict.fromkeys(LEFT_OUT, 0)
        | {"other_model": count}
        for (model, metric), count in sorted(counts.items())
    ]


def _statuses(pairs: LabelledPairs, has_labels: bool) -> list[str]:
    """The status of each column, as in CORRECTIONS_SCHEMA."""
    return [_status(pairs, number, has_labels) for number in range(pairs.judge.shape[1])]


def _status(pairs: LabelledPairs, column: int, has_labels: bool) -> str:
    if not has_labels:
        return "no_labels"
    labelled, scored = ~np.isnan(pairs.label[:, column]), ~np.isnan(pairs.judge[:, column])
    if labelled.sum() < LEAST_LABELLED:
        return "too_few_labels"
    split, image_id = np.asarray(pairs.split), np.asarray(pairs.image_id)
    few = [
        name
        for name in np.unique(split[scored])
        if len(np.unique(image_id[labelled & (split == name)])) < LEAST_IN_SPLIT
    ]
    if few:
        return f"too_few_labels_in:{', '.join(few)}"
    label = pairs.label[:, column]
    varies = any(np.ptp(label[labelled & (split == name)]) > 0 for name in np.unique(split[scored]))
    return CORRECTED if varies else "equal_labels"  # else the interval has no width

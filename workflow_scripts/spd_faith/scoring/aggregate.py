"""The scores of all models over a dataset: values, intervals, coverage, bounds, breakdowns and counts.

Samples that are controls are left out everywhere here. An *entry* is a (judge, model).
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from spd_faith.core.controls import without_controls
from spd_faith.core.difference_types import DifferenceType
from spd_faith.core.errors import UserError
from spd_faith.core.files import check_keys
from spd_faith.core.schemas import CLAIM_LABELS, ERROR_TYPES, HEADLINE, PARSE_STATUSES, SCORES, SEVERITIES
from spd_faith.core.statistics import make_clusters, percentile_interval, resample_sums
from spd_faith.scoring import metrics

Entry = tuple[str, str]  # judge, model

# lowest and highest value of a metric that is a mean over samples
_MEANS: dict[str, tuple[float, float]] = {
    **dict.fromkeys(("drf", "dqr", "ds", "cr", "dqr_exact", "ds_count", "cr_verdict"), (0.0, 1.0)),
    "cr_signed": (-1.0, 1.0),
    "drf_claims": (0.0, np.inf),
    "cr_claims": (0.0, np.inf),
    "unclear": (0.0, 1.0),
}
_MICRO = {"tf1": "type", "cf1": "category", "cf1_alias": "alias", "pf1": "pair"}  # metric: what is matched
_FIGURE = {"tf1_figure": "type", "cf1_figure": "category"}
_PER_TYPE = tuple(f"{kind}_{metric}" for kind in DifferenceType for metric in ("precision", "recall", "f1"))

SECONDARY = ("dqr_exact", "ds_count", "pf1", "cf1_alias", "tf1_figure", "cf1_figure", "cr_verdict", "cr_signed")
DESCRIPTIVE = ("drf_claims", "cr_claims", "unclear")
AGGREGATED = (*HEADLINE, "overall", *SECONDARY, *DESCRIPTIVE, *_PER_TYPE)

_COUNTS = (
    *("n_gt", "n_listed"),
    *(f"{kind}_matched" for kind in _MICRO.values()),
    *(f"{kind}_{count}" for kind in DifferenceType for count in ("matched", "predicted", "true")),
)
# `quantity_recall` is DQR by recall, whatever heads the leaderboard; the figure's variants need it
_AVERAGED = (*_MEANS, "quantity_recall")
_SUMS = (*_COUNTS, *_AVERAGED, *(f"scored_{name}" for name in _AVERAGED))

# upper ends (exclusive) of the bins of a sample's mean box area, as a fraction of the picture
_AREA_BINS = {"< 1%": 0.01, "1–3%": 0.03, "3–10%": 0.1, "≥ 10%": np.inf}
# lower ends (inclusive) of the bins of DRF
_DRF_BINS = {"1.0": 1.0, "[0.8, 1)": 0.8, "[0.5, 0.8)": 0.5, "< 0.5": 0.0}

_ENTRY_FIELDS = [("judge", pa.string()), ("model", pa.string())]
METRICS_SCHEMA = pa.schema(
    [
        *_ENTRY_FIELDS,
        ("metric", pa.string()),  # one of AGGREGATED
        ("n", pa.int64()),  # samples that are no controls
        ("value", pa.float64()),  # null where not defined or nothing is scored
        ("low", pa.float64()),  # 95% interval
        ("high", pa.float64()),
        ("coverage", pa.float64()),  # share of the samples that are scored
        ("bound_low", pa.float64()),  # with each unscored sample at the metric's lowest value
        ("bound_high", pa.float64()),  # … at its highest; null where it has none
    ]
)
BREAKDOWNS_SCHEMA = pa.schema(
    [
        *_ENTRY_FIELDS,
        ("by", pa.string()),  # split, type, num_differences, box_area
        ("group", pa.string()),
        ("n", pa.int64()),  # samples of the group
        ("metric", pa.string()),  # the headline and overall
        ("value", pa.float64()),
        ("coverage", pa.float64()),
    ]
)
COUNTS_SCHEMA = pa.schema(
    [
        *_ENTRY_FIELDS,
        ("kind", pa.string()),
        ("level", pa.string()),
        ("n", pa.int64()),
        ("share", pa.float64()),  # of the kind's total; null where that is 0
    ]
)


@dataclass(frozen=True)
class Aggregate:
    """Tidy tables, entries in the order they were given.

    `metrics` (METRICS_SCHEMA): a row per entry and metric of AGGREGATED.
    `breakdowns` (BREAKDOWNS_SCHEMA): a row per entry, group and headline metric (and overall). Groups of `split`,
    `num_differences` and `box_area` share the samples out; a sample is in the group of each `type` that it holds.
    `statuses` (COUNTS_SCHEMA): samples by `parse_status` (of the describe answer; `no_response` is a failed response),
    `drf_status` and `cr_status`.
    `drf_errors` (COUNTS_SCHEMA): unfaithful claims by `error_type` and by `severity`, samples by `score` (bins of DRF).
    """

    metrics: pa.Table
    breakdowns: pa.Table
    statuses: pa.Table
    drf_errors: pa.Table


def aggregate(
    samples: pa.Table,
    scores: Mapping[Entry, pa.Table],
    judgements: Mapping[Entry, pa.Table],
    resamples: int = 10_000,
    seed: int = 0,
) -> Aggregate:
    """Aggregate the SCORES of every entry over the rows of `samples` that are no controls.

    Intervals are clustered over `image_id` within split, with the same `resamples` for all entries. `judgements` has
    the same keys as `scores`. Raises UserError where an entry's scores are not one per sample or no sample is left.
    """
    real = without_controls(samples)
    if not real.num_rows:
        raise UserError("the samples are all controls: there is nothing to aggregate")
    aligned = {entry: _aligned(entry, samples, real, table) for entry, table in scores.items()}
    sums = np.stack([_per_sample_sums(table) for table in aligned.values()], axis=1)  # samples, entries, _SUMS
    return Aggregate(
        metrics=_metrics_table(list(scores), real, sums, resamples, seed),
        breakdowns=_breakdowns_table(list(scores), real, sums),
        statuses=_counts_table((entry, kind, *row) for entry, t in aligned.items() for kind, *row in _statuses(t)),
        drf_errors=_counts_table(
            (entry, kind, *row)
            for entry, table in aligned.items()
            for kind, *row in _drf_errors(table, judgements[entry])
        ),
    )


def estimates(table: pa.Table) -> dict[str, float]:
    """Every metric of AGGREGATED over all rows of one SCORES table; NaN where not defined."""
    return dict(zip(AGGREGATED, _estimates(_per_sample_sums(table).sum(axis=0)).tolist(), strict=True))


def _aligned(entry: Entry, samples: pa.Table, real: pa.Table, table: pa.Table) -> pa.Table:
    check_keys(f"scores of {entry[1]} by {entry[0]}", table["sample_id"].to_pylist(), samples["sample_id"].to_pylist())
    return table.take(pc.index_in(real["sample_id"], table["sample_id"].combine_chunks()))


# ---- values ----------------------------------------------------------------------------------------------------------


def _per_sample_sums(table: pa.Table) -> np.ndarray:
    """What is summed over samples, (samples, len(_SUMS)); an unscored value is 0 and not counted as scored."""
    numeric = [field.name for field in SCORES if not pa.types.is_string(field.type)]
    column = {name: table[name].to_numpy().astype(float) for name in numeric}
    for metric, labels in CLAIM_LABELS.items():
        claims = sum(column[f"n_{label}"] for label in labels)
        column[f"{metric}_claims"] = np.where(np.isnan(column[metric]), np.nan, claims)
    column["unclear"] = column["n_unclear"] / 2
    column["quantity_recall"] = metrics.quantity_recall(column["n_pred"], column["n_gt"])
    averaged = np.stack([column[name] for name in _AVERAGED], axis=1)
    counted = np.stack([column[name] for name in _COUNTS], axis=1)
    return np.concatenate([counted, np.nan_to_num(averaged), ~np.isnan(averaged)], axis=1)


def _estimates(sums: np.ndarray) -> np.ndarray:
    """The metrics (…, len(AGGREGATED)) of sums over samples (…, len(_SUMS))."""
    total = dict(zip(_SUMS, np.moveaxis(sums, -1, 0), strict=True))
    value = {name: metrics.ratio(total[name], total[f"scored_{name}"]) for name in _AVERAGED}
    for name, kind in _MICRO.items():
        value[name] = metrics.f1(total[f"{kind}_matched"], total["n_listed"], total["n_gt"])
    for name, kind in _FIGURE.items():
        value[name] = metrics.figure_f1(total[f"{kind}_matched"], total["n_listed"], value["quantity_recall"])
    for kind in DifferenceType:
        matched, predicted, true = (total[f"{kind}_{count}"] for count in ("matched", "predicted", "true"))
        value[f"{kind}_precision"] = metrics.ratio(matched, predicted)
        value[f"{kind}_recall"] = metrics.ratio(matched, true)
        value[f"{kind}_f1"] = metrics.f1(matched, predicted, true)
    value["overall"] = metrics.overall(np.stack([value[name] for name in HEADLINE], axis=-1))
    return np.stack([value[name] for name in AGGREGATED], axis=-1)


def _coverage(scored: np.ndarray) -> np.ndarray:
    """Share of the samples that are scored, (…, len(AGGREGATED)), from per-sample sums (samples, …, len(_SUMS)).

    1 for metrics that are made of counts; for `overall` the share where every headline metric is scored.
    """
    has = dict(zip(_SUMS, np.moveaxis(scored, -1, 0), strict=True))
    everywhere = np.ones(scored.shape[1:-1])
    share = {name: has[f"scored_{name}"].mean(axis=0) for name in _MEANS}
    share["overall"] = np.prod([has[f"scored_{name}"] for name in HEADLINE if name in _MEANS], axis=0).mean(axis=0)
    return np.stack([share.get(name, everywhere) for name in AGGREGATED], axis=-1)


def _bounds(value: np.ndarray, coverage: np.ndarray) -> np.ndarray:
    """The least and the greatest value that scoring the unscored samples could give, (2, …, len(AGGREGATED))."""
    reach = np.array([_MEANS.get(name, (0.0, 1.0)) for name in AGGREGATED]).T
    reach = reach.reshape(2, *(1,) * (value.ndim - 1), len(AGGREGATED))
    known = np.where(coverage > 0, value, 0.0) * coverage
    with np.errstate(invalid="ignore"):  # 0 × ∞ where nothing is missing
        bounds = np.where(coverage < 1, known + (1 - coverage) * reach, value)
    headline = bounds[..., [AGGREGATED.index(name) for name in HEADLINE]]
    bounds[..., AGGREGATED.index("overall")] = metrics.overall(headline)
    return np.where(np.isinf(bounds), np.nan, bounds)


def _metrics_table(entries: list[Entry], real: pa.Table, sums: np.ndarray, resamples: int, seed: int) -> pa.Table:
    value = _estimates(sums.sum(axis=0))  # entries, AGGREGATED
    clusters = make_clusters(real["split"].to_pylist(), real["image_id"].to_pylist())
    drawn = resample_sums(clusters, sums.reshape(len(sums), -1), resamples, seed)
    low, high = percentile_interval(_estimates(drawn.reshape(resamples, *sums.shape[1:])), value)
    coverage = _coverage(sums)
    bound_low, bound_high = _bounds(value, coverage)
    columns = {"value": value, "low": low, "high": high, "coverage": coverage}
    columns |= {"bound_low": bound_low, "bound_high": bound_high}
    keys = [(*entry, metric, len(sums)) for entry in entries for metric in AGGREGATED]
    names = dict(zip(("judge", "model", "metric", "n"), map(list, zip(*keys, strict=True)), strict=True))
    return _table(METRICS_SCHEMA, names | {name: array.ravel() for name, array in columns.items()})


# ---- breakdowns ------------------------------------------------------------------------------------------------------


def _breakdowns_table(entries: list[Entry], real: pa.Table, sums: np.ndarray) -> pa.Table:
    shown = (*HEADLINE, "overall")
    places = [AGGREGATED.index(name) for name in shown]
    groups = list(_groups(real.to_pylist()))
    held = [sums[inside] for _, _, inside in groups]
    value = np.stack([_estimates(part.sum(axis=0))[:, places] for part in held], axis=1)  # entries, groups, shown
    coverage = np.stack([_coverage(part)[:, places] for part in held], axis=1)
    keys = [
        (*entry, by, group, int(inside.sum()), metric)
        for entry in entries
        for by, group, inside in groups
        for metric in shown
    ]
    names = zip(("judge", "model", "by", "group", "n", "metric"), map(list, zip(*keys, strict=True)), strict=True)
    return _table(BREAKDOWNS_SCHEMA, {**dict(names), "value": value.ravel(), "coverage": coverage.ravel()})


def _groups(samples: list[dict[str, Any]]) -> Iterator[tuple[str, str, np.ndarray]]:
    """(breakdown, group, which samples (samples,)) of every group that has a sample."""
    splits = np.array([sample["split"] for sample in samples])
    for split in dict.fromkeys(splits.tolist()):
        yield "split", split, splits == split
    types = [{difference["type"] for difference in sample["differences"]} for sample in samples]
    for kind in DifferenceType:
        if (inside := np.array([kind in held for held in types])).any():
            yield "type", kind, inside
    numbers = np.array([len(sample["differences"]) for sample in samples])
    for number in np.unique(numbers):
        yield "num_differences", str(number), numbers == number
    areas = np.array([_mean_box_area(sample) for sample in samples])
    lowest = 0.0
    for name, highest in _AREA_BINS.items():
        if (inside := (areas >= lowest) & (areas < highest)).any():
            yield "box_area", name, inside
        lowest = highest
    if (inside := np.isnan(areas)).any():
        yield "box_area", "unknown", inside


def _mean_box_area(sample: dict[str, Any]) -> float:
    """Mean area of the boxes that a sample has, over that of the picture; NaN where it has none."""
    boxes = [difference["bbox"] for difference in sample["differences"] if difference["bbox"]]
    areas = [box["w"] * box["h"] / (sample["width"] * sample["height"]) for box in boxes]
    return sum(areas) / len(areas) if areas else np.nan


# ---- counts ----------------------------------------------------------------------------------------------------------


def _statuses(table: pa.Table) -> Iterator[tuple[str, str, int]]:
    """(kind, status, samples): every parse status, and the judge's statuses that occur, `ok` always."""
    parsed = Counter(table["parse_status"].to_pylist())
    yield from (("parse_status", status, parsed[status]) for status in PARSE_STATUSES)
    for kind in ("drf_status", "cr_status"):
        judged = Counter(table[kind].to_pylist())
        yield from ((kind, status, judged[status]) for status in sorted({"ok", *judged}))


def _drf_errors(scores: pa.Table, judgements: pa.Table) -> Iterator[tuple[str, str, int]]:
    """(kind, level, number): unfaithful claims by error type and severity, samples by DRF."""
    in_scores = pc.is_in(judgements["sample_id"], scores["sample_id"].combine_chunks())
    drf = judgements.filter(pc.and_(in_scores, pc.equal(judgements["metric"], "drf")))
    unfaithful = [c for claims in drf["claims"].to_pylist() for c in claims if c["label"] == "unfaithful"]
    for kind, levels in (("error_type", ERROR_TYPES), ("severity", SEVERITIES)):
        found = Counter(claim[kind] or "unstated" for claim in unfaithful)
        yield from ((kind, level, found[level]) for level in (*levels, "unstated"))
    values = scores["drf"].to_numpy()
    above = np.inf
    for level, lowest in _DRF_BINS.items():
        yield "score", level, int(((values >= lowest) & (values < above)).sum())
        above = lowest
    yield "score", "unscored", int(np.isnan(values).sum())


def _counts_table(rows: Iterator[tuple[Entry, str, str, int]]) -> pa.Table:
    rows = list(rows)
    totals: Counter[tuple[Entry, str]] = Counter()
    for entry, kind, _, n in rows:
        totals[entry, kind] += n
    cells = [(*entry, kind, level, n, n / (totals[entry, kind] or np.nan)) for entry, kind, level, n in rows]
    return _table(COUNTS_SCHEMA, dict(zip(COUNTS_SCHEMA.names, map(list, zip(*cells, strict=True)), strict=True)))


def _table(schema: pa.Schema, columns: Mapping[str, Any]) -> pa.Table:
    """A table in `schema`, NaN as null."""
    return pa.Table.from_arrays(
        [pa.array(columns[field.name], field.type, from_pandas=True) for field in schema], schema=schema
    )

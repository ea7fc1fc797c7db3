"""Aggregate the summaries that the probes declare, with intervals, for the leaderboard."""

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from pandas.api.types import is_string_dtype

from spd_faith.core.files import read_table
from spd_faith.core.statistics import make_clusters, percentile_interval, resample_sums
from spd_faith.probes.registry import PROBES, SUMMARIES
from spd_faith.probes.summary import TASK, Parts, Summary

_KEYS = ("sample_id", "task", "difference", "status")
_ENDS = ("", "_low", "_high", "_n")


def read_probes(folder: Path, names: Collection[str]) -> dict[str, pa.Table]:
    """The tables of the named probes, by name, with the columns used here."""
    tables = {}
    for name in names:
        probe = PROBES[name]
        used = {*_KEYS, *(column for summary in probe.summaries for column in summary.columns)}
        columns = [column for column in probe.schema.names if column in used]
        tables[name] = read_table(probe.path_in(folder), probe.schema, columns=columns)
    return tables


def probe_summaries(
    samples: pa.Table, probes: Mapping[str, Mapping[str, pa.Table]], resamples: int, seed: int
) -> pd.DataFrame:
    """One row per model of `probes`, which has each model's tables by probe, with the columns read above or more.

    Columns: model, n_probed (samples), and for each of SUMMARIES its value, 95% interval (_low, _high) and number of
    samples (_n): nan and 0 if there are none, a null count if the probe was not run. Intervals are clustered over
    `image_id` within split, with the same `resamples` for all models.
    """
    names = [f"{summary.name}{end}" for summary in SUMMARIES for end in _ENDS]
    if not probes:
        return pd.DataFrame(columns=["model", "n_probed", *names])
    probed = {model: _sample_ids(tables) for model, tables in probes.items()}
    everyone = sorted(set().union(*probed.values()))
    parts = [_parts(tables, everyone) for tables in probes.values()]  # models, summaries
    places = samples.select(["sample_id", "split", "image_id"]).to_pandas().set_index("sample_id").loc[everyone]
    clusters = make_clusters(places["split"].tolist(), places["image_id"].tolist())
    columns = np.concatenate([one.columns for of_model in parts for one in of_model], axis=1)
    ends = np.cumsum([one.columns.shape[1] for of_model in parts for one in of_model])
    drawn = iter(np.split(resample_sums(clusters, columns, resamples, seed), ends[:-1], axis=1))
    value = np.empty((len(parts), len(SUMMARIES)))
    draws = np.empty((resamples, *value.shape))
    for model, of_model in enumerate(parts):
        for number, (summary, one) in enumerate(zip(SUMMARIES, of_model, strict=True)):
            sums = one.columns.sum(axis=0).reshape(-1, 2)
            of_draws = next(drawn).reshape(resamples, -1, 2)
            value[model, number], draws[:, model, number] = summary.of_sums(sums, of_draws, one.layers)
    low, high = percentile_interval(draws, value)

    table: dict[str, Any] = {"model": list(probes), "n_probed": [len(ids) for ids in probed.values()]}
    for number, summary in enumerate(SUMMARIES):
        name = summary.name
        run = [any(summary in PROBES[probe].summaries for probe in tables) for tables in probes.values()]
        table |= {name: value[:, number], f"{name}_low": low[:, number], f"{name}_high": high[:, number]}
        table[f"{name}_n"] = pd.Series([of_model[number].n for of_model in parts], dtype="Int64").where(np.array(run))
    return pd.DataFrame(table)


def not_measured(probes: Mapping[str, Mapping[str, pa.Table]]) -> pd.DataFrame:
    """One row per model, probe and status other than `ok`. Columns: model, probe, status, n (answers with that status,
    or samples or differences, as the probe measures), of (all of them)."""
    rows = []
    for model, tables in probes.items():
        for probe, table in tables.items():
            unit: list[str] = [name for name in _KEYS if name in table.column_names and name != "status"]
            found = table.select([*unit, "status"]).group_by([*unit, "status"]).aggregate([]).to_pandas()
            of = found[unit].drop_duplicates().shape[0]
            for status, n in found.loc[found["status"] != "ok", "status"].value_counts().sort_index().items():
                rows.append({"model": model, "probe": probe, "status": status, "n": n, "of": of})
    return pd.DataFrame(rows, columns=["model", "probe", "status", "n", "of"])


# ---- a sample's part -------------------------------------------------------------------------------------------------


class _Parts(NamedTuple):
    """One model's parts of a summary."""

    columns: np.ndarray
    """samples × (layers · 2): numerator and denominator of each layer; 0 where there is none."""
    layers: np.ndarray
    """0 alone if it is no curve."""
    n: int
    """Number of samples that have any."""


_NOT_RUN: Parts = (pd.Series(dtype=float),) * 2


def _sample_ids(tables: Mapping[str, pa.Table]) -> set[str]:
    """Every sample of any table."""
    return {str(sample_id) for table in tables.values() for sample_id in table["sample_id"].to_pylist()}


def _parts(tables: Mapping[str, pa.Table], everyone: list[str]) -> list[_Parts]:
    """Of each summary in turn, for the samples `everyone`."""
    found: dict[str, Parts] = {}
    for name, table in tables.items():
        found |= {summary.name: summary.parts(_described(table, summary)) for summary in PROBES[name].summaries}
    return [_aligned(found.get(summary.name, _NOT_RUN), everyone) for summary in SUMMARIES]


def _aligned(parts: Parts, everyone: list[str]) -> _Parts:
    above, below = (pd.DataFrame(part).reindex(everyone) for part in parts)
    both = np.stack([above.to_numpy(float), below.to_numpy(float)], axis=-1)  # samples, layers, above and below
    present = ~np.isnan(both).any(axis=-1)
    columns = np.where(present[..., None], both, 0.0).reshape(len(everyone), -1)
    layers = above.columns.to_numpy(float) if isinstance(parts[0], pd.DataFrame) else np.zeros(1)
    return _Parts(columns, layers, int(present.any(axis=1).sum()))


def _described(table: pa.Table, summary: Summary) -> pd.DataFrame:
    """The argument of `summary.parts`."""
    if "task" in table.column_names:  # other tables are about `TASK` alone
        table = table.filter(pc.field("task") == TASK)
    frame = table.select(["sample_id", *summary.columns]).to_pandas().set_index("sample_id")
    return frame.astype(dict.fromkeys(frame.columns[~frame.dtypes.map(is_string_dtype)], float))
